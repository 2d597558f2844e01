//! No key, token or password is, or ever was, in the repository: the whole history was read to say so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{extent, title, unread};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::repo::{Confidence, Leak, ScopeAsk, SecretsAsk, Sight, State};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Extent, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretsCommitted {
    /// What is less sure is a note: `low`, `medium` or `high`.
    pub minimum_confidence: Confidence,
    /// Globs of archives, LFS files, submodules and large files that somebody has looked at by hand.
    pub accept_unread: Vec<String>,
    /// Whether inline allowances in the repository (`gitleaks:allow`) turn a finding into a note.
    pub honour_allowances: bool,
}

impl Check for SecretsCommitted {
    const ABOUT: About = About {
        id: "secrets-committed",
        title: "No secret is in the repository or its history",
        statements: &["SEC-1"],
        severity: Severity::Critical,
        decided_from: DecidedFrom::Repository,
        attestable: false,
        remediation: "Replace the secret first: what was committed is known to others. Then take it out of the tree, read it from the \
                      environment, and remove it from the history (git filter-repo), and write down the incident.",
        references: &[
            "https://cwe.mitre.org/data/definitions/798.html",
            "https://cwe.mitre.org/data/definitions/540.html",
        ],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        if target.repository().is_ok() { vec![scope().into(), secrets().into()] } else { Vec::new() }
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let Err(absent) = target.repository() {
            return Verdict::absent(absent);
        }
        let mut verdict = Verdict::default();
        match evidence.of(&secrets()) {
            Ok(leaks) => {
                let persistent = !leaks.key.starts_with("run-");
                for leak in &leaks.found {
                    self.weigh(leak, persistent, &mut verdict);
                }
                let weak = leaks
                    .found
                    .iter()
                    .filter(|leak| leak.confidence < self.minimum_confidence && leak.is_committed())
                    .count();
                if weak > 0 {
                    verdict.notes(format!(
                        "{weak} values below the confidence `minimum-confidence` asks for are not shown"
                    ));
                }
                for note in &leaks.notes {
                    verdict.notes(note.clone());
                }
                if leaks.more > 0 {
                    let text =
                        format!("{} more values than are recorded; to mend it: remove the others first", leaks.more);
                    verdict.not_seen(Unseen::Partial(text));
                }
                if leaks.allowances > 0 {
                    verdict
                        .notes(format!("{} inline allowances stand beside values that look secret", leaks.allowances));
                }
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        match evidence.of(&scope()) {
            Ok(coverage) => {
                unread(coverage, &self.accept_unread, &mut verdict);
                for note in &coverage.notes {
                    verdict.notes(note.clone());
                }
                if coverage.commits == 0 && coverage.files == 0 && coverage.extent == Extent::Whole {
                    verdict.not_seen(Unseen::NoEvidence("the repository holds no commit and no file".into()));
                }
                verdict.holds(format!("no secret: {}", extent(coverage)));
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

impl SecretsCommitted {
    fn weigh(&self, leak: &Leak, persistent: bool, verdict: &mut Verdict) {
        if leak.confidence < self.minimum_confidence {
            return;
        }
        for sight in leak.sights.iter().filter(|sight| sight.state.is_shared()) {
            // Two secrets of one rule in one file are two findings; a key of this run alone cannot tell them apart.
            let aspect = if persistent { format!("{} {}", leak.rule, leak.fingerprint) } else { leak.rule.clone() };
            let finding = Finding::new(told(leak, sight), place(sight)).aspect(aspect);
            if sight.listed {
                verdict.sets_aside("covered by an allowlist of the policy's", finding);
            } else if sight.allowed && self.honour_allowances {
                verdict.sets_aside("allowed by an inline comment", finding);
            } else {
                verdict.finds(finding.of_severity(severity(leak, sight)));
            }
        }
    }
}

fn told(leak: &Leak, sight: &Sight) -> String {
    let day = |mark: &crate::evidence::repo::CommitMark| {
        format!("{} ({})", mark.id.get(..12).unwrap_or(&mark.id), mark.when.format("%Y-%m-%d"))
    };
    let since = sight.first.as_ref().map_or(String::new(), |first| format!(", since {}", day(first)));
    let removed = sight.removed.as_ref().map_or(String::new(), |removed| format!(", removed by {}", day(removed)));
    let allowed = if sight.allowed { ", beside an inline allowance" } else { "" };
    format!("{} {} ({}){since}{removed}{allowed}", title(leak), sight.state.describe(), leak.hint)
}

fn place(sight: &Sight) -> Place {
    match (sight.state, &sight.first) {
        (State::History | State::Stash | State::Unreachable, Some(first)) => {
            Place::commit(&first.id, &sight.path, sight.line)
        }
        (State::Message, Some(first)) => Place::commit(&first.id, "(message)", sight.line),
        (
            State::Head
            | State::Index
            | State::WorkTree
            | State::Ignored
            | State::History
            | State::Stash
            | State::Unreachable
            | State::Message
            | State::Name,
            _,
        ) => Place::file(&sight.path, sight.line),
    }
}

/// What everybody who clones it sees is the worst; what only this clone holds is bad enough.
fn severity(leak: &Leak, sight: &Sight) -> Severity {
    match (sight.state, leak.confidence) {
        (State::Head | State::Index | State::History | State::Message | State::Name, Confidence::High) => {
            Severity::Critical
        }
        (State::Head | State::Index | State::History | State::Message | State::Name, Confidence::Medium)
        | (State::Stash | State::Unreachable | State::WorkTree | State::Ignored, Confidence::High) => Severity::High,
        (State::Stash | State::Unreachable | State::WorkTree | State::Ignored, Confidence::Medium) => Severity::Medium,
        (
            State::Head
            | State::Index
            | State::History
            | State::Message
            | State::Name
            | State::Stash
            | State::Unreachable
            | State::WorkTree
            | State::Ignored,
            Confidence::Low,
        ) => Severity::Low,
    }
}

/// What was read.
fn scope() -> ScopeAsk {
    ScopeAsk {}
}

/// What was found.
fn secrets() -> SecretsAsk {
    SecretsAsk {}
}

#[cfg(test)]
mod tests {
    use super::super::stage::{leak, now, target, whole};
    use super::*;
    use crate::check::Status;
    use crate::evidence::repo::{Coverage, Gap, GapKind, Leaks};

    fn judged(check: &SecretsCommitted, coverage: Coverage, found: Vec<Leak>) -> Verdict {
        let leaks = Leaks { key: "k1".into(), found, ..Leaks::default() };
        check.judge(&target(), &now().with(scope(), coverage).with(secrets(), leaks))
    }

    fn gap(kind: GapKind, path: Option<&str>) -> Coverage {
        let gap = Gap {
            kind,
            what: "not all".into(),
            mend: "mend it".into(),
            paths: path.into_iter().map(str::to_owned).collect(),
        };
        Coverage { gaps: vec![gap], ..whole() }
    }

    #[test]
    fn no_answer_is_never_a_pass() {
        assert_eq!(SecretsCommitted::default().judge(&target(), &now()).status(), Status::Inconclusive);
    }

    #[test]
    fn a_whole_history_without_a_secret_passes_and_says_what_was_read() {
        let verdict = judged(&SecretsCommitted::default(), whole(), Vec::new());
        assert_eq!(verdict.status(), Status::Pass);
        assert!(verdict.grounds()[0].contains("5 commits"));
    }

    #[test]
    fn a_secret_anywhere_but_in_an_ignored_file_fails() {
        for state in [
            State::Head,
            State::Index,
            State::History,
            State::Message,
            State::Stash,
            State::Unreachable,
            State::WorkTree,
        ] {
            assert_eq!(
                judged(&SecretsCommitted::default(), whole(), vec![leak(state)]).status(),
                Status::Fail,
                "{state:?}"
            );
        }
        assert_eq!(judged(&SecretsCommitted::default(), whole(), vec![leak(State::Ignored)]).status(), Status::Pass);
    }

    #[test]
    fn what_was_not_read_denies_the_pass_and_hides_no_finding() {
        for kind in
            [GapKind::Shallow, GapKind::PartialClone, GapKind::MissingObjects, GapKind::NoGit, GapKind::Archives]
        {
            let verdict = judged(&SecretsCommitted::default(), gap(kind, None), Vec::new());
            assert_eq!(verdict.status(), Status::Inconclusive, "{kind:?}");
            assert!(verdict.unseen()[0].to_string().contains("mend it"));
        }
        assert_eq!(
            judged(&SecretsCommitted::default(), gap(GapKind::Shallow, None), vec![leak(State::Head)]).status(),
            Status::Fail
        );
    }

    #[test]
    fn an_archive_that_the_policy_accepts_is_a_note_and_a_shallow_clone_cannot_be_accepted() {
        let check = SecretsCommitted { accept_unread: vec!["*.zip".into()], ..SecretsCommitted::default() };
        assert_eq!(judged(&check, gap(GapKind::Archives, Some("a/b.zip")), Vec::new()).status(), Status::Pass);
        assert_eq!(judged(&check, gap(GapKind::Archives, Some("a/b.jar")), Vec::new()).status(), Status::Inconclusive);
        assert_eq!(judged(&check, gap(GapKind::Shallow, Some("a.zip")), Vec::new()).status(), Status::Inconclusive);
    }

    #[test]
    fn inline_allowances_count_only_where_the_policy_says_so() {
        let mut allowed = leak(State::Head);
        allowed.sights[0].allowed = true;
        assert_eq!(judged(&SecretsCommitted::default(), whole(), vec![allowed.clone()]).status(), Status::Fail);
        let check = SecretsCommitted { honour_allowances: true, ..SecretsCommitted::default() };
        assert_eq!(judged(&check, whole(), vec![allowed]).status(), Status::Pass);
    }

    #[test]
    fn less_sure_values_are_a_note() {
        let mut unsure = leak(State::Head);
        unsure.confidence = Confidence::Low;
        let verdict = judged(&SecretsCommitted::default(), whole(), vec![unsure]);
        assert_eq!((verdict.status(), verdict.all_notes().len()), (Status::Pass, 1));
    }
}
