//! security.txt says whom to tell, where, and until when (RFC 9116).

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

use super::{PUBLIC_TRACKER, Side};
use crate::check::{Finding, Place, Verdict};
use crate::evidence::http::{Exchange, Request};
use crate::evidence::{Evidence, Unseen};
use crate::target::Target;

pub(super) fn security_txt() -> Request {
    Request::get("/.well-known/security.txt")
}

pub(super) fn on_deployment(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Side {
    let url = security_txt().url(target);
    let exchange = match evidence.of(&security_txt()) {
        Ok(exchange) => exchange,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return Side::Unseen;
        }
    };
    if matches!(exchange.status, 401 | 403) {
        verdict
            .notes(format!("{url} is not public: whoever finds a vulnerability cannot read it ({})", exchange.status));
        return Side::Missing;
    }
    if matches!(exchange.status, 404 | 405 | 410) || (exchange.is_success() && !is_security_txt(exchange)) {
        return Side::Missing;
    }
    if !exchange.is_success() {
        verdict.not_seen(Unseen::NotComparable(format!("{url} answers {}", exchange.status)));
        return Side::Unseen;
    }
    let unsigned = unsigned(&exchange.body.text);
    let fields = fields(&unsigned);
    let of = |name: &str| fields.iter().filter(|(known, _)| known == name).map(|(_, value)| *value).collect::<Vec<_>>();
    let contacts = of("contact");
    let usable = |contact: &&&str| !PUBLIC_TRACKER.is_match(contact) && is_contact(contact);
    let private = contacts.iter().filter(usable).count();
    let mut sound = true;
    // RFC 9116 section 2.5.2: a file that names where it belongs and is found elsewhere may be somebody else's.
    let canonical = of("canonical");
    if !canonical.is_empty() && !canonical.iter().any(|place| same_place(place, &url)) {
        sound = false;
        let what = "its Canonical fields name other places, and not this one (RFC 9116 section 2.5.2)";
        verdict.finds(Finding::new(what, Place::url(url.clone())).aspect("canonical"));
    }
    match unsigned {
        Cow::Borrowed(_) => verdict.notes("security.txt is not signed (RFC 9116 section 2.3 recommends it)"),
        Cow::Owned(_) => verdict.notes("security.txt carries an OpenPGP signature, which was not verified"),
    }
    if private == 0 {
        sound = false;
        let what = if contacts.is_empty() {
            "no Contact field (RFC 9116 section 2.5.3)"
        } else if contacts.iter().all(|contact| !is_contact(contact)) {
            "no Contact field is a mailto:, https: or tel: address (RFC 9116 section 2.5.3)"
        } else {
            "the only contact is a public issue tracker"
        };
        verdict.finds(Finding::new(what, Place::url(url.clone())).aspect("contact"));
    }
    match of("expires").as_slice() {
        [expires] => match DateTime::parse_from_rfc3339(expires) {
            Ok(expires) if expires <= evidence.taken_at => {
                sound = false;
                verdict.finds(
                    Finding::new(format!("expired on {}", expires.date_naive()), Place::url(url.clone()))
                        .aspect("expires"),
                );
            }
            Ok(expires) => note_lifetime(expires.to_utc(), evidence.taken_at, verdict),
            Err(_) => {
                sound = false;
                verdict.finds(
                    Finding::new("the Expires field is not a date (RFC 3339)", Place::url(url.clone()))
                        .aspect("expires"),
                );
            }
        },
        [] => {
            sound = false;
            verdict.finds(
                Finding::new("no Expires field (RFC 9116 section 2.5.5)", Place::url(url.clone())).aspect("expires"),
            );
        }
        [_, _, ..] => {
            sound = false;
            verdict.finds(
                Finding::new("more than one Expires field (RFC 9116 section 2.5.5)", Place::url(url.clone()))
                    .aspect("expires"),
            );
        }
    }
    if sound {
        verdict.holds(format!("{url} names {private} contact(s) and has not expired"));
    }
    Side::Found
}

/// RFC 9116 section 2.5.5 recommends less than a year.
fn note_lifetime(expires: DateTime<Utc>, now: DateTime<Utc>, verdict: &mut Verdict) {
    if expires - now > TimeDelta::days(366) {
        verdict.notes(format!("security.txt is valid until {}, which is more than a year", expires.date_naive()));
    }
}

/// The text inside an OpenPGP cleartext signature, dashes unescaped (RFC 9580 section 7); the text itself where there is
/// none.
fn unsigned(text: &str) -> Cow<'_, str> {
    let Some((_, signed)) = text.split_once("-----BEGIN PGP SIGNED MESSAGE-----") else { return Cow::Borrowed(text) };
    let body = signed.split("-----BEGIN PGP SIGNATURE-----").next().unwrap_or_default();
    // The armour's headers (`Hash: SHA512`) end with the first empty line.
    let lines = body.lines().skip(1).skip_while(|line| !line.trim().is_empty());
    Cow::Owned(lines.map(|line| line.strip_prefix("- ").unwrap_or(line)).collect::<Vec<_>>().join("\n"))
}

/// RFC 9116 section 2.5.3: a URI, and on the web one by HTTPS.
fn is_contact(contact: &str) -> bool {
    let lower = contact.to_ascii_lowercase();
    ["mailto:", "https://", "tel:"].iter().any(|scheme| lower.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

fn same_place(canonical: &str, url: &str) -> bool {
    match (url::Url::parse(canonical), url::Url::parse(url)) {
        (Ok(canonical), Ok(url)) => canonical == url,
        (Err(_), _) | (_, Err(_)) => canonical == url,
    }
}

/// A web application answers 200 with its own page to every path; that is no security.txt.
fn is_security_txt(exchange: &Exchange) -> bool {
    let kind = exchange.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let page = exchange.body.text.trim_start().starts_with(['<', '{', '[']);
    !page && (kind.is_empty() || kind.starts_with("text/plain") || !fields(&unsigned(&exchange.body.text)).is_empty())
}

/// `Name: value`, names in lower case; comments and the signature's frame left out.
fn fields(text: &str) -> Vec<(String, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .filter(|(name, value)| {
            matches!(name.as_str(), "contact" | "expires" | "policy" | "canonical") && !value.is_empty()
        })
        .collect()
}
