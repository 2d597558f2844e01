use super::*;
use crate::check::Status;
use crate::checks::access::stage::{
    Service, answer, at, deployed, gathered, no_mcp, transcript, with_body, with_header,
};
use crate::evidence::http::Credential;
use crate::evidence::mcp::Era;

fn target() -> Target {
    deployed("https://mcp.example.com", &["GET /api/items", "POST /api/items"])
}

fn sound(request: &Request) -> Exchange {
    let status = match request {
        Request { credential: Credential::None, .. } => 401,
        Request { method, .. } if method == "POST" => 400,
        _ => 404,
    };
    with_body(answer(status), r#"{"error":"refused"}"#)
}

fn judged(http: &dyn Fn(&Request) -> Result<Exchange, Unseen>) -> Verdict {
    let check = ErrorDisclosure::default();
    let evidence = gathered(&check, &target(), &Service { http, mcp: &no_mcp, operations: None });
    check.judge(&target(), &evidence)
}

fn on(status: u16, change: &dyn Fn(Exchange) -> Exchange) -> Verdict {
    judged(&|request| {
        let seen = sound(request);
        Ok(if seen.status == status { change(seen) } else { seen })
    })
}

fn aspects(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

#[test]
fn what_lies_beyond_the_part_that_was_read_is_unseen() {
    let long = " ".repeat(crate::evidence::http::ERROR_TEXT_CAP);
    let verdict = on(404, &|seen| with_body(seen, &long));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:?}");
}

#[test]
fn errors_that_tell_nothing_hold() {
    let verdict = judged(&|request| Ok(sound(request)));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert_eq!(verdict.grounds(), ["6 error answers tell nothing internal (2 x 400, 1 x 401, 3 x 404)"]);
}

#[test]
fn each_leak_falls_by_its_own_name_and_place() {
    let query = concat!("SELECT id, title FROM items ", "WHERE id = 'x'");
    for (status, text, aspect) in [
        (400, "SyntaxError\n    at parse (/srv/api/body-parser/json.js:92:19)", "stack"),
        (400, query, "query"),
        (400, "SQLITE_ERROR: no such column", "database"),
        (401, "no key in /etc/ssl/private/jwt.pem", "path"),
        (404, "upstream http://10.4.0.7:9000 says no", "internal-address"),
        (400, "visit https://errors.pydantic.dev/2.14/v/int", "validator"),
    ] {
        let verdict = on(status, &|seen| with_body(seen, text));
        assert!(aspects(&verdict).contains(&aspect), "{text}: {verdict:?}");
    }
    let verdict = on(401, &|seen| with_header(seen, "x-upstream", "10.4.0.7:9000"));
    assert_eq!(aspects(&verdict), ["internal-address"]);
    assert_eq!(verdict.findings()[0].place, Place::url("https://mcp.example.com/api/items"));
}

#[test]
fn an_echo_unescaped_in_a_page_fails_and_an_escaped_one_does_not() {
    let page = |text: &'static str| {
        on(404, &move |seen| with_header(with_body(seen, text), "content-type", "text/html; charset=utf-8"))
    };
    assert!(aspects(&page("<p>no <wt7canary> here</p>")).contains(&"echo"));
    assert_eq!(page("<p>no &lt;wt7canary&gt; here</p>").status(), Status::Pass);
}

#[test]
fn a_body_that_comes_back_word_for_word_fails() {
    let verdict = judged(&|request| {
        let seen = sound(request);
        let Some(body) = request.body.as_ref().filter(|body| body.content_type == "application/json") else {
            return Ok(seen);
        };
        let text = serde_json::json!({ "error": format!("cannot accept {}", body.text) }).to_string();
        Ok(with_body(seen, &text))
    });
    assert_eq!(aspects(&verdict), ["echo"]);
}

#[test]
fn a_repeated_credential_is_critical() {
    let verdict = on(404, &|seen| with_body(seen, "unknown client [masked]"));
    assert_eq!(verdict.findings()[0].severity, Some(Severity::Critical));
}

#[test]
fn banners_and_issue_lists_are_notes() {
    let verdict = on(400, &|seen| {
        let seen = with_header(seen, "server", "nginx/1.26.3");
        with_body(seen, r#"{"issues":[{"code":"invalid_type","path":["title"]}]}"#)
    });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
    assert_eq!(verdict.all_notes().len(), 2);
}

#[test]
fn what_we_sent_and_where_we_asked_are_no_leaks() {
    let verdict = judged(&|request| {
        let seen = sound(request);
        Ok(with_body(seen, &format!("cannot read {} on 192.0.2.7:443", request.path)))
    });
    assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
}

#[test]
fn too_few_errors_no_errors_and_no_answers_are_inconclusive() {
    assert_eq!(judged(&|_| Ok(answer(401))).status(), Status::Inconclusive);
    assert_eq!(judged(&|_| Ok(answer(200))).status(), Status::Inconclusive);
    assert_eq!(judged(&|_| Err(Unseen::Limited("429".into()))).status(), Status::Inconclusive);
    let one_missing = judged(&|request| match request.credential {
        Credential::None => Err(Unseen::TimedOut("10 s".into())),
        _ => Ok(sound(request)),
    });
    assert_eq!(one_missing.status(), Status::Inconclusive);
}

#[test]
fn knobs_of_zero_pass_nothing_on_no_error() {
    let check = ErrorDisclosure { answers: 0, classes: 0 };
    let http = |_: &Request| Ok(answer(200));
    let evidence = gathered(&check, &target(), &Service { http: &http, mcp: &no_mcp, operations: None });
    assert_eq!(check.judge(&target(), &evidence).status(), Status::Inconclusive);
}

#[test]
fn a_tool_error_is_an_error_too() {
    let text = "ENOENT: no such file or directory, open '/var/lib/pages/secret.txt'";
    let reply = (answer(200), Outcome::ToolError { text: text.into() });
    let conversation = Conversation::standard(&target(), "/mcp");
    let evidence = at().with(conversation, transcript(Era::Legacy, answer(200), vec![reply]));
    let verdict = ErrorDisclosure::default().judge(&target(), &evidence);
    assert_eq!(aspects(&verdict), ["path"]);
}
