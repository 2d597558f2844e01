//! What is remembered of a run beside its statuses: a few facts per target that later runs compare with.

use std::collections::BTreeMap;

use crate::evidence::{Recorded, Seen, TargetRecord};

/// The facts in the evidence of one target, by name. Pure; never a secret (fingerprints are keyed).
///
/// Names in use: `certificate-serial`, `certificate-spki`, `token-fingerprint`.
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

/// One line per kind of answer that has a fact worth remembering.
fn add(_seen: &Seen, _facts: &mut BTreeMap<String, String>) {}
