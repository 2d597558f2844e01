//! The user's own checks hold by what their programs say, and trouble of a program's own is never a violation.

use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde::Deserialize;

use crate::check::{About, Bound, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::exec::{Ending, Exec, Said, Speaks};
use crate::evidence::http::Free;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::policy::exec::{Definition, Meaning};
use crate::target::{Scope, Target};

/// Lines of a plug-in's long output that are kept as notes.
const NOTES: usize = 5;

/// One of the user's own checks, bound to the target like any other.
pub struct Own {
    definition: Definition,
    about: &'static About,
}

impl Own {
    /// The check, where it belongs to this target.
    pub fn of(definition: &Definition, target: &Target) -> Option<Self> {
        (definition.targets.is_empty() || definition.targets.contains(&target.name))
            .then(|| Self { definition: definition.clone(), about: about(definition) })
    }

    fn ask(&self) -> Exec {
        Exec {
            id: self.definition.id.clone(),
            command: self.definition.command.clone(),
            deadline: self.definition.deadline,
            sha256: self.definition.sha256.clone(),
        }
    }

    /// Why it does not run in this scope, if it does not.
    fn out_of_scope(&self, target: &Target) -> Option<&'static str> {
        match (self.definition.scope, target.scope) {
            (Scope::Deployment, Scope::Repository) => Some("the deployment is out of scope"),
            (Scope::Repository, Scope::Deployment) => Some("the repository is out of scope"),
            (Scope::Both, _)
            | (_, Scope::Both)
            | (Scope::Deployment, Scope::Deployment)
            | (Scope::Repository, Scope::Repository) => None,
        }
    }

    fn place(&self, evidence: &Evidence) -> Place {
        Place::policy(evidence.declared.policy_file.clone(), Some(self.definition.line))
    }
}

impl Bound for Own {
    fn about(&self) -> &'static About {
        self.about
    }

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        if self.definition.withheld.is_some() || self.out_of_scope(target).is_some() {
            return Vec::new();
        }
        vec![self.ask().into()]
    }

    fn reserves(&self, _target: &Target) -> Vec<Reserve> {
        Vec::new()
    }

    /// A program's questions are its own: nothing of them can be shared.
    fn leaves_free(&self, _target: &Target, _ask: &Ask) -> Free {
        Free::default()
    }

    fn knobs(&self) -> String {
        // Where it stands in the policy is no part of how it judges.
        format!("{:?}", Definition { line: 0, ..self.definition.clone() })
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let Some(reason) = self.out_of_scope(target) {
            return Verdict::not_applicable(reason);
        }
        let mut verdict = Verdict::default();
        if let Some(why) = &self.definition.withheld {
            verdict.not_seen(Unseen::NotAllowed(format!("it was not run: {why}")));
            return verdict;
        }
        match evidence.of(&self.ask()) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(said) => match self.definition.speaks {
                Speaks::Json => self.json(said, evidence, &mut verdict),
                Speaks::Plugin => self.plugin(said, evidence, &mut verdict),
            },
        }
        verdict
    }
}

impl Own {
    /// The monitoring plug-ins' convention: one line, performance data behind `|`, an exit code.
    fn plugin(&self, said: &Said, evidence: &Evidence, verdict: &mut Verdict) {
        let code = match said.ending {
            Ending::Exited(code) => code,
            Ending::Signalled(signal) => {
                return verdict.not_seen(Unseen::NotComparable(format!("the program was ended by signal {signal}")));
            }
        };
        let mut lines = said.output.lines();
        let first = lines.next().unwrap_or_default();
        let text = first.split('|').next().unwrap_or_default().trim();
        if text.is_empty() {
            // A shell's 126 and 127, a crash of an interpreter: a code without a word is no result.
            return verdict.not_seen(Unseen::Malformed(format!("exit code {code} without a line of output")));
        }
        if let Some(trouble) = self.trouble(&said.output) {
            return verdict.not_seen(Unseen::Unreachable(format!("{text} (exit code {code}; it says `{trouble}`)")));
        }
        let meaning = self.definition.exit.get(&code);
        if let (Some(meaning), Some(word)) = (meaning, state(text))
            && contradicts(*meaning, word)
        {
            return verdict.not_seen(Unseen::NotComparable(format!(
                "it says {word} and ends with exit code {code}, which `exit` takes for {}: one of the two is wrong ({text})",
                meaning.word()
            )));
        }
        let trouble = || said.output.lines().find(|line| begins_with_trouble(line));
        if let (Some(Meaning::Pass), Some(line)) = (meaning, trouble()) {
            return verdict.not_seen(Unseen::NotComparable(format!(
                "it ends with exit code {code}, which `exit` takes for pass, and says `{}`: one of the two is wrong",
                line.trim()
            )));
        }
        match meaning {
            Some(Meaning::Pass) => verdict.holds(text),
            Some(Meaning::Fail) => verdict.finds(Finding::new(text, self.place(evidence)).aspect("own")),
            Some(Meaning::Inconclusive) => {
                verdict.not_seen(Unseen::NoEvidence(format!("{text} (exit code {code})")));
            }
            None => {
                verdict.not_seen(Unseen::NotConfigured(format!("{text} (exit code {code} has no meaning in `exit`)")));
            }
        }
        for line in
            lines.take_while(|line| !line.contains('|')).map(str::trim).filter(|line| !line.is_empty()).take(NOTES)
        {
            verdict.notes(line);
        }
    }

    /// What the output says that is trouble of the program's own: by the policy's patterns or by those that every
    /// plug-in's trouble has in common.
    fn trouble(&self, output: &str) -> Option<String> {
        let own = self.definition.errors.iter().filter_map(|pattern| Regex::new(pattern).ok());
        own.chain(std::iter::once(TROUBLE.clone()))
            .find_map(|pattern| pattern.find(output).map(|found| found.as_str().to_owned()))
    }

    fn json(&self, said: &Said, evidence: &Evidence, verdict: &mut Verdict) {
        match said.ending {
            Ending::Exited(0) => {}
            Ending::Exited(code) => {
                return verdict.not_seen(Unseen::NotComparable(format!(
                    "the program ended with code {code}; one that speaks JSON ends with 0 whatever it found"
                )));
            }
            Ending::Signalled(signal) => {
                return verdict.not_seen(Unseen::NotComparable(format!("the program was ended by signal {signal}")));
            }
        }
        let answer: Answer = match serde_json::from_str(&said.output) {
            Ok(answer) => answer,
            Err(error) => {
                return verdict.not_seen(Unseen::Malformed(format!(
                    "expected one JSON object with grounds, findings, unseen, notes: {error}"
                )));
            }
        };
        if let Some(ground) = answer.grounds.iter().find(|ground| !ground.contains(is_seen)) {
            return verdict.not_seen(Unseen::Malformed(format!("a ground without a letter or a digit: {ground:?}")));
        }
        for finding in answer.findings {
            let place = match (finding.url, finding.host, finding.file) {
                (Some(url), _, _) => Place::url(url),
                (None, Some(host), _) => Place::host(host),
                (None, None, Some(file)) => Place::file(file, finding.line),
                (None, None, None) => self.place(evidence),
            };
            let mut found = Finding::new(finding.what, place).aspect(finding.aspect.unwrap_or_else(|| "own".into()));
            found.severity = finding.severity;
            verdict.finds(found);
        }
        for unseen in answer.unseen {
            verdict.not_seen(Unseen::NoEvidence(unseen));
        }
        for ground in &answer.grounds {
            verdict.holds(ground);
        }
        for note in answer.notes {
            verdict.notes(note);
        }
    }
}

/// The state that a plug-in's first line names (`HTTP CRITICAL: …`, `OK - …`): a whole word in capitals before the text
/// begins, as the monitoring plug-ins' guidelines have it.
fn state(line: &str) -> Option<&'static str> {
    let head = line.split([':', '-', ';', ',', '(', '[', ']', '"']).map(str::trim).find(|part| !part.is_empty())?;
    let words = || head.split_whitespace();
    let known = |state: &&'static str| words().any(|word| word == *state);
    // The gravest of them: `0 OK, 1 CRITICAL` is no all-clear.
    ["CRITICAL", "UNKNOWN", "WARNING", "OK"].into_iter().find(known)
}

/// A line whose first word says that something is wrong, in letters of any case.
fn begins_with_trouble(line: &str) -> bool {
    let word = line.split(|character: char| !character.is_alphanumeric()).find(|word| !word.is_empty());
    word.is_some_and(|word| {
        ["critical", "warning", "failed", "failure", "error"].iter().any(|bad| word.eq_ignore_ascii_case(bad))
    })
}

/// What carries a meaning to a reader; spaces, joiners and marks alone say nothing.
fn is_seen(character: char) -> bool {
    // The fillers of Hangul count as letters, and nothing is drawn for them.
    character.is_alphanumeric() && !matches!(character, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether the word and the meaning of the exit code cannot both be right. A warning may be a fault or not, as the policy
/// says; it is no pass.
fn contradicts(meaning: Meaning, word: &str) -> bool {
    match meaning {
        Meaning::Pass => word != "OK",
        Meaning::Fail => word == "OK" || word == "UNKNOWN",
        Meaning::Inconclusive => false,
    }
}

/// What a program that speaks JSON says. There is no status in it: that follows, as for every check.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Answer {
    grounds: Vec<String>,
    findings: Vec<Found>,
    unseen: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    what: String,
    aspect: Option<String>,
    severity: Option<Severity>,
    url: Option<String>,
    host: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// Measured with Debian's monitoring plug-ins: a refused connection and a name that does not resolve exit with 2, as a
/// violation does; so their words decide.
static TROUBLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)connection (?:refused|reset|timed out)|no route to host|(?:network|host)(?: is)? unreachable|timed? ?out\b|timeout|name or service not known|temporary failure in name resolution|could not resolve|unable to resolve|invalid host ?name|no such (?:file|host)|cannot (?:open|connect)|could not (?:open|connect)|unable to (?:open|connect)|error while loading shared libraries|usage:|unknown argument|could not parse arguments|permission denied|traceback",
    )
    .or_else(|_| Regex::new(""))
    .unwrap_or_else(|_| unreachable!("a constant pattern compiles"))
});

/// `About` holds constants; an own check's texts come from the policy, are few, and live as long as the program. Equal
/// ones are kept once, however often the policy is bound.
fn about(definition: &Definition) -> &'static About {
    static KNOWN: Mutex<Vec<(Definition, &'static About)>> = Mutex::new(Vec::new());
    let keep = || -> &'static About {
        let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let statements: Vec<&'static str> = definition.statements.iter().map(|id| text(id)).collect();
        Box::leak(Box::new(About {
            id: text(&definition.id),
            title: text(&definition.title),
            statements: Box::leak(statements.into_boxed_slice()),
            severity: definition.severity,
            decided_from: match definition.scope {
                Scope::Deployment => DecidedFrom::Deployment,
                Scope::Repository => DecidedFrom::Repository,
                Scope::Both => DecidedFrom::Both,
            },
            attestable: false,
            remediation: text(&definition.remediation),
            references: &[],
        }))
    };
    let Ok(mut known) = KNOWN.lock() else { return keep() };
    if let Some((_, about)) = known.iter().find(|(other, _)| other == definition) {
        return about;
    }
    let about = keep();
    known.push((definition.clone(), about));
    about
}

#[cfg(test)]
mod tests;
