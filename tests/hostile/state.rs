//! Cases 45 to 47: what is left behind. Names that talk SQL, a full disk, a closed pipe, a folder that cannot be written,
//! two runs at once, an end in the middle.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::{Stage, watch};

const WITHIN: Duration = Duration::from_mins(1);

fn small(stage: &Stage) {
    std::fs::write(stage.path("README.md"), "nothing\n").unwrap();
}

const AUDIT: [&str; 5] = ["audit", "--repo", ".", "--scope", "repository"];

#[test]
fn case_44_the_memory_that_holds_the_token_is_dumped_nowhere() {
    let stage = Stage::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    stage.dress(&mut command);
    let mut child = command.args(["audit", "--demo"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let limits = std::path::PathBuf::from(format!("/proc/{}/limits", child.id()));
    let began = Instant::now();
    let none = |limits: &str| {
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        core.is_some_and(|line| line.split_whitespace().filter(|word| *word == "0").count() == 2)
    };
    // The limit is the first thing that the process sets, but it needs a moment to begin.
    let mut forbidden = false;
    while !forbidden && began.elapsed() < WITHIN && child.try_wait().unwrap().is_none() {
        forbidden = std::fs::read_to_string(&limits).is_ok_and(|limits| none(&limits));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(forbidden, "a core file may be written");
}

#[test]
fn case_45_names_that_talk_sql_are_kept_as_names() {
    let stage = Stage::new();
    small(&stage);
    let name = "a'); DROP TABLE runs; --";
    let text =
        format!("version: 1\nname: \"{name}\"\ntargets: [{{ name: \"{name}\", scope: repository, repository: . }}]\n");
    std::fs::write(stage.path("p.yaml"), text).unwrap();
    for _ in 0..2 {
        let ran = stage
            .run(&["audit", "--policy", "p.yaml", "--history", "h.sqlite", "--format", "json=r.json"], WITHIN)
            .unwrap();
        assert!(matches!(ran.code, 1 | 3), "{}", ran.stderr);
        assert!(!ran.stderr.contains("not kept") && !ran.stderr.contains("cannot be seen"), "{}", ran.stderr);
    }
    let report = std::fs::read_to_string(stage.path("r.json")).unwrap();
    assert!(report.contains("DROP TABLE"), "the name was changed");
}

#[test]
fn case_46_a_full_disk_and_an_unwritable_folder_are_told_and_leave_the_old_report() {
    let stage = Stage::new();
    small(&stage);
    // The device that is always full; a folder that is none.
    for file in ["json=/dev/full", "json=missing/report.json", "json=README.md/report.json"] {
        let ran = stage.run(&[&AUDIT[..], &["--no-history", "--format", file]].concat(), WITHIN).unwrap();
        assert_eq!(ran.code, 2, "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    }
    // A file system of 64 KiB that is full, in namespaces of its own: the report that was there stays whole.
    let line = format!(
        "mount -t tmpfs -o size=64k tmpfs full && echo old > full/report.json && dd if=/dev/zero of=full/fill bs=1k 2>/dev/null; \
         {} audit --repo empty --scope repository --no-history --format json=full/report.json; code=$?; \
         cat full/report.json; ls -A full; exit $code",
        env!("CARGO_BIN_EXE_watertight")
    );
    for folder in ["full", "empty"] {
        std::fs::create_dir(stage.path(folder)).unwrap();
    }
    let mut command = Command::new("unshare");
    stage.dress(&mut command);
    command.args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", &line]);
    let ran = watch(command, WITHIN).unwrap();
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), ["old", "fill", "report.json"], "{}", ran.stderr);
}

#[test]
fn case_46_a_reader_that_goes_away_is_no_fault() {
    let stage = Stage::new();
    small(&stage);
    let mut child = stage
        .command(&[&AUDIT[..], &["--no-history"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 3)), "{code:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn case_46_two_runs_at_once_and_one_that_is_killed_leave_a_whole_report_and_history() {
    let stage = Stage::new();
    small(&stage);
    let arguments = [&AUDIT[..], &["--history", "h.sqlite", "--format", "json=r.json"]].concat();
    let spawn = || stage.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut killed = 0;
    for pause in (0..12_u64).map(|step| step * 25) {
        let (mut one, mut other) = (spawn(), spawn());
        std::thread::sleep(Duration::from_millis(pause));
        killed += u32::from(one.try_wait().unwrap().is_none());
        let _ = one.kill();
        one.wait().unwrap();
        assert!(matches!(other.wait().unwrap().code(), Some(1 | 3)));
        let text = std::fs::read_to_string(stage.path("r.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
    }
    assert!(killed > 0, "every run ended before it was killed, so this shows nothing");
    let ran = stage.run(&arguments, WITHIN).unwrap();
    assert!(!ran.stderr.contains("not kept") && !ran.stderr.contains("cannot be seen"), "{}", ran.stderr);
}

/// A listener that never answers, so that the audit is under way when it is interrupted.
fn silent() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

fn interrupted(times: u32) -> (Option<i32>, Duration, Stage) {
    let stage = Stage::new();
    let listener = silent();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let arguments = [
        "audit",
        "--no-history",
        "--url",
        &url,
        "--endpoint",
        "/mcp",
        "--scope",
        "deployment",
        "--max-time",
        "60s",
        "--format",
        "json=r.json",
    ];
    let mut child = stage.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let started = Instant::now();
    for _ in 0..times {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(5));
    }
    let code = child.wait().unwrap().code();
    (code, started.elapsed(), stage)
}

#[test]
fn case_47_an_interruption_leaves_a_valid_partial_report() {
    let (code, took, stage) = interrupted(1);
    assert_eq!(code, Some(130));
    assert!(took < Duration::from_secs(20), "{took:?}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(stage.path("r.json")).unwrap()).unwrap();
    assert_eq!(report["run"]["complete"], false);
    assert_eq!(report["summary"]["pass"], 0);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(stage.path("r.json")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn case_47_a_second_interruption_leaves_at_once() {
    let (code, took, _) = interrupted(2);
    assert_eq!(code, Some(130));
    assert!(took < Duration::from_secs(20), "{took:?}");
}
