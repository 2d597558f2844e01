//! No secret is used in two environments.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_of;
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::repo::{EnvFiles, EnvFilesAsk, EnvKind};
use crate::evidence::token::TokenAsk;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Environment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretReuse {
    /// The environment of an env file whose name says none (`.env`).
    pub unnamed: Environment,
    /// Every environment that there is; a single one makes the item not applicable. Empty: not said.
    pub environments: Vec<Environment>,
    /// Names whose values may be equal everywhere, such as a key of a service without environments.
    pub shared: Vec<String>,
}

impl Default for SecretReuse {
    fn default() -> Self {
        Self { unnamed: Environment::Development, environments: Vec::new(), shared: Vec::new() }
    }
}

impl Check for SecretReuse {
    const ABOUT: About = About {
        id: "secret-reuse",
        title: "Development, staging and production use different secrets",
        statements: &["SEC-4"],
        severity: Severity::High,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Give each environment a value of its own, replace the one that was shared, and register each under `rotations:` with its \
                      fingerprint (watertight fingerprint), so that they can be compared without being in one place.",
        references: &["https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if target.repository().is_ok() {
            asks.push(env_files().into());
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
        if let [only] = self.environments.as_slice() {
            return Verdict::not_applicable(format!("the policy says that {only} is the only environment"));
        }
        let mut verdict = Verdict::default();
        let uses = self.uses(target, evidence, &mut verdict);
        weigh(&uses, evidence, &mut verdict);
        verdict
    }
}

/// One value in one place.
struct Use {
    environment: Side,
    name: String,
    fingerprint: String,
    /// Of what the value wraps.
    inner: Vec<String>,
    place: Place,
    told: String,
}

/// Whose value it is; what an example shows is everybody's.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Side {
    Development,
    Staging,
    Production,
    Example,
}

impl From<Environment> for Side {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Development => Self::Development,
            Environment::Staging => Self::Staging,
            Environment::Production => Self::Production,
        }
    }
}

impl Side {
    fn told(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Example => "the example",
        }
    }
}

impl SecretReuse {
    fn uses(&self, target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Vec<Use> {
        let mut uses = Vec::new();
        if target.repository().is_ok() {
            match evidence.of(&env_files()) {
                Ok(files) => {
                    for gap in &files.gaps {
                        verdict.not_seen(Unseen::Partial(gap.clone()));
                    }
                    uses.extend(self.of_files(files, verdict));
                }
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        if target.deployment().is_ok_and(|deployment| deployment.token.is_some()) {
            match evidence.of(&token()) {
                Ok(facts) => uses.extend(facts.fingerprint.iter().map(|fingerprint| Use {
                    environment: target.environment.into(),
                    name: "the target's token".into(),
                    fingerprint: fingerprint.clone(),
                    inner: Vec::new(),
                    place: Place::host("the target's token"),
                    told: "the target's token".into(),
                })),
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        for rotation in &evidence.declared.rotations {
            uses.extend(rotation.fingerprint.iter().map(|fingerprint| Use {
                environment: rotation.environment.into(),
                name: rotation.name.clone(),
                fingerprint: fingerprint.clone(),
                inner: Vec::new(),
                place: Place::policy(&evidence.declared.policy_file, rotation.line),
                told: format!("`{}` of the register", rotation.name),
            }));
        }
        uses.retain(|used| !self.shared.contains(&used.name));
        uses
    }

    fn of_files(&self, files: &EnvFiles, verdict: &mut Verdict) -> Vec<Use> {
        let mut uses = Vec::new();
        for file in &files.files {
            if let Some(why) = file.unread.as_ref().filter(|_| file.kind != EnvKind::Example) {
                verdict.not_seen(Unseen::Partial(format!("{} could not be read: {why}", file.path)));
            }
            let environment = match file.kind {
                EnvKind::Real | EnvKind::Keys | EnvKind::Encrypted => {
                    Side::from(file.environment.unwrap_or(self.unnamed))
                }
                EnvKind::Example => Side::Example,
            };
            uses.extend(file.entries.iter().filter_map(|entry| {
                Some(Use {
                    environment,
                    name: entry.name.clone(),
                    fingerprint: entry.fingerprint.clone()?,
                    inner: entry.inner.clone(),
                    place: Place::file(&file.path, Some(entry.line)),
                    told: format!("`{}` of {}", entry.name, file.path),
                })
            }));
        }
        uses
    }
}

fn weigh(uses: &[Use], evidence: &Evidence, verdict: &mut Verdict) {
    let mut values: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for used in uses {
        let forms: BTreeSet<&str> = used.inner.iter().chain([&used.fingerprint]).map(String::as_str).collect();
        for form in forms {
            values.entry(form).or_default().push(used);
        }
    }
    // One finding a group, in however many forms its values agree.
    let mut groups: BTreeSet<Vec<&str>> = BTreeSet::new();
    for same in values.values() {
        if !groups.insert(same.iter().map(|used| used.told.as_str()).collect()) {
            continue;
        }
        let sides: BTreeSet<Side> = same.iter().map(|used| used.environment).collect();
        let (Some(last), true) =
            (same.iter().max_by_key(|used| used.environment.min(Side::Production)), sides.len() > 1)
        else {
            continue;
        };
        let told: Vec<String> =
            same.iter().map(|used| format!("{} ({})", used.told, used.environment.told())).collect();
        let severity = if sides.contains(&Side::Production) { Severity::High } else { Severity::Medium };
        verdict.finds(
            Finding::new(format!("one value is used in several environments: {}", told.join(", ")), last.place.clone())
                .aspect(format!("shared {}", last.name))
                .of_severity(severity),
        );
    }
    // Only values under one key can be told apart: the rest compares with nothing.
    let mut keys: BTreeMap<&str, BTreeMap<Side, usize>> = BTreeMap::new();
    for used in uses.iter().filter(|used| used.environment != Side::Example) {
        if let Some(key) = key_of(&used.fingerprint) {
            *keys.entry(key).or_default().entry(used.environment).or_default() += 1;
        }
    }
    let compared = keys.values().max_by_key(|sides| sides.len()).cloned().unwrap_or_default();
    if keys.len() > 1 {
        verdict.not_seen(Unseen::NotComparable(format!(
            "fingerprints of {} keys cannot be compared with each other; register them again under one key (`fingerprint-key`)",
            keys.len()
        )));
    }
    let declared: BTreeSet<Side> =
        evidence.declared.environments.iter().map(|(_, environment)| Side::from(*environment)).collect();
    for missing in declared.iter().filter(|side| !compared.contains_key(side)) {
        verdict.not_seen(Unseen::NoEvidence(format!(
            "no secret of {} is known, though the policy has a target of it: declare its `rotations:` with fingerprints",
            missing.told()
        )));
    }
    if compared.len() < 2 {
        verdict.not_seen(Unseen::NoEvidence(
            "there is nothing to compare: secrets of at least two environments are needed (env files, or `rotations:` with fingerprints of each; if there is \
             one environment alone, say so under `environments`)"
                .into(),
        ));
    } else {
        let told: Vec<String> = compared.iter().map(|(side, count)| format!("{count} of {}", side.told())).collect();
        verdict.holds(format!("no secret is shared: {} were compared by keyed fingerprint", told.join(", ")));
    }
}

/// The values in env files, by fingerprint.
fn env_files() -> EnvFilesAsk {
    EnvFilesAsk {}
}

/// The live token, by fingerprint.
fn token() -> TokenAsk {
    TokenAsk {}
}

#[cfg(test)]
mod tests;
