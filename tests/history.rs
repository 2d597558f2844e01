//! Stored runs: drift over runs that appear, persist, hide and disappear; thousands of runs; kills at any moment.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail and say where")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A repository with a secret, or without one, or shallow (which could hide one).
#[derive(Clone, Copy)]
enum Tree {
    Clean,
    Leaky,
    Blind,
}

#[test]
fn a_fault_that_appears_persists_hides_and_goes_gives_the_right_drift() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let states: Vec<String> = [Tree::Clean, Tree::Leaky, Tree::Leaky, Tree::Blind, Tree::Clean, Tree::Leaky]
        .into_iter()
        .map(|tree| {
            repository(path, tree);
            audit(path, &["--format", "html=report.html", "--format", "json=report.json"]);
            state(path)
        })
        .collect();
    assert_eq!(states, ["", "new", "still", "not-evaluated", "fixed", "reopened"]);
    let page = std::fs::read_to_string(path.join("report.html")).unwrap();
    assert!(page.contains("What changed") && page.contains("reopened"), "the page does not say what changed");
    let diff = watertight(path, &["diff", "--history", "history.sqlite"]);
    assert_eq!(diff.status.code(), Some(1), "{}", text(&diff));
    assert!(text(&diff).contains("reopened       gitignore"), "{}", text(&diff));
    let list = watertight(path, &["history", "--history", "history.sqlite"]);
    assert_eq!(text(&list).lines().filter(|line| line.contains("drift")).count(), 7, "{}", text(&list));
}

#[test]
fn a_part_of_the_checklist_is_no_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    repository(path, Tree::Clean);
    audit(path, &[]);
    repository(path, Tree::Leaky);
    audit(path, &["--check", "gitignore"]);
    audit(path, &["--format", "json=report.json"]);
    assert_eq!(state(path), "new");
}

#[test]
fn what_is_known_does_not_fail_a_run_that_asks_for_news() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    repository(path, Tree::Leaky);
    let only = ["--check", "gitignore", "--new-only"];
    // The first run has no baseline, so everything is news.
    assert_eq!(audit(path, &["--new-only"]).status.code(), Some(1));
    assert_ne!(audit(path, &only).status.code(), Some(1));
    assert_eq!(audit(path, &only[..2]).status.code(), Some(1));
}

#[test]
fn a_run_by_an_ambiguous_or_unknown_id_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    repository(path, Tree::Clean);
    audit(path, &[]);
    let show = watertight(path, &["history", "show", "nosuchrun", "--history", "history.sqlite"]);
    assert_eq!(show.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&show.stderr).contains("holds no run `nosuchrun`"));
    let none = watertight(path, &["history", "--history", "elsewhere.sqlite"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(!path.join("elsewhere.sqlite").exists(), "looking made a history");
}

#[test]
fn killing_the_process_at_any_moment_loses_no_finished_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    repository(path, Tree::Clean);
    // How long a whole run takes here, so that the kills are spread over all of it.
    let begun = Instant::now();
    audit(path, &[]);
    let whole = begun.elapsed();
    let kills = 50;
    let mut finished = Vec::new();
    for kill in 0..kills {
        let name = format!("run-{kill}.json");
        let mut child = command(path, &["--format", &format!("json={name}")])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * (kill + 1) / kills + Duration::from_millis(u64::from(kill % 7)));
        child.kill().unwrap();
        child.wait().unwrap();
        // The report is whole or not there, and it is written after the run was kept.
        if let Ok(text) = std::fs::read_to_string(path.join(&name)) {
            let report: serde_json::Value = serde_json::from_str(&text).unwrap();
            finished.push(report["run"]["id"].as_str().unwrap().to_owned());
        }
    }
    let list = watertight(path, &["history", "--history", "history.sqlite", "--limit", "1000"]);
    assert_eq!(list.status.code(), Some(0), "{}", String::from_utf8_lossy(&list.stderr));
    let text = text(&list);
    let kept: Vec<&str> =
        text.lines().filter(|line| line.ends_with("drift")).filter_map(|line| line.split_whitespace().next()).collect();
    println!("{kills} kills: {} runs gave a report, {} are kept", finished.len(), kept.len());
    for id in &finished {
        assert!(kept.contains(&id.as_str()), "the run {id} gave its report and is lost");
    }
    for id in kept {
        let show = watertight(path, &["history", "show", id, "--history", "history.sqlite", "--format", "json"]);
        assert!(serde_json::from_slice::<serde_json::Value>(&show.stdout).is_ok(), "{id}");
    }
}

/// The state of the gitignore finding in the last report.
fn state(path: &Path) -> String {
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path.join("report.json")).unwrap()).unwrap();
    let changes = report["drift"]["changes"].as_array().cloned().unwrap_or_default();
    let change = changes.iter().find(|change| change["check"] == "gitignore");
    change.and_then(|change| change["state"].as_str()).unwrap_or_default().to_owned()
}

/// `.gitignore` is what differs: whole, without one of its names, or not to be seen because there is no repository.
fn repository(path: &Path, tree: Tree) {
    let at = path.join("repository");
    let _ = std::fs::remove_dir_all(&at);
    std::fs::create_dir_all(&at).unwrap();
    let names = [".env", ".env.*", "*.env.*", "id_*", "*.key", "*.pem", "*.p12", "*.jks", "*.sql"];
    let ignored = match tree {
        Tree::Clean => names.join("\n"),
        Tree::Leaky => names[..8].join("\n"),
        Tree::Blind => return,
    };
    std::fs::write(at.join(".gitignore"), ignored + "\n").unwrap();
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "First"],
    ] {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&at)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn audit(path: &Path, more: &[&str]) -> Output {
    command(path, more).output().unwrap()
}

fn command(path: &Path, more: &[&str]) -> Command {
    std::fs::write(
        path.join("audit.yaml"),
        "version: 1\nname: drift\ntargets:\n  - { name: tree, environment: development, repository: repository }\n",
    )
    .unwrap();
    let mut command = binary(path);
    command
        .args(["audit", "--policy", "audit.yaml", "--scope", "repository", "--history", "history.sqlite"])
        .args(more);
    command
}

fn watertight(path: &Path, arguments: &[&str]) -> Output {
    binary(path).args(arguments).output().unwrap()
}

fn binary(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    command.current_dir(path).env_clear().env("HOME", path);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
