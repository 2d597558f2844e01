//! A described API with one fault at a time, and with pairs that hide each other: exactly the right item fails.
//!
//! `cargo nextest run -E 'test(openapi)' --no-capture` prints the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Audit, Server, folder, node, random, write};

/// Audits at a time: they mostly wait for windows.
const AT_A_TIME: usize = 8;
const LIMIT: u32 = 120;
const WINDOW_MS: u32 = 2000;
const ORIGIN: &str = "https://app.example.com";
const CHECKS: [&str; 5] = ["auth-enforced", "cors-origins", "input-validation", "error-disclosure", "rate-limit"];

/// Two at once, of which one hides the other from an audit that looks carelessly; and what must fail all the same.
const PAIRS: &[(&str, &[&str])] = &[
    // Foreign origins get 403 wherever they ask: who sends an Origin with every request takes that for authentication.
    ("one-endpoint-open+origin-gate", &["auth-enforced"]),
    // Refusals of the limiter come before CORS and grant nothing.
    ("cors-reflects+tight-limit", &["cors-origins"]),
    // A page for every unknown path: who takes each 200 for it misses the open endpoint.
    ("one-endpoint-open+catch-all-page", &["auth-enforced"]),
    // Nobody is denied, so that no 401 shows what errors grant.
    ("auth-off+cors-reflects-on-errors", &["auth-enforced", "cors-origins"]),
    // A body is refused by the guard before validation is reached.
    ("writes-open+body-unvalidated", &["auth-enforced", "input-validation"]),
    // The crash is what shows the trace.
    ("parser-crashes+stack-in-errors", &["input-validation", "error-disclosure"]),
    // Without a limit nothing is refused, and everything else must still be seen.
    ("limiter-off+half-token", &["auth-enforced", "rate-limit"]),
    // A firewall's 403 for whoever sends no token: the token in a cookie never gets there.
    ("body-unvalidated+challenge-for-bots", &["input-validation"]),
    // No answer is like another, so that none is like what the valid token gets.
    ("half-token+volatile-answers", &["auth-enforced"]),
    ("slashes-open+volatile-answers", &["auth-enforced"]),
    // And that alone is no fault.
    ("volatile-answers", &[]),
];

struct Variant {
    name: String,
    fails: Vec<String>,
}

fn variants() -> Vec<Variant> {
    let listed = Command::new("node").arg(node("faulty.mjs")).arg("--list").output().expect("node starts");
    let listed = String::from_utf8(listed.stdout).expect("the list is text");
    let variant = |name: &str, fails: &[&str]| Variant {
        name: name.to_owned(),
        fails: fails.iter().map(|&check| check.to_owned()).collect(),
    };
    let mut variants = vec![variant("", &[])];
    for line in listed.lines() {
        let (fault, check) = line.split_once(' ').expect("a fault and its check");
        variants.push(variant(fault, &[check]));
    }
    assert!(variants.len() > 25, "{} faults", variants.len());
    variants.extend(PAIRS.iter().map(|(pair, fails)| variant(pair, fails)));
    variants
}

#[test]
fn every_single_fault_and_every_masking_pair_fails_exactly_its_item() {
    let folder = folder();
    // Letters of both cases, so that they tell it from others.
    let token = format!("Wt{:x}Q{:x}", random(folder.path()), random(folder.path()));
    let variants = variants();
    // Port 0: the service takes what is free and says which.
    let served: Vec<String> = variants.iter().map(|variant| format!("0={}", variant.name)).collect();
    let listening = folder.path().join("ports.json");
    let _server = Server::start(
        "node",
        &[&node("faulty.mjs")],
        &[
            ("VARIANTS", &served.join(" ")),
            ("TOKEN", &token),
            ("ORIGIN", ORIGIN),
            ("LIMIT", &LIMIT.to_string()),
            ("WINDOW_MS", &WINDOW_MS.to_string()),
            ("PORTS", &listening.to_string_lossy()),
        ],
        &folder.path().join("node.log"),
        &[],
    );
    let ports = ports(&listening);
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(variant) = variants.get(index) else { return };
                    // Once more where it is not as it should be: on a busy machine a short window may be missed.
                    let mut row = audited(folder.path(), variant, ports[variant.name.as_str()], &token);
                    if row.wrong.is_some() {
                        row = audited(folder.path(), variant, ports[variant.name.as_str()], &token);
                    }
                    rows.lock().expect("no thread panics").push((index, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no thread panics");
    rows.sort_by_key(|(index, _)| *index);
    let mut table = String::new();
    for (_, row) in &rows {
        writeln!(table, "{}", row.line).expect("a string takes it");
    }
    println!("{table}");
    let wrong: Vec<&str> = rows.iter().filter_map(|(_, row)| row.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// The port of each variant, once all of them listen.
fn ports(file: &Path) -> BTreeMap<String, u16> {
    let begun = Instant::now();
    loop {
        if let Some(ports) = std::fs::read_to_string(file).ok().and_then(|text| serde_json::from_str(&text).ok()) {
            return ports;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the service does not listen after 60 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Row {
    line: String,
    wrong: Option<String>,
}

fn audited(root: &Path, variant: &Variant, port: u16, token: &str) -> Row {
    let name = if variant.name.is_empty() { "sound" } else { &variant.name };
    let path = root.join(name);
    let limit = if variant.name.contains("tight-limit") { LIMIT / 4 } else { LIMIT };
    let policy = write(
        &path,
        "audit.yaml",
        &format!(
            "version: 1
name: faults
targets:
  - name: faults
    environment: production
    url: http://127.0.0.1:{port}
    endpoints:
      - GET /api/items
      - GET /api/stats
      - {{ path: /health, public: probed by the load balancer }}
    openapi: /openapi.json
    token: {{ env: REAL_TOKEN, disposable: true }}
    origins: [{ORIGIN}]
    writes: allow
checks:
  rate-limit: {{ limit: {limit}, window: {WINDOW_MS}ms }}
"
        ),
    );
    let policy = policy.to_string_lossy().into_owned();
    let mut arguments = vec!["--policy", &policy, "--scope", "deployment"];
    for check in CHECKS {
        arguments.extend(["--check", check]);
    }
    let audit = Audit::run(&path, &arguments, &[("REAL_TOKEN", token)]);
    let expected: BTreeSet<&str> = variant.fails.iter().map(String::as_str).collect();
    let with =
        |status: &str| -> BTreeSet<&str> { CHECKS.into_iter().filter(|check| audit.status(check) == status).collect() };
    let (failed, open) = (with("fail"), with("inconclusive"));
    let passed = with("pass");
    // Where one thing is wrong or hidden, others may not be visible; the sound service leaves nothing open.
    let right = failed == expected
        && (!expected.is_empty() || passed.len() == CHECKS.len())
        && failed.len() + open.len() + passed.len() == CHECKS.len();
    let told = |checks: &BTreeSet<&str>| checks.iter().copied().collect::<Vec<_>>().join(", ");
    let line = format!(
        "{} {name:<40} fails: {:<34} not seen: {}",
        if right { "ok   " } else { "WRONG" },
        told(&failed),
        told(&open)
    );
    let wrong = (!right).then(|| {
        let mut why = format!("{name}: expected {expected:?} to fail");
        for check in CHECKS {
            let result = audit.result(check);
            let _ = write!(why, "\n  {check}: {} {:#}", result["status"], result["findings"]);
            let _ = write!(why, "\n  not seen: {:#}", result["unseen"]);
        }
        let _ = write!(why, "\n{}", String::from_utf8_lossy(&audit.output.stderr));
        why
    });
    Row { line, wrong }
}
