//! Numbers with their units, read as the knob that they set.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::language::{Clause, pattern};
use crate::evidence::catalogue;

/// A knob with its value, and how the text was read where that is not plain.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    pub name: &'static str,
    pub value: Value,
    /// Smaller is stricter; of two sentences the stricter one holds.
    pub strictness: i64,
}

/// The knobs that one clause sets for a check; none where it names no quantity of its kind.
pub fn knobs(check: &str, clause: &Clause, original: &str) -> Vec<Knob> {
    match check {
        "rate-limit" => rate(&clause.text),
        "secret-rotation" => days(&clause.text).map(|days| period("max-age", days)).into_iter().collect(),
        "audit-schedule" => days(&clause.text).map(|days| period("max-age", days)).into_iter().collect(),
        "certificate-expiry" => days_before_expiry(&clause.text)
            .map(|days| Knob { strictness: -days, ..period("fail-under", days) })
            .into_iter()
            .collect(),
        "token-strength" => strength(&clause.text),
        "tls-version" => tls_minimum(&clause.text)
            .map(|minor| Knob { name: "minimum", value: json!(format!("1.{minor}")), strictness: -i64::from(minor) })
            .into_iter()
            .collect(),
        "https-enforced" => hsts(&clause.text).into_iter().collect(),
        "llm-ports" => extra_ports(&clause.text).into_iter().collect(),
        "gitignore" => ignored_names(original).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn period(name: &'static str, days: i64) -> Knob {
    Knob { name, value: json!(format!("{days}d")), strictness: days }
}

/// `30 requests per minute`, `100 requests/hour`, `5 req/s`, `at most 30 requests in any 15 minutes`, `30/min`.
fn rate(text: &str) -> Vec<Knob> {
    // `429 for further requests`: a status, and no number of anything.
    let is_lower = |at: usize| text.get(..at).is_some_and(|before| before.trim_end().ends_with("atleast"));
    let counts = |found: &Captures<'_>| {
        found.get(1).is_some_and(|number| number.as_str() != "429" && !is_lower(number.start()))
            && found.get(2).is_none()
    };
    let (limit, window) = match RATE.captures_iter(text).find(counts) {
        Some(found) => {
            let Some(limit) = found.get(1).and_then(|limit| limit.as_str().parse::<u32>().ok()) else {
                return Vec::new();
            };
            let rest = found.get(0).and_then(|all| text.get(all.end()..)).unwrap_or_default();
            (limit, WINDOW.captures(rest).or_else(|| WINDOW.captures(text)))
        }
        None => match SHORT_RATE.captures(text) {
            Some(found) => {
                let Some(limit) = found.get(1).and_then(|limit| limit.as_str().parse::<u32>().ok()) else {
                    return Vec::new();
                };
                let window = found.get(2).map(|unit| unit.as_str()).unwrap_or_default();
                return pair(limit, 1, window);
            }
            None => return Vec::new(),
        },
    };
    let Some(window) = window else { return Vec::new() };
    let count = window.get(1).and_then(|count| count.as_str().parse::<u64>().ok()).unwrap_or(1);
    pair(limit, count, window.get(2).map(|unit| unit.as_str()).unwrap_or_default())
}

fn pair(limit: u32, count: u64, unit: &str) -> Vec<Knob> {
    let unit = unit.trim_start_matches("rp").trim_start_matches("req/");
    let (written, seconds) = match unit.chars().next() {
        Some('s') if unit.starts_with("stunde") => (format!("{count}h"), count.saturating_mul(3600)),
        Some('s') => (format!("{count}s"), count),
        Some('m') if count == 1 => ("60s".to_owned(), 60),
        Some('m') => (format!("{count}m"), count.saturating_mul(60)),
        Some('h') => (format!("{count}h"), count.saturating_mul(3600)),
        Some('d' | 't') => (format!("{count}d"), count.saturating_mul(86_400)),
        Some(_) | None => return Vec::new(),
    };
    if limit == 0 || count == 0 {
        return Vec::new();
    }
    // Requests per day, so that limits over different windows compare.
    let rate = i64::from(limit).saturating_mul(86_400_000) / i64::try_from(seconds).unwrap_or(i64::MAX).max(1);
    vec![
        Knob { name: "limit", value: json!(limit), strictness: rate },
        Knob { name: "window", value: json!(written), strictness: rate },
    ]
}

/// The first number of the text that stands with a unit.
pub fn with_unit(text: &str) -> Option<&str> {
    WITH_UNIT.find(text).map(|found| found.as_str().trim())
}

/// A period in days: `90 days`, `every 3 months`, `quarterly`, `annually`. Of several the shortest: who rotates in time for it
/// does so for the others, too.
pub fn days(text: &str) -> Option<i64> {
    if NO_EARLIER.is_match(text) {
        return None;
    }
    let counted = counted_days(text);
    if DAYS.is_match(text) {
        return counted.into_iter().min();
    }
    PERIODS.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, days)| *days)
}

/// Every number of days, weeks, months or years; a part of a number (`1.5 months`, `-5 days`) is none.
fn counted_days(text: &str) -> Vec<i64> {
    let of = |found: Captures<'_>| {
        let number = found.get(1)?;
        if text.get(..number.start()).is_some_and(|before| before.ends_with(['.', ',', '-', '\u{2212}'])) {
            return None;
        }
        let count: i64 = number.as_str().parse().ok()?;
        let days = match found.get(2)?.as_str().chars().next()? {
            'd' | 't' => count,
            'w' => count.checked_mul(7)?,
            // Twelve months are a year; a month by itself is read as thirty days.
            'm' if count % 12 == 0 => (count / 12).checked_mul(365)?,
            'm' => count.checked_mul(30)?,
            'q' => count.checked_mul(90)?,
            'y' | 'j' => count.checked_mul(365)?,
            _ => return None,
        };
        (1..=36_500).contains(&days).then_some(days)
    };
    DAYS.captures_iter(text).filter_map(of).collect()
}

fn days_before_expiry(text: &str) -> Option<i64> {
    let found = BEFORE_EXPIRY.captures(text)?;
    let group = |one: usize| found.get(one).or_else(|| found.get(one + 2)).or_else(|| found.get(one + 4));
    let count: i64 = group(1)?.as_str().parse().ok()?;
    let days = if group(2)?.as_str().starts_with('w') { count.checked_mul(7)? } else { count };
    (1..=3650).contains(&days).then_some(days)
}

/// `at least 32 characters`, `256 bits of entropy`, `32 bytes`.
fn strength(text: &str) -> Vec<Knob> {
    // Of several the largest, which holds for the others, too; an upper bound (`at most 64 characters`) is none of them.
    let number = |pattern: &Regex| -> Option<u32> {
        let numbers = pattern.captures_iter(text).filter_map(|found| {
            let number = found.get(1)?;
            let is_upper = text.get(..number.start()).is_some_and(|before| before.trim_end().ends_with("atmost"));
            if is_upper { None } else { number.as_str().parse().ok() }
        });
        numbers.max()
    };
    let mut knobs = Vec::new();
    if let Some(characters) = number(&CHARACTERS).filter(|count| (1..=4096).contains(count)) {
        knobs.push(Knob { name: "min-length", value: json!(characters), strictness: -i64::from(characters) });
    }
    let bits = number(&BITS).or_else(|| number(&BYTES).and_then(|bytes| bytes.checked_mul(8)));
    if let Some(bits) = bits.filter(|bits| (1..=4096).contains(bits)) {
        knobs.push(Knob { name: "min-bits", value: json!(bits), strictness: -i64::from(bits) });
    }
    knobs
}

/// The oldest minor version of TLS that the clause leaves.
pub fn tls_minimum(text: &str) -> Option<u8> {
    let minor = |found: Option<regex::Match<'_>>| found.and_then(|version| version.as_str().parse::<u8>().ok());
    if let Some(found) = OR_HIGHER.captures(text) {
        return minor(found.get(1).or_else(|| found.get(2)));
    }
    if let Some(found) = OLDER_THAN.captures(text) {
        return minor(found.get(1).or_else(|| found.get(2)));
    }
    let mentioned: Vec<u8> = VERSION.captures_iter(text).filter_map(|found| minor(found.get(1))).collect();
    let ssl = SSL.is_match(text);
    if TLS_REFUSED.is_match(text) {
        return match mentioned.iter().max() {
            Some(newest) if *newest < 3 => Some(newest + 1),
            Some(_) => None,
            // SSL refused and no version of TLS named: nothing is said about TLS 1.0.
            None => ssl.then_some(0),
        };
    }
    mentioned.iter().min().copied()
}

fn hsts(text: &str) -> Option<Knob> {
    if !text.contains("hsts") && !text.contains("strict-transport-security") && !text.contains("max-age") {
        return None;
    }
    let days = match MAX_AGE.captures(text) {
        Some(found) => found.get(1)?.as_str().parse::<i64>().ok()? / 86_400,
        None => counted_days(&text.replace("for a ", "for 1 ")).into_iter().max()?,
    };
    (days > 0).then(|| Knob { strictness: -days, ..period("hsts", days) })
}

/// Ports that the catalogue does not look at by itself.
fn extra_ports(text: &str) -> Option<Knob> {
    if !text.contains("port") {
        return None;
    }
    let known = catalogue::ports();
    let mut ports: Vec<u16> = PORT
        .find_iter(text)
        .filter_map(|port| port.as_str().parse().ok())
        .filter(|port| *port >= 1024 && !known.contains(port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    (!ports.is_empty()).then(|| Knob { name: "extra-ports", value: json!(ports), strictness: 0 })
}

/// Names in code spans that must be ignored, beside those that the check asks about anyway.
fn ignored_names(original: &str) -> Option<Knob> {
    let defaults = crate::checks::ALL
        .iter()
        .find(|module| module.about.id == "gitignore")
        .map(|module| (module.knobs)())
        .and_then(|knobs| knobs.get("names").cloned())
        .and_then(|names| names.as_array().cloned())?;
    let mut names = defaults.clone();
    for name in SPAN.captures_iter(original).filter_map(|found| found.get(1)) {
        // A pattern is asked about by a name that it matches.
        let name = name.as_str().replace('*', "any");
        let is_file =
            name != ".gitignore" && !name.ends_with('/') && name.contains('.') && !name.starts_with("any.env.any");
        let value = Value::String(if name == "any.env.any" { "any.env.local".into() } else { name });
        if is_file && !names.contains(&value) {
            names.push(value);
        }
    }
    (names != defaults).then(|| Knob { name: "names", value: Value::Array(names), strictness: 0 })
}

static RATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(\d{1,9}) (?:((?:for|after|on|to|at|beyond|above|when|if|once|nach|bei|ab) )(?:\p{L}[\w-]* )?|(?:\p{L}[\w-]* ){0,2}?)(?:requests?|reqs?|calls?|queries|operations|hits|messages|anfragen|aufrufe|zugriffe)\b",
    )
});
static WINDOW: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:/|\b(?:per|a|an|each|every|in|within|over|pro|je|in any|any|innerhalb))\s?(?:(?:any|the|a|an|every|each|einer|rolling|sliding|period of) )*(\d{1,6})?[ -]?(seconds?|secs?|sekunden?|minutes?|mins?|minuten?|hours?|hrs?|stunden?|days?|tage?|s|m|h|d)\b",
    )
});
static SHORT_RATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(\d{1,9}) ?(?:/|per |requests?/|reqs?/)? ?(req/s|rps|rpm|rph|seconds?\b|secs?\b|minutes?\b|mins?\b|minuten?\b|hours?\b|stunden?\b|days?\b|s\b|h\b)",
    )
});
static DAYS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(\d{1,5})[ -]?(days?|d\b|tage?n?\b|weeks?|wochen?|months?|monate?n?\b|quarters?|years?|jahre?n?\b)")
});
/// A bound from below: what must not be done sooner is not said to be done by then.
static NO_EARLIER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(no|not) (earlier|sooner|before)\b|\bat the earliest\b|\bfrühestens\b"));
static PERIODS: LazyLock<Vec<(Regex, i64)>> = LazyLock::new(|| {
    [
        (r"\b(semi-?annual\w*|bi-?annual\w*|half-?yearly|twice (a|per) year|halbjährlich\w*|every six months)\b", 182),
        (r"\b(quarterly|(every|each|per|a|pro|jedes) quarter|quartal\w*|vierteljährlich\w*)\b", 90),
        (r"\b(bi-?monthly)\b", 60),
        (r"\b(monthly|(every|each|per|once a) month|monatlich\w*)\b", 30),
        (r"\b(weekly|(every|each|per|once a) week|wöchentlich\w*)\b", 7),
        (r"\b(daily|nightly|(every|each|per|once a) (day|night)|täglich\w*)\b", 1),
        (r"\b(annual\w*|yearly|(every|each|per|once a) year|jährlich\w*)\b", 365),
    ]
    .map(|(text, days)| (pattern(text), days))
    .into()
});
static BEFORE_EXPIRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(\d{1,4})[ -]?(days?|weeks?|tage?n?|wochen?)\b (?:[\w-]+ ){0,3}?(?:before|prior|vor|remaining|left|until)|\b(?:before|prior to|until|vor) (?:[\w-]+ )?(?:expir\w*|expiry|ablauf)\W+(\d{1,4})[ -]?(days?|weeks?|tage?n?|wochen?)\b|\bexpir\w* (?:in|within|in less than|in under) (\d{1,4})[ -]?(days?|weeks?)\b",
    )
});
static CHARACTERS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(\d{1,4})[ -]?(?:[a-z]+[ -])?(?:characters?|chars?|zeichen|symbols|hex digits)\b"));
static BITS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(\d{1,4})[ -]?bits?\b"));
static BYTES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(\d{1,4})[ -]?(?:[a-z]+ )?bytes?\b"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:tls ?v?)?v?1\.([0-3])\b"));
static SSL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bssl ?v?[23]?\b"));
static OR_HIGHER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:tls ?v?)?1\.([0-3]) ?(?:\+|\(?(?:or|and|oder|und) (?:higher|newer|later|above|better|greater|up|höher|neuer|aktueller|higher versions)|upwards|onwards|atleast)|(?:\batleast|\bminimum|\boldest)\W+(?:[\w-]+\W+){0,4}?(?:tls ?v?)?1\.([0-3])\b",
    )
});
static OLDER_THAN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:older|lower|below|earlier|less|prior|weaker|before|under|älter|unter)\b (?:than |to |als )?(?:version )?(?:tls ?v?)?1\.([0-3])\b",
    )
});
static TLS_REFUSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(disabled?|reject\w*|refus\w*|prohibit\w*|forbid\w*|not|never|no|deprecat\w*|block\w*|removed?|turned off|off|deaktivier\w*|abgeschaltet|nicht|verboten|keine?)\b",
    )
});
static MAX_AGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"max-age ?(?:=|of|:)? ?(?:atleast )?(\d{5,10})\b"));
static PORT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{4,5}\b"));
static WITH_UNIT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b\d+(?:[.,]\d+)? ?-?(?:%|(?:milliseconds?|seconds?|minutes?|hours?|business days?|days?|weeks?|months?|years?|requests?|attempts?|calls?|characters?|bits?|bytes?|[km]i?b|sekunden?|minuten?|stunden?|tagen?|wochen?|monaten?|jahren?|zeichen|anfragen)\b)",
    )
});
static SPAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"`([\w.*/-]{2,80})`"));

#[cfg(test)]
mod tests;
