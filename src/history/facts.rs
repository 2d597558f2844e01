//! What is remembered of a run beside its statuses: a few facts per target that later runs compare with.

use std::collections::BTreeMap;

use crate::evidence::declared::Rotation;
use crate::evidence::{Recorded, Seen, TargetRecord};

/// The facts in the evidence of one target, by name. Pure; never a secret (fingerprints are keyed).
///
/// Names in use: `certificate-serial`, `certificate-spki`, `token-fingerprint`, `rotation production NAME`.
pub fn facts(record: &TargetRecord, register: &[Rotation]) -> BTreeMap<String, String> {
    let mut facts: BTreeMap<String, String> = register.iter().filter_map(Rotation::fact).collect();
    for observation in &record.answers {
        match &observation.answer {
            Recorded::Seen(seen) => add(seen, &mut facts),
            Recorded::Unseen(_) | Recorded::Shared(_) => {}
        }
    }
    facts
}

/// What one answer gives later runs to compare with; most give nothing.
fn add(seen: &Seen, facts: &mut BTreeMap<String, String>) {
    if let Seen::Chain(presented) = seen {
        facts.extend(crate::evidence::tls::facts(presented));
    }
    if let Seen::Token(token) = seen
        && let Some(fingerprint) = &token.fingerprint
    {
        facts.insert("token-fingerprint".into(), fingerprint.clone());
    }
}
