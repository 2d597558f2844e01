//! The command line as a stranger meets it: help, exit codes, trust, files.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

fn watertight(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    command.current_dir(folder).env_clear().env("HOME", folder).timeout(std::time::Duration::from_mins(2));
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = watertight(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_teaches_a_stranger_and_names_the_exit_codes() {
    let folder = folder();
    let (code, out, _) = run(folder.path(), &["--help"]);
    assert_eq!(code, 0);
    for word in
        ["audit", "plan", "checks", "explain", "replay", "selftest", "schema", "completions", "Exit codes", "130"]
    {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
    let (_, out, _) = run(folder.path(), &["audit", "--help"]);
    for word in [
        "--policy",
        "--target",
        "--url",
        "--endpoint",
        "--token-env",
        "--origin",
        "--repo",
        "--host",
        "--ca",
        "--scope",
        "--authorised-by",
        "--check",
        "--skip",
        "--format",
        "--fail-on",
        "--evidence",
        "--max-time",
        "--demo",
        "--scheduled",
        "--policy-sha256",
        "Examples",
    ] {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
}

#[test]
fn bad_arguments_end_with_2() {
    let folder = folder();
    for (arguments, said) in [
        (&["audit"][..], "nothing to audit"),
        (&["audit", "--no-such-flag"], "unexpected argument"),
        (&["audit", "--url", "ftp://a.test"], "https://host"),
        (&["audit", "--url", "https://u:p@a.test"], "--token-env"),
        (&["audit", "--url", "https://a.test/mcp"], "--endpoint"),
        (&["audit", "--url", "https://a.test", "--endpoint", "mcp"], "does not begin with one `/`"),
        (&["audit", "--url", "https://a.test", "--origin", "https://b.test/"], "as browsers send it"),
        (&["audit", "--url", "https://a.test", "--host", "a=everywhere"], "is not a reach"),
        (&["audit", "--url", "https://a.test", "--format", "pdf"], "no such format"),
        (&["audit", "--url", "https://a.test", "--format", "table", "--format", "json"], "two formats"),
        (&["audit", "--url", "https://a.test", "--check", "no-such-check"], "there is no check"),
        (&["audit", "--url", "https://a.test", "--max-time", "5"], "expected a period"),
        (&["audit", "--policy", "missing.yaml"], "cannot be read"),
        (&["audit", "--demo=other"], "leaky"),
        (&["explain", "no-such-check"], "there is no check"),
        (&["replay", "missing.json"], "cannot be read"),
    ] {
        let (code, out, error) = run(folder.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(out.is_empty(), "{out}");
    }
}

#[test]
fn a_bad_policy_ends_with_2_and_a_caret() {
    let folder = folder();
    std::fs::write(
        folder.path().join("p.yaml"),
        "version: 1\ntargets:\n- name: a\n  url: https://a.test\n  tokn: { env: T }\n",
    )
    .unwrap();
    let (code, _, error) = run(folder.path(), &["audit", "--policy", "p.yaml"]);
    assert_eq!(code, 2);
    assert!(error.contains("p.yaml:5:3: unknown key `tokn` in a target"), "{error}");
    assert!(error.contains("^^^^ did you mean `token`?"), "{error}");
}

#[test]
fn a_pin_that_does_not_match_refuses_the_policy() {
    let folder = folder();
    std::fs::write(folder.path().join("p.yaml"), "version: 1\ntargets: [{ name: a, repository: . }]\n").unwrap();
    let (code, _, error) = run(folder.path(), &["audit", "--policy", "p.yaml", "--policy-sha256", "00"]);
    assert_eq!(code, 2);
    let pin = error.rsplit(' ').next().unwrap().trim().to_owned();
    let (code, ..) = run(folder.path(), &["plan", "--policy", "p.yaml", "--policy-sha256", &pin]);
    assert_eq!(code, 0);
}

#[test]
fn a_deployment_that_is_not_there_is_inconclusive_and_no_crash() {
    let folder = folder();
    let (code, out, _) =
        run(folder.path(), &["audit", "--url", "http://127.0.0.1:9", "--scope", "deployment", "--format", "json"]);
    assert_eq!(code, 3);
    let report: Value = serde_json::from_str(&out).unwrap();
    for result in report["results"].as_array().unwrap() {
        let status = result["status"].as_str().unwrap();
        assert!(matches!(status, "inconclusive" | "not_applicable"), "{}: {status}", result["check"]);
    }
}

#[test]
fn a_found_policy_is_not_trusted_and_lends_no_token() {
    let folder = folder();
    std::fs::write(
        folder.path().join("policy.yaml"),
        "version: 1\ntargets: [{ name: a, url: 'http://127.0.0.1:9', token: { command: [touch, owned] } }]\nwaivers: [{ check: disclosure-channel, target: a, until: 2026-12-31, owner: o, reason: r, covers: any }]\n"
            .replace("2026-12-31", &(chrono::Utc::now().date_naive() + chrono::Days::new(10)).to_string()),
    )
    .unwrap();
    let (code, out, _) = run(folder.path(), &["audit", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 3);
    assert_eq!(report["policy"]["trusted"], false);
    assert_eq!(report["summary"]["waived"], 0);
    let notices = report["notices"].to_string();
    assert!(notices.contains("the token was not taken"), "{notices}");
    assert!(notices.contains("have no effect"), "{notices}");
    assert!(!folder.path().join("owned").exists(), "the command ran");
    let (code, _, error) = run(folder.path(), &["audit", "--token-env", "HOME"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("name it with --policy"), "{error}");
}

#[test]
fn reports_are_private_whole_and_fit_the_published_schema() {
    let folder = folder();
    let (code, out, _) = run(
        folder.path(),
        &[
            "audit",
            "--repo",
            ".",
            "--scope",
            "repository",
            "--format",
            "table",
            "--format",
            "json=r.json",
            "--evidence",
            "e.json",
        ],
    );
    assert!(matches!(code, 1 | 3), "{code}");
    assert!(out.contains("THE TEN BOXES") && !out.contains('\u{1b}'));
    for file in ["r.json", "e.json"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("r.json")).unwrap()).unwrap();
    let (_, schema, _) = run(folder.path(), &["schema", "report"]);
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let faults: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with(".watertight-"), "{name} was left behind");
    }
}

#[test]
fn a_replay_under_another_policy_does_not_pass_what_was_not_asked() {
    let folder = folder();
    std::fs::write(
        folder.path().join("a.yaml"),
        "version: 1\ntargets: [{ name: a, repository: ., scope: repository }]\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("b.yaml"),
        "version: 1\ntargets: [{ name: b, repository: ., scope: repository }]\n",
    )
    .unwrap();
    run(folder.path(), &["audit", "--policy", "a.yaml", "--evidence", "e.json", "--format", "json=r.json"]);
    run(folder.path(), &["replay", "e.json", "--format", "json=again.json"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("r.json") == read("again.json"));
    let (code, out, _) = run(folder.path(), &["replay", "e.json", "--policy", "b.yaml", "--format", "json"]);
    assert_eq!(code, 3);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["summary"]["pass"], 0);
    assert_eq!(report["summary"]["fail"], 0);
    assert!(out.contains("not asked in this run"));
}

#[test]
fn runs_are_kept_and_later_runs_see_them() {
    let folder = folder();
    let audit = [
        "audit",
        "--repo",
        ".",
        "--scope",
        "repository",
        "--check",
        "audit-schedule",
        "--scheduled",
        "--format",
        "json",
    ];
    let (_, out, _) = run(folder.path(), &audit);
    assert!(out.contains("no earlier run marked --scheduled"), "{out}");
    let (_, out, _) = run(folder.path(), &audit);
    // A run of one check is no audit, so the first does not count either.
    assert!(out.contains("no earlier run marked --scheduled"), "{out}");
    assert!(folder.path().join(".local/state/watertight/history.sqlite").exists());
}

#[test]
fn every_check_is_explained() {
    let folder = folder();
    let (_, list, _) = run(folder.path(), &["checks"]);
    assert_eq!(list.lines().count(), watertight::checks::ALL.len());
    for module in watertight::checks::ALL {
        let (code, out, _) = run(folder.path(), &["explain", module.about.id]);
        assert_eq!(code, 0);
        assert!(out.contains("Remedy") && out.contains("In the policy, with the defaults"), "{out}");
    }
}

#[test]
fn completions_come_for_every_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = run(folder.path(), &["completions", shell]);
        assert_eq!(code, 0);
        assert!(out.contains("selftest"), "{shell}");
    }
}

#[test]
#[cfg(unix)]
fn the_first_interruption_leaves_a_valid_partial_report() {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::process::Stdio;

    // Accepts and never answers: the audit hangs on it until it is interrupted.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = folder();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .args(["audit", "--url", &url, "--scope", "deployment", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It is under way once it has connected.
    let _connection = silent.accept().unwrap();
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["run"]["complete"], false);
    assert!(out.contains("interrupted before it was seen"), "{out}");
}

#[test]
fn knobs_as_large_as_their_type_break_no_plan() {
    let folder = folder();
    let policy = r"version: 1
name: large
targets:
  - name: one
    url: http://127.0.0.1:9
    endpoints: [GET /a, /mcp]
    openapi: /openapi.json
    token: { env: NONE, disposable: true }
checks:
  rate-limit: { limit: 4294967295 }
  auth-enforced: { max-endpoints: 4294967295, max-classes: 4294967295 }
";
    std::fs::write(folder.path().join("p.yaml"), policy).unwrap();
    let (code, out, error) = run(folder.path(), &["plan", "--policy", "p.yaml"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("4294967295 sends at most"), "{out}");
}
