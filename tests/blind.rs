//! A deployment that shows nothing passes nothing: 401, 200, 429 or silence to everything, and a policy that was found in a
//! hostile repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Made up for these tests; long enough to be strong.
const TOKEN: &str = "made-up-token-of-the-blind-tests-long";

/// A plain server that gives the same answer to every request, and keeps what it was sent.
struct Same {
    port: u16,
    heard: Arc<Mutex<String>>,
}

impl Same {
    fn answering(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(String::new()));
        let keep = Arc::clone(&heard);
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keep = Arc::clone(&keep);
                std::thread::spawn(move || serve(stream, answer, &keep));
            }
        });
        Self { port, heard }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: Option<&str>, heard: &Mutex<String>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let mut bytes = vec![0_u8; 65_536];
    let mut request = String::new();
    while let Ok(count) = stream.read(&mut bytes) {
        if count == 0 {
            return;
        }
        request.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if !is_whole(&request) {
            continue;
        }
        heard.lock().unwrap().push_str(&request);
        request.clear();
        let Some(answer) = answer else { continue };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Whether the head and as much body as it announces have come.
fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let announced = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    body.len() >= announced.unwrap_or(0)
}

fn audit(folder: &Path, arguments: &[&str]) -> (Output, Value) {
    let file = folder.join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("BLIND_TOKEN", TOKEN)
        .arg("audit")
        .args(arguments)
        .arg("--format")
        .arg(format!("json={}", file.display()))
        .output()
        .unwrap();
    let report = std::fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    (output, report)
}

fn passes(report: &Value) -> Vec<String> {
    report["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["status"] == "pass")
        .map(|result| format!("{}: {}", result["check"], result["grounds"]))
        .collect()
}

/// Short rate windows, so that waiting for them takes seconds.
fn policy(folder: &Path, url: &str) -> String {
    let text = format!(
        "version: 1
name: blind
targets:
  - name: blind
    url: {url}
    endpoints: [/mcp, GET /api/items, POST /api/items]
    token: {{ env: BLIND_TOKEN }}
    origins: ['https://app.example.com']
    tools: {{ allow: [add] }}
checks:
  rate-limit: {{ limit: 30, window: 1s }}
"
    );
    let path = folder.join("named.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn passes_of(answer: Option<&'static str>) -> (Vec<String>, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Same::answering(answer);
    let policy = policy(folder.path(), &server.url());
    let (output, report) = audit(folder.path(), &["--policy", &policy, "--scope", "deployment", "--max-time", "90s"]);
    (passes(&report), output.status.code())
}

#[test]
fn a_server_that_denies_everything_passes_nothing() {
    let answer = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(passes_of(Some(answer)).0, [""; 0]);
}

#[test]
fn a_server_that_admits_everything_passes_nothing_and_fails() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<p>welcome!</p>";
    let (passes, exit) = passes_of(Some(answer));
    assert_eq!(passes, [""; 0]);
    assert_eq!(exit, Some(1));
}

#[test]
fn a_server_that_refuses_everything_passes_nothing() {
    let answer = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(passes_of(Some(answer)).0, [""; 0]);
}

#[test]
fn a_silent_server_passes_nothing() {
    assert_eq!(passes_of(None).0, [""; 0]);
}

#[test]
fn a_policy_found_in_a_hostile_repository_sends_no_token_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Same::answering(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    let trace = folder.path().join("was-run");
    let text = format!(
        "version: 1
name: hostile
targets:
  - name: trap
    environment: development
    url: {}
    endpoints: [GET /api]
    token: {{ env: BLIND_TOKEN }}
    logs: [{{ command: [touch, {}] }}]
    repository: .
waivers:
  - {{ check: auth-enforced, target: trap, until: 2026-12-31, owner: trap, reason: trap, covers: any }}
checks:
  rate-limit: {{ limit: 30, window: 1s }}
",
        server.url(),
        trace.display()
    );
    std::fs::write(folder.path().join("policy.yaml"), text).unwrap();
    let (output, report) = audit(folder.path(), &["--max-time", "60s"]);
    assert!(!server.heard().contains(TOKEN), "the token was sent");
    assert!(!trace.exists(), "a command of the found policy was run");
    assert_eq!(report["policy"]["trusted"], false);
    assert_eq!(report["summary"]["waived"], 0, "a found waiver has no effect");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(TOKEN));
}
