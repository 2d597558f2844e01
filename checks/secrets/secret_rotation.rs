//! Every declared secret is younger than the policy allows, and really changed on the day that the register claims.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{latest_day, same_key};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::declared::Rotation;
use crate::evidence::history::{Earlier, Runs};
use crate::evidence::repo::{EnvFiles, EnvFilesAsk, EnvKind, Leaks, SecretsAsk};
use crate::evidence::token::{TokenAsk, TokenFacts};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::period::Period;
use crate::target::{Environment, Target, TokenSource};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretRotation {
    /// A secret older than this must have been replaced.
    pub max_age: Period,
    /// The environment of an env file whose name says none (`.env`).
    pub unnamed: Environment,
}

impl Default for SecretRotation {
    fn default() -> Self {
        // SEC-3: every 90 days.
        Self { max_age: Period::days(90), unnamed: Environment::Development }
    }
}

/// The fact under which earlier runs remember the live token's fingerprint.
const TOKEN_FACT: &str = "token-fingerprint";

impl Check for SecretRotation {
    const ABOUT: About = About {
        id: "secret-rotation",
        title: "Keys and tokens are rotated in time",
        statements: &["SEC-3"],
        severity: Severity::High,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Replace the secret, then write it down under `rotations:` in the policy: name, environment, day, and the fingerprint of the new \
                      value (watertight fingerprint).",
        references: &[
            "https://cwe.mitre.org/data/definitions/324.html",
            "https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final",
        ],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = vec![earlier().into()];
        if target.repository().is_ok() {
            asks.extend([Ask::from(env_files()), Ask::from(secrets())]);
        }
        if target.deployment().is_ok_and(|deployment| deployment.token.is_some()) {
            asks.push(token().into());
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let (Err(deployment), Err(_)) = (target.deployment(), target.repository()) {
            return Verdict::absent(deployment);
        }
        let mut verdict = Verdict::default();
        let facts = Facts::of(self, target, evidence, &mut verdict);
        for rotation in &facts.register {
            if facts.is_latest(rotation) {
                self.registered(rotation, &facts, &mut verdict);
            }
        }
        self.live(&facts, &mut verdict);
        for (name, file) in facts.unregistered() {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "no rotation of `{name}` ({file}) is registered: declare it under `rotations:` (watertight fingerprint)"
            )));
        }
        if facts.register.is_empty() && facts.token.is_none() {
            verdict.not_seen(Unseen::NoEvidence(
                "no secret of this environment is known: declare `rotations:` with name, environment, on and fingerprint".into(),
            ));
        }
        verdict
    }
}

/// What is known of the secrets of one target.
struct Facts<'a> {
    now: DateTime<Utc>,
    policy: &'a str,
    /// The part of the register that this target answers for.
    register: Vec<&'a Rotation>,
    /// The names that the live token goes by in the register.
    token_names: Vec<String>,
    environment: Environment,
    token: Option<&'a TokenFacts>,
    /// Environment, name, fingerprint and file of each secret in the env files of the work tree.
    values: Vec<(Environment, &'a str, &'a str, &'a str)>,
    runs: Option<&'a Runs>,
    leaks: Option<&'a Leaks>,
}

impl<'a> Facts<'a> {
    fn of(check: &SecretRotation, target: &Target, evidence: &'a Evidence, verdict: &mut Verdict) -> Self {
        let declared = &evidence.declared;
        // Rotations of an environment that no target of the policy stands for are judged with every target.
        let mine = |environment: Environment| {
            environment == target.environment || !declared.environments.iter().any(|(_, known)| *known == environment)
        };
        let mut seen = Self {
            now: evidence.taken_at,
            policy: &declared.policy_file,
            register: declared.rotations.iter().filter(|rotation| mine(rotation.environment)).collect(),
            token_names: Vec::new(),
            environment: target.environment,
            token: None,
            values: Vec::new(),
            runs: None,
            leaks: None,
        };
        if let Some(known) = target.deployment().ok().and_then(|deployment| deployment.token.as_ref()) {
            seen.token_names = token_names(&known.source);
            match evidence.of(&token()) {
                Ok(facts) => seen.token = Some(facts),
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        match evidence.of(&earlier()) {
            Ok(runs) => seen.runs = Some(runs),
            Err(unseen) => verdict.notes(format!("earlier runs: {unseen}")),
        }
        if target.repository().is_ok() {
            match evidence.of(&secrets()) {
                Ok(leaks) => seen.leaks = Some(leaks),
                Err(unseen) => verdict.not_seen(unseen),
            }
            match evidence.of(&env_files()) {
                Ok(files) => {
                    for (file, why) in files.files.iter().filter_map(|file| Some((file, file.unread.as_ref()?))) {
                        if file.exists && file.kind == EnvKind::Real {
                            verdict.not_seen(Unseen::Partial(format!("{} could not be read: {why}", file.path)));
                        }
                    }
                    seen.values = values(files, check.unnamed)
                        .into_iter()
                        .filter(|(environment, ..)| mine(*environment))
                        .collect();
                }
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        seen
    }

    /// A register may keep the earlier rotations of a secret; the last one is the claim.
    fn is_latest(&self, rotation: &Rotation) -> bool {
        self.of_the_same(rotation).all(|other| other.on <= rotation.on)
    }

    fn of_the_same(&self, rotation: &Rotation) -> impl Iterator<Item = &'a Rotation> {
        self.register
            .iter()
            .copied()
            .filter(move |other| other.environment == rotation.environment && other.name == rotation.name)
    }

    /// What earlier runs were told of a secret: when, and the day and the fingerprint of its rotation.
    fn told_before(&self, rotation: &Rotation) -> Vec<(DateTime<Utc>, NaiveDate, &'a str)> {
        let name = rotation.fact_name();
        let past = self.runs.into_iter().flat_map(|runs| &runs.runs).filter(|past| past.complete);
        past.filter_map(|past| {
            let (on, fingerprint) = past.facts.get(&name)?.split_once(' ')?;
            Some((past.finished, on.parse().ok()?, fingerprint))
        })
        .collect()
    }

    fn is_token(&self, rotation: &Rotation) -> bool {
        rotation.environment == self.environment && self.token_names.contains(&rotation.name)
    }

    /// The fingerprints that a registered secret has now.
    fn current(&self, rotation: &Rotation) -> Vec<&'a str> {
        let live = self.token.filter(|_| self.is_token(rotation)).and_then(|facts| facts.fingerprint.as_deref());
        let stored = self
            .values
            .iter()
            .filter(|(environment, name, ..)| *environment == rotation.environment && *name == rotation.name)
            .map(|(_, _, fingerprint, _)| *fingerprint);
        live.into_iter().chain(stored).collect()
    }

    fn unregistered(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values
            .iter()
            .filter(|(environment, name, ..)| {
                !self.register.iter().any(|rotation| rotation.environment == *environment && rotation.name == *name)
            })
            .map(|(_, name, _, file)| (*name, *file))
    }
}

impl SecretRotation {
    fn registered(&self, rotation: &Rotation, facts: &Facts<'_>, verdict: &mut Verdict) {
        let name = format!("`{}` ({})", rotation.name, rotation.environment);
        let finding = |what: String, aspect: &str| {
            Finding::new(what, Place::policy(facts.policy, rotation.line))
                .aspect(format!("{aspect} {} {}", rotation.name, rotation.environment))
        };
        // It may be tomorrow already where the register is kept.
        let age = (facts.now.date_naive() - rotation.on).num_days().max(0);
        if rotation.on > latest_day(facts.now) {
            verdict.finds(finding(format!("{name} claims a rotation in the future, on {}", rotation.on), "future"));
            return;
        }
        if age > days(self.max_age) {
            let what = format!(
                "{name} was last rotated on {}, {age} days ago; {} days are allowed",
                rotation.on,
                days(self.max_age)
            );
            verdict.finds(finding(what, "old"));
        }
        let Some(registered) = &rotation.fingerprint else {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "the register gives no fingerprint for {name} (watertight fingerprint)"
            )));
            return;
        };
        let told = facts.told_before(rotation);
        let moved = told.iter().find(|(_, on, known)| known == registered && *on < rotation.on);
        if let Some(seen) = before(registered, rotation, facts) {
            verdict.finds(finding(
                format!("{name} claims a rotation on {}, but its value was in use {seen}", rotation.on),
                "unchanged",
            ));
        } else if let Some((when, on, _)) = moved {
            verdict.not_seen(Unseen::NotComparable(format!(
                "{name} is said to have been rotated on {}, and the run of {} was told {on} for the same value: which day holds?",
                rotation.on,
                when.format("%Y-%m-%d")
            )));
        }
        let current = facts.current(rotation);
        if current.is_empty() {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "the current value of {name} is not in sight: neither the target's token nor an env file of the work tree has this name"
            )));
        }
        for value in current {
            if !same_key(value, registered) {
                verdict.not_seen(Unseen::NotComparable(format!(
                    "{name} is registered under another fingerprint key; register it again, or use that key (`fingerprint-key`)"
                )));
            } else if value == registered {
                verdict.holds(format!(
                    "{name} was rotated on {}, {age} days ago, and has the registered value",
                    rotation.on
                ));
            } else if let Some(seen) = before(value, rotation, facts) {
                let what = format!(
                    "{name} claims a rotation on {}, but the value in use is older: it was in use {seen}",
                    rotation.on
                );
                verdict.finds(finding(what, "unchanged"));
            } else {
                verdict.not_seen(Unseen::NoEvidence(format!(
                    "the value of {name} is not the registered one: its rotation is not registered"
                )));
            }
        }
    }

    /// The live token by itself: what earlier runs saw of it, and its own dates.
    fn live(&self, facts: &Facts<'_>, verdict: &mut Verdict) {
        let Some(token) = facts.token else { return };
        let at = || Place::host("the target's token");
        let mut dated = facts.register.iter().any(|rotation| facts.is_token(rotation));
        if let Some(issued) =
            token.jwt.as_ref().and_then(|jwt| jwt.issued).and_then(|issued| DateTime::from_timestamp(issued, 0))
        {
            let age = (facts.now - issued).num_days();
            if age > days(self.max_age) {
                let what = format!(
                    "the token was issued on {}, {age} days ago; {} days are allowed",
                    issued.format("%Y-%m-%d"),
                    days(self.max_age)
                );
                verdict.finds(Finding::new(what, at()).aspect("issued"));
            } else if age >= 0 {
                verdict.holds(format!("the token says itself that it was issued on {}", issued.format("%Y-%m-%d")));
                dated = true;
            }
        }
        let Some(fingerprint) = token.fingerprint.as_deref() else {
            verdict.not_seen(Unseen::NoEvidence("the token has no fingerprint in this run".into()));
            return;
        };
        let past: Vec<(DateTime<Utc>, &str)> = facts
            .runs
            .into_iter()
            .flat_map(|runs| runs.fact(TOKEN_FACT))
            .filter(|(_, known)| same_key(known, fingerprint))
            .map(|(run, known)| (run.finished, known))
            .collect();
        let same = past.iter().rev().take_while(|(_, known)| *known == fingerprint).map(|(when, _)| *when).last();
        let changed = past.iter().rev().find(|(_, known)| *known != fingerprint).map(|(when, _)| *when);
        if let Some(since) = same {
            let age = (facts.now - since).num_days();
            if age > days(self.max_age) {
                let what = format!(
                    "the token is unchanged since the run of {}, {age} days ago; {} days are allowed",
                    since.format("%Y-%m-%d"),
                    days(self.max_age)
                );
                verdict.finds(Finding::new(what, at()).aspect("measured"));
            }
        }
        if let Some(changed) = changed.filter(|changed| (facts.now - *changed).num_days() <= days(self.max_age)) {
            verdict.holds(format!("the token changed after the run of {}", changed.format("%Y-%m-%d")));
            dated = true;
        }
        if !dated {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "no rotation of the token is registered, and earlier runs saw none: declare it under `rotations:` as {}",
                facts.token_names.first().map_or("token", String::as_str)
            )));
        }
    }
}

/// When a value was in use before the day of a rotation, if it was: an earlier run saw it or was told of it, the history
/// has it, or the register itself gives it to an earlier rotation.
fn before(fingerprint: &str, rotation: &Rotation, facts: &Facts<'_>) -> Option<String> {
    let day = rotation.on;
    let run = |when: DateTime<Utc>| format!("in the run of {}", when.format("%Y-%m-%d"));
    let seen = facts
        .runs
        .into_iter()
        .flat_map(|runs| runs.fact(TOKEN_FACT))
        .map(|(run, known)| (run.finished, known))
        .chain(facts.told_before(rotation).into_iter().map(|(when, _, known)| (when, known)))
        .find(|(when, known)| *known == fingerprint && latest_day(*when) < day)
        .map(|(when, _)| run(when));
    let committed = || {
        facts
            .leaks
            .into_iter()
            .flat_map(|leaks| &leaks.found)
            .filter(|leak| leak.fingerprint == fingerprint)
            .filter_map(crate::evidence::repo::Leak::first_seen)
            .find(|first| first.date_naive() < day)
            .map(|first| format!("in the repository on {}", first.format("%Y-%m-%d")))
    };
    let registered = || {
        facts
            .of_the_same(rotation)
            .find(|other| other.on < day && other.fingerprint.as_deref() == Some(fingerprint))
            .map(|other| format!("since the rotation of {} (line {})", other.on, other.line.unwrap_or_default()))
    };
    seen.or_else(committed).or_else(registered)
}

fn days(period: Period) -> i64 {
    i64::try_from(period.whole_days()).unwrap_or(i64::MAX)
}

fn token_names(source: &TokenSource) -> Vec<String> {
    let mut names = match source {
        TokenSource::Env(name) => vec![name.clone()],
        TokenSource::File(path) => {
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
            file.into_iter().chain([path.display().to_string()]).collect()
        }
        // The embedded deployment's register calls it so.
        TokenSource::Demo => vec!["MCP_TOKEN".into()],
        TokenSource::Command(_) => Vec::new(),
    };
    names.push("token".into());
    names
}

fn values(files: &EnvFiles, unnamed: Environment) -> Vec<(Environment, &str, &str, &str)> {
    files
        .files
        .iter()
        .filter(|file| file.exists && file.kind == EnvKind::Real)
        .flat_map(|file| {
            let environment = file.environment.unwrap_or(unnamed);
            file.entries.iter().filter_map(move |entry| {
                entry
                    .fingerprint
                    .as_deref()
                    .map(|fingerprint| (environment, entry.name.as_str(), fingerprint, file.path.as_str()))
            })
        })
        .collect()
}

/// The live token.
fn token() -> TokenAsk {
    TokenAsk {}
}

/// Earlier runs.
fn earlier() -> Earlier {
    Earlier {}
}

/// The values in use.
fn env_files() -> EnvFilesAsk {
    EnvFilesAsk {}
}

/// First-seen dates.
fn secrets() -> SecretsAsk {
    SecretsAsk {}
}

#[cfg(test)]
mod tests;
