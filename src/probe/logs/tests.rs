use super::*;

const CANARY: &str = "wtcanary0a1b2c";

fn one(line: &str) -> LogLine {
    search(line, &[CANARY.to_owned()], &[]).lines.into_iter().next().unwrap()
}

#[test]
fn a_whole_line_shows_time_address_tool_and_outcome() {
    for line in [
        format!(
            r#"{{"time":"2026-11-23T09:00:00.123Z","address":"127.0.0.1","tool":"{CANARY}","outcome":"denied","status":401}}"#
        ),
        format!("2026-11-23 09:00:00 ERROR 192.0.2.7 tools/call name={CANARY} error"),
    ] {
        let seen = one(&line);
        assert!(seen.time && seen.address && seen.tool && seen.outcome, "{line}: {seen:?}");
    }
    let combined =
        format!("127.0.0.1 - - [23/Nov/2026:09:00:00 +0000] \"POST /mcp HTTP/1.1\" 401 12 \"-\" \"{CANARY}\"");
    let seen = one(&combined);
    assert!(seen.time && seen.address && seen.outcome, "{seen:?}");
}

#[test]
fn what_is_missing_is_missed() {
    let line =
        format!(r#"{{"address":"","method":"POST","path":"/mcp","outcome":"","status":0,"user_agent":"{CANARY}"}}"#);
    let seen = one(&line);
    assert!(!seen.time && !seen.address && !seen.outcome, "{seen:?}");
    let timed = one(&format!("2026-11-23T09:00:00Z 10:11:12 {CANARY}"));
    assert!(timed.time && !timed.address);
}

#[test]
fn the_token_and_its_halves_are_counted() {
    let token = "Zx81-made-up-token-0123456789abcdef";
    let text = format!("a {token}\nb {}\nc nothing\n", &token[..token.len() / 2]);
    let found = search(&text, &[], &needles(token));
    assert_eq!((found.token_lines, found.token_known), (2, true));
}

#[test]
fn the_token_is_seen_in_its_usual_encodings_and_with_its_ends_cut_off() {
    let token = "Zx81-made-up-token-0123456789abcdef";
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let hex: String = token.bytes().map(|byte| format!("{byte:02X}")).collect();
    for line in [
        encode(&format!("Bearer {token}")),
        encode(&format!("u:{token}!")),
        encode(&format!("user:{token}")),
        hex,
        token[3..token.len() - 4].to_owned(),
    ] {
        assert_eq!(search(&line, &[], &needles(token)).token_lines, 1, "{line}");
    }
    for line in ["Bearer Zx81-made…", "token-0123", &encode("another token of the same length, or so")] {
        assert_eq!(search(line, &[], &needles(token)).token_lines, 0, "{line}");
    }
}

#[test]
fn what_a_line_says_of_the_outcome_is_read() {
    for (line, says) in [
        (r#"{"status":200}"#, Some(true)),
        (r#"{"status":401}"#, Some(false)),
        ("\"GET /a HTTP/1.1\" 200 12", Some(true)),
        ("request allowed", Some(true)),
        ("not allowed", None),
        ("request denied", Some(false)),
        ("nothing of the kind", None),
    ] {
        assert_eq!(one(&format!("{line} {CANARY}")).admitted, says, "{line}");
    }
}

#[test]
fn lines_of_loki_carry_their_time() {
    let answer = serde_json::json!({ "data": { "result": [{ "stream": {}, "values": [["1763888400000000000", "denied x"]] }] } });
    assert_eq!(loki_lines(&answer).unwrap(), ["2025-11-23T09:00:00+00:00 denied x"]);
}

#[test]
fn an_answer_of_another_shape_is_no_empty_log() {
    let answer = serde_json::json!({ "status": "ok" });
    assert!(matches!(loki_lines(&answer), Err(Unseen::Malformed(_))));
    assert!(matches!(elasticsearch_lines(&answer), Err(Unseen::Malformed(_))));
    let partial = serde_json::json!({ "timed_out": false, "_shards": { "failed": 1 }, "hits": { "hits": [] } });
    assert!(matches!(elasticsearch_lines(&partial), Err(Unseen::Partial(_))));
}

#[test]
fn a_store_that_gave_all_it_may_has_more() {
    let source = LogSource::File("x".into());
    assert!(newest(&["a".into(), "b".into()], 2, &source).cut.is_some());
    assert!(newest(&["a".into()], 2, &source).cut.is_none());
}

#[test]
fn a_log_that_is_no_file_is_not_read() {
    assert!(matches!(tail(Path::new("/dev/zero")), Err(Unseen::NotConfigured(_))));
}
