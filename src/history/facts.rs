//! What is remembered of a run beside its statuses: a few facts per target that later runs compare with.

use std::collections::BTreeMap;

use crate::evidence::{Recorded, Seen, TargetRecord};

/// The facts in the evidence of one target, by name. Pure; never a secret (fingerprints are keyed).
///
/// Names in use: `certificate-serial`, `certificate-spki`, `certificate-not-before`, `token-fingerprint`.
pub fn facts(record: &TargetRecord) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for observation in &record.answers {
        match &observation.answer {
            Recorded::Seen(seen) => add(seen, &mut facts),
            Recorded::Unseen(_) => {}
        }
    }
    facts
}

/// One arm per kind of answer that has a fact worth remembering.
fn add(seen: &Seen, facts: &mut BTreeMap<String, String>) {
    match seen {
        Seen::Chain(presented) => facts.extend(presented.facts()),
        Seen::Http(_)
        | Seen::Burst(_)
        | Seen::Api(_)
        | Seen::Mcp(_)
        | Seen::Hello(_)
        | Seen::Suites(_)
        | Seen::Services(_)
        | Seen::Token(_)
        | Seen::Earlier(_)
        | Seen::Scope(_)
        | Seen::Secrets(_)
        | Seen::EnvFiles(_)
        | Seen::Ignored(_)
        | Seen::Lines(_)
        | Seen::Canary(_) => {}
    }
}
