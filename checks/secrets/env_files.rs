//! Real values live in env files that git ignores by a rule of the repository, and that never were in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{extent, unread, whole};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::repo::{
    Coverage, EnvFile, EnvFiles, EnvFilesAsk, EnvKind, GapKind, IgnoredAsk, ScopeAsk, ValueKind,
};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::Target;

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnvFilesCheck {
    /// Whether a plain env file that others of this machine may read is a finding rather than a note.
    pub strict_mode: bool,
    /// Tracked env files that hold no secret and are meant to be shared.
    pub allow_tracked: Vec<String>,
    /// Globs of submodules that were audited by themselves.
    pub accept_unread: Vec<String>,
}

impl Check for EnvFilesCheck {
    const ABOUT: About = About {
        id: "env-files",
        title: "Env files are ignored by git and never were in it",
        statements: &["SEC-2"],
        severity: Severity::High,
        decided_from: DecidedFrom::Repository,
        attestable: false,
        remediation: "Take the file out of the index (git rm --cached FILE), ignore it in the repository's own .gitignore, keep only names and \
                      placeholders in the example, list it in .dockerignore, and replace every value that was committed.",
        references: &["https://12factor.net/config", "https://git-scm.com/docs/gitignore"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        if target.repository().is_ok() { vec![files().into(), scope().into(), plain_name().into()] } else { Vec::new() }
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let Err(absent) = target.repository() {
            return Verdict::absent(absent);
        }
        let mut verdict = Verdict::default();
        match evidence.of(&files()) {
            Ok(seen) => self.weigh(seen, &mut verdict),
            Err(unseen) => verdict.not_seen(unseen),
        }
        history(evidence, &self.accept_unread, &mut verdict);
        not_yet(evidence, &mut verdict);
        verdict
    }
}

impl EnvFilesCheck {
    fn weigh(&self, seen: &EnvFiles, verdict: &mut Verdict) {
        for gap in seen.gaps.iter().chain(&seen.shipping_gaps) {
            verdict.not_seen(Unseen::Partial(gap.clone()));
        }
        if !seen.git {
            verdict.not_seen(Unseen::NoEvidence(
                "no git repository: nothing is tracked and nothing ignored (git init)".into(),
            ));
        }
        for file in &seen.files {
            match file.kind {
                EnvKind::Real => self.real(file, seen.git, verdict),
                EnvKind::Keys => keys(file, seen.git, verdict),
                EnvKind::Example => example(file, verdict),
                EnvKind::Encrypted => encrypted(file, verdict),
            }
            if file.exists
                && file.mode.is_some_and(|mode| mode & 0o044 != 0)
                && matches!(file.kind, EnvKind::Real | EnvKind::Keys)
                && has_secret(file)
            {
                let what = format!(
                    "{} can be read by other users of the machine (mode {:04o}; chmod 600)",
                    file.path,
                    file.mode.unwrap_or_default()
                );
                if self.strict_mode {
                    verdict.finds(
                        Finding::new(what, Place::file(&file.path, None)).aspect("mode").of_severity(Severity::Low),
                    );
                } else {
                    verdict.notes(what);
                }
            }
        }
        for shipping in &seen.shipped {
            let mend = match shipping.file.rsplit('/').next().unwrap_or_default() {
                "package.json" => format!("echo '{}' >> .npmignore, or take it out of `files`", shipping.env_file),
                "Cargo.toml" => format!("add \"!{}\" to `include`", shipping.env_file),
                _ => format!("echo '{}' >> .dockerignore", shipping.env_file),
            };
            let what = format!("{} is shipped: {} ({mend})", shipping.env_file, shipping.how);
            verdict.finds(
                Finding::new(what, Place::file(&shipping.file, Some(shipping.line)))
                    .aspect(format!("ships {}", shipping.env_file)),
            );
        }
        let kept = seen.files.iter().filter(|file| file.exists && !file.tracked && file.kind == EnvKind::Real).count();
        verdict.holds(format!(
            "{} env files were looked at: {kept} with real values, ignored by shared rules and not tracked",
            seen.files.len()
        ));
    }

    /// exists x tracked x ignored x in history.
    fn real(&self, file: &EnvFile, git: bool, verdict: &mut Verdict) {
        let at = || Place::file(&file.path, None);
        if let Some(why) = &file.unread {
            verdict.not_seen(Unseen::Partial(format!("{} could not be read: {why}", file.path)));
        }
        if self.allow_tracked.contains(&file.path) && !has_secret(file) {
            verdict.notes(format!("{} may be tracked: the policy says so, and it holds no secret", file.path));
            return;
        }
        if file.tracked || file.in_head {
            let secrets = if has_secret(file) { "with secret values" } else { "with no value that looks secret" };
            let ignored = file.ignored.as_ref().map_or(String::new(), |rule| {
                format!("; the rule `{}` ({}:{}) has no effect on a tracked file", rule.pattern, rule.file, rule.line)
            });
            let what = format!("{} is tracked by git, {secrets}{ignored} (git rm --cached {})", file.path, file.path);
            verdict.finds(Finding::new(what, at()).aspect("tracked").of_severity(if has_secret(file) {
                Severity::Critical
            } else {
                Severity::High
            }));
            return;
        }
        if let Some(first) = &file.first {
            let what = format!(
                "{} is in the history only, since {} (replace what it held, then git filter-repo --invert-paths --path {})",
                file.path,
                first.when.format("%Y-%m-%d"),
                file.path
            );
            let severity = if has_secret(file) { Severity::High } else { Severity::Medium };
            verdict.finds(
                Finding::new(what, Place::commit(&first.id, &file.path, None)).aspect("history").of_severity(severity),
            );
        }
        if !file.exists || !git {
            return;
        }
        match &file.ignored {
            None => verdict.finds(
                Finding::new(
                    format!(
                        "{} is not ignored: the next `git add` takes it (add `{}` to .gitignore)",
                        file.path,
                        name(file)
                    ),
                    at(),
                )
                .aspect("not-ignored"),
            ),
            Some(rule) if !rule.shared => verdict.finds(
                Finding::new(
                    format!(
                        "{} is ignored only by `{}` of {}, which teammates do not have",
                        file.path, rule.pattern, rule.file
                    ),
                    at(),
                )
                .aspect("ignored-here-only")
                .of_severity(Severity::Medium),
            ),
            Some(_) => {}
        }
    }
}

fn keys(file: &EnvFile, git: bool, verdict: &mut Verdict) {
    if file.tracked || file.in_head || file.first.is_some() {
        let what = format!("{} holds the keys of encrypted env files and is, or was, in git", file.path);
        verdict.finds(Finding::new(what, Place::file(&file.path, None)).aspect("keys").of_severity(Severity::Critical));
    } else if git && file.exists && !file.ignored.as_ref().is_some_and(|rule| rule.shared) {
        let what = format!("{} holds the keys of encrypted env files and is not ignored by a shared rule", file.path);
        verdict.finds(Finding::new(what, Place::file(&file.path, None)).aspect("not-ignored"));
    }
}

/// May be tracked, if placeholders are all that it holds.
fn example(file: &EnvFile, verdict: &mut Verdict) {
    if let Some(why) = &file.unread {
        verdict.not_seen(Unseen::Partial(format!("{} could not be read: {why}", file.path)));
    }
    for entry in file.entries.iter().filter(|entry| entry.value == ValueKind::Secret) {
        let what = format!("`{}` in the example has a real-looking value instead of a placeholder", entry.name);
        verdict.finds(
            Finding::new(what, Place::file(&file.path, Some(entry.line))).aspect(format!("example {}", entry.name)),
        );
    }
}

/// May be tracked, if every secret value is ciphertext.
fn encrypted(file: &EnvFile, verdict: &mut Verdict) {
    for entry in file.entries.iter().filter(|entry| entry.value == ValueKind::Secret) {
        let what = format!("`{}` is in plain text in an encrypted env file", entry.name);
        verdict.finds(
            Finding::new(what, Place::file(&file.path, Some(entry.line))).aspect(format!("plain {}", entry.name)),
        );
    }
}

fn has_secret(file: &EnvFile) -> bool {
    file.entries.iter().any(|entry| entry.value == ValueKind::Secret)
}

fn name(file: &EnvFile) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

/// "Never were in it" needs the whole history. What lies beside git's own objects decides nothing here.
fn history(evidence: &Evidence, accepted: &[String], verdict: &mut Verdict) {
    match evidence.of(&scope()) {
        Ok(coverage) => {
            for gap in &coverage.gaps {
                match gap.kind {
                    // "Never were in it" is a statement about the whole history.
                    GapKind::Shallow | GapKind::PartialClone | GapKind::MissingObjects => {
                        verdict.not_seen(Unseen::Partial(format!("{}; to mend it: {}", gap.what, gap.mend)));
                    }
                    GapKind::OverBudget => verdict.not_seen(Unseen::OverBudget(gap.what.clone())),
                    // A submodule's env files are tracked by its own repository, which was not read.
                    GapKind::Submodules => {
                        unread(&Coverage { gaps: vec![gap.clone()], ..Coverage::default() }, accepted, verdict);
                    }
                    GapKind::NoGit
                    | GapKind::LfsPointers
                    | GapKind::Archives
                    | GapKind::KeyContainers
                    | GapKind::OverSize
                    | GapKind::Unreadable => {}
                }
            }
            whole(coverage, verdict);
            verdict.holds(extent(coverage));
        }
        Err(unseen) => verdict.not_seen(unseen),
    }
}

/// Where there is no env file at all, the rule for the first one decides.
fn not_yet(evidence: &Evidence, verdict: &mut Verdict) {
    match evidence.of(&plain_name()) {
        Ok(ignored) => {
            let any =
                evidence.of(&files()).is_ok_and(|seen| seen.files.iter().any(|file| file.kind != EnvKind::Example));
            let covered =
                ignored.names.iter().all(|name| name.tracked || name.by.as_ref().is_some_and(|rule| rule.shared));
            if !ignored.names.is_empty() && covered {
                verdict.holds("a new .env would be ignored by a shared rule");
            } else if !any {
                verdict.not_seen(Unseen::NoEvidence(
                    "there is no env file, and a new .env would not be ignored by a shared rule".into(),
                ));
            }
        }
        Err(unseen) => verdict.not_seen(unseen),
    }
}

/// Every env file there is and was.
fn files() -> EnvFilesAsk {
    EnvFilesAsk {}
}

/// How much of the history was read.
fn scope() -> ScopeAsk {
    ScopeAsk {}
}

/// Whether the plainest name is covered, should it not exist yet.
fn plain_name() -> IgnoredAsk {
    IgnoredAsk { names: vec![".env".into()] }
}

#[cfg(test)]
mod tests;
