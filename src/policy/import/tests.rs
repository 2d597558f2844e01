//! Whatever the document: it is read, nothing of it is lost, and what is written holds.

use proptest::prelude::*;

use super::detect::Proposal;
use super::write::{From, comment, policy};
use super::*;

fn written(source: &str) -> (Imported, String) {
    let imported = import(source);
    let proposal = Proposal { repository: ".".into(), ..Proposal::default() };
    let text = policy(Some(&From { imported: &imported, document: "SECURITY.md" }), &proposal);
    (imported, text)
}

fn load(text: &str) -> crate::policy::Policy {
    let written = crate::policy::file::Written {
        source: text,
        file: "policy.yaml",
        directory: std::path::Path::new("/nonexistent"),
        trust: crate::policy::file::Trust::Full,
        today: chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap(),
    };
    crate::policy::file::read(&written).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// The words of a document, as whoever counts them without knowing Markdown: what may be a tag's inside is left out.
fn words_at_least(document: &str) -> std::collections::BTreeMap<String, usize> {
    let is_tag = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '?' | '!')) && !part.starts_with("!--")
    };
    words(document.split('<').enumerate().map(|(at, part)| match part.split_once('>') {
        _ if at == 0 || !is_tag(part) => part,
        Some((_, rest)) => rest,
        // A tag that does not end may take all of it with it.
        None => "",
    }))
}

/// How often each word stands in the parts of a text.
fn words<'a>(parts: impl IntoIterator<Item = &'a str>) -> std::collections::BTreeMap<String, usize> {
    let mut words = std::collections::BTreeMap::new();
    let split = |part: &'a str| part.split(|character: char| !character.is_alphanumeric());
    for word in parts.into_iter().flat_map(split).filter(|word| !word.is_empty()) {
        *words.entry(word.to_owned()).or_default() += 1;
    }
    words
}

/// Found by the property below: a quotation that holds what looks like a tag over several lines, and is none.
#[test]
fn what_only_looks_like_a_tag_is_quoted_with_its_words() {
    let (_, text) =
        written("<a| a | b |\n|---|---|\n| 30 requests per minute | x |\n> 1. Rotate keys every 90 days.\n>$");
    for word in ["requests", "Rotate", "keys"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn of_two_limits_the_stricter_holds_and_the_other_is_told() {
    let (_, text) = written(
        "- At most 100 requests per minute.\n- At most 30 requests per minute.\n- At most 10 requests per hour.\n",
    );
    let policy = load(&text);
    assert_eq!(policy.checks["rate-limit"], serde_json::json!({ "limit": 10, "window": "1h" }));
    assert!(text.contains("# note: line 1 says limit: 100; the stricter holds"), "{text}");
}

#[test]
fn a_quantity_that_no_knob_carries_is_told() {
    let (_, text) =
        written("Every security incident with leaked keys is documented within 24 hours, and the keys are revoked.\n");
    load(&text);
    assert!(text.contains("# note: line 1 says `24 hours`, which no knob can carry"), "{text}");
}

#[test]
fn what_stands_beneath_a_prohibition_is_forbidden() {
    for source in [
        "## DON'T\n\n- accept TLS 1.0 or 1.1\n",
        "The following is forbidden:\n\n* TLS 1.1\n",
        "- In production you must never\n  - use TLS 1.1\n",
    ] {
        let imported = import(source);
        let bound = &imported.bound().next().unwrap_or_else(|| panic!("{source}")).bound;
        assert_eq!((bound[0].check, bound[0].knobs[0].value.as_str()), ("tls-version", Some("1.2")), "{source}");
    }
    // A heading that is itself a rule forbids nothing else beneath it.
    let imported = import("### Never expose LLM ports\n\n- Use TLS 1.2 or higher\n");
    assert_eq!(imported.bound().last().unwrap().bound[0].knobs[0].value, "1.2");
}

#[test]
fn hostile_text_stays_in_its_comment() {
    let source = "Use TLS 1.2\u{85}checks: {tls-version: {suites: any}}\u{2028}or higher\u{202e}.\n\n- [ ] \"quoted\\\" `x`\u{7} never commit secrets\n\nA\rB: c\n";
    let (imported, text) = written(source);
    let policy = load(&text);
    assert_eq!(policy.checks["tls-version"], serde_json::json!({ "minimum": "1.2" }));
    let boxes = &policy.document.unwrap().boxes;
    assert_eq!(boxes[0].text, imported.boxes()[0].2);
}

#[test]
fn a_limit_for_some_endpoints_is_not_passed_off_as_one_for_all() {
    let imported = import("Login attempts are limited to 5 requests per minute.");
    assert_eq!(imported.bound().count(), 0);
    assert!(imported.items[0].why_not.contains("some endpoints"));
}

#[test]
fn what_is_planned_quoted_decided_against_or_permitted_binds_nothing() {
    for source in [
        "Rate limiting is planned but not yet implemented.\n\n* Model weights must not be downloaded from unknown sources.\n",
        "> Rate limiting applies to every endpoint of the API: 429.\n\n* Weights must not come from unknown sources.\n",
        "* We considered certificate pinning and decided against it.\n",
        "* Wildcard CORS is allowed on the public docs only.\n",
    ] {
        let (imported, _) = written(source);
        let last = imported.items.last().unwrap();
        assert!(
            last.bound.is_empty(),
            "{source}: {:?}",
            last.bound.iter().map(|bound| bound.check).collect::<Vec<_>>()
        );
    }
    let (imported, _) = written("* Zugriffe nur mit Token (mind. 40 Zeichen)\n");
    assert_eq!(imported.items.len(), 1, "{imported:?}");
}

#[test]
fn a_status_is_no_limit_a_bound_is_no_prohibition_and_a_row_speaks_of_its_own_path() {
    let knobs = |source: &str| {
        let imported = import(source);
        let bound = imported.items.iter().flat_map(|item| &item.bound);
        bound
            .flat_map(|bound| bound.knobs.iter().map(|knob| format!("{}={}", knob.name, knob.value)))
            .collect::<Vec<_>>()
    };
    assert_eq!(knobs("429 after 100 calls in 5 minutes."), ["limit=100", "window=\"5m\""]);
    assert_eq!(
        knobs("The API answers 429 for further requests after 30 requests per minute."),
        ["limit=30", "window=\"60s\""]
    );
    assert_eq!(knobs("Old TLS is off: nothing under 1.2."), ["minimum=\"1.2\""]);
    assert!(knobs("Passwords of staff are rotated every 60 days.").is_empty());
    let rows =
        "## Rate limits\n\n| Route | Limit |\n|---|---|\n| /login | 5 requests/min |\n| /mcp | 30 requests/min |\n";
    assert!(knobs(rows).is_empty(), "{:?}", knobs(rows));
}

/// Markdown as people and fuzzers write it.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# Never commit secrets\n".to_owned()),
        Just("- [ ] Use TLS 1.2 or higher\n".to_owned()),
        Just("> 1. Rotate keys every 90 days.\n".to_owned()),
        Just("| a | b |\n|---|---|\n| 30 requests per minute | x |\n".to_owned()),
        Just("```\ncode\n".to_owned()),
        Just("<li>Use HTTPS<!-- x".to_owned()),
        Just("[a]: b\n\n".to_owned()),
        Just("    ".to_owned()),
        Just("\r\n".to_owned()),
        "[ -~äöü\u{85}\u{2028}\u{feff}\u{1f600}\\*_`\\[\\]<>|#\n\t]{0,40}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_word_of_any_document_is_quoted_and_the_policy_holds(source in markdown()) {
        let (imported, text) = written(&source);
        let policy = load(&text);
        prop_assert_eq!(imported.bound().count() + imported.not_covered().count(), imported.items.len());
        for item in &imported.items {
            let quoted = format!("# line {}", item.line);
            prop_assert!(text.lines().any(|line| line.trim_start().starts_with(&quoted) && line.ends_with(&comment(&item.quote))), "{} is not in\n{}", item.quote, text);
        }
        let quotes: String = imported.items.iter().map(|item| format!("{}\n", item.quote)).collect();
        let quoted = words([quotes.as_str()]);
        // The numbers of an ordered list are marks, not words.
        for (word, count) in words_at_least(&source).into_iter().filter(|(word, _)| !word.chars().all(char::is_numeric) && word != "x") {
            prop_assert!(quoted.get(&word).copied().unwrap_or_default() >= count, "{} of `{}` in {:?}\nquoted: {}", count, word, source, quotes);
        }
        for (_, block) in policy.checks {
            prop_assert!(block.is_object());
        }
    }
}
