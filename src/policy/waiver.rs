//! Exceptions end: a waiver has a check, a reason, an owner and a date.

use chrono::{Days, NaiveDate};

use super::reader::{Reader, nearest};
use super::yaml::Node;
use super::{Covers, Waiver};
use crate::checks::ALL;

pub const KEYS: [&str; 7] = ["check", "target", "place", "reason", "owner", "until", "covers"];

/// What a waiver may not exceed.
pub struct Limits<'a> {
    pub targets: &'a [String],
    /// Ids of the user's own checks.
    pub own: &'a [String],
    pub unwaivable: &'a [String],
    pub max_days: u32,
    pub today: NaiveDate,
}

pub fn read(reader: &mut Reader<'_>, node: &Node, limits: &Limits<'_>) -> Vec<Waiver> {
    let items = reader.list(node, "waivers");
    items.iter().filter_map(|item| waiver(reader, item, limits)).collect()
}

fn waiver(reader: &mut Reader<'_>, node: &Node, limits: &Limits<'_>) -> Option<Waiver> {
    let fields = reader.fields(node, "a waiver", &KEYS)?;
    for (key, what) in [
        ("check", "which item it excuses"),
        ("target", "which target it holds for"),
        ("reason", "why the fault is borne"),
        ("owner", "who answers for it"),
        ("until", "the day it ends (YYYY-MM-DD)"),
    ] {
        if fields.of(key).is_none() {
            reader.fault(node.span, format!("the waiver has no `{key}`"), format!("add `{key}`: {what}"));
        }
    }
    let check = fields.of("check").and_then(|node| known_check(reader, node, limits.own));
    if let (Some(check), Some(node)) = (&check, fields.of("check"))
        && limits.unwaivable.contains(check)
    {
        reader.fault(
            node.span,
            format!("{check} cannot be waived (`waivable: false`)"),
            "remove the waiver, mend the fault",
        );
    }
    let target = fields.of("target").and_then(|node| known_target(reader, node, limits.targets));
    let until = fields.of("until").and_then(|node| reader.date(node));
    if let (Some(until), Some(node)) = (until, fields.of("until"))
        && let Some(latest) = limits.today.checked_add_days(Days::new(limits.max_days.into()))
        && until > latest
    {
        reader.fault(
            node.span,
            format!("the waiver lasts longer than {} days (`max-waiver-days`)", limits.max_days),
            format!("{latest} at the latest"),
        );
    }
    let covers = match fields.of("covers") {
        Some(node) => reader.choice(
            node,
            "what a waiver can cover",
            &[("fail", Covers::Fail), ("inconclusive", Covers::Inconclusive), ("any", Covers::Any)],
        )?,
        None => Covers::default(),
    };
    let place = fields.of("place").and_then(|node| reader.string(node, "a place as the report prints it"));
    let reason = fields.of("reason").and_then(|node| reader.string(node, "a reason"));
    let owner = fields.of("owner").and_then(|node| reader.string(node, "a person or a team"));
    Some(Waiver {
        check: check?,
        target: Some(target?),
        place,
        reason: reason?,
        owner: owner?,
        until: until?,
        covers,
        line: Some(node.span.line),
    })
}

/// The id of a check that exists.
pub(super) fn known_check(reader: &mut Reader<'_>, node: &Node, own: &[String]) -> Option<String> {
    let text = reader.text(node, "the id of a check")?;
    let known = || ALL.iter().map(|module| module.about.id).chain(own.iter().map(String::as_str));
    if known().any(|id| id == text) {
        return Some(text.to_owned());
    }
    let right = match nearest(text, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`watertight checks` lists them".into(),
    };
    reader.fault(node.span, format!("there is no check `{text}`"), right);
    None
}

/// The name of a target that the policy has.
pub(super) fn known_target(reader: &mut Reader<'_>, node: &Node, targets: &[String]) -> Option<String> {
    let text = reader.text(node, "the name of a target")?;
    if targets.iter().any(|target| target == text) {
        return Some(text.to_owned());
    }
    let right = match targets {
        [] => "the policy has no targets".to_owned(),
        targets => format!("the policy has {}", targets.join(", ")),
    };
    reader.fault(node.span, format!("there is no target `{text}`"), right);
    None
}
