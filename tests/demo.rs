//! The main job on the embedded deployment: the leaky one breaks every box, the sound one keeps every one, and a replay
//! of the evidence says the same, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn watertight(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn audit(kind: &str) -> (tempfile::TempDir, Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let demo = format!("--demo={kind}");
    let output =
        watertight(folder.path(), &["audit", &demo, "--format", "json=report.json", "--evidence", "evidence.json"]);
    let text = std::fs::read_to_string(folder.path().join("report.json"))
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (folder, output, serde_json::from_str(&text).unwrap())
}

fn boxes(report: &Value) -> Vec<(u64, String)> {
    report["boxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["number"].as_u64().unwrap(), item["status"].as_str().unwrap().to_owned()))
        .collect()
}

fn ten_times(status: &str) -> Vec<(u64, String)> {
    (1..=10).map(|number| (number, status.to_owned())).collect()
}

#[test]
fn the_leaky_demo_breaks_every_box_and_replays_alike() {
    let (folder, output, report) = audit("leaky");
    assert_eq!(boxes(&report), ten_times("fail"));
    assert_eq!(output.status.code(), Some(1));
    replays_alike(folder.path(), 1);
}

#[test]
fn the_sound_demo_keeps_every_box_and_replays_alike() {
    let (folder, output, report) = audit("sound");
    assert_eq!(boxes(&report), ten_times("pass"), "{:#}", report["results"]);
    assert_eq!(output.status.code(), Some(0));
    replays_alike(folder.path(), 0);
}

fn replays_alike(folder: &Path, exit: i32) {
    let output = watertight(folder, &["replay", "evidence.json", "--format", "json=again.json"]);
    assert_eq!(output.status.code(), Some(exit), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(read("report.json") == read("again.json"), "the replay differs");
}
