//! Cases 41 to 45, 48 and 49: strings. The demo's evidence is spoilt with everything that misleads a reader, and shown in
//! every format.

use std::time::Duration;

use serde_json::Value;

use crate::rig::{Stage, token};
use crate::{formats, payload};

const WITHIN: Duration = Duration::from_mins(1);

/// Evidence of the leaky demo's repository, with many findings.
fn evidence(stage: &Stage) -> Value {
    let arguments =
        ["audit", "--demo", "--scope", "repository", "--evidence", "evidence.json", "--format", "json=first.json"];
    let ran = stage.run(&arguments, WITHIN).unwrap();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    serde_json::from_str(&std::fs::read_to_string(stage.path("evidence.json")).unwrap()).unwrap()
}

/// Appends the payload to every text under one of these keys, at most `most` times; how many were spoilt.
fn spoil(value: &mut Value, keys: &[&str], payload: &str, spoilt: &mut usize) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if keys.contains(&key.as_str()) => {
                        text.push_str(payload);
                        *spoilt += 1;
                    }
                    Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
                    Value::Array(_) | Value::Object(_) => spoil(value, keys, payload, spoilt),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, keys, payload, spoilt)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn cases_41_to_43_and_45_no_string_of_the_audited_system_is_obeyed_in_any_format() {
    let stage = Stage::new();
    let sound = evidence(&stage);
    for key in ["path", "file", "what", "text", "name", "pattern", "tool"] {
        let mut value = sound.clone();
        let mut spoilt = 0;
        for target in value["targets"].as_array_mut().unwrap() {
            // What was seen, not what was asked: another question would be another ask, and read `not asked`.
            for answer in target["answers"].as_array_mut().unwrap() {
                if let Some(seen) = answer.get_mut("seen") {
                    spoil(seen, &[key], &payload::misleading(), &mut spoilt);
                }
            }
        }
        std::fs::write(stage.path("spoilt.json"), value.to_string()).unwrap();
        let shown = formats::all(&stage, "spoilt.json").unwrap_or_else(|fault| panic!("{key}: {fault}"));
        println!("{key}: {spoilt} texts spoilt, {} formats valid", shown.len());
        assert!(spoilt > 0 || key == "tool", "no {key} was spoilt, so this shows nothing");
    }
}

#[test]
fn case_44_a_secret_stands_in_no_report_no_log_no_argument() {
    let stage = Stage::new();
    let arguments = [
        "audit",
        "--no-history",
        "--url",
        "http://127.0.0.1:9",
        "--token-env",
        "HOSTILE_TOKEN",
        "--scope",
        "deployment",
        "--endpoint",
        "/mcp",
        "--max-time",
        "5s",
        "--evidence",
        "evidence.json",
        "--format",
        "json=report.json",
    ];
    let mut command = stage.command(&arguments);
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    let ran = crate::rig::watch(command, WITHIN).unwrap();
    for text in [ran.stdout, ran.stderr, std::fs::read_to_string(stage.path("evidence.json")).unwrap()] {
        assert!(!text.contains(&token()));
    }
    formats::all(&stage, "evidence.json").unwrap();
    let ran = stage.run(&["audit", "--url", "http://127.0.0.1:9", "--token", &["x"; 40].concat()], WITHIN).unwrap();
    assert_eq!(ran.code, 2, "a token on the command line is refused");
}

#[test]
fn case_48_time_zone_and_locale_change_no_byte_of_a_report() {
    let stage = Stage::new();
    evidence(&stage);
    let shown: Vec<String> = [("UTC", "C"), ("Asia/Kathmandu", "tr_TR.UTF-8"), ("America/St_Johns", "de_DE.UTF-8")]
        .into_iter()
        .map(|(zone, locale)| {
            let mut command = stage.command(&["replay", "evidence.json", "--format", "json=shown.json"]);
            command.env("TZ", zone).env("LC_ALL", locale).env("LANG", locale);
            crate::rig::watch(command, WITHIN).unwrap();
            std::fs::read_to_string(stage.path("shown.json")).unwrap()
        })
        .collect();
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "the report changes with the time zone or the locale");
}

/// There is no rule pack and no cache to tamper with: the rules are in the binary. What can be pinned is the policy.
#[test]
fn case_49_a_tampered_policy_is_refused_by_its_pin() {
    let stage = Stage::new();
    std::fs::write(stage.path("p.yaml"), "version: 1\ntargets: [{ name: a, repository: . }]\n").unwrap();
    let pin = "0".repeat(64);
    let ran = stage.run(&["audit", "--policy", "p.yaml", "--policy-sha256", &pin], WITHIN).unwrap();
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}
