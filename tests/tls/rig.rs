//! One look at a server through the probes and the checks, and the servers to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use tempfile::TempDir;
use watertight::check::{Check, Status, Verdict};
use watertight::checks::tls::certificate_expiry::CertificateExpiry;
use watertight::checks::tls::tls_version::TlsVersion;
use watertight::evidence::tls::{Hello, Version};
use watertight::evidence::{Declared, Evidence, Run};
use watertight::probe::World;
use watertight::probe::secret::Vault;
use watertight::target::Target;

/// One look at a deployment: what was seen, and how many connections it took, each request counted as one.
pub(crate) struct Looked {
    pub(crate) target: Target,
    pub(crate) evidence: Evidence,
    pub(crate) connections: u32,
}

impl Looked {
    pub(crate) fn verdict<C: Check>(&self) -> Verdict {
        C::default().judge(&self.target, &self.evidence)
    }

    #[track_caller]
    pub(crate) fn expect<C: Check>(&self, status: Status) -> Shown {
        let verdict = self.verdict::<C>();
        assert_eq!(verdict.status(), status, "{verdict:#?}");
        Shown(verdict)
    }

    pub(crate) fn accepted(&self) -> Vec<Version> {
        let greeting = self.evidence.of(&Hello {}).unwrap();
        let hellos = greeting.addresses.iter().flat_map(|at| &at.hellos);
        hellos.filter(|(_, outcome)| outcome.is_accepted()).map(|(version, _)| *version).collect()
    }
}

/// A verdict whose status was compared already.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Verdict);

impl std::ops::Deref for Shown {
    type Target = Verdict;

    fn deref(&self) -> &Verdict {
        &self.0
    }
}

/// Asks what the TLS items ask of `https://127.0.0.1:port`.
pub(crate) fn look(port: u16, ca: Option<PathBuf>) -> Looked {
    look_with(&TlsVersion::default(), port, ca)
}

pub(crate) fn look_with(versions: &TlsVersion, port: u16, ca: Option<PathBuf>) -> Looked {
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
    tokio::runtime::Runtime::new().unwrap().block_on(world.answer(&target, asks.clone(), &mut answers));
    let connections = asks.iter().map(|ask| world.sent(&target.name, ask).total()).sum();
    for ask in &asks {
        assert!(world.sent(&target.name, ask).total() <= ask.ceiling(&target), "{ask}");
    }
    Looked { evidence: Evidence::new(&run, Declared::default(), answers), target, connections }
}

pub(crate) fn target(port: u16, ca: Option<PathBuf>) -> Target {
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
pub(crate) struct Server(pub(crate) Child, pub(crate) u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn openssl(folder: &TempDir, arguments: &[&str]) {
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
pub(crate) fn certificate(folder: &TempDir, options: &[&str]) {
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

pub(crate) const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub(crate) const RSA: &[&str] = &["-newkey", "rsa:2048"];

/// `openssl s_server` with a certificate in `folder`.
pub(crate) fn s_server(folder: &TempDir, options: &[&str]) -> Server {
    s_server_with(folder.path(), options)
}

pub(crate) fn s_server_with(folder: &Path, options: &[&str]) -> Server {
    let port = free_port();
    let accept = format!("127.0.0.1:{port}");
    let fixed = ["s_server", "-accept", &accept, "-cert", "cert.pem", "-key", "key.pem", "-quiet", "-www"];
    let child = Command::new("openssl")
        .args([&fixed[..], options].concat())
        .current_dir(folder)
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
        assert!(Instant::now() < deadline, "s_server {options:?} never listened in {}", folder.display());
        thread::sleep(Duration::from_millis(10));
    }
    server
}

/// A server of the test's own: `serve` gets each connection on a thread of its own.
pub(crate) fn serve(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
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
pub(crate) fn relay(mut client: TcpStream, to: u16, hello: &[u8]) {
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

pub(crate) fn read_hello(stream: &mut TcpStream) -> Vec<u8> {
    let mut hello = vec![0; 4096];
    let count = stream.read(&mut hello).unwrap_or(0);
    hello.truncate(count);
    hello
}
