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
    // What the report, the page and `diff` say of the fault after each run, and how `diff` ends.
    for (tree, state, code) in [
        (Tree::Clean, "", 2),
        (Tree::Leaky, "new", 1),
        (Tree::Leaky, "still", 0),
        (Tree::Blind, "not evaluated", 0),
        (Tree::Clean, "fixed", 0),
        (Tree::Leaky, "reopened", 1),
    ] {
        repository(path, tree);
        audit(path, &["--format", "html=report.html", "--format", "json=report.json"]);
        assert_eq!(self::state(path).replace('-', " "), state);
        assert_eq!(on_the_page(path), state);
        let diff = watertight(path, &["diff", "--all", "--history", "history.sqlite"]);
        let said = text(&diff);
        let line = said.lines().find(|line| line.contains(" gitignore on tree: ")).unwrap_or_default();
        assert_eq!((line.get(..14).unwrap_or_default().trim(), diff.status.code()), (state, Some(code)), "{said}");
    }
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
fn targets_are_never_mixed_in_one_trend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    repository(path, Tree::Clean);
    audit(path, &[]);
    audit(path, &[]);
    std::fs::rename(path.join("repository"), path.join("elsewhere")).unwrap();
    let policy = std::fs::read_to_string(path.join("audit.yaml")).unwrap();
    std::fs::write(
        path.join("other.yaml"),
        policy.replace("tree", "other").replace("repository: repository", "repository: elsewhere"),
    )
    .unwrap();
    let other =
        ["audit", "--policy", "other.yaml", "--scope", "repository", "--history", "history.sqlite", "--format", "json"];
    let report: serde_json::Value = serde_json::from_slice(&watertight(path, &other).stdout).unwrap();
    // The other target was never seen before: no baseline, and a trend of its own.
    assert_eq!(
        (&report["drift"]["baseline"], report["drift"]["trend"].as_array().unwrap().len()),
        (&serde_json::Value::Null, 1)
    );
    watertight(path, &other);
    let list = text(&watertight(path, &["history", "--history", "history.sqlite"]));
    let sparks =
        list.lines().find(|line| line.trim_start().starts_with("1 ")).unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!(sparks.chars().count(), 2, "{list}");
    assert!(list.starts_with("boxes of other ") && list.matches(", on tree ").count() == 2, "{list}");
}

#[test]
fn pruning_keeps_the_newest_and_what_they_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for tree in [Tree::Clean, Tree::Leaky, Tree::Clean] {
        repository(path, tree);
        audit(path, &[]);
    }
    let prune = watertight(path, &["history", "prune", "--keep", "1", "--history", "history.sqlite"]);
    assert_eq!((prune.status.code(), text(&prune).as_str()), (Some(0), "2 runs dropped, the newest 1 kept\n"));
    repository(path, Tree::Leaky);
    audit(path, &["--format", "json=report.json"]);
    // That it was there and was mended is known although the runs that saw it are gone.
    assert_eq!(state(path), "reopened");
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
    // Half of a run is looking; what is at stake is the moment in which it is kept. So as many more are killed from the
    // first byte on that reaches the write-ahead log.
    let (mut within, mut tries) = (0, 0);
    while within < kills && tries < kills * 6 {
        let name = format!("write-{tries}.json");
        let log = path.join("history.sqlite-wal");
        let before = mark(&log);
        let mut child = command(path, &["--format", &format!("json={name}")])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while mark(&log).is_none_or(|now| now.0 == 0 || Some(now) == before) && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_micros(u64::from(tries % 40) * 100));
        child.kill().unwrap();
        child.wait().unwrap();
        match std::fs::read_to_string(path.join(&name)) {
            Ok(text) => {
                let report: serde_json::Value = serde_json::from_str(&text).unwrap();
                finished.push(report["run"]["id"].as_str().unwrap().to_owned());
            }
            Err(_) => within += 1,
        }
        tries += 1;
    }
    assert_eq!(within, kills, "only {within} of {tries} kills hit a run while it was kept");
    let list = watertight(path, &["history", "--history", "history.sqlite", "--limit", "1000"]);
    assert_eq!(list.status.code(), Some(0), "{}", String::from_utf8_lossy(&list.stderr));
    let text = text(&list);
    let kept: Vec<&str> =
        text.lines().filter(|line| line.ends_with("drift")).filter_map(|line| line.split_whitespace().next()).collect();
    println!(
        "{kills} kills at any moment, {within} of {tries} while a run was kept: {} runs gave a report, {} are kept",
        finished.len(),
        kept.len()
    );
    for id in &finished {
        assert!(kept.contains(&id.as_str()), "the run {id} gave its report and is lost");
    }
    for id in kept {
        let show = watertight(path, &["history", "show", id, "--history", "history.sqlite", "--format", "json"]);
        assert!(serde_json::from_slice::<serde_json::Value>(&show.stdout).is_ok(), "{id}");
    }
}

/// Length and time of a file; both move with the first byte that is written to it.
fn mark(file: &Path) -> Option<(u64, std::time::SystemTime)> {
    let known = std::fs::metadata(file).ok()?;
    Some((known.len(), known.modified().ok()?))
}

/// The state of the gitignore finding in the page's table of changes; of one that stands, its age is on the page.
fn on_the_page(path: &Path) -> String {
    let page = std::fs::read_to_string(path.join("report.html")).unwrap();
    let section = |id: &str| {
        let (_, rest) = page.split_once(&format!("<section aria-labelledby=\"{id}\">")).unwrap_or_default();
        rest.split("</section>").next().unwrap_or_default().to_owned()
    };
    let rows = section("changes");
    let Some(row) = rows.split("<tr>").find(|row| row.contains("<td>gitignore<br>")) else {
        let stands = section("standing").contains("<td>gitignore<br>") && rows.contains(" still");
        return if stands { "still".into() } else { String::new() };
    };
    let cell = row.split("</span>").next().unwrap();
    cell.rsplit('>').next().unwrap().to_owned()
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
