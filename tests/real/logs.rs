//! A server that logs, one that logs the token, too, and one that logs nothing are told apart, through every kind of source.

use std::path::Path;

use crate::harness::{Audit, Logging, folder, free_port, write};

#[test]
fn a_server_that_logs_holds() {
    for (source, audit) in audits("well") {
        assert_eq!(audit.findings("activity-log"), "", "{source}");
        audit.expect("activity-log", "pass");
    }
}

#[test]
fn a_server_that_logs_the_token_fails_and_the_token_goes_nowhere() {
    for (source, audit) in audits("token") {
        audit.expect("activity-log", "fail");
        assert!(audit.findings("activity-log").contains("the valid token, or half of it, stands in"), "{source}");
    }
}

#[test]
fn a_server_that_logs_nothing_fails() {
    for (source, audit) in audits("nothing") {
        audit.expect("activity-log", "fail");
        assert!(audit.findings("activity-log").contains("was not in the log within"), "{source}");
    }
}

#[test]
fn a_store_that_is_not_there_is_not_seen() {
    let nowhere = free_port();
    let sources = [
        "file: nowhere.log".to_owned(),
        format!("loki: {{ url: 'http://127.0.0.1:{nowhere}', query: '{{app=\"api\"}}' }}"),
    ];
    for source in sources {
        let audit = audit("well", |_, _| source.clone());
        audit.expect("activity-log", "inconclusive");
    }
}

fn audits(mode: &str) -> Vec<(&'static str, Audit)> {
    type Source = fn(&Path, u16) -> String;
    let sources: [(&str, Source); 4] = [
        ("file", |log, _| format!("file: {}", log.display())),
        ("command", |log, _| format!("command: [cat, {}]", log.display())),
        ("loki", |_, store| format!("loki: {{ url: 'http://127.0.0.1:{store}', query: '{{app=\"api\"}}' }}")),
        ("elasticsearch", |_, store| format!("elasticsearch: {{ url: 'http://127.0.0.1:{store}', index: api }}")),
    ];
    sources.into_iter().map(|(name, source)| (name, audit(mode, source))).collect()
}

fn audit(mode: &str, source: impl Fn(&Path, u16) -> String) -> Audit {
    let folder = folder();
    let path = folder.path();
    let Logging { port, store, token, log, .. } = &Logging::start(path, mode);
    let policy = write(
        path,
        "audit.yaml",
        &format!(
            "version: 1
name: logs
targets:
  - name: api
    environment: development
    url: http://127.0.0.1:{port}
    endpoints: [GET /items]
    token: {{ env: LOG_TOKEN }}
    logs: [{{ {} }}]
checks:
  activity-log: {{ deadline: 1s }}
",
            source(log, *store)
        ),
    );
    let arguments = ["--policy", &policy.to_string_lossy(), "--check", "activity-log", "--scope", "deployment"];
    let audit = Audit::run(path, &arguments, &[("LOG_TOKEN", token)]);
    assert!(!audit.report.to_string().contains(token), "the token is in the report");
    audit
}
