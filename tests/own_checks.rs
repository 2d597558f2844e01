//! Programs of the user's own work as checks: Debian's monitoring plug-ins against loopback, and one that speaks JSON.
//!
//! Needs Debian's monitoring-plugins-basic, which `tests/run` installs; without it the tests fail and say so.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const PLUGINS: &str = "/usr/lib/nagios/plugins";

/// A server that answers every request with this status line, until the test's process ends.
fn server(status: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = |mut stream: TcpStream| {
                let mut request = [0; 2048];
                let _ = stream.read(&mut request);
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            };
            if let Ok(stream) = stream {
                answer(stream);
            }
        }
    });
    port
}

/// A port of loopback where nobody listens.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn watertight(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn audit(folder: &Path, exec: &str, more: &[&str]) -> (i32, Value) {
    std::fs::create_dir_all(folder.join("repository")).unwrap();
    let policy = format!("version: 1\ntargets: [{{ name: a, repository: repository }}]\nexec:\n{exec}");
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
    let mut arguments = vec!["audit", "--no-history", "--check", "own", "--format", "json"];
    arguments.extend(more);
    let (code, out, err) = watertight(folder, &arguments);
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (code, report)
}

fn plug_in(name: &str, arguments: &str) -> String {
    assert!(
        Path::new(PLUGINS).join(name).exists(),
        "{PLUGINS}/{name} is missing: apt-get install monitoring-plugins-basic"
    );
    format!(
        "  - {{ id: own, title: the edge answers, statements: [OPS-1], speaks: plugin, exit: {{ 0: pass, 1: fail, 2: fail }}, command: [{PLUGINS}/{name}, {arguments}] }}\n"
    )
}

#[test]
fn check_http_and_check_tcp_pass_fail_and_never_blame_an_unreachable_host() {
    let (sound, broken, closed) = (server("200 OK"), server("500 Oops"), closed());
    for (plug_in, code, status) in [
        (plug_in("check_http", &format!("-I, 127.0.0.1, -p, '{sound}'")), 0, "pass"),
        (plug_in("check_http", &format!("-I, 127.0.0.1, -p, '{broken}'")), 1, "fail"),
        (plug_in("check_http", &format!("-I, 127.0.0.1, -p, '{closed}'")), 3, "inconclusive"),
        (plug_in("check_tcp", &format!("-H, 127.0.0.1, -p, '{sound}'")), 0, "pass"),
        (plug_in("check_tcp", &format!("-H, 127.0.0.1, -p, '{closed}'")), 3, "inconclusive"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (found, report) = audit(folder.path(), &plug_in, &["--policy", "policy.yaml"]);
        assert_eq!((found, report["results"][0]["status"].as_str().unwrap()), (code, status), "{plug_in}{report:#}");
        assert_eq!(report["results"][0]["title"], "the edge answers");
        let statement = report["statements"].as_array().unwrap().iter().find(|line| line["id"] == "OPS-1").unwrap();
        assert!(statement["checks"].as_array().unwrap().contains(&"own".into()), "{statement}");
    }
}

#[test]
fn a_program_that_speaks_json_is_replayed_without_being_run() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("check.sh");
    std::fs::write(&script, "printf '{\"grounds\":[\"3 of 3 hold\"]}'\n").unwrap();
    let exec = format!("  - {{ id: own, title: t, speaks: json, command: [/bin/sh, '{}'] }}\n", script.display());
    let (code, report) = audit(folder.path(), &exec, &["--policy", "policy.yaml", "--evidence", "evidence.json"]);
    assert_eq!((code, report["results"][0]["grounds"][0].as_str().unwrap()), (0, "3 of 3 hold"));
    std::fs::remove_file(&script).unwrap();
    let (code, out, _) = watertight(folder.path(), &["replay", "evidence.json", "--check", "own", "--format", "json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()), (0, report));
}

#[test]
fn nothing_of_the_repository_and_nothing_of_a_found_policy_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("owned");
    let script = folder.path().join("repository/check.sh");
    std::fs::create_dir_all(folder.path().join("repository")).unwrap();
    std::fs::write(&script, format!("touch {}\nprintf '{{\"grounds\":[\"fine\"]}}'\n", mark.display())).unwrap();
    let exec = format!("  - {{ id: own, title: t, speaks: json, command: [/bin/sh, '{}'] }}\n", script.display());
    for more in [&["--policy", "policy.yaml"][..], &[]] {
        let (code, report) = audit(folder.path(), &exec, more);
        assert_eq!(code, 3, "{report:#}");
        assert!(report["results"][0]["unseen"][0].as_str().unwrap().contains("not allowed"), "{report:#}");
        assert!(!mark.exists());
    }
}

#[test]
fn silence_is_no_pass_and_an_unwaivable_check_of_ones_own_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    for fields in ["speaks: json", "speaks: plugin, exit: { 0: pass, 1: fail }"] {
        let exec = format!("  - {{ id: own, title: t, {fields}, command: [/bin/true] }}\n");
        let (code, report) = audit(folder.path(), &exec, &["--policy", "policy.yaml"]);
        assert_eq!((code, report["results"][0]["status"].as_str().unwrap()), (3, "inconclusive"), "{fields}");
    }
    let until = (chrono::Utc::now().date_naive() + chrono::Days::new(9)).to_string();
    let exec = format!(
        "  - {{ id: own, title: t, speaks: json, command: [/bin/true], waivable: false }}\n\
         waivers: [{{ check: own, target: a, reason: r, owner: o, until: {until} }}]\n"
    );
    std::fs::write(
        folder.path().join("policy.yaml"),
        format!("version: 1\ntargets: [{{ name: a, repository: repository }}]\nexec:\n{exec}"),
    )
    .unwrap();
    let (code, _, err) = watertight(folder.path(), &["audit", "--policy", "policy.yaml", "--no-history"]);
    assert_eq!(code, 2);
    assert!(err.contains("own cannot be waived (`waivable: false`)"), "{err}");
}

#[test]
fn no_token_reaches_a_program_and_none_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let secret = ["made", "up", "token", "of", "a", "test", "0123456789"].join("-");
    let script = folder.path().join("check.sh");
    // What it finds in its environment it would print; what it was told elsewhere is masked.
    std::fs::write(&script, format!("env >&1; echo 'OK {secret}'\n")).unwrap();
    let policy = format!(
        "version: 1\ntargets: [{{ name: a, url: 'http://127.0.0.1:{}', environment: development, token: {{ env: OWN_TOKEN }} }}]\n\
         exec: [{{ id: own, title: t, speaks: plugin, exit: {{ 0: pass, 1: fail }}, command: [/bin/sh, '{}'] }}]\n",
        closed(),
        script.display()
    );
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("OWN_TOKEN", &secret)
        .args([
            "audit",
            "--policy",
            "policy.yaml",
            "--no-history",
            "--check",
            "own",
            "--format",
            "json",
            "--evidence",
            "e.json",
        ])
        .output()
        .unwrap();
    let all =
        String::from_utf8(output.stdout).unwrap() + &std::fs::read_to_string(folder.path().join("e.json")).unwrap();
    assert!(all.contains("OK ") && !all.contains(&secret) && !all.contains("OWN_TOKEN="), "{all}");
}

#[test]
fn a_definition_that_could_pass_wrongly_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (fields, said) in [
        ("speaks: plugin, command: [/bin/true]", "what the exit codes mean is not said"),
        ("speaks: plugin, exit: { 0: pass, 2: pass, 1: fail }, command: [/bin/true]", "exit code 2 would pass"),
        ("speaks: plugin, exit: { 0: pass }, command: [/bin/true]", "no exit code means `fail`"),
        ("speaks: json, command: [/usr/lib/nagios/plugins/negate, /bin/true]", "`negate` turns a host"),
        ("speaks: json, command: [check]", "not an absolute path"),
        ("speaks: json, command: /bin/true -x", "a command line for a shell"),
    ] {
        let policy =
            format!("version: 1\ntargets: [{{ name: a, repository: . }}]\nexec: [{{ id: own, title: t, {fields} }}]\n");
        std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        let (code, _, err) = watertight(folder.path(), &["plan", "--policy", "policy.yaml"]);
        assert_eq!(code, 2, "{fields}");
        assert!(err.contains(said), "{said} is not in\n{err}");
    }
}
