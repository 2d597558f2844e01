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

/// Text from outside has a type, and the type no `Display` (src/report/untrusted.rs): what is left to watch over is that
/// nothing in a report is a plain string, and that no format and no command takes the text out as it is.
#[test]
fn no_format_writes_text_from_outside_as_it_is() {
    let mut faults = Vec::new();
    // Hashes that nobody shows, the letters of a trend, and the keys of a ledger, which is kept and not shown.
    let plain = ["pub rule: String", "pub scope: String", "pub boxes: String", "BTreeMap<String, "];
    for (path, text) in sources("src/report").into_iter().chain(sources("src/cli")) {
        let name = path.to_string_lossy();
        let shapes = ["src/report/mod.rs", "src/report/drift.rs"].contains(&&*name);
        // What compares and looks up; the rest writes.
        let weighs =
            ["build", "drift", "exception", "untrusted"].iter().any(|room| name.contains(&format!("report/{room}")));
        for (number, line) in code_lines(&text) {
            let field =
                line.trim_start().starts_with("pub ") && line.contains("String") && line.trim_end().ends_with(',');
            if shapes && field && !plain.iter().any(|known| line.contains(known)) {
                faults.push(format!("{name}:{number}: a plain string in the report: {}", line.trim()));
            }
            if !weighs && line.contains(".data()") && !looks_up(line) {
                faults.push(format!("{name}:{number}: text from outside, taken out as it is: {}", line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The few lines outside these rooms that use such text to look something up or to make a name of it.
fn looks_up(line: &str) -> bool {
    ["file.ledgers(", ".map(|finding| finding.id.data())", ".map(|result| result.target.data())", "stands.contains("]
        .iter()
        .chain(&["let mut name = report.run.id.data()", "name.push_str(part.data())", "let path = path.data()"])
        .any(|known| line.contains(known))
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
