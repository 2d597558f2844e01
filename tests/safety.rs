//! Each safety knob of a target holds: what the policy forbids never reaches the server.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use serde_json::Value;

/// Made up; long enough for the strength check.
fn token() -> String {
    ["safety", "token", "0123456789abcdef", "ghijklmnop"].join("-")
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    method: String,
    target: String,
    authorization: Option<String>,
    cookie: Option<String>,
    headers: String,
    body: String,
}

struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers with the status and the body that `answer` gives.
    fn start(answer: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || converse(&stream, &log, &*answer));
            }
        });
        Self { port, seen }
    }

    /// A sound API: 401 without the token, 200 with it, 400 for a body.
    fn sound() -> Self {
        Self::start(sound)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Audits the server under these lines of the target, and gives the exit code and the report.
    fn audit(&self, lines: &str, arguments: &[&str]) -> (i32, Value) {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.yaml");
        let port = self.port;
        let disposable = if lines.contains("DISPOSABLE") { ", disposable: true" } else { "" };
        let lines = lines.replace("DISPOSABLE", "");
        std::fs::write(
            &policy,
            format!(
                "version: 1\nname: safety\ntargets:\n  - name: safety\n    scope: deployment\n    url: http://127.0.0.1:{port}\n    token: {{ \
                 env: SAFETY_TOKEN{disposable} }}\n{lines}\nchecks:\n  rate-limit: {{ limit: 10, window: 500ms }}\n"
            ),
        )
        .unwrap();
        let report = folder.path().join("report.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
        command.current_dir(folder.path()).env_clear().env("HOME", folder.path()).env("SAFETY_TOKEN", token());
        command.timeout(Duration::from_mins(2));
        command.args(["audit", "--no-history", "--policy"]).arg(&policy);
        command.arg("--format").arg(format!("json={}", report.display())).args(arguments);
        let output = command.output().unwrap();
        let text = std::fs::read_to_string(&report)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), serde_json::from_str(&text).unwrap())
    }
}

fn sound(seen: &Seen) -> (u16, String) {
    if seen.authorization != Some(format!("Bearer {}", token())) {
        return (401, "{\"error\":\"unauthorised\"}".into());
    }
    if seen.body.is_empty() { (200, "{\"items\":[]}".into()) } else { (400, "{\"error\":\"invalid\"}".into()) }
}

fn converse(
    stream: &TcpStream,
    log: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen) -> (u16, String) + Send + Sync),
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream.try_clone().ok()?;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (known, value) = line.split_once(':')?;
                known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split(' ');
        let seen = Seen {
            at: Instant::now(),
            method: words.next()?.to_owned(),
            target: words.next()?.to_owned(),
            authorization: header("authorization"),
            cookie: header("cookie"),
            headers: head.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        log.lock().unwrap().push(seen.clone());
        let (status, text) = answer(&seen);
        let text = if seen.method == "HEAD" { String::new() } else { text };
        let response = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        writer.write_all(response.as_bytes()).ok()?;
        if header("connection").as_deref() == Some("close") {
            return None;
        }
    }
}

const ONE: &str = "    endpoints: [GET /api/items]";
const AUTH: &[&str] = &["--check", "auth-enforced"];

fn unseen(report: &Value) -> String {
    report["results"].as_array().unwrap().iter().map(|result| result["unseen"].to_string()).collect()
}

#[test]
fn burst_bounds_what_is_sent_in_any_second() {
    let server = Server::sound();
    server.audit(&format!("{ONE}\n    burst: 6"), AUTH);
    let seen = server.seen();
    assert!(seen.len() > 12, "too few to show anything: {}", seen.len());
    for first in &seen {
        let within = seen
            .iter()
            .filter(|other| other.at >= first.at && other.at.duration_since(first.at) < Duration::from_millis(900));
        assert!(within.count() <= 6);
    }
}

#[test]
fn burst_bounds_the_measurement_of_the_limit_too() {
    let server = Server::sound();
    server.audit(&format!("{ONE}\n    burst: 8"), &["--check", "rate-limit"]);
    let seen = server.seen();
    for first in &seen {
        let within = seen
            .iter()
            .filter(|other| other.at >= first.at && other.at.duration_since(first.at) < Duration::from_millis(900));
        assert!(within.count() <= 8);
    }
}

#[test]
fn max_requests_is_never_exceeded_and_nothing_passes_for_it() {
    let server = Server::sound();
    let (code, report) =
        server.audit(&format!("{ONE}\n    max-requests: 7"), &["--check", "auth-enforced", "--check", "rate-limit"]);
    assert_eq!(code, 3);
    assert_eq!(server.seen().len(), 7);
    assert!(unseen(&report).contains("max-requests"), "{report}");
}

#[test]
fn max_denied_bounds_every_request_that_must_be_denied_for_its_credential() {
    let server = Server::sound();
    let (code, report) =
        server.audit(&format!("{ONE}\n    max-denied: 3"), &["--check", "auth-enforced", "--check", "rate-limit"]);
    let valid = format!("Bearer {}", token());
    let denied = server
        .seen()
        .into_iter()
        .filter(|seen| seen.cookie.is_some() || seen.authorization.as_ref().is_some_and(|given| *given != valid));
    assert_eq!(denied.count(), 3);
    // That nothing is limited here is found all the same.
    assert!(matches!(code, 1 | 3));
    assert!(unseen(&report).contains("max-denied"), "{report}");
}

#[test]
fn stop_on_server_errors_stops() {
    let server = Server::start(|_| (500, "{}".into()));
    let endpoints: Vec<String> = (0..10).map(|number| format!("GET /api/{number}")).collect();
    let lines = format!("    endpoints: [{}]\n    stop-on: {{ 5xx: 4 }}", endpoints.join(", "));
    let (_, report) = server.audit(&lines, AUTH);
    // Eight at most were on their way when the fourth came back.
    assert!(server.seen().len() <= 4 + 8, "{}", server.seen().len());
    assert!(unseen(&report).contains("stop-on"), "{report}");
}

#[test]
fn stop_on_latency_stops() {
    let server = Server::start(|seen| {
        std::thread::sleep(Duration::from_millis(300));
        sound(seen)
    });
    let (_, report) = server.audit(&format!("{ONE}\n    stop-on: {{ latency: 100ms }}"), AUTH);
    assert!(server.seen().len() <= 8, "{}", server.seen().len());
    assert!(unseen(&report).contains("stop-on"), "{report}");
}

#[test]
fn a_path_under_never_is_never_requested_however_it_is_spelled() {
    let server = Server::sound();
    let lines = "    endpoints: [GET /api/items, GET /admin/users]\n    never: [/admin]";
    let (_, report) =
        server.audit(lines, &["--check", "auth-enforced", "--check", "rate-limit", "--check", "cors-origins"]);
    let seen = server.seen();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|seen| !seen.headers.to_ascii_lowercase().contains("admin/users")), "{seen:#?}");
    assert!(unseen(&report).contains("never"), "{report}");
}

#[test]
fn a_costly_endpoint_gets_no_burst() {
    let server = Server::sound();
    let lines = "    endpoints: [GET /api/items, GET /api/report]\n    costly: [/api/report]";
    server.audit(lines, &["--check", "rate-limit"]);
    let costly = server.seen().into_iter().filter(|seen| seen.target.starts_with("/api/report"));
    assert!(costly.count() <= 1);
}

#[test]
fn in_production_nothing_that_could_write_is_sent_without_consent() {
    let server = Server::sound();
    let lines = "    endpoints: [GET /api/items, POST /api/items, DELETE /api/items/1, PUT /api/items/1]";
    let checks = ["auth-enforced", "rate-limit", "cors-origins", "input-validation", "error-disclosure"];
    let arguments: Vec<&str> = checks.iter().flat_map(|check| ["--check", check]).collect();
    server.audit(lines, &arguments);
    for seen in server.seen() {
        assert!(!seen.headers.to_ascii_lowercase().contains("method-override"), "{seen:?}");
        match seen.method.as_str() {
            "GET" | "HEAD" | "OPTIONS" | "WATERTIGHT" => {}
            "POST" | "PUT" | "PATCH" => {
                // A body that is no JSON cannot be carried out.
                assert!(serde_json::from_str::<Value>(&seen.body).is_err(), "{seen:?}");
                let unauthenticated = seen.authorization.is_none();
                assert!(seen.method == "POST" || !unauthenticated, "{seen:?}");
            }
            other => panic!("{other} was sent: {seen:?}"),
        }
    }
}

#[test]
fn a_token_that_is_not_disposable_is_never_where_it_may_leak() {
    let server = Server::sound();
    server.audit(ONE, AUTH);
    let suffixed = format!("{}x", token());
    assert!(server.seen().iter().all(|seen| !seen.target.contains(&token()) && !seen.headers.contains(&suffixed)));
    // The control: with consent it is.
    let server = Server::sound();
    server.audit(&format!("{ONE}\n    DISPOSABLE"), AUTH);
    let seen = server.seen();
    assert!(seen.iter().any(|seen| seen.target.contains(&token())), "{seen:#?}");
    assert!(seen.iter().any(|seen| seen.headers.contains(&suffixed)));
}

#[test]
fn a_lockout_by_wrong_credentials_passes_nothing() {
    let wrong = Arc::new(Mutex::new(0));
    let server = Server::start(move |seen| {
        let (status, body) = sound(seen);
        let mut wrong = wrong.lock().unwrap();
        *wrong += i32::from(status == 401 && seen.authorization.is_some());
        if *wrong > 3 { (401, "{\"error\":\"unauthorised\"}".into()) } else { (status, body) }
    });
    let (code, report) = server.audit(&format!("{ONE}\n    DISPOSABLE"), AUTH);
    assert_eq!(code, 3, "{report}");
    assert!(unseen(&report).contains("valid token"), "{report}");
}

#[test]
fn the_time_of_the_audit_holds_where_the_server_never_answers() {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_mins(1));
        (200, String::new())
    });
    let begun = Instant::now();
    let (code, report) = server.audit(ONE, &["--check", "auth-enforced", "--check", "rate-limit", "--max-time", "2s"]);
    assert_eq!(code, 3);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert!(unseen(&report).contains("--max-time"), "{report}");
    assert_eq!(report["run"]["complete"], Value::Bool(false));
}
