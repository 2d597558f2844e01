//! Runs the binary, and holds it to what every case asserts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::formats;

/// Made up, and strong: what a case may never find anywhere but at its target.
pub(crate) fn token() -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest("the token of the hostile rig"))
}

/// Memory above the usual that a case may cost, in KiB.
const ROOM: u64 = 64 * 1024;
/// What a loaded machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(20);

/// One run of the binary, and what it left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) took: Duration,
    /// Peak resident memory in KiB.
    pub(crate) peak: u64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder of its own, and the binary in it with an environment of its own.
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("watertight-hostile-").tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
        self.dress(&mut command);
        command.args(arguments);
        command
    }

    /// The environment that the binary gets, for a command that ends in the binary.
    pub(crate) fn dress(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("HOSTILE_TOKEN", token());
    }

    /// Runs to the end and reads the peak of the memory on the way; ends it where it outlives `within`.
    pub(crate) fn run(&self, arguments: &[&str], within: Duration) -> Result<Ran, String> {
        watch(self.command(arguments), within)
    }

    /// As every audit of the rig: evidence and a report are kept, nothing else is.
    pub(crate) fn audit(&self, arguments: &[&str], within: Duration) -> Result<(Ran, Value), String> {
        let evidence = self.path("evidence.json").display().to_string();
        let json = format!("json={}", self.path("report.json").display());
        let seconds = format!("{}s", within.as_secs());
        let mut all = vec!["audit", "--no-history", "--max-time", &seconds, "--evidence", &evidence, "--format", &json];
        all.extend(arguments);
        let ran = self.run(&all, within)?;
        if !matches!(ran.code, 0 | 1 | 3 | 130) {
            return Err(format!("exit {}: {}", ran.code, ran.stderr));
        }
        let report = std::fs::read_to_string(self.path("report.json")).map_err(|error| error.to_string())?;
        Ok((ran, serde_json::from_str(&report).map_err(|error| error.to_string())?))
    }
}

/// Runs a command to its end.
pub(crate) fn watch(mut command: Command, within: Duration) -> Result<Ran, String> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let out = drained(child.stdout.take());
    let err = drained(child.stderr.take());
    let mut peak = 0;
    let code = loop {
        peak = peak.max(peak_of(&child));
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            use std::os::unix::process::ExitStatusExt as _;
            break status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        }
        if started.elapsed() > within + SLACK {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("still running {} s after its deadline of {} s", SLACK.as_secs(), within.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(15));
    };
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| String::from_utf8_lossy(&thread.join().unwrap()).into_owned();
    let ran = Ran { code, took: started.elapsed(), peak, stdout: text(out), stderr: text(err) };
    if ran.stderr.contains("panicked at") || ran.code == 101 || ran.code < 0 {
        return Err(format!("it panicked or was killed (exit {code}): {}", ran.stderr));
    }
    if ran.stdout.contains(&token()) || ran.stderr.contains(&token()) {
        return Err("the token was printed".into());
    }
    Ok(ran)
}

fn drained<R: std::io::Read + Send + 'static>(from: Option<R>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// The peak of a running process's resident memory. The kernel keeps it, so that the last look before the end decides.
fn peak_of(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What an audit of nothing hostile needs.
pub(crate) fn base() -> u64 {
    static BASE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *BASE.get_or_init(|| {
        let stage = Stage::new();
        std::fs::write(stage.path("README.md"), "nothing\n").unwrap();
        let (ran, _) = stage.audit(&["--repo", ".", "--scope", "repository"], Duration::from_mins(1)).unwrap();
        ran.peak
    })
}

/// What is asserted of every audit, whatever the case.
pub(crate) struct Audited {
    pub(crate) ran: Ran,
    pub(crate) report: Value,
    pub(crate) evidence: Value,
}

impl Audited {
    /// Runs one audit and holds it to the rules; `stage` has the policy or the repository.
    pub(crate) fn of(stage: &Stage, arguments: &[&str], within: Duration) -> Result<Self, String> {
        Self::with_room(stage, arguments, within, ROOM)
    }

    /// As [`Audited::of`], with other memory (KiB) above the usual.
    pub(crate) fn with_room(stage: &Stage, arguments: &[&str], within: Duration, room: u64) -> Result<Self, String> {
        let (ran, report) = stage.audit(arguments, within)?;
        let text = std::fs::read_to_string(stage.path("evidence.json")).map_err(|error| error.to_string())?;
        if text.contains(&token()) {
            return Err("the token is in the evidence".into());
        }
        let evidence: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let audited = Self { ran, report, evidence };
        audited.is_frugal(room)?;
        if audited.results().is_empty() {
            return Err("nothing was judged, so this shows nothing".into());
        }
        audited.is_no_bug()?;
        formats::all(stage, "evidence.json")?;
        Ok(audited)
    }

    fn is_frugal(&self, room: u64) -> Result<(), String> {
        let most = base() + room;
        if self.ran.peak > most {
            return Err(format!("{} MiB at its peak, over {} MiB", self.ran.peak >> 10, most >> 10));
        }
        Ok(())
    }

    fn is_no_bug(&self) -> Result<(), String> {
        for result in self.results() {
            let text = result["unseen"].to_string();
            if text.contains("panicked") || text.contains("no probe answered") {
                return Err(format!("{}: {text}", result["check"]));
            }
        }
        Ok(())
    }

    pub(crate) fn results(&self) -> &[Value] {
        self.report["results"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn with(&self, status: &str) -> Vec<&str> {
        self.results().iter().filter(|result| result["status"] == status).filter_map(|r| r["check"].as_str()).collect()
    }

    /// Every `host:port` that the evidence says was contacted.
    pub(crate) fn contacted(&self) -> BTreeSet<String> {
        let targets = self.evidence["targets"].as_array().into_iter().flatten();
        let answers = targets.flat_map(|target| target["answers"].as_array().into_iter().flatten());
        answers
            .flat_map(|answer| answer["sent"]["hosts"].as_array().into_iter().flatten())
            .filter_map(|host| host.as_str().map(str::to_owned))
            .collect()
    }

    /// What is held against the catalogue.
    pub(crate) fn outcome(&self) -> Outcome {
        let all = |status| self.with(status).into_iter().map(str::to_owned).collect();
        Outcome { passes: all("pass"), fails: all("fail") }
    }
}

/// The checks that passed and failed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) passes: BTreeSet<String>,
    pub(crate) fails: BTreeSet<String>,
}

impl Outcome {
    /// Of several audits of one case.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.passes.extend(other.passes);
        self.fails.extend(other.fails);
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        write!(f, "passes [{}] fails [{}]", list(&self.passes), list(&self.fails))
    }
}

impl std::str::FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (passes, fails) = text
            .strip_prefix("passes [")
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|rest| rest.split_once("] fails ["))
            .ok_or_else(|| format!("no outcome: {text}"))?;
        let set = |names: &str| names.split_whitespace().map(str::to_owned).collect();
        Ok(Self { passes: set(passes), fails: set(fails) })
    }
}

/// Ends with what was measured, for those who read along (`--no-capture`).
pub(crate) fn say(number: u8, ran: &Ran, outcome: &Outcome) {
    println!("case {number:>2}: {:>5.1} s, {:>3} MiB, {outcome}", ran.took.as_secs_f64(), ran.peak >> 10);
}

/// Whether a file that hostile code would make is there.
pub(crate) fn was_run(marker: &Path) -> Result<(), String> {
    if marker.exists() { Err(format!("foreign code was run: {}", marker.display())) } else { Ok(()) }
}
