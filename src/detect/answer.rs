//! What an HTTP answer says about being let in, and whether two answers are of one kind.

use serde_json::Value;

use crate::detect::refusal::{Answered, answered, is_cached, says_limited};
use crate::evidence::Unseen;
use crate::evidence::http::Exchange;

/// What the answer to a request with some credential says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Says {
    /// 2xx.
    Served,
    /// 401 or 403 by the service itself.
    Denied,
    /// 404, 405 or 410: nothing is there, or it is not shown.
    Hidden,
    /// Another 4xx: read, and refused for what it says.
    Rejected,
    /// 3xx.
    Elsewhere,
    /// 5xx, or no HTTP status at all.
    Broken,
    /// A limiter, a load shedder, a cache or a WAF answered: nothing about the service.
    Nothing(Unseen),
}

impl Says {
    pub fn of(exchange: &Exchange) -> Self {
        if let Some(unseen) = by_another(exchange) {
            return Self::Nothing(unseen);
        }
        match exchange.status {
            200..=299 => Self::Served,
            300..=399 => Self::Elsewhere,
            401 | 403 => Self::Denied,
            404 | 405 | 410 => Self::Hidden,
            400..=499 => Self::Rejected,
            _ => Self::Broken,
        }
    }
}

/// Why the answer is not the service's own, where it is not.
fn by_another(exchange: &Exchange) -> Option<Unseen> {
    let status = exchange.status;
    let limited = |who: &str| Some(Unseen::Limited(format!("answered by {who} ({status})")));
    match answered(exchange) {
        Answered::Limiter => limited("the limiter"),
        Answered::Firewall => limited("a web application firewall"),
        Answered::Shedder => limited("a gateway"),
        // What a cache serves without a credential is served; what it denies says nothing of the service behind it.
        Answered::Service if !exchange.is_success() && is_cached(exchange) => limited("a cache"),
        Answered::Service => None,
    }
}

/// Whether two answers carry the same kind of body: equal, or JSON of the same shape, or pages of one title and about one
/// length. Values may differ; what is volatile differs in values, not in shape.
pub fn alike(one: &Exchange, other: &Exchange) -> bool {
    let (one_body, other_body) = (&one.body, &other.body);
    if one_body.length == 0 || other_body.length == 0 {
        return one_body.length == other_body.length && one.status == other.status;
    }
    if one_body.sha256 == other_body.sha256 {
        return true;
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (json(&one_body.text), json(&other_body.text)) {
        (Some(one), Some(other)) => same_shape(&one, &other),
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => {
            let kind = |exchange: &Exchange| {
                let value = exchange.header("content-type").unwrap_or_default();
                value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
            };
            kind(one) == kind(other)
                && title(&one_body.text) == title(&other_body.text)
                && one_body.text.chars().take(16).eq(other_body.text.chars().take(16))
                // Volatile parts (a date, a nonce) make a page a little longer or shorter.
                && one_body.length.abs_diff(other_body.length) * 10 <= one_body.length.max(other_body.length)
        }
    }
}

/// Whether two answers carry the same content, whatever their status: the same bytes, or JSON of one shape in which most
/// values are equal. Two error envelopes of one shape are not enough.
pub fn same_content(one: &Exchange, other: &Exchange) -> bool {
    if one.body.length == 0 || other.body.length == 0 {
        return false;
    }
    if one.body.sha256 == other.body.sha256 {
        return true;
    }
    let json = |exchange: &Exchange| serde_json::from_str::<Value>(&exchange.body.text).ok();
    let (Some(one), Some(other)) = (json(one), json(other)) else { return false };
    if !same_shape(&one, &other) {
        return false;
    }
    let (mut one_leaves, mut other_leaves) = (Vec::new(), Vec::new());
    leaves(&one, &mut one_leaves);
    leaves(&other, &mut other_leaves);
    let equal = one_leaves.iter().zip(&other_leaves).filter(|(one, other)| one == other).count();
    // One volatile value in a few (a time, a number of the request) leaves the content the same.
    one_leaves.len() == other_leaves.len() && one_leaves.len() >= 3 && equal * 3 >= one_leaves.len() * 2
}

fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(value),
    }
}

/// Whether a refusal carries what the control was served: the same body; or the same shape with mostly the same values, or
/// with values that change and no word of a limit.
pub fn gives_away(control: &Exchange, refusal: &Exchange) -> bool {
    /// Below this, bodies like `{}` and `{"ok":true}` are alike by chance.
    const LEAST: usize = 12;
    let (served, refused) = (control.body.text.trim(), refusal.body.text.trim());
    if served.len() < LEAST || refused.len() < LEAST {
        return false;
    }
    if served == refused {
        return true;
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (Some(one), Some(other)) = (json(served), json(refused)) else { return false };
    if !same_shape(&one, &other) {
        return false;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    leaves(&one, &mut ours);
    leaves(&other, &mut theirs);
    let kept = ours.iter().filter(|leaf| theirs.contains(leaf)).count();
    ours.len() >= 2 && (kept * 2 >= ours.len() || !says_limited(refused) && ours.len() >= 4)
}

fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    rest.split_once("</title>").map(|(title, _)| title)
}

fn same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|there| same_shape(value, there)))
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => same_shape(one, other),
            // An empty list is a list of anything.
            (None, _) | (_, None) => true,
        },
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, _)
        | (_, Value::Null) => true,
        (
            Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_),
            Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_),
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::http::BodySeen;

    fn exchange(status: u16, headers: &[(&str, &str)], text: &str) -> Exchange {
        Exchange {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: BodySeen { length: text.len() as u64, complete: true, text: text.into(), sha256: text.into() },
            address: String::new(),
            at: 0,
            took: 0,
        }
    }

    #[test]
    fn statuses_say_what_they_mean() {
        for (status, says) in [
            (204, Says::Served),
            (302, Says::Elsewhere),
            (401, Says::Denied),
            (403, Says::Denied),
            (404, Says::Hidden),
            (422, Says::Rejected),
            (500, Says::Broken),
        ] {
            assert_eq!(Says::of(&exchange(status, &[], "")), says, "{status}");
        }
    }

    #[test]
    fn limiters_caches_and_firewalls_say_nothing() {
        for answer in [
            exchange(429, &[], ""),
            exchange(503, &[], ""),
            exchange(401, &[("age", "12")], ""),
            exchange(403, &[("x-cache", "HIT from edge")], ""),
            exchange(403, &[], "<title>Attention Required! | Cloudflare</title>"),
        ] {
            assert!(matches!(Says::of(&answer), Says::Nothing(Unseen::Limited(_))), "{answer:?}");
        }
        assert_eq!(Says::of(&exchange(401, &[("age", "0"), ("x-cache", "MISS")], "")), Says::Denied);
        assert_eq!(Says::of(&exchange(200, &[("x-cache", "HIT")], "")), Says::Served);
    }

    #[test]
    fn the_same_content_under_another_status_is_told_from_an_error_of_the_same_shape() {
        let data = r#"{"id":1,"name":"first","count":3}"#;
        assert!(same_content(&exchange(401, &[], data), &exchange(200, &[], data)));
        let fresh = r#"{"id":1,"name":"first","count":4}"#;
        assert!(same_content(&exchange(302, &[], fresh), &exchange(200, &[], data)));
        let error = r#"{"status":"error","message":"unauthorized","data":null}"#;
        let fine = r#"{"status":"ok","message":"welcome","data":null}"#;
        assert!(!same_content(&exchange(401, &[], error), &exchange(200, &[], fine)));
        assert!(!same_content(&exchange(401, &[], ""), &exchange(200, &[], "")));
    }

    #[test]
    fn bodies_of_one_kind_are_alike_whatever_their_values() {
        let ok = |text| exchange(200, &[("content-type", "application/json")], text);
        assert!(alike(&ok(r#"{"items":[{"id":1}],"at":"a"}"#), &ok(r#"{"items":[],"at":"b"}"#)));
        assert!(!alike(&ok(r#"{"items":[{"id":1}]}"#), &ok(r#"{"error":"unauthorized"}"#)));
        assert!(!alike(&ok("[1]"), &ok(r#"["a"]"#)));
        assert!(!alike(&ok("[1]"), &ok("")));
        let page = |text| exchange(200, &[("content-type", "text/html; charset=utf-8")], text);
        assert!(alike(&page("<html><title>App</title>1"), &page("<html><title>App</title>2")));
        assert!(!alike(&page("<html><title>App</title>1"), &page("<html><title>Log in</title>2")));
    }
}
