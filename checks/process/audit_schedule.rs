//! Audits come round by themselves: a schedule exists, and earlier runs show that it is kept.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Place, Severity, Verdict};
use crate::evidence::history::{Earlier, Past};
use crate::evidence::repo::{Line, Lines};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::period::Period;
use crate::target::Target;

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditSchedule {
    /// The last scheduled run may be so old at most.
    pub max_age: Period,
    /// Earlier scheduled runs, each on a day of its own, that show that the schedule is kept.
    pub runs: u32,
    /// Commands whose scheduled run counts as an audit.
    pub tools: Vec<String>,
}

impl Default for AuditSchedule {
    fn default() -> Self {
        // A monthly schedule with some days of grace.
        Self { max_age: Period::days(35), runs: 2, tools: vec!["watertight".into()] }
    }
}

impl Check for AuditSchedule {
    const ABOUT: About = About {
        id: "audit-schedule",
        title: "audits are scheduled, and the schedule is kept",
        statements: &["OPS-2"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Both,
        attestable: true,
        remediation: "Run `watertight audit --scheduled` from a scheduled workflow, a systemd timer or a CronJob that stands \
                      in the repository, and keep its history file between the runs.",
        references: &["NIST SP 800-53 CA-7", "OWASP ASVS 5.0 V15.1"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = vec![Earlier {}.into()];
        if target.repository().is_ok() {
            asks.push(self.schedules().into());
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        match target.repository() {
            Ok(_) => self.exists(evidence, &mut verdict),
            Err(absent) if absent.is_out_of_scope() => {
                verdict.notes("whether a schedule stands in the repository is out of scope");
            }
            Err(absent) => verdict.not_seen(Unseen::NotNamed(absent.to_string())),
        }
        self.is_kept(evidence, &mut verdict);
        verdict
    }
}

impl AuditSchedule {
    /// The lines that make a schedule, and those that run an audit.
    fn schedules(&self) -> Lines {
        let tools: Vec<String> = self.tools.iter().map(|tool| regex::escape(tool)).collect();
        Lines {
            globs: ["*.yml", "*.yaml", "*.timer", "*.service", "crontab", "*.cron", "**/cron.d/*", "Jenkinsfile"]
                .map(str::to_owned)
                .to_vec(),
            pattern: format!(
                r"cron|OnCalendar|OnUnitActiveSec|^\s*schedule\s*:|[Pp]ipeline.?[Ss]ource|PIPELINE_SOURCE|^\s*[@*0-9]\S*\s+\S|\b({})\b",
                tools.join("|")
            ),
        }
    }

    fn exists(&self, evidence: &Evidence, verdict: &mut Verdict) {
        let matches = match evidence.of(&self.schedules()) {
            Ok(matches) => matches,
            Err(unseen) => return verdict.not_seen(unseen),
        };
        let mut files: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in matches.lines.iter().filter(|line| !is_comment(&line.text)) {
            files.entry(&line.path).or_default().push(line);
        }
        let runs_audit = |lines: &[&Line]| {
            lines.iter().any(|line| !only_names(&line.text) && self.tools.iter().any(|tool| mentions(&line.text, tool)))
        };
        let found = files.iter().find_map(|(path, lines)| {
            let schedule = lines.iter().find(|line| is_schedule(path, &line.text))?;
            // A timer starts the service of its own name (systemd.timer(5)).
            let service = path.strip_suffix(".timer").map(|stem| format!("{stem}.service"));
            // A workflow must ask for its dates under `schedule`, and on dates that there are.
            let stands_under = lines.iter().any(|line| line.text.trim() == "schedule:");
            if schedule.text.contains("cron:") && (!stands_under || never_comes(&schedule.text)) {
                return None;
            }
            let audits = runs_audit(lines)
                || service.is_some_and(|service| files.get(service.as_str()).is_some_and(|lines| runs_audit(lines)));
            audits.then_some(*schedule)
        });
        match found {
            Some(line) => verdict.holds(format!("{}:{} schedules an audit", line.path, line.line)),
            None if matches.truncated || !matches.unread.is_empty() => verdict.not_seen(Unseen::Partial(
                "no schedule of an audit was found, and some files could not be read whole".into(),
            )),
            None => verdict.not_seen(Unseen::NoEvidence(format!(
                "no schedule in the repository runs {} (scheduled workflow, systemd timer, CronJob, crontab)",
                self.tools.join(" or ")
            ))),
        }
    }

    fn is_kept(&self, evidence: &Evidence, verdict: &mut Verdict) {
        let earlier = match evidence.of(&Earlier {}) {
            Ok(earlier) => earlier,
            Err(unseen) => return verdict.not_seen(unseen),
        };
        let scheduled: Vec<&Past> = earlier.runs.iter().filter(|past| past.scheduled && past.complete).collect();
        let days: BTreeSet<_> = scheduled.iter().map(|past| past.finished.date_naive()).collect();
        let Some(last) = scheduled.iter().map(|past| past.finished).max() else {
            return verdict.not_seen(Unseen::NoEvidence(format!(
                "the history has no earlier run marked --scheduled ({} needed; this run does not count)",
                self.runs
            )));
        };
        let age = evidence.taken_at - last;
        if age > self.max_age.delta() {
            verdict.finds(
                crate::check::Finding::new(
                    format!(
                        "the last scheduled run was on {}, {} days ago, and {} is allowed",
                        last.date_naive(),
                        age.num_days(),
                        self.max_age
                    ),
                    Place::policy(evidence.declared.policy_file.clone(), None),
                )
                .aspect("stale"),
            );
        } else if (days.len() as u64) < u64::from(self.runs) {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "the history has scheduled runs on {} earlier day(s), and {} are needed",
                days.len(),
                self.runs
            )));
        } else {
            verdict.holds(format!("scheduled runs on {} earlier days, the last on {}", days.len(), last.date_naive()));
        }
    }
}

fn is_comment(text: &str) -> bool {
    text.trim_start().starts_with(['#', ';']) || text.trim_start().starts_with("//")
}

/// Whether the line makes what its file is about come round by itself.
fn is_schedule(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let text = text.trim();
    let has_ending = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
    if has_ending(".timer") {
        return text.starts_with("OnCalendar=") || text.starts_with("OnUnitActiveSec=");
    }
    if name == "jenkinsfile" {
        return text.contains("cron(") || text.contains("cron '") || text.contains("cron \"");
    }
    if has_ending(".yml") || has_ending(".yaml") {
        let key = text.trim_start_matches("- ");
        // Workflows run from the folders where the forges look for them, and nowhere else.
        let is_workflow = [".github/workflows/", ".gitea/workflows/", ".forgejo/workflows/"]
            .iter()
            .any(|folder| path.starts_with(folder));
        return (key.starts_with("cron:") && is_workflow)
            || (key.starts_with("schedule:") && key.len() > "schedule:".len())
            || (text.contains("PIPELINE_SOURCE") && text.contains("schedule"));
    }
    // crontab(5): five fields of time, or a word such as @daily, before the command.
    (name == "crontab" || has_ending(".cron") || path.contains("cron.d/"))
        && (text.starts_with('@') || text.split_whitespace().take(5).filter(|field| is_cron_field(field)).count() == 5)
}

fn is_cron_field(field: &str) -> bool {
    field.chars().all(|character| character.is_ascii_alphanumeric() || "*,-/".contains(character))
        && field.contains(|character: char| character.is_ascii_digit() || character == '*')
}

/// Lines that name a tool and run nothing: titles, installations, messages.
fn only_names(text: &str) -> bool {
    let text = text.trim().trim_start_matches("- ").trim();
    let text = text.strip_prefix("run:").unwrap_or(text).trim();
    let keys = [
        "name:",
        "description:",
        "Description=",
        "title:",
        "echo ",
        "printf ",
        "rm ",
        "working-directory:",
        "env:",
        "path:",
        "with:",
        "key:",
        "branches:",
        "if:",
    ];
    let asks = ["--version", "--help", " explain "];
    keys.iter().any(|start| text.starts_with(start))
        || asks.iter().any(|words| text.contains(words))
        || ["cargo install", "pip install", "apt-get install", "npm install", "brew install"]
            .iter()
            .any(|words| text.contains(words))
}

/// Whether the five fields name only days that no month of theirs has (`0 0 30 2 *`).
fn never_comes(text: &str) -> bool {
    let fields = text.split_once("cron:").map_or(text, |(_, rest)| rest).trim().trim_matches(['"', '\'']);
    // With a day of the week beside it, either of the two days will do.
    if fields.split_whitespace().nth(4).is_some_and(|weekday| weekday.starts_with(|first: char| first != '*')) {
        return false;
    }
    let mut fields = fields.split_whitespace().skip(2).map(|field| field.parse::<u8>().ok());
    match (fields.next().flatten(), fields.next().flatten()) {
        (Some(day), Some(2)) => day > 29,
        (Some(day), Some(4 | 6 | 9 | 11)) => day > 30,
        (Some(day), _) => day > 31,
        (None, _) => false,
    }
}

/// The tool as a word, not as a part of one (`watertight-notes.txt` runs nothing).
fn mentions(text: &str, tool: &str) -> bool {
    text.match_indices(tool).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + tool.len()..).and_then(|after| after.chars().next());
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests;
