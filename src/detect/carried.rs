//! Which values of an answer stand in a refusal: the handler ran on after the refusal was written (CWE-698).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::evidence::http::{Exchange, Request};

/// Values of one answer that are looked for at most.
const VALUES: usize = 400;
/// A text of fewer letters may stand in two answers by chance; it counts with its name alone.
const TELLING: usize = 8;

/// Bytes of a body that are kept as text (`BodySeen::text`).
const LOOKED_AT: u64 = 16 * 1024;

/// What of a served answer a refusal carries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carried {
    /// How many values of the served answer tell it from others.
    pub known: usize,
    /// Those that stand in the refusal, without blanks.
    pub found: BTreeSet<String>,
    /// Whether a part of the refusal's body was not looked at.
    pub cut: bool,
}

impl Carried {
    /// The values of `served` that stand in the body or a header of `refusal` and that the request did not name itself.
    pub fn of(served: &Exchange, refusal: &Exchange, request: &Request) -> Self {
        let asked = compact(&format!(
            "{} {} {}",
            request.path,
            request.headers.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "),
            request.body.as_ref().map_or("", |body| body.text.as_str())
        ));
        let path = compact(request.path.split(['?', '#']).next().unwrap_or_default());
        let mut values = values(&served.body.text);
        values.retain(|value| !asked.contains(value.as_str()) && (path.len() < 2 || !value.contains(&path)));
        let held = text_of(refusal);
        Self {
            known: values.len(),
            found: values.into_iter().filter(|value| stands_in(&held, value)).collect(),
            // Masks and replaced letters change the length of a text a little: only the bound tells.
            cut: !refusal.body.complete || refusal.body.length > LOOKED_AT,
        }
    }

    /// Without what another refusal says as well: that is the guard's own wording.
    #[must_use]
    pub fn beside(mut self, other: &Exchange) -> Self {
        let held = text_of(other);
        self.found.retain(|value| !stands_in(&held, value));
        self
    }

    pub fn is_nothing(&self) -> bool {
        self.found.is_empty() && !self.cut
    }
}

/// Values that tell an answer from others: long texts, numbers and short texts with their names; of what is no JSON, the texts
/// between tags and line ends.
fn values(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        gather(&json, None, &mut found);
    } else {
        let pieces = text.split(['<', '>', '\n']).map(compact);
        found.extend(pieces.filter(|piece| piece.chars().count() >= TELLING).take(VALUES));
    }
    found
}

fn gather(value: &Value, name: Option<&str>, found: &mut BTreeSet<String>) {
    if found.len() >= VALUES {
        return;
    }
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| gather(field, Some(name), found)),
        Value::Array(items) => items.iter().for_each(|item| gather(item, name, found)),
        Value::String(text) => {
            let inner = compact(&Value::from(text.as_str()).to_string());
            let inner = inner.trim_matches('"');
            match name {
                Some(_) | None if inner.chars().count() >= TELLING => drop(found.insert(inner.to_owned())),
                Some(name) if !inner.is_empty() => drop(found.insert(compact(&format!("\"{name}\":\"{inner}\"")))),
                Some(_) | None => {}
            }
        }
        // Zero stands in any envelope.
        Value::Number(number) => {
            if let Some(name) = name.filter(|_| number.as_f64() != Some(0.0)) {
                found.insert(compact(&format!("\"{name}\":{number}")));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether the value stands there, and not as the beginning of a longer number.
fn stands_in(held: &str, value: &str) -> bool {
    let is_number = value.contains("\":") && value.ends_with(|letter: char| letter.is_ascii_digit());
    held.match_indices(value).any(|(at, _)| {
        let next = held.get(at + value.len()..).and_then(|rest| rest.chars().next());
        !is_number || !next.is_some_and(|next| next.is_ascii_digit() || next == '.')
    })
}

fn text_of(exchange: &Exchange) -> String {
    let headers = exchange.headers.iter().map(|(_, value)| compact(value));
    std::iter::once(compact(&exchange.body.text)).chain(headers).collect::<Vec<_>>().join("\n")
}

/// JSON within JSON, and JSON that is laid out in another way, reads alike without blanks and escapes.
fn compact(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && *letter != '\\').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::http::BodySeen;

    const ITEMS: &str = r#"{"items": [{"id": 1, "name": "anvil", "note": "forged by hand"}]}"#;

    fn exchange(headers: &[(&str, &str)], text: &str) -> Exchange {
        Exchange {
            status: 401,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: BodySeen { length: text.len() as u64, complete: true, text: text.into(), sha256: text.into() },
            address: String::new(),
            at: 0,
            took: 0,
        }
    }

    fn carried(refusal: &Exchange) -> Carried {
        Carried::of(&exchange(&[], ITEMS), refusal, &Request::get("/api/items"))
    }

    #[test]
    fn values_are_found_in_other_bodies_in_texts_and_in_headers() {
        let error = r#"{"error":"unauthorized"}"#;
        let wrapped = format!(r#"{{"error":"unauthorized","debug":{}}}"#, Value::from(ITEMS));
        for refusal in [
            exchange(&[], &format!("{error}{ITEMS}")),
            exchange(&[], &wrapped),
            exchange(&[("x-result", ITEMS)], error),
        ] {
            assert_eq!(carried(&refusal).found.len(), 3, "{refusal:?}");
        }
        assert!(carried(&exchange(&[], error)).is_nothing());
        assert!(carried(&exchange(&[], r#"{"error":"unauthorized","id":17}"#)).is_nothing(), "1 is not 17");
    }

    #[test]
    fn what_the_request_named_and_what_any_refusal_says_do_not_count() {
        let served = exchange(&[], r#"{"self":"https://a.example/api/items","docs":"https://docs.example/"}"#);
        let refusal = exchange(&[], r#"{"instance":"https://a.example/api/items","docs":"https://docs.example/"}"#);
        let carried = Carried::of(&served, &refusal, &Request::get("/api/items"));
        assert_eq!(carried.found.iter().collect::<Vec<_>>(), ["https://docs.example/"]);
        assert!(carried.beside(&exchange(&[], r#"{"docs":"https://docs.example/"}"#)).is_nothing());
    }

    #[test]
    fn a_page_is_told_by_its_texts_and_a_cut_refusal_is_said_to_be_cut() {
        let page = exchange(&[], "<html><h1>Orders of today</h1><p>Anvil for Mr Coyote</p></html>");
        let refusal = exchange(&[], "<html><h1>Log in</h1></html><p>Anvil for Mr Coyote</p>");
        assert_eq!(Carried::of(&page, &refusal, &Request::get("/")).found.len(), 1);
        let mut cut = exchange(&[], "x");
        cut.body.length = 300_000;
        assert!(carried(&cut).cut);
    }
}
