use super::*;

#[test]
fn talk_is_told_from_rules() {
    for talk in [
        "TLS is explained in our wiki.",
        "Is TLS 1.2 enforced?",
        "Rate limiting is not required for internal callers.",
        "We plan to rotate keys every 90 days.",
        "In 2024 we migrated to TLS 1.3.",
        "Local servers typically run without authentication",
        "Rate limiting protects against brute force.",
        "See the wiki for rotation.",
        "Reports about missing rate limits are out of scope.",
        "There is no rate limiting.",
    ] {
        assert!(lays_down_nothing(talk, &[]).is_some(), "{talk}");
    }
    for rule in [
        "Use TLS 1.2 or higher",
        "API endpoints are limited to 30 requests per minute",
        "Keys must be rotated every 90 days as described in the runbook.",
        "Never commit secrets.",
        "CORS is configured to allow authorised origins only",
    ] {
        assert_eq!(lays_down_nothing(rule, &[]), None, "{rule}");
    }
}

#[test]
fn a_sentence_falls_into_its_commands() {
    let parts: Vec<String> = clauses("Store secrets in `.env` files and add them to `.gitignore`; never commit them")
        .into_iter()
        .map(|clause| clause.text)
        .collect();
    assert_eq!(parts, ["store secrets in `.env` files", "add them to `.gitignore`", " never commit them"]);
}

#[test]
fn denial_and_prohibition_are_near_what_they_concern() {
    let clause = Clause::of("tokens are never committed");
    let at = clause.text.find("committed").unwrap();
    assert!(clause.forbids(at, at + 9) && clause.denies(at, at + 9));
    let clause = Clause::of("committed tokens are prohibited");
    assert!(clause.forbids(0, 9) && !clause.denies(0, 9));
    let clause = Clause::of("no more than 30 requests per minute");
    let at = clause.text.find("requests").unwrap();
    assert!(!clause.denies(at, at + 8));
}
