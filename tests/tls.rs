//! The TLS items against `openssl s_server`, and against servers that misbehave: slow, dripping, mute, closing,
//! resetting, speaking plain HTTP.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot set up, it cannot test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, Utc};
use tempfile::TempDir;
use watertight::check::{Check, Status, Verdict};
use watertight::checks::tls::certificate_expiry::CertificateExpiry;
use watertight::checks::tls::certificate_trust::CertificateTrust;
use watertight::checks::tls::tls_version::TlsVersion;
use watertight::evidence::tls::{Chain, Hello, Suites, Version};
use watertight::evidence::{Declared, Evidence, Run};
use watertight::probe::World;
use watertight::probe::secret::Vault;
use watertight::target::Target;

/// One look at a deployment: what was seen, and how many connections it took.
struct Looked {
    target: Target,
    evidence: Evidence,
    connections: u32,
    took: Duration,
}

impl Looked {
    fn verdict<C: Check>(&self) -> Verdict {
        C::default().judge(&self.target, &self.evidence)
    }

    #[track_caller]
    fn expect<C: Check>(&self, status: Status) -> Shown {
        let verdict = self.verdict::<C>();
        assert_eq!(verdict.status(), status, "{verdict:#?}");
        Shown(verdict)
    }

    fn accepted(&self) -> Vec<Version> {
        let greeting = self.evidence.of(&Hello {}).unwrap();
        let hellos = greeting.addresses.iter().flat_map(|at| &at.hellos);
        hellos.filter(|(_, outcome)| outcome.is_accepted()).map(|(version, _)| *version).collect()
    }
}

/// A verdict whose status was compared already.
#[derive(Debug)]
struct Shown(Verdict);

impl std::ops::Deref for Shown {
    type Target = Verdict;

    fn deref(&self) -> &Verdict {
        &self.0
    }
}

/// Asks what the TLS items ask of `https://127.0.0.1:port`.
fn look(port: u16, ca: Option<PathBuf>) -> Looked {
    look_with(&TlsVersion::default(), port, ca)
}

fn look_with(versions: &TlsVersion, port: u16, ca: Option<PathBuf>) -> Looked {
    let target = target(port, ca);
    let nothing = Evidence::at(Utc::now());
    let mut asks = BTreeSet::new();
    asks.extend(versions.asks(&target, &nothing));
    asks.extend(CertificateExpiry::default().asks(&target, &nothing));
    let run = Run {
        id: "test".into(),
        seed: 7,
        taken_at: Utc::now(),
        finished: Utc::now(),
        complete: true,
        scheduled: false,
        vantage: "loopback".into(),
        authorised: None,
    };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let world = World::new(run.clone(), Vault::default(), Duration::from_mins(2), stopped);
    let mut answers = BTreeMap::new();
    let started = Instant::now();
    tokio::runtime::Runtime::new().unwrap().block_on(world.answer(&target, asks.clone(), &mut answers));
    let took = started.elapsed();
    let connections = asks.iter().map(|ask| world.sent(&target.name, ask).connections).sum();
    for ask in &asks {
        assert!(world.sent(&target.name, ask).total() <= ask.ceiling(&target), "{ask}");
    }
    Looked { evidence: Evidence::new(&run, Declared::default(), answers), target, connections, took }
}

fn target(port: u16, ca: Option<PathBuf>) -> Target {
    let mut target: Target = serde_json::from_value(serde_json::json!({
        "name": "test", "environment": "production", "scope": "deployment", "repository": null,
        "deployment": {
            "url": format!("https://127.0.0.1:{port}/"), "plain": null, "authorised": null, "endpoints": [],
            "openapi": null, "token": null, "client_cert": null, "headers": {}, "proxy": null, "resolve": {},
            "origins": null, "hosts": [], "tools": null, "ca": null, "pins": [], "logs": [], "monitoring": null,
            "writes": "deny", "never": [], "costly": [], "exempt": null,
            "limits": { "burst": null, "max_requests": null, "max_denied": null, "stop_on_errors": 10,
                        "stop_on_latency": null },
        },
    }))
    .unwrap();
    target.deployment.as_mut().unwrap().ca = ca;
    target
}

/// Ends the process when the test does.
struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn openssl(folder: &TempDir, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .expect("the tests need Debian's openssl");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A self-signed certificate for 127.0.0.1, with the key and the signature that are asked for.
fn certificate(folder: &TempDir, options: &[&str]) {
    let fixed = [
        "req",
        "-x509",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-days",
        "90",
    ];
    openssl(folder, &[&fixed[..], options].concat());
}

const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: &[&str] = &["-newkey", "rsa:2048"];

/// `openssl s_server` with a certificate in `folder`.
fn s_server(folder: &TempDir, options: &[&str]) -> Server {
    let port = free_port();
    let accept = format!("127.0.0.1:{port}");
    let fixed = ["s_server", "-accept", &accept, "-cert", "cert.pem", "-key", "key.pem", "-quiet", "-www"];
    let child = Command::new("openssl")
        .args([&fixed[..], options].concat())
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child, port);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "s_server {options:?} never listened");
        thread::sleep(Duration::from_millis(10));
    }
    server
}

/// A server of the test's own: `serve` gets each connection on a thread of its own.
fn serve(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads the hello and passes on what `to` answers to it.
fn relay(mut client: TcpStream, to: u16, hello: &[u8]) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)) else { return };
    if server.write_all(hello).is_err() {
        return;
    }
    let (mut back, mut forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let forward = thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut forth, &mut back);
    let _ = back.shutdown(Shutdown::Both);
    let _ = forward.join();
}

fn read_hello(stream: &mut TcpStream) -> Vec<u8> {
    let mut hello = vec![0; 4096];
    let count = stream.read(&mut hello).unwrap_or(0);
    hello.truncate(count);
    hello
}

#[test]
fn every_version_alone_is_told_from_every_other() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let all = "ALL:@SECLEVEL=0";
    for (option, version, status) in [
        ("-tls1", Version::Tls10, Status::Fail),
        ("-tls1_1", Version::Tls11, Status::Fail),
        ("-tls1_2", Version::Tls12, Status::Pass),
        ("-tls1_3", Version::Tls13, Status::Pass),
    ] {
        let cipher = if version < Version::Tls12 { all } else { "ECDHE:!aNULL" };
        let server = s_server(&folder, &[option, "-cipher", cipher]);
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        assert_eq!(looked.accepted(), [version], "{option}");
        let verdict = looked.expect::<TlsVersion>(status);
        if status == Status::Fail {
            assert_eq!(verdict.findings()[0].aspect, version.word());
        }
        looked.expect::<CertificateTrust>(Status::Pass);
        looked.expect::<CertificateExpiry>(Status::Pass);
    }
}

#[test]
fn a_sound_server_takes_few_connections_and_little_time() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ECDHE:!aNULL"]);
    let versions = TlsVersion { suites: watertight::evidence::tls::Strictness::Off, ..TlsVersion::default() };
    let looked = look_with(&versions, server.1, Some(folder.path().join("cert.pem")));
    assert!(looked.connections <= 7, "{} connections", looked.connections);
    assert!(looked.took < Duration::from_secs(2), "{:?}", looked.took);
    assert!(versions.judge(&looked.target, &looked.evidence).status() == Status::Pass);
    looked.expect::<CertificateTrust>(Status::Pass);
}

#[test]
fn old_and_new_versions_side_by_side_fail_with_the_old_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let looked = look(server.1, None);
    assert_eq!(looked.accepted(), [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13]);
    let aspects: Vec<String> =
        looked.expect::<TlsVersion>(Status::Fail).findings().iter().map(|finding| finding.aspect.clone()).collect();
    assert_eq!(aspects, ["tls1.0", "tls1.1"]);
}

#[test]
fn suites_that_protect_nothing_fail() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    for (cipher, aspect) in [("NULL-SHA256:@SECLEVEL=0", "suite-no encryption"), ("ADH:@SECLEVEL=0", "suite-anonymous")]
    {
        let server = s_server(&folder, &["-tls1_2", "-cipher", cipher]);
        let looked = look(server.1, None);
        assert_eq!(looked.accepted(), [Version::Tls12], "{cipher}");
        let verdict = looked.expect::<TlsVersion>(Status::Fail);
        assert_eq!(verdict.findings()[0].aspect, aspect, "{verdict:#?}");
    }
}

/// The 1024-bit prime of the second Oakley group (RFC 2409 section 6.2).
const OAKLEY: &str = concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD",
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
);

#[test]
fn a_small_diffie_hellman_group_fails_and_a_large_one_holds() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    // DHParameter (PKCS #3): the prime, and the generator 2.
    let mut parameters = vec![0x30, 0x81, 0x87, 0x02, 0x81, 0x81, 0x00];
    parameters.extend((0..OAKLEY.len() / 2).map(|at| u8::from_str_radix(&OAKLEY[2 * at..2 * at + 2], 16).unwrap()));
    parameters.extend([0x02, 0x01, 0x02]);
    let armoured = STANDARD.encode(parameters);
    std::fs::write(
        folder.path().join("dh.pem"),
        format!("-----BEGIN DH PARAMETERS-----\n{armoured}\n-----END DH PARAMETERS-----\n"),
    )
    .unwrap();
    let server = s_server(&folder, &["-tls1_2", "-cipher", "DHE:!aNULL:@SECLEVEL=0", "-dhparam", "dh.pem"]);
    let verdict = look(server.1, None).expect::<TlsVersion>(Status::Fail);
    assert!(verdict.findings()[0].what.contains("1024 bits"), "{verdict:#?}");
    let server = s_server(&folder, &["-tls1_2", "-cipher", "DHE:!aNULL"]);
    look(server.1, None).expect::<TlsVersion>(Status::Pass);
}

#[test]
fn a_server_that_asks_for_a_client_certificate_is_judged_without_one() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    for option in ["-tls1_2", "-tls1_3"] {
        let server = s_server(&folder, &[option, "-Verify", "1", "-verify_return_error", "-cipher", "ECDHE:!aNULL"]);
        let looked = look(server.1, Some(folder.path().join("cert.pem")));
        looked.expect::<TlsVersion>(Status::Pass);
        looked.expect::<CertificateTrust>(Status::Pass);
    }
}

#[test]
fn what_a_modern_library_refuses_to_read_is_diagnosed() {
    for (options, aspect, what) in [
        (&["-newkey", "rsa:1024", "-sha256"][..], "weak-key", "RSA key of 1024 bits"),
        (&["-newkey", "rsa:2048", "-sha1"], "weak-signature", "SHA-1"),
        (&["-newkey", "rsa:2048", "-md5"], "weak-signature", "MD5"),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"], "weak-key", "P-192"),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "weak-key", "secp256k1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        certificate(&folder, options);
        let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
        let other = tempfile::tempdir().unwrap();
        certificate(&other, P256);
        let verdict = look(server.1, Some(other.path().join("cert.pem"))).expect::<CertificateTrust>(Status::Fail);
        let fault = verdict.findings().iter().find(|finding| finding.aspect == aspect);
        assert!(fault.is_some_and(|fault| fault.what.contains(what)), "{verdict:#?}");
    }
}

#[test]
fn a_server_that_answers_after_four_seconds_is_judged_right() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let server = s_server(&folder, &["-tls1", "-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let behind = server.1;
    let port = serve(move |mut client| {
        let hello = read_hello(&mut client);
        thread::sleep(Duration::from_secs(4));
        relay(client, behind, &hello);
    });
    let looked = look(port, None);
    assert_eq!(looked.accepted(), [Version::Tls10]);
    let verdict = looked.expect::<TlsVersion>(Status::Fail);
    assert_eq!(verdict.findings()[0].aspect, "tls1.0");
}

#[test]
fn a_server_that_drips_is_judged_right() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-tls1_2", "-cipher", "ECDHE:!aNULL"]);
    let behind = server.1;
    let port = serve(move |mut client| {
        let hello = read_hello(&mut client);
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", behind)) else { return };
        let _ = server.write_all(&hello);
        // The server waits for a client that has heard enough.
        server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut byte = [0];
        while server.read(&mut byte).is_ok_and(|count| count == 1) && client.write_all(&byte).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let looked = look(port, Some(folder.path().join("cert.pem")));
    looked.expect::<TlsVersion>(Status::Pass);
    looked.expect::<CertificateTrust>(Status::Pass);
}

#[test]
fn a_mute_server_passes_nothing() {
    let held = std::sync::Mutex::new(Vec::new());
    let port = serve(move |stream| held.lock().unwrap().push(stream));
    let looked = look(port, None);
    let verdict = looked.expect::<TlsVersion>(Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("timed out"), "{verdict:#?}");
    looked.expect::<CertificateTrust>(Status::Inconclusive);
    looked.expect::<CertificateExpiry>(Status::Inconclusive);
}

#[test]
fn a_closed_port_and_servers_that_only_close_or_reset_pass_nothing() {
    let closing = serve(|mut stream| drop(read_hello(&mut stream)));
    // Closing with bytes unread resets the connection.
    let resetting = serve(|stream| {
        thread::sleep(Duration::from_millis(20));
        drop(stream);
    });
    for port in [free_port(), closing, resetting] {
        let looked = look(port, None);
        looked.expect::<TlsVersion>(Status::Inconclusive);
        looked.expect::<CertificateTrust>(Status::Inconclusive);
        looked.expect::<CertificateExpiry>(Status::Inconclusive);
    }
}

#[test]
fn plain_http_on_the_tls_port_is_a_fault_and_passes_nothing() {
    let port = serve(|mut stream| {
        read_hello(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.shutdown(Shutdown::Write);
        read_hello(&mut stream);
    });
    let looked = look(port, None);
    assert_eq!(looked.expect::<TlsVersion>(Status::Fail).findings()[0].aspect, "plain-http");
    looked.expect::<CertificateTrust>(Status::Inconclusive);
}

#[test]
fn a_firewall_that_resets_after_an_old_hello_is_no_refusal() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ECDHE:!aNULL"]);
    let behind = server.1;
    let alarmed = AtomicBool::new(false);
    let port = serve(move |mut client| {
        let hello = read_hello(&mut client);
        // The version field of the hello: 3.3 from TLS 1.2 on.
        let old = hello.get(9..11).is_some_and(|version| version < [3, 3].as_slice());
        if old {
            thread::sleep(Duration::from_millis(300));
            alarmed.store(true, Ordering::SeqCst);
        }
        if !alarmed.load(Ordering::SeqCst) {
            relay(client, behind, &hello);
        }
    });
    let looked = look(port, Some(folder.path().join("cert.pem")));
    looked.expect::<TlsVersion>(Status::Inconclusive);
}

#[test]
fn a_server_that_drops_connections_beyond_one_at_a_time_is_judged_right() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, RSA);
    let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let behind = server.1;
    let open = AtomicU32::new(0);
    let port = serve(move |mut client| {
        if open.fetch_add(1, Ordering::SeqCst) == 0 {
            let hello = read_hello(&mut client);
            thread::sleep(Duration::from_millis(50));
            relay(client, behind, &hello);
        }
        open.fetch_sub(1, Ordering::SeqCst);
    });
    let looked = look(port, None);
    let verdict = looked.expect::<TlsVersion>(Status::Fail);
    let aspects: Vec<&str> = verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect();
    assert_eq!(aspects, ["tls1.0", "tls1.1"], "{verdict:#?}");
}

#[test]
fn a_ca_file_that_cannot_be_used_makes_the_chain_unseen() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ECDHE:!aNULL"]);
    let verdict =
        look(server.1, Some(folder.path().join("absent.pem"))).expect::<CertificateTrust>(Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("absent.pem"), "{verdict:#?}");
    // The key is PEM, too, but no certificate.
    let verdict = look(server.1, Some(folder.path().join("key.pem"))).expect::<CertificateTrust>(Status::Inconclusive);
    assert!(verdict.unseen()[0].to_string().contains("no certificate"), "{verdict:#?}");
}

#[test]
fn evidence_survives_being_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-cipher", "ALL:!aNULL:@SECLEVEL=0"]);
    let looked = look(server.1, Some(folder.path().join("cert.pem")));
    let suites = Suites { strictness: watertight::evidence::tls::Strictness::Sane };
    let (greeting, chosen) = (looked.evidence.of(&Hello {}).unwrap(), looked.evidence.of(&suites).unwrap());
    let presented = looked.evidence.of(&Chain {}).unwrap();
    assert_eq!(again(greeting), *greeting);
    assert_eq!(again(chosen), *chosen);
    assert_eq!(again(presented), *presented);
    // A year later the same evidence is judged by its own clock, not by today's.
    let mut later = looked.evidence.clone();
    later.taken_at += TimeDelta::days(365);
    assert_eq!(CertificateExpiry::default().judge(&looked.target, &later).status(), Status::Fail);
}

/// Written and read.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}
