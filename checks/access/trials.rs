//! What is sent to see whether inputs are validated: invalid requests, each beside a valid sibling where one is safe.

mod choice;
mod parameters;
#[cfg(test)]
mod tests;
mod tools;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::detect::schema::{self, Constraint};
use crate::evidence::api::{self, Operation};
use crate::evidence::http::{Body, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::{Target, Writes};
use choice::{Bounds, Pool, choose};
pub(super) use tools::{CALLS, Call, Tools, tools};

/// The trial of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    /// `POST /api/items`.
    pub(super) name: String,
    pub(super) path: String,
    pub(super) invalid: Vec<Invalid>,
    /// Bodies that no reader of JSON takes.
    pub(super) hostile: Vec<Invalid>,
    /// The request that must be admitted, or refusals prove nothing; `None` where sending it could write.
    pub(super) valid: Option<Request>,
    /// Constraints of its inputs that could be broken.
    pub(super) constraints: usize,
    /// Its inputs, and how many of them are broken.
    pub(super) inputs: usize,
    pub(super) broken: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Invalid {
    /// ``the body's `title` of the wrong type``.
    pub(super) what: String,
    /// The input that is broken, as the service would name it; empty for the whole body.
    pub(super) subject: String,
    pub(super) place: Place,
    /// `None` where it is no constraint of a schema that is broken.
    pub(super) breaks: Option<Constraint>,
    pub(super) request: Request,
}

/// Where an input stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    Body,
    Path,
    Query,
    Header,
    Cookie,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "body",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        })
    }
}

/// A kind of constraint: what one validator may check and another not.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Kind {
    place: Place,
    breaks: Option<Constraint>,
    /// Within an object or list of the body: a validator may stop above it.
    inner: bool,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.breaks.map_or("no JSON", Constraint::words);
        let inner = if self.inner { "an inner value" } else { "a value" };
        write!(f, "{inner} {what} in the {}", self.place)
    }
}

impl Invalid {
    fn kind(&self) -> Kind {
        let inner = self.place == Place::Body && self.subject.contains(['.', '[']);
        Kind { place: self.place, breaks: self.breaks, inner }
    }

    fn is_in_body(&self) -> bool {
        self.place == Place::Body
    }
}

impl Trial {
    /// What is sent as far as it is known: one request first, and where the service fails of it, no more of its kind.
    pub(super) fn sent(&self, seen: &Evidence) -> impl Iterator<Item = &Invalid> {
        let goes_on = match self.invalid.first().map(|first| seen.of(&first.request)) {
            Some(Err(Unseen::NotAsked)) => false,
            Some(Ok(answer)) => answer.status < 500,
            Some(Err(_)) | None => true,
        };
        let most = if goes_on { usize::MAX } else { 1 };
        let hostile = if goes_on { usize::MAX } else { 0 };
        self.invalid.iter().take(most).chain(self.hostile.iter().take(hostile))
    }
}

/// How much is sent, as the knobs say.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) cases: usize,
    pub(super) parser_cases: usize,
    pub(super) requests: usize,
}

/// Invalid requests for the body of an operation at most, and as many for its parameters.
pub(super) const MOST: usize = 16;
/// Requests in all up to which an audit sends more than it must: so many are no burden to anyone.
const FEW: usize = 16;

/// What is sent to these operations, and the kinds of constraint that are broken nowhere.
pub(super) fn trials(target: &Target, operations: &[Operation], extent: Extent) -> (Vec<Trial>, Vec<Kind>) {
    let all: Vec<Vec<Invalid>> = operations.iter().map(|operation| cases(target, operation)).collect();
    let valid: Vec<Option<Request>> = operations.iter().map(|operation| valid(target, operation)).collect();
    let pools: Vec<Pool<'_>> = operations
        .iter()
        .zip(&all)
        .zip(&valid)
        .map(|((operation, cases), valid)| Pool {
            description: kind(operation),
            cases,
            // Without a valid sibling two refusals must tell two inputs apart.
            least: if valid.is_some() { 1 } else { 2 },
        })
        .collect();
    let bounds = Bounds { least: extent.cases, most: MOST.max(extent.cases), budget: extent.requests, fill: FEW };
    let chosen = choose(&pools, bounds);
    let kinds = |cases: &mut dyn Iterator<Item = &Invalid>| cases.map(Invalid::kind).collect::<BTreeSet<Kind>>();
    let mut trials = Vec::new();
    let mut tried = BTreeSet::new();
    // One stands for the parser of them all.
    let mut parser = operations.iter().find(|one| one.body.is_some() && api::has_body(&one.method));
    for (((operation, all), chosen), valid) in operations.iter().zip(&all).zip(chosen).zip(&valid) {
        let invalid: Vec<Invalid> = chosen.into_iter().filter_map(|at| all.get(at).cloned()).collect();
        tried.extend(kinds(&mut invalid.iter()));
        let subjects = |cases: &[Invalid]| {
            let named = cases.iter().filter(|case| !case.subject.is_empty());
            named.map(|case| (case.place, case.subject.clone())).collect::<BTreeSet<_>>().len()
        };
        let hostile = match parser {
            Some(first) if first == operation && !invalid.is_empty() => {
                parser = None;
                hostile(target, operation).into_iter().take(extent.parser_cases).collect()
            }
            Some(_) | None => Vec::new(),
        };
        if invalid.is_empty() {
            continue;
        }
        trials.push(Trial {
            name: format!("{} {}", operation.method, operation.template),
            path: operation.path.clone(),
            constraints: all.len(),
            inputs: subjects(all),
            broken: subjects(&invalid),
            invalid,
            hostile,
            valid: valid.clone(),
        });
    }
    let known = kinds(&mut all.iter().flatten());
    (trials, known.difference(&tried).copied().collect())
}

/// The request at a path that no deployment has: what it gets there, a catch-all gives to anything.
pub(super) fn nowhere(request: &Request) -> Request {
    Request { path: "/watertight-no-such-path".into(), nth: 0, ..request.clone() }
}

/// Every invalid request that may be sent to the operation.
fn cases(target: &Target, operation: &Operation) -> Vec<Invalid> {
    let mut cases = Vec::new();
    if let Some(schema) = &operation.body {
        let base = base(target, operation);
        for case in schema::broken(schema, operation.example.as_ref()) {
            cases.push(Invalid {
                what: format!("a body with {case}"),
                subject: case.subject.clone(),
                place: Place::Body,
                breaks: Some(case.breaks),
                request: base.clone().json(case.instance.to_string()),
            });
        }
    }
    // An invalid parameter beside a valid body, or beside none, could still write.
    if reads(operation) || writes_allowed(target) {
        cases.extend(parameters::broken(target, operation));
    }
    cases
}

fn valid(target: &Target, operation: &Operation) -> Option<Request> {
    if reads(operation) {
        return Some(base(target, operation));
    }
    if !writes_allowed(target) {
        return None;
    }
    match (&operation.example, &operation.body) {
        (Some(example), _) => Some(base(target, operation).json(example.to_string())),
        (None, None) => Some(base(target, operation)),
        (None, Some(_)) => None,
    }
}

fn reads(operation: &Operation) -> bool {
    matches!(operation.method.as_str(), "GET" | "HEAD")
}

fn writes_allowed(target: &Target) -> bool {
    target.deployment.as_ref().is_some_and(|deployment| deployment.writes == Writes::Allow)
}

/// Bodies that no JSON reader should choke on and no operation can take, for one operation that stands for the parser.
pub(super) fn hostile(target: &Target, operation: &Operation) -> Vec<Invalid> {
    if operation.body.is_none() {
        return Vec::new();
    }
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let bodies = [
        ("malformed JSON", MALFORMED),
        ("JSON nested a thousand deep", deep.as_str()),
        // RFC 8259 section 8.1 asks for UTF-8; a lone surrogate is JSON by its grammar and no text.
        ("a lone surrogate instead of an object", "\"\\ud800\""),
    ];
    let required = [("an empty body", "")].into_iter().filter(|_| operation.body_required);
    let proven = |text: &str| {
        serde_json::from_str::<Value>(text)
            .map_or(true, |read| operation.body.as_ref().is_some_and(|schema| !schema::allows(schema, &read)))
    };
    let plain = base(target, operation);
    // The same questions as others put to the operation.
    let shared = |text: &str| plain.headers.is_empty() && text == MALFORMED;
    let malformed = api::malformed(target, &operation.method, &operation.path);
    let no_json = |what: &str, request: Request| Invalid {
        what: what.into(),
        subject: String::new(),
        place: Place::Body,
        breaks: None,
        request,
    };
    let mut hostile: Vec<Invalid> = bodies
        .into_iter()
        .chain(required)
        .filter(|(_, text)| proven(text))
        .map(|(what, text)| no_json(what, if shared(text) { malformed.clone() } else { plain.clone().json(text) }))
        .collect();
    // Neither the type that is described nor JSON.
    if operation.body_required && plain.headers.is_empty() && operation.media.iter().all(|media| is_json(media)) {
        let text = Body { content_type: "text/plain".into(), text: "watertight".into() };
        hostile
            .insert(1.min(hostile.len()), no_json("a body of text/plain", Request { body: Some(text), ..malformed }));
    }
    hostile
}

const MALFORMED: &str = "{\"watertight\": [tru";

fn is_json(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim();
    media == "application/json" || media.ends_with("+json")
}

/// What operations whose inputs are described alike have in common.
fn kind(operation: &Operation) -> String {
    let parameters: Vec<_> =
        operation.parameters.iter().map(|one| (&one.place, &one.name, one.required, one.schema.to_string())).collect();
    format!("{} {parameters:?} {:?}", operation.method, operation.body.as_ref().map(Value::to_string))
}

/// Whether the operation has constrained inputs that are not sent because they could write.
pub(super) fn withheld(target: &Target, operation: &Operation) -> bool {
    !reads(operation)
        && !writes_allowed(target)
        && operation.body.is_none()
        && !parameters::broken(target, operation).is_empty()
}

/// Why no case can be made of the operation's body, where it has one.
pub(super) fn unbreakable(target: &Target, operation: &Operation) -> Option<String> {
    let name = format!("{} {}", operation.method, bounded(&operation.template));
    if operation.body.is_none() && !operation.media.is_empty() {
        return Some(format!("the body of {name} is {}, which is not tried", bounded(&operation.media.join(", "))));
    }
    let schema = operation.body.as_ref()?;
    let Some(example) = &operation.example else {
        return Some(format!(
            "no valid body could be made for {name}, so that none of its inputs was broken: give an `example`"
        ));
    };
    let unmade = schema::unmade(schema, example);
    if !unmade.is_empty() {
        let named = bounded(&unmade.join(", "));
        return Some(format!(
            "no valid value could be made for {named} of {name}, so that nothing in it was broken: give an `example`"
        ));
    }
    let untried = schema::untried(schema);
    if !untried.is_empty() {
        let named = untried.into_iter().collect::<Vec<_>>().join(", ");
        return Some(format!("the body of {name} is bound by {named}, which no request breaks"));
    }
    if operation.media.len() > 1 {
        return Some(format!(
            "the body of {name} may be {}, of which JSON alone is tried",
            bounded(&operation.media.join(", "))
        ));
    }
    let free = schema::broken(schema, operation.example.as_ref()).is_empty() && cases(target, operation).is_empty();
    free.then(|| format!("the description of {name} allows any body, so that none is invalid"))
}

/// The request with the parameters that must be there.
fn base(target: &Target, operation: &Operation) -> Request {
    let usual = Request::new(operation.method.clone(), operation.path.clone()).with(api::admitted(target));
    parameters::with(target, operation, &|parameter| parameters::usual(parameter)).unwrap_or(usual)
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().take(80).collect()
}
