use super::*;

#[test]
fn an_answer_is_found_in_a_document_a_batch_and_a_stream() {
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
    let other = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
    for body in [
        answer.to_owned(),
        format!("[{other},{answer}]"),
        format!("event: message\ndata: {other}\n\nid: 4\ndata: {answer}\n\n"),
        format!(": hello\r\n\r\ndata: {other}\r\n\r\ndata:{answer}\r\n\r\n"),
        format!("data: {answer}"),
    ] {
        assert!(answer_in(body.as_bytes(), 7).is_some(), "{body}");
        assert!(answer_in(body.as_bytes(), 8).is_none(), "{body}");
    }
}

#[test]
fn data_of_several_lines_is_one_message() {
    let body = "data: {\"id\":1,\ndata: \"result\":{}}\n\n";
    assert!(answer_in(body.as_bytes(), 1).is_some());
}

#[test]
fn a_request_of_the_server_with_our_id_is_no_answer() {
    assert!(answer_in(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, 1).is_none());
}

#[test]
fn a_stream_that_drips_is_enough_once_the_answer_is_whole() {
    let body = b"data: {\"method\":\"x\"}\r\n\r\ndata: {\"id\":3,\"result\":{}}\r\n\r\ndata: more\r\n\r\n";
    let watch = Watch::for_answer_to(3);
    let enough = (1..=body.len()).find(|&read| watch.is_in(body.get(..read).unwrap()));
    let whole = body.windows(4).enumerate().filter(|(_, window)| *window == b"\r\n\r\n").nth(1).unwrap().0;
    assert_eq!(enough, Some(whole + 4));
}

#[test]
fn garbage_is_no_answer_and_no_panic() {
    let deep = "[".repeat(100_000);
    for body in [&b"\xff\xfe{"[..], b"", b"data", b"{\"id\":1", deep.as_bytes(), b"\r\r\n\n\r", b"null", b"{\"id\":{}}"]
    {
        assert!(answer_in(body, 1).is_none());
        assert!(!Watch::for_answer_to(1).is_in(body));
    }
}

#[test]
fn the_hash_of_a_tool_does_not_depend_on_the_order_of_keys() {
    let one: Value = serde_json::from_str(r#"{"type":"object","a":[1,{"x":1,"y":2}]}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"a":[1,{"y":2,"x":1}],"type":"object"}"#).unwrap();
    assert_eq!(tool_hash("d", &one), tool_hash("d", &two));
    assert_ne!(tool_hash("d", &one), tool_hash("e", &one));
    // printf '{"description":"d","inputSchema":{}}' | sha256sum
    assert_eq!(tool_hash("d", &json!({})), "d1794103760c7ab17fed129e0ef7c73c20ab3e76d44a78e514f0903b2ce9fab2");
}

#[test]
fn a_message_that_is_cut_at_any_byte_answers_nothing() {
    let whole = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    for end in 0..whole.len() {
        assert_eq!(answer_in(&whole.as_bytes()[..end], 1), None, "cut at {end}");
    }
    let stream = format!("event: message\ndata: {whole}\n\n");
    let ready = stream.len() - 2;
    for end in 0..ready {
        assert_eq!(answer_in(&stream.as_bytes()[..end], 1), None, "cut at {end}");
    }
    assert!(answer_in(whole.as_bytes(), 1).is_some() && answer_in(stream.as_bytes(), 1).is_some());
    println!("{} cuts", whole.len() + ready);
}
