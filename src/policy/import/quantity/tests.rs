use super::*;

fn values(check: &str, text: &str) -> Vec<(&'static str, Value)> {
    knobs(check, &Clause::of(text), text).into_iter().map(|knob| (knob.name, knob.value)).collect()
}

#[test]
fn rates_are_read_however_they_are_written() {
    for (text, limit, window) in [
        ("limited to 30 requests per minute per IP address", 30, "60s"),
        ("100 requests/hour", 100, "1h"),
        ("at most 1,000 requests per client in any 15 minutes", 1000, "15m"),
        ("5 req/s", 5, "1s"),
        ("sixty requests per IP per minute", 60, "60s"),
        ("Pro Minute sind höchstens 30 Anfragen erlaubt", 30, "60s"),
        ("no more than 10 API calls every 10 seconds", 10, "10s"),
        ("Limit: 120/min", 120, "60s"),
        ("20 rps", 20, "1s"),
    ] {
        assert_eq!(values("rate-limit", text), [("limit", json!(limit)), ("window", json!(window))], "{text}");
    }
    assert!(values("rate-limit", "requests are limited").is_empty());
}

#[test]
fn periods_are_days() {
    for (text, days) in [
        ("every 90 days", 90),
        ("quarterly", 90),
        ("every three months", 90),
        ("at least once a year", 365),
        ("every 12 months", 365),
        ("every two weeks", 14),
        ("alle 90 Tage", 90),
        ("vierteljährlich", 90),
        ("90-day rotation", 90),
    ] {
        assert_eq!(super::days(&Clause::of(text).text), Some(days), "{text}");
    }
}

#[test]
fn lengths_of_tokens_and_versions_of_tls_are_read() {
    assert_eq!(values("token-strength", "minimum 32 characters"), [("min-length", json!(32))]);
    assert_eq!(values("token-strength", "at least 256 bits of entropy"), [("min-bits", json!(256))]);
    assert_eq!(values("token-strength", "generated from 32 random bytes"), [("min-bits", json!(256))]);
    assert_eq!(values("token-strength", "32 bytes"), [("min-bits", json!(256))]);
    for (text, minimum) in [
        ("Use TLS 1.2 or higher", Some(2)),
        ("TLS 1.3 only", Some(3)),
        ("TLS 1.0 and TLS 1.1 must be disabled", Some(2)),
        ("versions older than TLS 1.2 are rejected", Some(2)),
        ("TLSv1.2+", Some(2)),
        ("minimum TLS version: 1.3", Some(3)),
        ("only TLS 1.2 and 1.3 are accepted", Some(2)),
        ("TLS 1.2 or higher is required and 1.0 is refused", Some(2)),
        ("TLS is used", None),
    ] {
        assert_eq!(tls_minimum(&Clause::of(text).text), minimum, "{text}");
    }
}

#[test]
fn of_several_numbers_the_stricter_is_taken_and_parts_of_numbers_are_none() {
    let clause = |text: &str| Clause::of(text);
    let age = |text: &str| days(&clause(text).text);
    assert_eq!(age("rotate staging keys within 90 days and production keys within 30 days"), Some(30));
    assert_eq!(age("rotate tokens every 1.5 months"), None);
    assert_eq!(age("rotate tokens every -5 days"), None);
    assert_eq!(age("rotated no earlier than every 365 days"), None);
    let length = |text: &str| strength(&clause(text).text).first().map(|knob| knob.value.clone());
    assert_eq!(length("user tokens have at least 32 characters, admin tokens at least 64 characters"), Some(json!(64)));
    assert_eq!(length("tokens have at most 64 characters"), None);
    assert!(rate(&clause("clients may send at least 1000 requests per minute").text).is_empty());
}
