use std::collections::BTreeMap;

use super::*;
use crate::check::Status;
use crate::period::Period;
use crate::target::Environment;

fn definition(speaks: Speaks) -> Definition {
    Definition {
        id: "edge".into(),
        title: "the edge answers".into(),
        statements: vec!["TLS-6".into()],
        severity: Severity::Medium,
        remediation: "Mend it.".into(),
        command: vec!["/usr/lib/nagios/plugins/check_http".into()],
        speaks,
        exit: BTreeMap::from([(0, Meaning::Pass), (1, Meaning::Fail), (2, Meaning::Fail)]),
        errors: vec!["licen[cs]e expired".into()],
        deadline: Period::seconds(1),
        scope: Scope::Deployment,
        targets: Vec::new(),
        sha256: None,
        withheld: None,
        line: 7,
    }
}

fn target() -> Target {
    Target {
        name: "t".into(),
        environment: Environment::Production,
        scope: Scope::Both,
        deployment: None,
        repository: None,
        checks: BTreeMap::new(),
    }
}

fn judged(speaks: Speaks, ending: Ending, output: &str) -> Verdict {
    let own = Own::of(&definition(speaks), &target()).unwrap();
    let evidence = Evidence::at(chrono::Utc::now()).with(own.ask(), Said { ending, output: output.into() });
    own.judge(&target(), &evidence)
}

#[test]
fn a_plug_in_passes_and_fails_by_the_map_of_its_codes() {
    let passes = judged(Speaks::Plugin, Ending::Exited(0), "HTTP OK: 200 | time=0.1s;;\nlong line\n");
    assert_eq!(
        (passes.status(), passes.grounds(), passes.all_notes()),
        (Status::Pass, &["HTTP OK: 200".to_owned()][..], &["long line".to_owned()][..])
    );
    assert_eq!(judged(Speaks::Plugin, Ending::Exited(1), "HTTP WARNING: 403").status(), Status::Fail);
}

#[test]
fn unreachable_broken_and_unmapped_are_no_violation_and_no_pass() {
    for (ending, output) in [
        (Ending::Exited(2), "connect to address 127.0.0.1 and port 1: Connection refused"),
        (Ending::Exited(0), "OK - Connection refused"),
        (Ending::Exited(2), "CRITICAL - Socket timeout after 10 seconds"),
        (Ending::Exited(3), "UNKNOWN"),
        (Ending::Exited(127), ""),
        (Ending::Exited(1), ""),
        (Ending::Exited(2), "licence expired"),
        (Ending::Signalled(9), "OK"),
        // The word and the code contradict each other.
        (Ending::Exited(0), "HTTP CRITICAL: 503 Service Unavailable"),
        (Ending::Exited(0), "CRITICAL - certificate expired"),
        (Ending::Exited(0), "DISK WARNING - 4% left"),
        (Ending::Exited(0), "UNKNOWN"),
        (Ending::Exited(1), "HTTP OK: 200"),
        (Ending::Exited(1), "SERVICE STATUS UNKNOWN: no answer"),
    ] {
        assert_eq!(judged(Speaks::Plugin, ending, output).status(), Status::Inconclusive, "{ending:?} {output}");
    }
}

#[test]
fn a_word_that_contradicts_the_code_is_named() {
    let verdict = judged(Speaks::Plugin, Ending::Exited(0), "HTTP CRITICAL: 503 | time=1s");
    let why = verdict.unseen()[0].to_string();
    assert!(why.contains("it says CRITICAL and ends with exit code 0, which `exit` takes for pass"), "{why}");
    for line in ["HTTP OK: HTTP/1.1 200 OK - 0 CRITICAL in 3 lines", "all is well, nothing CRITICAL", "200 answers"] {
        assert_eq!(judged(Speaks::Plugin, Ending::Exited(0), line).status(), Status::Pass, "{line}");
    }
}

#[test]
fn json_says_what_was_found_and_the_status_follows() {
    let ok = |output| judged(Speaks::Json, Ending::Exited(0), output);
    assert_eq!(ok(r#"{"grounds":["3 of 3 hold"]}"#).status(), Status::Pass);
    assert_eq!(ok(r#"{"grounds":["a"],"findings":[{"what":"b","host":"h"}]}"#).status(), Status::Fail);
    for output in [
        r#"{"grounds":["a"],"unseen":["c"]}"#,
        "{}",
        r#"{"grounds":[" "]}"#,
        r#"{"status":"pass"}"#,
        "",
        "pass",
        r#"{"grounds":["a"]} x"#,
    ] {
        assert_eq!(ok(output).status(), Status::Inconclusive, "{output}");
    }
    let verdict = judged(Speaks::Json, Ending::Exited(2), r#"{"grounds":["a"]}"#);
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("ended with code 2; one that speaks JSON ends with 0"));
}

#[test]
fn what_was_withheld_or_is_out_of_scope_asks_nothing() {
    let withheld = Definition { withheld: Some("found".into()), ..definition(Speaks::Json) };
    let own = Own::of(&withheld, &target()).unwrap();
    let nothing = Evidence::at(chrono::Utc::now());
    assert!(own.asks(&target(), &nothing).is_empty());
    assert_eq!(own.judge(&target(), &nothing).status(), Status::Inconclusive);
    let scoped = Target { scope: Scope::Repository, ..target() };
    let own = Own::of(&definition(Speaks::Json), &scoped).unwrap();
    assert!(own.asks(&scoped, &nothing).is_empty());
    assert_eq!(own.judge(&scoped, &nothing).status(), Status::NotApplicable);
    assert!(Own::of(&Definition { targets: vec!["other".into()], ..definition(Speaks::Json) }, &target()).is_none());
}

#[test]
fn a_pass_that_speaks_of_trouble_in_any_case_or_line_decides_nothing() {
    for output in [
        "critical: 3 of 5 nodes down",
        "FAILED: certificate expired",
        "Error: cannot log in",
        "OK: summary\nCRITICAL: disk",
        "OK: summary\nWARNING - load",
    ] {
        let verdict = judged(Speaks::Plugin, Ending::Exited(0), output);
        assert_eq!(verdict.status(), Status::Inconclusive, "{output} {verdict:?}");
    }
    assert_eq!(judged(Speaks::Plugin, Ending::Exited(0), "OK: 0 errors").status(), Status::Pass);
}

#[test]
fn a_ground_of_nothing_visible_is_malformed() {
    for ground in ["\\u200b", " ", "", "\\u2060\\u00ad", "\\u3164"] {
        let output = format!("{{\"grounds\":[\"seen\",\"{ground}\"]}}");
        let verdict = judged(Speaks::Json, Ending::Exited(0), &output);
        assert_eq!(verdict.status(), Status::Inconclusive, "{ground:?} {verdict:?}");
    }
}
