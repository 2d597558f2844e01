//! What only a person can say: with a name, a day and an end, and only for items that nothing measures.

use super::Attestation;
use super::reader::Reader;
use super::waiver::{known_check, known_target};
use super::yaml::Node;
use crate::checks::ALL;

pub const KEYS: [&str; 6] = ["check", "target", "by", "on", "until", "statement"];

/// Days that a word may hold at most, where the policy allows its waivers no longer: a year, as reviews come round.
const MAX_DAYS: u32 = 366;

pub fn read(reader: &mut Reader<'_>, node: &Node, targets: &[String], max_waiver_days: u32) -> Vec<Attestation> {
    let most = MAX_DAYS.max(max_waiver_days);
    let items = reader.list(node, "attestations");
    items.iter().filter_map(|item| attestation(reader, item, targets, most)).collect()
}

fn attestation(reader: &mut Reader<'_>, node: &Node, targets: &[String], most: u32) -> Option<Attestation> {
    let fields = reader.fields(node, "an attestation", &KEYS)?;
    for (key, what) in [
        ("check", "which item it speaks for"),
        ("by", "who says so"),
        ("on", "the day it was said (YYYY-MM-DD)"),
        ("until", "the day it ends (YYYY-MM-DD)"),
        ("statement", "what is said"),
    ] {
        if fields.of(key).is_none() {
            reader.fault(node.span, format!("the attestation has no `{key}`"), format!("add `{key}`: {what}"));
        }
    }
    let check = fields.of("check").and_then(|node| known_check(reader, node, &[]));
    if let (Some(check), Some(node)) = (&check, fields.of("check"))
        && !ALL.iter().any(|module| module.about.id == check && module.about.attestable)
    {
        let attestable: Vec<&str> =
            ALL.iter().filter(|module| module.about.attestable).map(|module| module.about.id).collect();
        reader.fault(
            node.span,
            format!("{check} is measured, nobody's word decides it"),
            format!("items that may be attested: {}", attestable.join(", ")),
        );
    }
    let target = match fields.of("target") {
        Some(node) => Some(known_target(reader, node, targets)?),
        None => None,
    };
    let by = fields.of("by").and_then(|node| reader.string(node, "a person"));
    let on = fields.of("on").and_then(|node| reader.date(node));
    let until = fields.of("until").and_then(|node| reader.date(node));
    let statement = fields.of("statement").and_then(|node| reader.string(node, "a statement"));
    if let (Some(on), Some(until), Some(node)) = (on, until, fields.of("until"))
        && until < on
    {
        reader.fault(node.span, "the attestation ends before it begins", format!("a day after {on}"));
    }
    if let (Some(on), Some(until), Some(node)) = (on, until, fields.of("until"))
        && (until - on).num_days() > i64::from(most)
    {
        reader.fault(
            node.span,
            format!("the attestation holds for {} days", (until - on).num_days()),
            format!("a word holds for {most} days at most (a longer `max-waiver-days` allows more); say it again then"),
        );
    }
    Some(Attestation {
        check: check?,
        target,
        by: by?,
        on: on?,
        until: until?,
        statement: statement?,
        line: Some(node.span.line),
    })
}
