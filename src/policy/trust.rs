//! A policy that was found rather than named gets no credential, runs nothing and reads nothing outside its directory.

use std::path::Path;

use super::FingerprintKey;
use crate::target::{LogSource, OpenApi, Target, TokenSource};

/// Whether the path, links resolved, lies under `root`, and not in git's own folder there, whose settings may hold
/// credentials. What does not exist lies nowhere.
pub fn is_inside(path: &Path, root: &Path) -> bool {
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(path), Ok(root)) => {
            path.strip_prefix(root).is_ok_and(|inside| !inside.components().any(|part| part.as_os_str() == ".git"))
        }
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Knobs by which whoever writes the policy makes the audit see or mind less, or send what it found: a repository does
/// not set them for its own audit.
const WITHHELD_KNOBS: &[(&str, &str)] = &[
    ("secrets-committed", "honour-allowances"),
    ("secrets-committed", "accept-unread"),
    ("secrets-committed", "minimum-confidence"),
    ("env-files", "accept-unread"),
    ("env-files", "allow-tracked"),
    ("incident-record", "accept-unread"),
    ("incident-record", "minimum-confidence"),
    ("incident-record", "verify-leaked"),
    ("gitignore", "names"),
    ("secret-rotation", "max-age"),
    ("secret-reuse", "shared"),
    ("secret-reuse", "environments"),
];

/// Takes away the knobs that a found policy must not turn, and says so.
pub fn restrict_knobs(
    checks: &mut std::collections::BTreeMap<String, serde_json::Value>,
    whose: &str,
    withheld: &mut Vec<String>,
) {
    for (check, knob) in WITHHELD_KNOBS {
        let known = checks.get_mut(*check).and_then(serde_json::Value::as_object_mut);
        if known.is_some_and(|knobs| knobs.remove(*knob).is_some()) {
            withheld.push(format!("`{knob}` of {check} has no effect ({whose}); name the policy with --policy"));
        }
    }
}

/// Takes away what a found policy must not have, and says so.
pub fn restrict(target: &mut Target, root: &Path, withheld: &mut Vec<String>) {
    let name = target.name.clone();
    restrict_knobs(&mut target.checks, &format!("target {name}"), withheld);
    let mut say = |what: String| withheld.push(format!("{what} (target {name})"));
    if target.repository.as_ref().is_some_and(|repository| !is_inside(&repository.path, root)) {
        target.repository = None;
        say("the repository is outside the policy's directory and was not read".into());
    }
    // Whoever commits the policy could name a decoy beside what is to be audited.
    if let Some(repository) = &mut target.repository
        && repository.path.canonicalize().ok() != root.canonicalize().ok()
    {
        root.clone_into(&mut repository.path);
        say("another `repository:` than the policy's own directory has no effect; that directory was read".into());
    }
    // Its allowlists would have the repository decide what of it is seen.
    if let Some(repository) = &mut target.repository
        && repository.gitleaks.take().is_some()
    {
        say("the rules and allowlists of `gitleaks` have no effect".into());
    }
    let Some(deployment) = &mut target.deployment else { return };
    if let Some(token) = deployment.token.take() {
        // Whichever source it names, the token would go to a deployment that the same file chose.
        let source = match token.source {
            TokenSource::Env(name) => format!("environment variable {name}"),
            TokenSource::File(_) => "a file".into(),
            TokenSource::Command(_) => "a command".into(),
            TokenSource::Demo => "the embedded deployment".into(),
        };
        say(format!("the token was not taken from {source} and not sent"));
    }
    if deployment.authorised.take().is_some() {
        say("its word that the audit is authorised does not count; say so with --authorised-by".into());
    }
    if deployment.client_cert.take().is_some() {
        say("the client certificate was not used".into());
    }
    if deployment.exempt.take().is_some() {
        say("the header that exempts from the rate limiter was not sent".into());
    }
    if deployment.ca.as_ref().is_some_and(|ca| !is_inside(ca, root)) {
        deployment.ca = None;
        say("the private root is outside the policy's directory and was not read".into());
    }
    if matches!(&deployment.openapi, Some(OpenApi::File(path)) if !is_inside(path, root)) {
        deployment.openapi = None;
        say("the OpenAPI file is outside the policy's directory and was not read".into());
    }
    deployment.logs.retain(|log| {
        let keep = match log {
            LogSource::File(path) => is_inside(path, root),
            LogSource::Journald(_)
            | LogSource::Command(_)
            | LogSource::Loki { .. }
            | LogSource::Elasticsearch { .. } => false,
        };
        if !keep {
            say(format!("the log was not read: {log}"));
        }
        keep
    });
    if deployment.monitoring.take().is_some() {
        say("the monitoring was not asked".into());
    }
    if deployment.writes == crate::target::Writes::Allow {
        deployment.writes = crate::target::Writes::Deny;
        say("`writes: allow` has no effect".into());
    }
}

/// A key from the environment or from elsewhere on the disk is not read on a found policy's word.
pub fn restrict_key(key: &mut FingerprintKey, root: &Path, withheld: &mut Vec<String>) {
    let keep = match key {
        FingerprintKey::Env(_) => false,
        FingerprintKey::File(path) => is_inside(path, root),
        FingerprintKey::Own | FingerprintKey::Ephemeral => true,
    };
    if !keep {
        *key = FingerprintKey::Ephemeral;
        withheld.push("the fingerprint key was not read; a random one was used".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_policy_turns_no_knob_that_hides_a_secret() {
        let knobs =
            serde_json::json!({"honour-allowances": true, "accept-unread": ["*"], "minimum-confidence": "high"});
        let mut checks = std::collections::BTreeMap::from([("secrets-committed".to_owned(), knobs)]);
        let mut withheld = Vec::new();
        restrict_knobs(&mut checks, "target x", &mut withheld);
        assert_eq!(checks["secrets-committed"], serde_json::json!({}));
        assert_eq!(withheld.len(), 3);
        assert!(withheld[0].contains("honour-allowances"));
    }

    #[test]
    fn every_withheld_knob_is_a_knob_of_its_check() {
        for (check, knob) in WITHHELD_KNOBS {
            let module = crate::checks::ALL.iter().find(|module| module.about.id == *check).unwrap();
            assert!((module.knobs)().get(*knob).is_some(), "{check} has no {knob}");
        }
    }
}
