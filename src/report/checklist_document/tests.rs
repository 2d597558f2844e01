use super::*;
use crate::policy::document::{Document, TickedBy};
use crate::report::sample;

fn filled_in(source: &str, boxes: &[(&str, &[&str])]) -> String {
    let mut report = sample::report();
    report.document = Some(Document {
        file: "SECURITY.md".into(),
        text: Some(source.into()),
        unread: None,
        boxes: boxes
            .iter()
            .map(|(text, checks)| TickedBy {
                text: (*text).into(),
                checks: checks.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    });
    render(&report)
}

#[test]
fn only_what_truly_passed_is_ticked_and_the_rest_says_why() {
    let source =
        "# T\r\n\r\ntext  \r\n\r\n* [ ] versions\r\n* [x] limit\r\n* [x] chain\r\n* [X] tea\r\n* [ ] origins\r\n";
    let boxes: &[(&str, &[&str])] = &[
        ("versions", &["tls-version"]),
        ("limit", &["rate-limit", "tls-version"]),
        ("chain", &["certificate-trust"]),
        ("tea", &[]),
        ("origins", &["cors-origins"]),
    ];
    assert_eq!(
        filled_in(source, boxes),
        "# T\r\n\r\ntext  \r\n\r\n* [x] versions\r\n  - **holds** tls-version on production: TLS 1.1 refused by an alert, 1.3 accepted\r\n\
             * [ ] limit\r\n  - **fails** rate-limit on production: 34 requests accepted in 60 s, and 30 are allowed (https://mcp.example.test/api/items?page=1&amp;with=a-rather-long-query-that-has-to-be-broken-somewhere)\r\n  - **holds** tls-version on production: TLS 1.1 refused by an alert, 1.3 accepted\r\n\
             * [ ] chain\r\n  - **not seen** certificate-trust on production: timed out: no ServerHello in 5 s\r\n\
             * [ ] tea\r\n  - no check judges this: it is for a person to say; it was ticked by hand, and an audit ticks only what it saw\r\n\
             * [ ] origins\r\n  - **waived** cors-origins on production: waived by platform until 2027-01-31: old widget, ticket SEC-12; a hostile origin is granted (https://mcp.example.test/mcp)\r\n"
    );
}

#[test]
fn nested_quoted_and_last_boxes_keep_their_place() {
    let source = "> - [ ] outer\n>   text\n>   - [ ] inner\n\n1. [ ] last";
    let boxes: &[(&str, &[&str])] =
        &[("outer text", &["tls-version"]), ("inner", &["tls-version"]), ("last", &["tls-version"])];
    let text = filled_in(source, boxes);
    let line = "**holds** tls-version on production: TLS 1.1 refused by an alert, 1.3 accepted";
    assert_eq!(
        text,
        format!("> - [x] outer\n>   text\n>   - {line}\n>   - [x] inner\n>     - {line}\n\n1. [x] last\n   - {line}")
    );
}

#[test]
fn a_check_that_did_not_run_ticks_nothing() {
    let text = filled_in("- [x] a\n", &[("a", &["tls-version", "gitignore"])]);
    assert!(text.starts_with("- [ ] a\n") && text.contains("**not seen** gitignore: not part of this audit"), "{text}");
}

#[test]
fn what_is_waived_is_marked_and_stands_behind_what_is_not() {
    let mut report = sample::report();
    let waiver = report.results[2].waiver.clone();
    let mut borne = report.results[0].findings[0].clone();
    (borne.what, borne.waived, borne.waiver) = ("36 at /b".into(), true, waiver);
    report.results[0].findings.insert(0, borne);
    report.results[1].findings = vec![report.results[2].findings[0].clone()];
    let text = render(&report);
    let limit = text.lines().find(|line| line.contains("**fails** rate-limit")).unwrap();
    assert!(text.contains("- [ ] Rate limiting"), "{text}");
    assert!(limit.contains("on production: 34 requests accepted"), "{limit}");
    assert!(limit.ends_with(", waived by platform until 2027-01-31: old widget, ticket SEC-12"), "{limit}");
    let chain = text.lines().find(|line| line.contains("**not seen** certificate-trust")).unwrap();
    assert!(chain.ends_with("a hostile origin is granted (https://mcp.example.test/mcp), waived"), "{chain}");
}

#[test]
fn boxes_with_the_same_words_each_wait_for_the_checks_of_all() {
    let boxes: &[(&str, &[&str])] = &[("done", &["tls-version"]), ("done", &["rate-limit"])];
    let text = filled_in("## A\n\n- [ ] done\n\n## B\n\n- [x] done\n", boxes);
    assert_eq!((text.matches("[x]").count(), text.matches("[ ]").count()), (0, 2), "{text}");
}

#[test]
fn whoever_reads_the_ticks_hears_what_the_run_was_worth() {
    let mut report = sample::report();
    report.run.complete = false;
    report.notices = vec!["the policy was found, not named by --policy: it is not <trusted>".into()];
    let text = render(&report);
    let end = "\n## About this audit\n\n- **the run was cut short**: it decides nothing as a whole\n- the policy was found, \
                   not named by --policy: it is not &lt;trusted>\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn without_a_document_the_ten_boxes_stand() {
    let mut report = sample::report();
    let text = render(&report);
    assert_eq!(text.matches("\n- [").count(), 10);
    report.document =
        Some(Document { file: "S.md".into(), text: None, unread: Some("gone".into()), boxes: Vec::new() });
    assert!(render(&report).contains("S.md could not be read: gone"));
    assert!(filled_in("# T\n", &[]).starts_with("# T\n\n## Security Checklist"));
}
