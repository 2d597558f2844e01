//! The rooms: checks, the plan and the report are pure, and only the rooms that may touch the world do.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests may do what they like; they stand at the end, or in a file of their own.
            let code = text.split("\n#[cfg(test)]").next().unwrap().to_owned();
            found.push((path.strip_prefix(root).unwrap().to_owned(), code));
        }
    }
    assert!(!found.is_empty(), "{folder} has no source");
    found.sort();
    found
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn checks_plan_and_report_are_pure() {
    let banned = [
        "async ",
        ".await",
        "tokio",
        "Utc::now",
        "Local::now",
        "SystemTime",
        "Instant",
        "std::env",
        "env::var",
        "std::fs",
        "fs::",
        "std::net::Tcp",
        "std::process",
        "println!",
        "eprintln!",
        "print!(",
        "dbg!",
        "std::io",
        "reqwest",
        "sqlx",
        "thread::",
        "rand::",
        "crate::probe",
        "crate::cli",
        "crate::history::store",
    ];
    let mut faults = Vec::new();
    for folder in ["checks", "src/report", "src/plan.rs", "src/plan"] {
        for (path, text) in sources(folder) {
            for (number, line) in code_lines(&text) {
                for word in banned.iter().filter(|word| line.contains(*word)) {
                    faults.push(format!("{}:{number}: `{word}`: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_the_rooms_that_may_touch_the_world_do() {
    let banned = ["println!", "eprintln!", "TcpStream", "UdpSocket", "reqwest::", "Command::new"];
    let allowed = ["src/probe", "src/history", "src/demo", "src/cli", "src/main.rs"];
    let mut faults = Vec::new();
    for (path, text) in sources("src") {
        if allowed.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for (number, line) in code_lines(&text) {
            for word in banned.iter().filter(|word| line.contains(*word)) {
                faults.push(format!("{}:{number}: `{word}`", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn main_stays_small() {
    let main = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 60);
}

#[test]
fn every_check_says_first_what_holds() {
    for (path, text) in sources("checks") {
        assert!(text.starts_with("//! "), "{} does not begin with its point", path.display());
    }
}
