//! Tricks of path, header and method that get in, and what only looks like it.

use super::*;

#[test]
fn tricks_of_path_and_header_that_get_in_fail() {
    let local = |request: &Request| {
        let claims = request.headers.iter().any(|(name, _)| name == "X-Forwarded-For");
        if claims && is_straight(request) { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(local))), ["header-forwarded-for"]);
    let bodiless = |request: &Request| match (request.method.as_str(), is_straight(request)) {
        ("HEAD", true) => answer(200, ""),
        _ => guarding(only_valid)(request),
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(bodiless))), ["method-head"]);
    let doubled = |request: &Request| {
        if request.path == "//api/items" { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(doubled))), ["path-double-slash"]);
}

#[test]
fn callers_that_a_guard_trusts_by_their_headers_are_tried() {
    let to = |name: &'static str, value: &'static str, served: Exchange| {
        Deployed::plain(move |request: &Request| {
            let claims = request.headers.iter().any(|(known, sent)| known == name && sent == value);
            if claims && is_straight(request) { served.clone() } else { guarding(only_valid)(request) }
        })
    };
    let items_of = || answer(200, r#"{"items":[]}"#);
    for (name, value, aspect) in [
        ("Host", "localhost", "header-host"),
        ("X-Requested-With", "XMLHttpRequest", "header-caller"),
        ("Accept", "text/event-stream", "header-caller"),
    ] {
        assert_eq!(aspects(&audit(&items(), &to(name, value, items_of()))), [aspect], "{name}");
    }
    // A WebSocket may ask for a credential within; that it opens is told, and judged by nobody.
    let verdict = audit(&items(), &to("Upgrade", "websocket", answer(101, "")));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
    let stream = with(answer(200, "data: {\"items\":[]}\n\n"), "content-type", "text/event-stream");
    let verdict = audit(&items(), &to("Accept", "text/event-stream", stream));
    assert_ne!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[test]
fn a_page_for_every_unknown_path_is_no_bypass() {
    let fallback = |request: &Request| {
        let answer_to = guarding(only_valid)(request);
        if answer_to.status == 404 { answer(200, "<title>App</title>") } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(fallback)).status(), Status::Pass);
}

#[test]
fn no_method_override_is_sent_in_production() {
    let overrides = |target: &Target| {
        let (_, asked) = audit_with(target, &Deployed::plain(guarding(only_valid)), &AuthEnforced::default());
        asked.iter().any(|ask| {
            matches!(ask, Ask::Http(request) if request.headers.iter().any(|(name, _)| name == "X-HTTP-Method-Override"))
        })
    };
    let mut target = items();
    assert!(!overrides(&target));
    target.environment = Environment::Staging;
    assert!(overrides(&target));
}

#[test]
fn what_only_takes_bodies_is_tried_with_tricks_by_its_refusals() {
    let target = deployed("https://api.example.com", &["POST /api/items"]);
    let doubled = |request: &Request| {
        if request.path.starts_with("//api/items") {
            answer(400, r#"{"error":"invalid"}"#)
        } else {
            guarding(only_valid)(request)
        }
    };
    assert_eq!(aspects(&audit(&target, &Deployed::plain(doubled))), ["path-double-slash"]);
    // A parser that comes before every route refuses the body wherever it is sent, and lets nobody in.
    let parsed = |request: &Request| {
        let guarded = request.path.starts_with("/api");
        if guarded { guarding(only_valid)(request) } else { answer(400, r#"{"error":"invalid"}"#) }
    };
    assert_eq!(audit(&target, &Deployed::plain(parsed)).status(), Status::Pass);
    let mut deletes = deployed("https://api.example.com", &["DELETE /api/items"]);
    deletes.deployment.as_mut().unwrap().writes = Writes::Allow;
    let verdict = audit(&deletes, &Deployed::plain(guarding(only_valid)));
    assert_eq!(verdict.status(), Status::Inconclusive, "no trick can be told there: {verdict:#?}");
}

#[test]
fn an_mcp_server_alone_is_tried_with_tricks_too() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let open = Deployed {
        http: Box::new(|request| match request.path.as_str() {
            "/mcp/" => Ok(answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)),
            _ => Ok(answer(401, "")),
        }),
        ..Deployed::server(|asked| Server::sound(&[EraAsked::Legacy]).answer(asked))
    };
    assert_eq!(aspects(&audit(&target, &open)), ["path-slash"]);
}
