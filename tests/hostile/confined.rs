//! Cases that need a machine of their own: a user, mount and network namespace that holds only `lo`.
//!
//! The test runs itself again inside (`unshare`), as the ignored test `inside`, which is told its case by the
//! environment and prints its outcome.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::network::policy;
use crate::rig::{Audited, Outcome, Stage, say};
use crate::server::{Server, answer, says};

const CASE: &str = "HOSTILE_INSIDE";
const WITHIN: Duration = Duration::from_secs(12);
/// Before the outcome in what the inner run prints.
const SAID: &str = "outcome inside: ";

/// Runs one case in namespaces of its own; its outcome.
pub(crate) async fn run(number: u8) -> Result<Outcome, String> {
    tokio::task::spawn_blocking(move || {
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "--net", "--"])
            .arg(std::env::current_exe().map_err(|error| error.to_string())?)
            .args(["--exact", "confined::inside", "--ignored", "--nocapture", "--test-threads", "1"])
            .env(CASE, number.to_string())
            .output()
            .map_err(|error| format!("unshare (util-linux) is needed: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match said.lines().find_map(|line| line.split_once(SAID)) {
            Some((_, outcome)) if output.status.success() => outcome.parse(),
            Some(_) | None => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
        }
    })
    .await
    .map_err(|error| error.to_string())?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs inside the namespaces that `run` makes"]
async fn inside() {
    let Ok(number) = std::env::var(CASE) else { return };
    let outcome = match number.as_str() {
        "15" => rebinding().await,
        "16" => mixed_addresses().await,
        "17" => hostile_resolver().await,
        "26" => no_route().await,
        other => panic!("no case {other}"),
    };
    println!("{SAID}{}", outcome.unwrap());
}

fn shell(line: &str) -> Result<(), String> {
    let status = Command::new("sh").args(["-c", line]).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{line}: {status}")) }
}

/// Lays a file of ours over one of the system's, inside these namespaces only.
fn lay_over(stage: &Stage, name: &str, over: &str, text: &str) -> Result<(), String> {
    let file = stage.path(name);
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    shell(&format!("mount --bind {} {over}", file.display()))
}

async fn audited(
    number: u8,
    stage: Stage,
    host: &'static str,
    port: u16,
    beside: Option<u16>,
) -> Result<Audited, String> {
    tokio::task::spawn_blocking(move || {
        let text = policy("http", host, port, "");
        let text = text.replace(
            "ports: [",
            &beside.map_or("ports: [".into(), |beside| format!("reach: none, ports: [{beside}, ")),
        );
        std::fs::write(stage.path("named.yaml"), text).unwrap();
        let audited = Audited::of(&stage, &["--policy", "named.yaml", "--scope", "deployment"], WITHIN)?;
        say(number, &audited.ran, &audited.outcome());
        Ok(audited)
    })
    .await
    .map_err(|error| error.to_string())?
}

/// A resolver that answers every question for an IPv4 address by `respond`, which gets the question and its number.
fn resolver(respond: impl Fn(&[u8], usize) -> Option<Vec<u8>> + Send + 'static) -> Result<(), String> {
    let socket = UdpSocket::bind("127.0.0.1:53").map_err(|error| format!("the resolver: {error}"))?;
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        let mut nth = 0;
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            let question = bytes.get(..count).unwrap_or_default();
            if let Some(answer) = respond(question, nth) {
                let _ = socket.send_to(&answer, from);
            }
            nth += 1;
        }
    });
    Ok(())
}

/// A response (RFC 1035) with these records; nothing for any question but one for an IPv4 address.
fn response(question: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let wants_v4 = question.ends_with(&[0, 1, 0, 1]) || question.windows(5).any(|part| part == [0, 0, 1, 0, 1]);
    let records: &[Vec<u8>] = if wants_v4 { records } else { &[] };
    let end = question.iter().skip(12).position(|byte| *byte == 0).map_or(question.len(), |at| 12 + at + 5);
    let mut bytes = question.get(..2).unwrap_or_default().to_vec();
    bytes.extend([0x81, 0x80, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    bytes.extend(question.get(12..end).unwrap_or_default());
    bytes.extend(records.concat());
    bytes
}

fn address(last: u8) -> Vec<u8> {
    vec![0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]
}

/// The first answer names the target, every later one a stranger.
async fn rebinding() -> Result<Outcome, String> {
    let stage = Stage::new();
    shell("ip link set lo up")?;
    lay_over(&stage, "resolv.conf", "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    let server =
        Server::on("127.0.0.1:8080", says(answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b""))).await;
    let stranger = Server::on("127.0.0.5:8080", says(answer("200 OK", "", b"thank you"))).await;
    let asked = std::sync::atomic::AtomicUsize::new(0);
    resolver(move |question, _| {
        let v4 = question.windows(5).any(|part| part == [0, 0, 1, 0, 1]);
        let nth = if v4 { asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) } else { 1 };
        Some(response(question, &[address(if nth == 0 { 1 } else { 5 })]))
    })?;
    let audited = audited(15, stage, "rebind.test", 8080, None).await?;
    if server.calls() == 0 {
        return Err("the target was never called".into());
    }
    if stranger.calls() > 0 {
        return Err(format!("the stranger was called {} times", stranger.calls()));
    }
    Ok(audited.outcome())
}

/// IPv4, IPv4 mapped into IPv6, and IPv6: an unfirewalled one among them is seen.
async fn mixed_addresses() -> Result<Outcome, String> {
    let stage = Stage::new();
    shell("ip link set lo up")?;
    lay_over(&stage, "hosts", "/etc/hosts", "127.0.0.1 mixed.test\n::ffff:127.0.0.6 mixed.test\n::1 mixed.test\n")?;
    let deny = || says(answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b""));
    let _deployment = Server::on("127.0.0.1:8080", deny()).await;
    let first = Server::on("127.0.0.1:11434", deny()).await;
    // Whatever is asked: only a model's own fields tell whose list this is.
    let list = br#"{"models":[{"name":"m:1b","model":"m:1b","size":1,"digest":"00","details":{}}]}"#;
    let open = answer("200 OK", "content-type: application/json\r\n", list);
    let second = Server::on("[::1]:11434", says(open)).await;
    let third = Server::on("127.0.0.6:11434", deny()).await;
    let audited = audited(16, stage, "mixed.test", 8080, Some(11434)).await?;
    if first.calls() == 0 || second.calls() == 0 || third.calls() == 0 {
        return Err(format!("not every address was looked at: {} {} {}", first.calls(), second.calls(), third.calls()));
    }
    if !audited.with("fail").contains(&"llm-ports") {
        return Err("the open one was not told".into());
    }
    Ok(audited.outcome())
}

/// Silence, garbage, an endless chain of aliases, a name that points to itself.
async fn hostile_resolver() -> Result<Outcome, String> {
    shell("ip link set lo up")?;
    let stage = Stage::new();
    lay_over(&stage, "resolv.conf", "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    resolver(|question, nth| match nth % 4 {
        0 => None,
        1 => Some(question.iter().map(|byte| byte.wrapping_mul(7)).chain([0xff; 400]).collect()),
        // A name of its own alias: a compression pointer to itself.
        2 => Some(response(question, &[vec![0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 12]])),
        _ => Some(response(question, &vec![vec![0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, 3, 2, b'x', b'x']; 200])),
    })?;
    Ok(audited(17, stage, "loop.test", 8080, None).await?.outcome())
}

/// `lo` is down: the network is unreachable.
async fn no_route() -> Result<Outcome, String> {
    Ok(audited(26, Stage::new(), "127.0.0.1", 8080, None).await?.outcome())
}

/// Too few file descriptors for the work: never read as a closed port.
pub(crate) async fn few_descriptors() -> Result<Outcome, String> {
    let server = Server::new(says(answer("401 Unauthorized", "www-authenticate: Bearer\r\n", b""))).await;
    let port = server.at.port();
    tokio::task::spawn_blocking(move || {
        let stage = Stage::new();
        let ports: Vec<String> = (33_000..33_200).map(|port: u32| port.to_string()).collect();
        let text =
            policy("http", "127.0.0.1", port, "").replace("ports: [", &format!("ports: [{}, ", ports.join(", ")));
        std::fs::write(stage.path("named.yaml"), text).unwrap();
        let mut command = Command::new("sh");
        stage.dress(&mut command);
        let arguments =
            "audit --no-history --max-time 12s --policy named.yaml --scope deployment --format json=report.json";
        command.args(["-c", &format!("ulimit -n 24; exec {} {arguments}", env!("CARGO_BIN_EXE_watertight"))]);
        let ran = crate::rig::watch(command, WITHIN)?;
        let text =
            std::fs::read_to_string(stage.path("report.json")).map_err(|_| format!("no report: {}", ran.stderr))?;
        let report = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let audited = Audited { ran, report, evidence: serde_json::Value::Null };
        say(26, &audited.ran, &audited.outcome());
        Ok(audited.outcome())
    })
    .await
    .map_err(|error| error.to_string())?
}
