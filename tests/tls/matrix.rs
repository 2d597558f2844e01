//! A matrix of certificates and chains, one fault each, served over the wire and judged by the binary: every fault is
//! named in one finding of one line, and nothing else is.

mod cases;
mod made;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::rig::{read_hello, s_server_with, serve};
use cases::{Case, Expiry};

#[test]
fn every_fault_of_the_matrix_is_named_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases::all(folder.path());
    assert!(cases.len() >= 40, "{} cases", cases.len());
    judge_all(&cases, |case| judge(case, folder.path(), serve_in_clear(case), "clear"));
}

/// The same chains where nothing of them is in clear, as far as OpenSSL serves them: the server's own certificate first
/// and with a key that TLS 1.3 can sign with.
#[test]
fn the_matrix_reads_the_same_through_tls_1_3() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<Case> = cases::all(folder.path()).into_iter().filter(|case| case.signs_in_tls_1_3).collect();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    judge_all(&cases, |case| {
        let place = folder.path().join(format!("{}-s_server", case.name));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("cert.pem"), made::pem("CERTIFICATE", &case.sent[0])).unwrap();
        std::fs::write(place.join("key.pem"), &case.key).unwrap();
        let rest: String = case.sent[1..].iter().map(|der| made::pem("CERTIFICATE", der)).collect();
        std::fs::write(place.join("chain.pem"), &rest).unwrap();
        let chain: &[&str] = if rest.is_empty() { &[] } else { &["-cert_chain", "chain.pem"] };
        let server = s_server_with(&place, &[&["-tls1_3", "-cipher", "ALL:@SECLEVEL=0"], chain].concat());
        judge(case, folder.path(), server.1, "encrypted")
    });
}

/// Judges all cases, a few at a time, and shows every error at once.
fn judge_all(cases: &[Case], judge: impl Fn(&Case) -> Result<(), String> + Sync) {
    let (next, errors) = (AtomicUsize::new(0), Mutex::new(String::new()));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = judge(case) {
                        writeln!(errors.lock().unwrap(), "{}: {error}", case.name).unwrap();
                    }
                }
            });
        }
    });
    let errors = errors.into_inner().unwrap();
    assert!(errors.is_empty(), "{} of {} wrong:\n{errors}", errors.lines().count(), cases.len());
}

/// Audits the case with the binary and compares its report.
fn judge(case: &Case, folder: &Path, port: u16, how: &str) -> Result<(), String> {
    let file = |what: &str| folder.join(format!("{}-{how}.{what}", case.name)).display().to_string();
    let (policy, report) = (file("yaml"), file("json"));
    let ca = match &case.root {
        Some(root) => {
            std::fs::write(file("root"), made::pem("CERTIFICATE", root)).unwrap();
            format!("    ca: {}\n", file("root"))
        }
        None => String::new(),
    };
    std::fs::write(
        &policy,
        format!(
            "version: 1\nname: matrix\ntargets:\n  - name: case\n    environment: production\n    \
             url: https://{host}:{port}\n    resolve: {{ mcp.example.com: 127.0.0.1 }}\n{ca}",
            host = case.host
        ),
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["audit", "--policy", &policy, "--scope", "deployment", "--no-history"])
        .args(["--check", "tls-version", "--check", "certificate-trust", "--check", "certificate-expiry"])
        .args(["--format", &format!("json={report}")])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&report)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let result = |check: &str| {
        let results = report["results"].as_array().cloned().unwrap_or_default();
        results.into_iter().find(|result| result["check"] == check).unwrap_or(Value::Null)
    };
    let (versions, trust, expiry) = (result("tls-version"), result("certificate-trust"), result("certificate-expiry"));
    if versions["status"] != "pass" {
        return Err(format!("tls-version: {versions}"));
    }
    let found: Vec<&str> = trust["findings"]
        .as_array()
        .map(|findings| findings.iter().filter_map(|finding| finding["what"].as_str()).collect())
        .unwrap_or_default();
    match case.fault {
        None if case.unseen.is_none() && trust["status"] == "pass" && found.is_empty() => {}
        None if trust["status"] == "inconclusive"
            && case.unseen.is_some_and(|why| trust["unseen"].to_string().contains(why)) => {}
        Some(fault) if trust["status"] == "fail" && found.len() == 1 && found[0].contains(fault) => {}
        expected => return Err(format!("certificate-trust: expected {expected:?}, found {trust}")),
    }
    if found.iter().any(|what| what.lines().count() != 1) {
        return Err(format!("more than one line: {found:?}"));
    }
    let expected = match case.expiry {
        Expiry::Holds => "pass",
        Expiry::Fails => "fail",
        Expiry::Unseen => "inconclusive",
    };
    if expiry["status"] != expected {
        return Err(format!("certificate-expiry: expected {expected}, found {expiry}"));
    }
    Ok(())
}

/// A server that sends the case's chain in a first flight of TLS 1.2 and knows nothing else: whatever OpenSSL would not
/// serve can be served by it. It takes one suite, the one for the kind of key.
fn serve_in_clear(case: &Case) -> u16 {
    let chain = case.sent.clone();
    let suite: u16 = if case.rsa { 0xc02f } else { 0xc02b };
    serve(move |mut client| {
        let hello = read_hello(&mut client);
        // Record and handshake header, version, random; then the session, then the suites.
        let answer = match hello.get(9..11) {
            Some([3, 3]) if !offers_tls_1_3(&hello) && offers(&hello, suite) => flight(suite, &chain),
            Some([3, 3]) if !offers_tls_1_3(&hello) => vec![21, 3, 3, 0, 2, 2, 40],
            _ => vec![21, 3, 1, 0, 2, 2, 70],
        };
        let _ = client.write_all(&answer);
        // The client closes once it has heard enough.
        read_hello(&mut client);
    })
}

fn offers_tls_1_3(hello: &[u8]) -> bool {
    // supported_versions with 3.4 alone
    hello.windows(7).any(|bytes| bytes == [0, 43, 0, 3, 2, 3, 4])
}

fn offers(hello: &[u8], suite: u16) -> bool {
    let session = usize::from(hello[43]);
    let suites = hello.get(44 + session..).unwrap_or_default();
    let Some((length, rest)) = suites.split_first_chunk::<2>() else { return false };
    let listed = rest.get(..usize::from(u16::from_be_bytes(*length))).unwrap_or_default();
    listed.chunks_exact(2).any(|pair| pair == suite.to_be_bytes())
}

/// ServerHello, Certificate, ServerHelloDone (RFC 5246 section 7.3), in as many records as it takes.
fn flight(suite: u16, chain: &[Vec<u8>]) -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| {
        let mut message = vec![kind];
        message.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
        message.extend_from_slice(body);
        message
    };
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&suite.to_be_bytes());
    hello.push(0);
    let length24 = |length: usize| u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
    let mut list = Vec::new();
    for der in chain {
        list.extend(length24(der.len()));
        list.extend_from_slice(der);
    }
    let mut certificates = length24(list.len());
    certificates.extend(list);
    let all = [message(2, &hello), message(11, &certificates), message(14, &[])].concat();
    all.chunks(16_000)
        .flat_map(|part| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[22, 3, 3, length[0], length[1]][..], part].concat()
        })
        .collect()
}
