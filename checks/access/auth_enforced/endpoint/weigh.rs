//! What an answer without the right credential weighs beside the one that the valid token gets.

use url::Url;

use super::requests::{made_up, valid};
use crate::check::Severity;
use crate::detect::answer::{Says, alike, same_content};
use crate::detect::carried::Carried;
use crate::evidence::http::{Exchange, Request};
use crate::evidence::{Evidence, Unseen};

/// What an answer to somebody who should be denied is.
pub(super) enum Weight {
    Open {
        like_control: Option<bool>,
    },
    Denied {
        note: Option<String>,
    },
    /// Not let in as such, and yet a fault.
    Told {
        what: String,
        severity: Severity,
    },
    Unclear(Unseen),
}

pub(super) fn weigh(
    exchange: &Exchange,
    control: Option<&Result<&Exchange, Unseen>>,
    request: &Request,
    evidence: &Evidence,
) -> Weight {
    let control = match control {
        Some(Ok(control)) => Some(*control),
        Some(Err(_)) | None => None,
    };
    let control_says = control.map(Says::of);
    let served = control_says == Some(Says::Served);
    let unclear = |why: String| Weight::Unclear(Unseen::NotComparable(why));
    let says = Says::of(exchange);
    if let Some(control) = control.filter(|_| served)
        && matches!(says, Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken)
        && same_content(exchange, control)
    {
        // The handler ran on after the refusal was written (CWE-698).
        let what = ", and yet with the content that the valid token gets".into();
        return Weight::Told { what, severity: Severity::Critical };
    }
    if let Some(control) = control.filter(|_| served && is_refusal(exchange))
        && let Some(weight) = carrying(exchange, control, request, evidence)
    {
        return weight;
    }
    match says {
        Says::Nothing(unseen) => Weight::Unclear(unseen),
        Says::Served => match evidence.of(&made_up(evidence, request)) {
            Err(unseen) => Weight::Unclear(unseen),
            Ok(other)
                if Says::of(other) == Says::Served
                    && alike(exchange, other)
                    && !(served && told_apart(evidence, request, exchange, control)) =>
            {
                unclear("a made-up path gets the same answer: the server answers everything alike".into())
            }
            Ok(_) => Weight::Open { like_control: control.filter(|_| served).map(|control| alike(exchange, control)) },
        },
        Says::Denied => Weight::Denied {
            // RFC 9110 section 15.5.2: a 401 must carry a challenge.
            note: (exchange.status == 401 && exchange.header("www-authenticate").is_none())
                .then(|| "401 without WWW-Authenticate".into()),
        },
        Says::Hidden | Says::Rejected if served => Weight::Denied {
            note: Some(format!("answers {} where 401 is expected: hidden rather than denied", exchange.status)),
        },
        Says::Elsewhere if served => redirected(exchange, control, request),
        Says::Hidden | Says::Rejected | Says::Elsewhere => {
            unclear(format!("answers {} whoever asks: nothing is known of what comes before", exchange.status))
        }
        Says::Broken => unclear(format!("answers {}: neither denied nor served", exchange.status)),
    }
}

pub(super) fn is_refusal(exchange: &Exchange) -> bool {
    matches!(Says::of(exchange), Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere)
}

/// What a refusal is that carries values of the valid token's answer which the refusal of a made-up path does not have: a fault
/// where it is more than one value or all that there are; one alone may be chance, and is left open.
pub(super) fn carrying(
    exchange: &Exchange,
    control: &Exchange,
    request: &Request,
    evidence: &Evidence,
) -> Option<Weight> {
    let carried = Carried::of(control, exchange, request);
    if carried.is_nothing() {
        return None;
    }
    let other = match evidence.of(&made_up(evidence, request)) {
        Ok(other) => other,
        Err(unseen) => return Some(Weight::Unclear(unseen)),
    };
    if exchange.body.sha256 == other.body.sha256 && other.status == exchange.status && Says::of(other) != Says::Served {
        // Only a header could still tell them apart.
        let carried = Carried { cut: false, ..carried }.beside(other);
        return if carried.is_nothing() { None } else { Some(told(&carried, exchange, other)) };
    }
    let carried = carried.beside(other);
    if !carried.found.is_empty() {
        return Some(told(&carried, exchange, other));
    }
    carried.cut.then(|| {
        Weight::Unclear(Unseen::Partial(format!(
            "answers {} with {} bytes, of which only the first were looked at: whether the content is among them was not seen",
            exchange.status, exchange.body.length
        )))
    })
}

pub(super) fn told(carried: &Carried, exchange: &Exchange, other: &Exchange) -> Weight {
    let (found, known) = (carried.found.len(), carried.known);
    // The refusal of another layer shows little of what this one always says: then most of the content has to be there.
    let same_guard = Says::of(other) == Says::of(exchange);
    if found == known || (found >= 2 && (same_guard || found * 2 >= known)) {
        let what = format!(", and yet with {found} of {known} values of the content that the valid token gets");
        return Weight::Told { what, severity: Severity::Critical };
    }
    Weight::Unclear(Unseen::NotComparable(format!(
        "answers {} with {found} of {known} values of the valid token's answer: whether it gives content away is not clear",
        exchange.status
    )))
}

/// Whether those without the valid token all get one success, and its holder gets what is there: then the guard says so with the
/// wrong status, and it is not the server that answers everything alike.
pub(super) fn told_apart(
    evidence: &Evidence,
    request: &Request,
    exchange: &Exchange,
    control: Option<&Exchange>,
) -> bool {
    let nowhere = evidence.of(&valid(&made_up(evidence, request)));
    nowhere.is_ok_and(|nowhere| Says::of(nowhere) == Says::Hidden)
        && control.is_some_and(|control| !alike(exchange, control))
}

/// A redirect of somebody whom the valid token's holder is not: to a page that people log in on, which no API client can
/// follow; or to the same place in another spelling, behind which nothing was seen.
pub(super) fn redirected(exchange: &Exchange, control: Option<&Exchange>, asked: &Request) -> Weight {
    let status = exchange.status;
    let Some(location) = exchange.header("location") else {
        let why = format!("answers {status} without a Location: neither denied nor served");
        return Weight::Unclear(Unseen::NotComparable(why));
    };
    let path = |text: &str| {
        let base = Url::parse("http://relative.invalid").ok()?.join(text).ok()?;
        Some(base.path().trim_end_matches('/').to_ascii_lowercase())
    };
    if path(location).is_some() && path(location) == path(&asked.path) {
        let why = format!("answers {status} to the same path in another spelling: give that one");
        return Weight::Unclear(Unseen::NotComparable(why));
    }
    let to = bounded(location.split(['?', '#']).next().unwrap_or_default());
    let is_page = control
        .and_then(|control| control.header("content-type"))
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    if is_page {
        return Weight::Denied { note: Some(format!("a page, answers {status} (to {to}) where an API answers 401")) };
    }
    Weight::Told { what: format!(", a redirect to {to}, where an API answers 401"), severity: Severity::Medium }
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}
