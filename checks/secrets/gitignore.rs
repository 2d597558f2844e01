//! Env files, keys, key stores and dumps are ignored by rules that the repository shares, before anyone makes one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::repo::{Covered, IgnoredAsk};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::Target;

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gitignore {
    /// Names that must be ignored, whether or not they exist; paths are relative to the repository.
    pub names: Vec<String>,
}

/// The policy's box names `.env` and `*.env.*`; the rest are the files that push protection and secret scanners report
/// most: private keys of SSH and TLS, key stores, dumps of databases, credential files of clouds and registries.
const NAMES: &[&str] = &[
    ".env",
    ".env.local",
    ".env.production",
    "prod.env.local",
    "app/.env.local",
    "id_rsa",
    "id_ed25519",
    "server.key",
    "certs/private.pem",
    "key.p12",
    "keystore.jks",
    "dump.sql",
];

impl Default for Gitignore {
    fn default() -> Self {
        Self { names: NAMES.iter().map(|name| (*name).to_owned()).collect() }
    }
}

impl Check for Gitignore {
    const ABOUT: About = About {
        id: "gitignore",
        title: ".gitignore covers env files and sensitive files",
        statements: &["SEC-2"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Repository,
        attestable: false,
        remediation: "Add to the repository's own .gitignore, and commit it: .env, .env.*, *.env, *.env.*, !.env.example, *.pem, *.key, id_rsa*, \
                      id_ed25519*, *.p12, *.pfx, *.jks, *.sql, *.dump. A later `!` rule takes a name out again: put it before them.",
        references: &["https://git-scm.com/docs/gitignore"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        if target.repository().is_ok() { vec![self.ignored().into()] } else { Vec::new() }
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let Err(absent) = target.repository() {
            return Verdict::absent(absent);
        }
        let mut verdict = Verdict::default();
        match evidence.of(&self.ignored()) {
            Ok(ignored) => {
                for file in ignored.files.iter().filter(|file| !file.tracked) {
                    verdict.notes(format!("{} is not committed: its rules are this clone's alone", file.path));
                }
                for name in &self.names {
                    match ignored.names.iter().find(|covered| covered.name == *name) {
                        Some(covered) => weigh(covered, &mut verdict),
                        None => verdict.not_seen(Unseen::Partial(format!("{name} was not asked about"))),
                    }
                }
                if self.names.is_empty() {
                    verdict
                        .not_seen(Unseen::NotConfigured("`names` of gitignore is empty: nothing was looked at".into()));
                }
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

impl Gitignore {
    /// Whether git ignores each name.
    fn ignored(&self) -> IgnoredAsk {
        IgnoredAsk { names: self.names.clone() }
    }
}

fn weigh(covered: &Covered, verdict: &mut Verdict) {
    let name = &covered.name;
    let finding = |what: String, file: &str, line: Option<u32>, aspect: &str| {
        Finding::new(what, Place::file(file, line)).aspect(format!("{aspect} {name}"))
    };
    if covered.tracked {
        // The rules are this item's; what is tracked all the same is env-files' and secrets-committed's.
        verdict.notes(format!("{name} is tracked, so that no rule has any effect on it"));
    }
    match (&covered.by, &covered.negated) {
        (_, Some(rule)) => {
            let what = format!("{name} is taken out again by `{}`", rule.pattern);
            verdict.finds(finding(what, &rule.file, Some(rule.line), "negated"));
        }
        (Some(rule), None) if rule.shared => {
            verdict.holds(format!("{name}: `{}` ({}:{})", rule.pattern, rule.file, rule.line));
        }
        (Some(rule), None) => {
            let what =
                format!("{name} is ignored only by `{}` of {}, which teammates do not have", rule.pattern, rule.file);
            verdict.finds(finding(what, ".gitignore", None, "here-only"));
        }
        (None, None) => verdict.finds(finding(format!("{name} is not ignored"), ".gitignore", None, "open")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{now, target};
    use super::*;
    use crate::check::Status;
    use crate::evidence::repo::{IgnoreRule, Ignored};

    fn judged(change: impl Fn(&mut Covered)) -> Verdict {
        let check = Gitignore::default();
        let rule = IgnoreRule { file: ".gitignore".into(), line: 1, pattern: ".env*".into(), shared: true };
        let mut names: Vec<Covered> = check
            .names
            .iter()
            .map(|name| Covered { name: name.clone(), by: Some(rule.clone()), negated: None, tracked: false })
            .collect();
        change(&mut names[0]);
        check.judge(&target(), &now().with(check.ignored(), Ignored { names, files: Vec::new() }))
    }

    #[test]
    fn no_answer_is_never_a_pass() {
        assert_eq!(Gitignore::default().judge(&target(), &now()).status(), Status::Inconclusive);
    }

    #[test]
    fn every_name_under_a_shared_rule_passes_and_names_the_rules() {
        let verdict = judged(|_| {});
        assert_eq!((verdict.status(), verdict.grounds().len()), (Status::Pass, NAMES.len()));
    }

    #[test]
    fn a_name_without_a_shared_rule_fails() {
        let open = judged(|covered| covered.by = None);
        assert_eq!(open.findings()[0].aspect, "open .env");
        let here = judged(|covered| covered.by.as_mut().unwrap().shared = false);
        assert_eq!(here.findings()[0].aspect, "here-only .env");
        let tracked = judged(|covered| covered.tracked = true);
        assert_eq!((tracked.status(), tracked.all_notes().len()), (Status::Pass, 1));
    }

    #[test]
    fn a_negation_that_decides_fails_at_its_line() {
        let verdict = judged(|covered| covered.negated = covered.by.take());
        assert_eq!(verdict.findings()[0].place, Place::file(".gitignore", Some(1)));
    }

    #[test]
    fn an_empty_list_passes_nothing() {
        let check = Gitignore { names: Vec::new() };
        let verdict = check.judge(&target(), &now().with(check.ignored(), Ignored::default()));
        assert_eq!(verdict.status(), Status::Inconclusive);
    }
}
