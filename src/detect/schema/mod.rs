//! From a JSON Schema: one valid instance, and instances that break exactly one constraint, each proven by a validator
//! after serialisation.

mod inside;
mod made;
mod pattern;
mod request;
mod resolve;
#[cfg(test)]
mod tests;
mod untried;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

pub use inside::unmade;
pub use made::sample;
pub use request::{in_requests, sent};
pub use resolve::resolved;
pub use untried::untried;

/// One deliberately invalid instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub breaks: Constraint,
    /// The property that is broken; empty for the instance itself.
    pub subject: String,
    pub instance: Value,
}

/// Which kind of constraint is broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Constraint {
    Type,
    Required,
    Range,
    Length,
    Pattern,
    Choice,
    /// Below the lower bound, where there is an upper one, too.
    Under,
    /// Shorter than allowed, where there is a greatest length, too.
    Short,
    /// A fraction where an integer is asked for.
    Fraction,
    /// An item of a list.
    Item,
    /// The number of items of a list.
    Count,
    /// A number between the steps that are allowed.
    Step,
    /// An item of a list twice, where each must be another.
    Unique,
    /// A property that is not declared, where none may be added.
    Extra,
}

impl Constraint {
    /// As it is said of the input that breaks it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Type => "of the wrong type",
            Self::Required => "missing",
            Self::Range => "out of range",
            Self::Length => "of the wrong length",
            Self::Pattern => "against its pattern",
            Self::Choice => "not among the allowed values",
            Self::Under => "below its least value",
            Self::Short => "too short",
            Self::Fraction => "with a fraction",
            Self::Item => "with an item of the wrong type",
            Self::Count => "of the wrong number of items",
            Self::Step => "off its steps",
            Self::Unique => "with an item twice",
            Self::Extra => "added, which is not declared",
        }
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = self.breaks.words();
        match self.subject.as_str() {
            "" => write!(f, "the whole body {what}"),
            subject => write!(f, "`{subject}` {what}"),
        }
    }
}

/// How deep schemas are followed.
const DEPTH: usize = 24;
/// The longest text that is made up to break or keep a length.
const LONGEST: u64 = 4_096;
/// Cases of one schema at most: a description is untrusted.
const CASES: usize = 400;

/// The validator that proves; patterns run in linear time, formats count only where asked.
fn validator(schema: &Value, formats: bool) -> Option<Validator> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(formats)
        .build(schema)
        .ok()
}

/// Whether the (resolved) schema allows the instance; false too where the schema itself is wrong.
pub fn allows(schema: &Value, instance: &Value) -> bool {
    validator(schema, false).is_some_and(|validator| validator.is_valid(instance))
}

/// Instances that each break one constraint of the (resolved) schema, proven invalid after serialisation; the most
/// telling first, on as many different properties as there are.
pub fn broken(schema: &Value, valid: Option<&Value>) -> Vec<Case> {
    let Some(proof) = validator(schema, false) else { return Vec::new() };
    let mut cases = valid.map(|valid| inside::inside(schema, valid, 0)).unwrap_or_default();
    for (breaks, instance) in wrong::values(schema) {
        cases.push(Case { breaks, subject: String::new(), instance });
    }
    let mut alike = BTreeSet::new();
    cases.retain(|case| {
        !alike.contains(&(case.subject.clone(), case.breaks))
            && !proof.is_valid(&reread(&case.instance))
            && alike.insert((case.subject.clone(), case.breaks))
    });
    cases.truncate(CASES);
    spread(cases)
}

/// What is sent is what was serialised.
fn reread(instance: &Value) -> Value {
    serde_json::from_str(&instance.to_string()).unwrap_or(Value::Null)
}

/// One case of each property in turn, a different constraint first each time; the instance itself last.
fn spread(cases: Vec<Case>) -> Vec<Case> {
    const ORDER: [Constraint; 14] = [
        Constraint::Type,
        Constraint::Required,
        Constraint::Choice,
        Constraint::Range,
        Constraint::Pattern,
        Constraint::Length,
        Constraint::Extra,
        Constraint::Item,
        Constraint::Count,
        Constraint::Under,
        Constraint::Short,
        Constraint::Fraction,
        Constraint::Step,
        Constraint::Unique,
    ];
    let mut left = cases;
    let mut ordered: Vec<Case> = Vec::with_capacity(left.len());
    let (mut subjects, mut breaks) = (BTreeMap::<String, usize>::new(), BTreeMap::<Constraint, usize>::new());
    while !left.is_empty() {
        let rank = |case: &Case| {
            let seen = subjects.get(&case.subject).copied().unwrap_or_default();
            let alike = breaks.get(&case.breaks).copied().unwrap_or_default();
            let kind = ORDER.iter().position(|kind| *kind == case.breaks);
            (case.subject.is_empty(), seen, alike, kind)
        };
        let Some((best, _)) = left.iter().enumerate().min_by_key(|(_, case)| rank(case)) else { break };
        let case = left.remove(best);
        *subjects.entry(case.subject.clone()).or_default() += 1;
        *breaks.entry(case.breaks).or_default() += 1;
        ordered.push(case);
    }
    ordered
}
