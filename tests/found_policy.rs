//! A `./policy.yaml` that was found decides neither which file is read, nor what is shown, nor what is audited.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Files that stand in for what is not the repository's to show. No value here has the form of any provider's token.
const OUTSIDE: &str = "machine api.test login u password not-to-be-shown-4711";

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.test", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A repository whose own audit fails: it has the password of a file in `HEAD`.
fn guilty(folder: &Path, policy: &str) {
    git(folder, &["init", "-q", "."]);
    std::fs::write(
        folder.join("c.ini"),
        format!("[a]\nDB_PASSWORD = \"{}\"\n", ["Kq7", "vT2x", "Lm9Zr4", "WpB8"].concat()),
    )
    .unwrap();
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
    git(folder, &["add", "-f", "."]);
    git(folder, &["commit", "-qm", "x"]);
}

fn audit(folder: &Path, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["audit", "--scope", "repository", "--no-history"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn status(output: &Output, check: &str) -> String {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    results.iter().find(|result| result["check"] == check).unwrap()["status"].as_str().unwrap().to_owned()
}

const HERE: &str = "version: 1\ntargets: [{ name: p, environment: production, repository: . }]\n";

#[test]
fn a_found_policy_that_is_a_symlink_is_refused_and_nothing_of_its_file_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(&outside, OUTSIDE).unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("policy.yaml")).unwrap();
    let output = audit(&inside, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("it is a symlink") && !told(&output).contains("4711"), "{}", told(&output));
    // One that leads nowhere is no reason to take another policy.
    std::fs::remove_file(&outside).unwrap();
    assert_eq!(audit(&inside, &[]).status.code(), Some(2));
}

#[test]
fn no_line_of_a_found_policy_and_of_its_registers_is_repeated_and_a_named_one_shows_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), OUTSIDE).unwrap();
    let output = audit(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("policy.yaml:1:") && !told(&output).contains("4711"), "{}", told(&output));
    let named = told(&audit(folder.path(), &["--policy", "policy.yaml"]));
    assert!(named.contains("machine api.test"), "{named}");
    // git's own settings may hold a password, and are inside the folder.
    guilty(folder.path(), &format!("{HERE}rotations: .git/config\ndocument: .git/config\n"));
    git(folder.path(), &["config", "remote.origin.url", "https://u:not-to-be-shown-4711@git.test/r"]);
    let output = audit(folder.path(), &["--format", "json", "--format", "checklist=list"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(!told(&output).contains("4711"), "{}", told(&output));
    assert!(!std::fs::read_to_string(folder.path().join("list")).unwrap().contains("4711"));
}

#[test]
fn a_found_policy_names_no_decoy_in_place_of_its_own_repository() {
    let folder = tempfile::tempdir().unwrap();
    let decoy = folder.path().join("decoy");
    std::fs::create_dir(&decoy).unwrap();
    git(&decoy, &["init", "-q", "--bare", "."]);
    std::fs::write(decoy.join("refs/.keep"), "").unwrap();
    guilty(folder.path(), &HERE.replace("repository: .", "repository: decoy"));
    let output = audit(folder.path(), &["--check", "secrets-committed", "--format", "json"]);
    assert_eq!((output.status.code(), status(&output, "secrets-committed").as_str()), (Some(1), "fail"));
    assert!(told(&output).contains("another `repository:`"), "{}", told(&output));
}

#[test]
fn a_work_tree_that_holds_the_files_of_a_bare_repository_is_read_as_git_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("HEAD", "ref: refs/heads/main\n"), ("objects/keep", ""), ("refs/keep", "")] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    guilty(folder.path(), HERE);
    let output = audit(folder.path(), &["--check", "secrets-committed", "--format", "json"]);
    assert_eq!(status(&output, "secrets-committed"), "fail");
}

#[test]
fn the_incidents_of_a_found_policy_do_not_count_and_those_of_a_named_one_do() {
    let folder = tempfile::tempdir().unwrap();
    let today = chrono::Utc::now().date_naive();
    let incident =
        format!("{{ secret: DB_PASSWORD, on: {today}, rotated: {today}, updated: [all], logs-audited: {today} }}");
    guilty(folder.path(), &format!("{HERE}incidents: [{incident}]\n"));
    let arguments = ["--check", "incident-record", "--format", "json"];
    let found = audit(folder.path(), &arguments);
    assert_eq!(status(&found, "incident-record"), "fail", "{}", told(&found));
    let named = audit(folder.path(), &[&arguments[..], &["--policy", "policy.yaml"]].concat());
    assert_ne!(status(&named, "incident-record"), "fail", "{}", told(&named));
}

#[test]
fn a_fifo_in_place_of_a_policy_or_a_register_is_waited_for_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = |name: &str| {
        assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
    };
    fifo("policy.yaml");
    let output = audit(folder.path(), &[]);
    assert!(output.status.code() == Some(2) && told(&output).contains("no regular file"), "{}", told(&output));
    std::fs::remove_file(folder.path().join("policy.yaml")).unwrap();
    fifo("register");
    std::fs::write(folder.path().join("policy.yaml"), format!("{HERE}rotations: register\n")).unwrap();
    assert_eq!(audit(folder.path(), &[]).status.code(), Some(2));
    let named = audit(folder.path(), &["--policy", "policy.yaml"]);
    assert!(told(&named).contains("no regular file"), "{}", told(&named));
}

#[test]
fn a_pin_says_that_it_does_not_cover_the_registers_in_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let policy = format!("{HERE}rotations: register.yaml\n");
    std::fs::write(folder.path().join("policy.yaml"), &policy).unwrap();
    std::fs::write(folder.path().join("register.yaml"), "[]\n").unwrap();
    let pin = watertight::policy::file::sha256(&policy);
    let pinned = audit(folder.path(), &["--policy", "policy.yaml", "--policy-sha256", &pin]);
    assert!(told(&pinned).contains("pins the policy alone") && told(&pinned).contains("register.yaml"));
    let whole = watertight::policy::file::sha256(HERE);
    std::fs::write(folder.path().join("policy.yaml"), HERE).unwrap();
    let pinned = audit(folder.path(), &["--policy", "policy.yaml", "--policy-sha256", &whole]);
    assert!(!told(&pinned).contains("pins the policy alone"), "{}", told(&pinned));
}
