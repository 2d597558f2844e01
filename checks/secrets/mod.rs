//! The policy's section on secrets: in the repository, in env files, rotated, not shared, and dealt with when leaked.

pub mod env_files;
pub mod gitignore;
pub mod incident_record;
mod incident_text;
pub mod secret_reuse;
pub mod secret_rotation;
pub mod secrets_committed;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use globset::GlobBuilder;

use crate::check::Verdict;
use crate::evidence::Unseen;
use crate::evidence::repo::{Coverage, EnvEntry, GapKind, Leak};
use crate::target::Extent;

/// Whether two fingerprints were made with one key, and so can be compared at all.
pub(crate) fn same_key(one: &str, other: &str) -> bool {
    key_of(one).is_some() && key_of(one) == key_of(other)
}

pub(crate) fn key_of(fingerprint: &str) -> Option<&str> {
    fingerprint.split_once(':').map(|(key, _)| key)
}

/// Whether a record of leaked or declared values holds this one, as it stands or inside another form.
pub(crate) fn holds(entry: &EnvEntry, fingerprint: &str) -> bool {
    entry.fingerprint.as_deref() == Some(fingerprint) || entry.inner.iter().any(|inner| inner == fingerprint)
}

/// The day that it is where the day is latest (UTC+14): what somebody there wrote today is not of the future.
pub(crate) fn latest_day(now: DateTime<Utc>) -> NaiveDate {
    (now + TimeDelta::hours(14)).date_naive()
}

/// The day that it was where the day was earliest (UTC-12).
pub(crate) fn earliest_day(when: DateTime<Utc>) -> NaiveDate {
    (when - TimeDelta::hours(12)).date_naive()
}

/// `a name` where a secret has one, else what it is: never its value.
pub(crate) fn title(leak: &Leak) -> String {
    match &leak.name {
        Some(name) => format!("{} `{name}`", leak.what),
        None => leak.what.clone(),
    }
}

/// Records every part of the repository that was not read, but for what the policy accepts as looked at by hand.
pub(crate) fn unread(coverage: &Coverage, accepted: &[String], verdict: &mut Verdict) {
    for gap in &coverage.gaps {
        let open: Vec<&str> =
            gap.paths.iter().map(String::as_str).filter(|path| !accepted.iter().any(|glob| fits(glob, path))).collect();
        let whole = match gap.kind {
            GapKind::Archives
            | GapKind::LfsPointers
            | GapKind::Submodules
            | GapKind::KeyContainers
            | GapKind::OverSize
            | GapKind::Unreadable => gap.paths.is_empty(),
            GapKind::NoGit
            | GapKind::Shallow
            | GapKind::PartialClone
            | GapKind::MissingObjects
            | GapKind::OverBudget => true,
        };
        if open.is_empty() && !whole {
            verdict.notes(format!("{}: accepted by the policy ({})", gap.what, shown(&gap.paths)));
            continue;
        }
        let paths = if open.is_empty() {
            String::new()
        } else {
            format!(" ({})", shown(&open.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()))
        };
        let text = format!("{}{paths}; to mend it: {}", gap.what, gap.mend);
        verdict.not_seen(match gap.kind {
            GapKind::NoGit => Unseen::NoEvidence(text),
            GapKind::OverBudget => Unseen::OverBudget(text),
            GapKind::Shallow
            | GapKind::PartialClone
            | GapKind::MissingObjects
            | GapKind::LfsPointers
            | GapKind::Submodules
            | GapKind::Archives
            | GapKind::KeyContainers
            | GapKind::OverSize
            | GapKind::Unreadable => Unseen::Partial(text),
        });
    }
}

/// A statement about the whole needs the whole.
pub(crate) fn whole(coverage: &Coverage, verdict: &mut Verdict) {
    match coverage.extent {
        Extent::Whole => {}
        Extent::Staged | Extent::File => verdict.not_seen(Unseen::Partial(extent(coverage))),
    }
}

fn shown(paths: &[String]) -> String {
    const MOST: usize = 5;
    let text = paths.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if paths.len() > MOST { format!("{text} and {} more", paths.len() - MOST) } else { text }
}

/// A glob without `/` is held against the name alone.
fn fits(glob: &str, path: &str) -> bool {
    let subject = if glob.contains('/') { path } else { path.rsplit('/').next().unwrap_or(path) };
    GlobBuilder::new(glob).literal_separator(true).build().is_ok_and(|glob| glob.compile_matcher().is_match(subject))
}

/// What "the whole history" means in this run, or what was in question instead of it.
pub(crate) fn extent(coverage: &Coverage) -> String {
    match coverage.extent {
        Extent::Whole => format!(
            "{} commits, {} refs, {} blobs ({} bytes), {} index entries and {} files of the work tree were read",
            coverage.commits, coverage.refs, coverage.blobs, coverage.bytes, coverage.index_entries, coverage.files
        ),
        Extent::Staged => format!(
            "{} files that the next commit would add or change were read, of {} index entries; neither the history nor the \
             work tree was in question (--staged)",
            coverage.blobs, coverage.index_entries
        ),
        Extent::File => format!(
            "{} file was read ({} bytes); no history was in question (one file was named)",
            coverage.files, coverage.bytes
        ),
    }
}

/// Evidence that the tests of this family build on.
#[cfg(test)]
pub(crate) mod stage {
    use chrono::{DateTime, Utc};

    use crate::evidence::Evidence;
    use crate::evidence::repo::{
        CommitMark, Confidence, Coverage, EnvEntry, EnvFile, EnvKind, IgnoreRule, Leak, Sight, State, ValueKind,
    };
    use crate::target::{Environment, Repository, Scope, Target};

    pub(crate) fn target() -> Target {
        Target {
            name: "production".into(),
            environment: Environment::Production,
            scope: Scope::Repository,
            deployment: None,
            repository: Some(Repository::at(".")),
            checks: std::collections::BTreeMap::new(),
        }
    }

    /// Noon of a day.
    pub(crate) fn day(text: &str) -> DateTime<Utc> {
        format!("{text}T12:00:00Z").parse().unwrap()
    }

    pub(crate) fn now() -> Evidence {
        Evidence::at(day("2031-06-01"))
    }

    pub(crate) fn whole() -> Coverage {
        Coverage {
            git: true,
            refs: 2,
            commits: 5,
            blobs: 9,
            bytes: 100,
            index_entries: 3,
            files: 3,
            ..Coverage::default()
        }
    }

    pub(crate) fn leak(state: State) -> Leak {
        Leak {
            rule: "github-token".into(),
            what: "GitHub personal access token".into(),
            confidence: Confidence::High,
            name: Some("DEPLOY_TOKEN".into()),
            fingerprint: "k1:aa".into(),
            hint: "40 characters".into(),
            sights: vec![Sight {
                state,
                path: "config.yml".into(),
                line: Some(3),
                first: Some(CommitMark { id: "c0ffee".into(), when: day("2031-01-02") }),
                removed: None,
                allowed: false,
                listed: false,
            }],
        }
    }

    pub(crate) fn env_file(path: &str, environment: Option<Environment>, entries: &[(&str, &str)]) -> EnvFile {
        EnvFile {
            path: path.into(),
            kind: EnvKind::Real,
            environment,
            exists: true,
            tracked: false,
            ignored: Some(IgnoreRule { file: ".gitignore".into(), line: 1, pattern: ".env*".into(), shared: true }),
            first: None,
            in_head: false,
            mode: Some(0o600),
            unread: None,
            entries: entries
                .iter()
                .map(|(name, fingerprint)| EnvEntry {
                    name: (*name).into(),
                    line: 1,
                    value: if fingerprint.is_empty() { ValueKind::Plain } else { ValueKind::Secret },
                    fingerprint: (!fingerprint.is_empty()).then(|| (*fingerprint).to_owned()),
                    inner: Vec::new(),
                })
                .collect(),
        }
    }
}
