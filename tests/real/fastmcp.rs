//! The Python library `fastmcp` behind a bearer token, which speaks both protocol eras: each era is judged, and opening,
//! listing and calling apart.

use std::path::Path;

use crate::harness::{Audit, Server, folder, free_port, python, random, write};

fn audited(root: &Path, fault: &str) -> Audit {
    let folder = root.join(if fault.is_empty() { "sound" } else { fault });
    let port = free_port();
    let token = format!("{:x}{:x}", random(&folder), random(root));
    let policy = write(
        &folder,
        "audit.yaml",
        &format!(
            "version: 1
name: fastmcp
targets:
  - name: adder
    environment: production
    url: http://127.0.0.1:{port}
    endpoints: [/mcp]
    token: {{ env: REAL_TOKEN, disposable: true }}
    origins: []
    tools: {{ allow: [add] }}
"
        ),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/python/server.py");
    let _server = Server::start(
        &python(),
        &[&script.to_string_lossy()],
        &[("PORT", &port.to_string()), ("TOKEN", &token), ("FAULT", fault)],
        &folder.join("python.log"),
        &[port],
    );
    let mut arguments = vec!["--policy".to_owned(), policy.to_string_lossy().into_owned()];
    arguments.extend(["--scope", "deployment"].map(str::to_owned));
    for check in ["auth-enforced", "cors-origins", "input-validation", "error-disclosure"] {
        arguments.extend(["--check", check].map(str::to_owned));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Audit::run(&folder, &arguments, &[("REAL_TOKEN", &token)])
}

#[test]
fn both_eras_are_judged_and_opening_listing_and_calling_apart() {
    let folder = folder();
    let (both, modern, legacy) = (["(2026-07-28)", "(initialize)"], ["(2026-07-28)", ""], ["", "(initialize)"]);
    let cases: [(&str, [&str; 2], &str); 6] = [
        ("open", both, "takes calls without a credential"),
        ("modern-open", modern, "takes calls without a credential"),
        ("legacy-open", legacy, "takes calls without a credential"),
        ("discovery-open", both, "lists its tools without a credential"),
        ("any-token", both, "admits a wrong token"),
        ("query-token", ["", ""], "the token in the query parameter `access_token` is admitted"),
    ];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sound = audited(folder.path(), "");
            sound.expect("auth-enforced", "pass");
            sound.expect("input-validation", "pass");
            // As the library comes, both are so.
            sound.expect("cors-origins", "fail");
            sound.expect("error-disclosure", "fail");
            audited(folder.path(), "origin-gate").expect("cors-origins", "pass");
        });
        for half in cases.chunks(3) {
            let root = folder.path();
            scope.spawn(move || {
                for (fault, eras, what) in half {
                    let audit = audited(root, fault);
                    audit.expect("auth-enforced", "fail");
                    let findings = audit.findings("auth-enforced");
                    assert!(findings.contains(what), "{fault}: {findings}");
                    for era in ["(2026-07-28)", "(initialize)"] {
                        assert_eq!(findings.contains(era), eras.contains(&era), "{fault} {era}: {findings}");
                    }
                    assert_eq!(findings.contains("takes calls"), *what == cases[0].2, "{fault}: {findings}");
                }
            });
        }
    });
}
