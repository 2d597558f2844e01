//! Every format against its validator, on one report that has every status and hostile strings in every field.
//!
//! xmllint, promtool and Python's own CSV reader run always; SARIF's multitool, compliance-trestle and Chromium are heavy:
//! `tests/run --all` installs and runs them.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot set up must fail and say why")]

mod browser;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use watertight::check::Severity;
use watertight::report::{
    Outcome, Report, csv, html, json as json_format, junit, markdown, nagios, oscal, prometheus, sarif, table,
};

/// What the audited system may write into a report.
const HOSTILE: &[&str] = &[
    "plain",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{7} \u{1b}]52;c;aGk=\u{7}",
    "a\rb\nc\td\u{0}e\u{7}f\u{8}g\u{85}h\u{9b}2Ji",
    "\u{202e}gnp.exe\u{202c} \u{2066}x\u{2069} \u{200b}\u{feff}\u{2028}y\u{e0041}",
    "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>' onload=\"x",
    "```\n| a | b |\n[x](javascript:alert(1)) ![y](https://evil.example/z) <b>@everyone</b> # h",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "::error file=a::b\n##[error]c",
    "/etc/passwd",
    "../../../../etc/passwd",
    "C:\\Windows\\win.ini",
    "file:///etc/shadow",
    "]]> <!-- --> <?xml?> &amp; &#0; \u{fffe}\u{ffff}",
    "{0} {{x}} {% raw %} ${{ secrets.TOKEN }} $(id) `id`",
    "quote \" apostrophe ' backslash \\ end\\",
    "| fail=1;2;3 'x'=9",
    "",
];

#[test]
fn nothing_hostile_reaches_a_terminal_a_build_log_or_a_comment() {
    let report = hostile();
    for text in [table(&report), markdown::render(&report), nagios(&report)] {
        assert!(text.chars().all(|character| !character.is_control() || character == '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}') && !text.contains('\u{200b}'), "{text:?}");
        for line in text.lines() {
            assert!(!line.trim_start().starts_with("::error") && !line.contains("##[error]"), "{line}");
        }
    }
    let markdown = markdown::render(&report);
    assert!(!markdown.contains("<img") && !markdown.contains("<script") && !markdown.contains("@everyone"));
    assert!(!markdown.contains("](") && !markdown.contains("```"), "{markdown}");
}

#[test]
fn json_is_read_back_as_it_was() {
    let report = hostile();
    let text = json_format::render(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn junit_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "junit.xml", &junit::render(&hostile()));
    let schema = here("junit.xsd");
    let output = run("xmllint", &["--noout", "--schema", &shown(&schema), &shown(&file)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A schema that takes anything would prove nothing.
    let file = write(folder.path(), "bad.xml", "<testsuites><testsuite name=\"x\"/></testsuites>");
    assert!(!run("xmllint", &["--noout", "--schema", &shown(&schema), &shown(&file)]).status.success());
}

#[test]
fn prometheus_text_passes_promtool() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "metrics.prom", &prometheus::render(&hostile()));
    let script = format!("promtool check metrics < {}", shown(&file));
    let output = run("sh", &["-c", &script]);
    assert!(output.status.success(), "{}{}", text(&output), String::from_utf8_lossy(&output.stderr));
    let output = run("sh", &["-c", "echo 'camelCase 1' | promtool check metrics"]);
    assert!(!output.status.success(), "promtool takes anything");
}

#[test]
fn csv_is_read_by_pythons_reader_and_no_cell_is_a_formula() {
    let folder = tempfile::tempdir().unwrap();
    let report = hostile();
    let file = write(folder.path(), "report.csv", &csv::render(&report));
    let script = "import csv, sys\nrows = list(csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8'), strict=True))\n\
                  assert all(None not in row and None not in row.values() for row in rows)\n\
                  assert not [c for row in rows for c in row.values() if c.lstrip()[:1] in tuple('=+-@')], 'a formula'\n\
                  print(len(rows))";
    let output = run("python3", &["-c", script, &shown(&file)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: usize = report.results.iter().map(|result| result.findings.len().max(1)).sum();
    assert_eq!(text(&output).trim(), lines.to_string());
}

#[test]
fn a_nagios_line_has_one_line_of_data_and_a_code_of_its_own() {
    let report = hostile();
    let text = nagios(&report);
    let mut lines = text.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("WATERTIGHT CRITICAL - "), "{first}");
    assert_eq!(first.matches('|').count(), 1, "{first}");
    assert!(lines.all(|line| !line.contains('|')), "{text}");
    assert_eq!(nagios::render(&report, Outcome::Fails, Severity::Low).1, 2);
}

#[test]
fn sarif_has_what_github_asks_for() {
    let document: Value = serde_json::from_str(&sarif::render(&hostile()).unwrap()).unwrap();
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        for part in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[part]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
    }
    for result in run["results"].as_array().unwrap() {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], result["ruleId"]);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.is_empty() && !uri.starts_with('/') && !uri.contains("..") && !uri.contains(':'), "{uri}");
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(result["kind"] == "fail" || result["level"] == "none", "{result}");
    }
}

#[test]
#[ignore = "installs SARIF's multitool from npm: tests/run --all"]
fn sarif_passes_the_multitool_with_githubs_rules() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "report.sarif", &sarif::render(&hostile()).unwrap());
    assert_eq!(multitool(folder.path(), &file), Vec::<String>::new());
    // The tool exits 0 whatever it finds, so its own report is read; it must be able to complain.
    let mut broken: Value = serde_json::from_str(&sarif::render(&hostile()).unwrap()).unwrap();
    broken["runs"][0]["results"][0]["locations"] = json!([]);
    broken["runs"][0]["results"][0]["ruleIndex"] = json!(9999);
    let file = write(folder.path(), "broken.sarif", &broken.to_string());
    assert!(!multitool(folder.path(), &file).is_empty(), "the multitool takes anything");
}

#[test]
#[ignore = "installs compliance-trestle from PyPI: tests/run --all"]
fn oscal_is_imported_by_trestle() {
    let folder = tempfile::tempdir().unwrap();
    // trestle imports nothing that lies in its own workspace.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = write(elsewhere.path(), "results.json", &oscal::render(&hostile()).unwrap());
    let trestle = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv-formats/bin/trestle");
    let trestle = |arguments: &[&str]| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Command::new(&trestle)
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", folder.path())
            .output()
            .expect("trestle starts: tests/run --all installs it")
    };
    assert!(trestle(&["init", "--local"]).status.success());
    let output = trestle(&["import", "-f", &shown(&file), "-o", "audit"]);
    assert!(output.status.success(), "{}{}", text(&output), String::from_utf8_lossy(&output.stderr));
    let broken = write(elsewhere.path(), "broken.json", "{\"assessment-results\": {\"uuid\": \"x\"}}");
    assert!(!trestle(&["import", "-f", &shown(&broken), "-o", "broken"]).status.success(), "trestle takes anything");
}

/// What the multitool says at level error.
fn multitool(folder: &Path, file: &Path) -> Vec<String> {
    let tool = here("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    assert!(tool.exists(), "{} is missing: tests/run --all installs it", tool.display());
    let _ = run("chmod", &["u+x", &shown(&tool)]);
    let out = folder.join("validation.sarif");
    let output = Command::new(&tool)
        .args([
            "validate",
            &shown(file),
            "--rule-kind",
            "Sarif;Gh;Ghas",
            "--output",
            &shown(&out),
            "--log",
            "ForceOverwrite",
        ])
        .env_clear()
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .env("HOME", folder)
        .output()
        .expect("the multitool starts");
    let said = std::fs::read_to_string(&out)
        .unwrap_or_else(|_| panic!("{}{}", text(&output), String::from_utf8_lossy(&output.stderr)));
    let said: Value = serde_json::from_str(said.trim_start_matches('\u{feff}')).unwrap();
    let results = said["runs"][0]["results"].as_array().cloned().unwrap_or_default();
    let errors = results.iter().filter(|result| result["level"] == "error");
    errors.map(|result| format!("{} {}", result["ruleId"], result["message"])).collect()
}

fn table(report: &Report) -> String {
    table::render(report, table::Style { width: 80, colour: false })
}

fn nagios(report: &Report) -> String {
    nagios::render(report, Outcome::Fails, Severity::Low).0
}

/// A report with every status, its texts taken in turn from the hostile ones.
fn hostile() -> Report {
    let long = "x".repeat(10_000);
    let mut turn = 0;
    let mut evil = || {
        turn += 1;
        match turn % (HOSTILE.len() + 1) {
            0 => long.clone(),
            at => HOSTILE[at - 1].to_owned(),
        }
    };
    let mut results = Vec::new();
    for status in ["fail", "inconclusive", "waived", "pass", "not_applicable"] {
        for number in 0..HOSTILE.len() {
            let places = [
                json!({ "url": evil() }),
                json!({ "host": evil() }),
                json!({ "file": evil(), "line": number }),
                json!({ "commit": evil(), "file": evil(), "line": null }),
                json!({ "policy": evil(), "line": 3 }),
            ];
            let waived = status == "waived";
            let findings: Vec<Value> = if matches!(status, "fail" | "waived") {
                places
                    .iter()
                    .enumerate()
                    .map(|(at, place)| {
                        json!({ "what": evil(), "severity": "high", "place": place, "id": format!("{status}{number}-{at}"),
                                "waived": waived, "standing": { "state": "reopened", "since": "2026-11-01T00:00:00Z" } })
                    })
                    .collect()
            } else {
                Vec::new()
            };
            results.push(json!({
                // Ids come from the registry, never from outside.
                "check": format!("check-{number}"), "title": evil(), "target": evil(), "status": status, "severity": "high",
                "statements": [evil()], "grounds": [evil(), evil()], "unseen": [evil(), evil()], "notes": [evil()],
                "findings": findings, "remediation": evil(), "references": [evil()],
                "waiver": if waived { json!({ "reason": evil(), "owner": evil(), "until": "2027-01-31" }) } else { Value::Null },
                "attestation": if number == 1 && status == "pass" {
                    json!({ "by": evil(), "on": "2026-11-01", "until": "2027-02-01", "statement": evil() })
                } else { Value::Null },
                "evidence": [evil()], "rule": evil(),
            }));
        }
    }
    let count = HOSTILE.len();
    let states =
        ["new", "reopened", "waiver-expired", "rule-changed", "newly-waived", "fixed", "not-evaluated", "still"];
    let changes: Vec<Value> = states
        .iter()
        .map(|state| {
            json!({ "state": state, "check": evil(), "target": evil(), "id": evil(), "what": evil(), "place": evil(),
                    "since": "2026-11-01T00:00:00Z" })
        })
        .collect();
    let report = json!({
        "version": 1,
        "tool": { "name": "watertight", "version": "0.1.0" },
        "policy": { "name": evil(), "file": evil(), "sha256": evil(), "trusted": false },
        "run": { "id": evil(), "started": "2026-11-20T12:00:00Z", "finished": "2026-11-20T12:01:10Z", "complete": false,
                 "scheduled": false, "vantage": evil(), "authorised": evil() },
        "summary": { "pass": count, "fail": count, "inconclusive": count, "not_applicable": count, "waived": count },
        "boxes": (1..=10).map(|number| json!({ "number": number, "text": evil(), "status": "fail", "checks": [evil()] })).collect::<Vec<_>>(),
        "results": results,
        "coverage": { "requests": 1, "connections": 2, "endpoints": { "known": 3, "judged": 2 }, "commits": 4, "blobs": 5,
                      "bytes": 6, "skipped": [evil(), evil()] },
        "statements": [{ "id": evil(), "text": evil(), "status": "waived", "checks": [evil()] }],
        "notices": [evil(), evil()],
        "drift": {
            "baseline": { "run": evil(), "started": "2026-11-19T12:00:00Z" },
            "changes": changes,
            "trend": [{ "run": evil(), "started": "2026-11-18T12:00:00Z", "boxes": "pfiwnpfiwn" },
                      { "run": evil(), "started": "2026-11-19T12:00:00Z", "boxes": evil() }],
        },
    });
    serde_json::from_value(report).expect("a report")
}

fn page() -> String {
    html::render(&hostile())
}

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(file)
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start ({error}); tests/run installs what is missing"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
