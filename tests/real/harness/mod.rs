//! Starts servers, runs the built binary, reads its report.

mod certificates;
mod git;
mod haproxy;
mod logging;
mod nginx;
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) use certificates::Authority;
pub(crate) use git::Repository;
pub(crate) use haproxy::Haproxy;
pub(crate) use logging::Logging;
pub(crate) use nginx::Nginx;
pub(crate) use servers::{Server, free_port, node, python};

/// A folder for one test, gone with it.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("the folder is made");
    std::fs::write(&path, text).expect("the file is written");
    path
}

/// One finished run of the binary.
pub(crate) struct Audit {
    pub(crate) output: Output,
    pub(crate) report: Value,
}

impl Audit {
    /// Runs `watertight audit` with the arguments, in `folder`, with nothing in the environment but `environment`.
    pub(crate) fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let report = folder.join("report.json");
        let output = watertight(folder, environment)
            .arg("audit")
            .args(arguments)
            .arg("--format")
            .arg(format!("json={}", report.display()))
            .arg("--format")
            .arg("table")
            .output()
            .expect("the binary starts");
        let report = std::fs::read_to_string(&report)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Value::Null);
        Self { output, report }
    }

    pub(crate) fn exit(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// The status of a check.
    pub(crate) fn status(&self, check: &str) -> &str {
        self.result(check)["status"].as_str().unwrap_or("(absent)")
    }

    pub(crate) fn result(&self, check: &str) -> &Value {
        self.report["results"]
            .as_array()
            .and_then(|results| results.iter().find(|result| result["check"] == check))
            .unwrap_or(&Value::Null)
    }

    /// What a check found, one line a finding.
    pub(crate) fn findings(&self, check: &str) -> String {
        self.result(check)["findings"]
            .as_array()
            .map(|findings| {
                findings.iter().map(|finding| format!("{} at {}\n", finding["what"], finding["place"])).collect()
            })
            .unwrap_or_default()
    }

    /// Fails with the whole report unless the check has the status.
    #[track_caller]
    pub(crate) fn expect(&self, check: &str, status: &str) {
        assert_eq!(
            self.status(check),
            status,
            "{check}: {:#}\n--- stderr\n{}",
            self.result(check),
            String::from_utf8_lossy(&self.output.stderr)
        );
    }
}

/// The built binary with an environment of its own.
pub(crate) fn watertight(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .envs(environment.iter().copied());
    command
}

/// A number that differs from run to run: the hash of a path in a fresh temporary folder.
pub(crate) fn random(path: &Path) -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    let (first, second) = (RandomState::new(), RandomState::new());
    (u128::from(first.hash_one(path)) << 64) | u128::from(second.hash_one(path))
}
