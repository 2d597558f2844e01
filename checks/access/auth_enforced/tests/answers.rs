//! Answers that are no denial, no admission, or neither.

use super::*;

#[test]
fn a_refusal_that_carries_the_content_is_none_and_a_long_one_is_left_open() {
    const CONTENT: &str = r#"{"items":[{"id":7,"name":"anvil","note":"forged by hand"}]}"#;
    let leaking = |status: u16, refusal: String, header: Option<&'static str>| {
        Deployed::plain(move |request| {
            let straight = is_straight(request);
            if straight && only_valid(&request.credential) {
                return answer(200, CONTENT);
            }
            let mut refused = answer(status, if straight { &refusal } else { "{\"error\":\"unauthorized\"}" });
            refused.headers.extend(header.filter(|_| straight).map(|value| ("x-result".into(), value.into())));
            refused
        })
    };
    let error = r#"{"error":"unauthorized"}"#;
    for (status, refusal, header) in [
        (401, format!("{error}{CONTENT}"), None),
        (403, format!(r#"{{"error":"no","data":{CONTENT}}}"#), None),
        (302, CONTENT.replace("by hand", "by hand at 12:01"), None),
        (401, error.to_owned(), Some(CONTENT)),
    ] {
        let verdict = audit(&items(), &leaking(status, refusal, header));
        assert_eq!(verdict.status(), Status::Fail, "{status}");
        assert!(verdict.findings().iter().any(|finding| finding.what.contains("content")), "{verdict:#?}");
    }
    assert_eq!(audit(&items(), &leaking(401, error.to_owned(), None)).status(), Status::Pass);
    let one = audit(&items(), &leaking(401, r#"{"error":"no","id":7}"#.to_owned(), None));
    assert_eq!(one.status(), Status::Inconclusive, "one number may be chance: {one:#?}");
    let long = Deployed::plain(|request| {
        let mut seen = guarding(only_valid)(request);
        if seen.status == 401 && is_straight(request) {
            seen.body.length = 300_000;
        }
        seen
    });
    assert_eq!(audit(&items(), &long).status(), Status::Inconclusive);
}

#[test]
fn what_answers_everyone_alike_passes_nothing() {
    for status in [200, 204, 301, 400, 401, 403, 404, 429, 500, 503] {
        let same = Deployed::plain(move |_| answer(status, "<html>the same</html>"));
        assert_eq!(audit(&items(), &same).status(), Status::Inconclusive, "{status}");
    }
    let silent = || Unseen::TimedOut("10 s".into());
    let silent =
        Deployed { http: Box::new(move |_| Err(silent())), mcp: Box::new(move |_| Err(silent())), lines: no_lines() };
    assert_eq!(audit(&items(), &silent).status(), Status::Inconclusive);
    let bare = deployed("https://api.example.com", &["/mcp"]);
    assert_eq!(audit(&bare, &silent).status(), Status::Inconclusive);
}

#[test]
fn one_blind_answer_keeps_the_item_open_but_hides_no_fault() {
    let target = deployed("https://api.example.com", &["GET /api/items", "GET /api/items/1"]);
    let blind = |request: &Request| {
        if request.path == "/api/items/1" { answer(429, "") } else { guarding(only_valid)(request) }
    };
    assert_eq!(audit(&target, &Deployed::plain(blind)).status(), Status::Inconclusive);
    let open = |request: &Request| {
        if request.path == "/api/items/1" { answer(429, "") } else { guarding(|_| true)(request) }
    };
    assert_eq!(audit(&target, &Deployed::plain(open)).status(), Status::Fail);
}

#[test]
fn an_answer_from_a_cache_or_a_firewall_is_no_denial() {
    let cached = |request: &Request| {
        let mut answer = guarding(only_valid)(request);
        answer.headers.push(("x-cache".into(), "HIT".into()));
        answer
    };
    assert_eq!(audit(&items(), &Deployed::plain(cached)).status(), Status::Inconclusive);
}

#[test]
fn hiding_is_noted_and_no_fault() {
    for status in [404, 400] {
        let verdict = audit(&items(), &denying(move || answer(status, "")));
        assert_eq!(verdict.status(), Status::Pass, "{status}: {verdict:#?}");
        assert!(!verdict.all_notes().is_empty());
    }
}

#[test]
fn a_redirect_to_a_login_is_a_fault_of_an_api_and_other_redirects_show_nothing() {
    let verdict = audit(&items(), &denying(|| with(answer(302, ""), "location", "/login?next=%2Fapi%2Fitems")));
    assert_eq!(aspects(&verdict), ["GET no-credential", "GET one-character"]);
    assert!(verdict.findings()[0].what.contains("a redirect to /login, where an API answers 401"), "{verdict:#?}");
    for location in ["/api/items/", "https://api.example.com/api/items"] {
        let verdict = audit(&items(), &denying(move || with(answer(308, ""), "location", location)));
        assert_eq!(verdict.status(), Status::Inconclusive, "{location}");
    }
    assert_eq!(audit(&items(), &denying(|| answer(302, ""))).status(), Status::Inconclusive);
    let page = |request: &Request| {
        let answer_to = with(guarding(only_valid)(request), "content-type", "text/html");
        if answer_to.status == 401 { with(answer(302, ""), "location", "/login") } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(page)).status(), Status::Pass, "people log in on pages");
}

#[test]
fn a_refusal_that_carries_the_content_all_the_same_fails() {
    for status in [401, 302, 500] {
        let leaking = |text: &'static str| move || with(answer(status, text), "location", "/login");
        let verdict = audit(&items(), &denying(leaking(r#"{"items":[]}"#)));
        assert!(verdict.findings().iter().any(|finding| finding.severity == Some(Severity::Critical)), "{verdict:#?}");
    }
}

#[test]
fn a_mistyped_path_behind_a_guard_passes_nothing() {
    assert_eq!(audit(&items(), &guard_before(|_| None)).status(), Status::Inconclusive);
    // An item that is not there, beside an endpoint that shows what tricks get.
    let both = deployed("https://api.example.com", &["GET /api/items", "GET /api/list"]);
    let missing_item = |words: &'static str| {
        guard_before(move |request| match request.path.as_str() {
            "/api/items" => Some(answer(404, words)),
            "/api/list" => Some(answer(200, r#"{"items":[]}"#)),
            _ => None,
        })
    };
    assert_eq!(audit(&both, &missing_item(r#"{"error":"no such item"}"#)).status(), Status::Pass);
    assert_eq!(audit(&both, &missing_item(r#"{"code":7}"#)).status(), Status::Pass);
    let alone = audit(&items(), &missing_item(r#"{"code":7}"#));
    assert_eq!(alone.status(), Status::Inconclusive, "nothing shows what a trick gets: {alone:#?}");
    let wrong_method = guard_before(|request| (request.path == "/api/items").then(|| answer(405, "")));
    assert_eq!(audit(&items(), &wrong_method).status(), Status::Inconclusive);
    // Made-up paths that are echoed differ by themselves: nothing can be told then.
    let echoing = guard_before(|request| Some(answer(404, &format!("Cannot GET {}", request.path))));
    assert_eq!(audit(&items(), &echoing).status(), Status::Inconclusive);
    // A parser in front of every route refuses the broken body of an endpoint that is not there.
    let write = deployed("https://api.example.com", &["POST /api/typo"]);
    let parser = guard_before(|request| (request.method == "POST").then(|| answer(400, r#"{"error":"invalid"}"#)));
    assert_eq!(audit(&write, &parser).status(), Status::Inconclusive);
}

#[test]
fn success_with_an_error_in_it_is_a_fault_of_its_own() {
    let polite = |request: &Request| {
        let answer_to = guarding(only_valid)(request);
        if answer_to.status == 401 { answer(200, r#"{"error":"unauthorized"}"#) } else { answer_to }
    };
    let verdict = audit(&items(), &Deployed::plain(polite));
    assert_eq!(verdict.status(), Status::Fail);
    assert!(verdict.findings().iter().all(|finding| finding.severity == Some(Severity::Medium)));
    // The same from a guard in front of everything: a made-up path gets it, too, and 404 with the token.
    let everywhere = guard_before(|request| (request.path == "/api/items").then(|| answer(200, r#"{"items":[]}"#)));
    let polite = move |request: &Request| {
        let answer_to = (everywhere.http)(request).unwrap();
        if answer_to.status == 401 { answer(200, r#"{"error":"unauthorized"}"#) } else { answer_to }
    };
    assert_eq!(audit(&items(), &Deployed::plain(polite)).status(), Status::Fail);
}
