//! Servers that are slow, drip, stay mute, close, reset, or speak plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use watertight::check::Status;
use watertight::checks::tls::certificate_expiry::CertificateExpiry;
use watertight::checks::tls::certificate_trust::CertificateTrust;
use watertight::checks::tls::tls_version::TlsVersion;
use watertight::evidence::tls::Version;

use crate::rig::{P256, RSA, certificate, free_port, look, read_hello, relay, s_server, serve};

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
        // A loaded machine may take its time before the first byte; after the last the server waits for a client that has
        // heard enough.
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut byte = [0];
        while server.read(&mut byte).is_ok_and(|count| count == 1) && client.write_all(&byte).is_ok() {
            server.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    });
    let looked = look(port, Some(folder.path().join("cert.pem")));
    looked.expect::<TlsVersion>(Status::Pass);
    looked.expect::<CertificateTrust>(Status::Pass);
}

#[test]
fn a_chain_that_takes_longer_than_its_hello_is_read_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder, P256);
    let server = s_server(&folder, &["-tls1_2", "-cipher", "ECDHE:!aNULL"]);
    let behind = server.1;
    let port = serve(move |mut client| {
        let hello = read_hello(&mut client);
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", behind)) else { return };
        let _ = server.write_all(&hello);
        let mut flight = vec![0; 4096];
        let count = server.read(&mut flight).unwrap_or(0);
        // The ServerHello at once, the rest when no prompt client listens any more.
        let (first, rest) = flight[..count].split_at(count.min(120));
        let _ = client.write_all(first);
        if !rest.is_empty() {
            thread::sleep(Duration::from_secs(4));
            let _ = client.write_all(rest);
            read_hello(&mut client);
        }
    });
    let looked = look(port, Some(folder.path().join("cert.pem")));
    looked.expect::<CertificateTrust>(Status::Pass);
    looked.expect::<CertificateExpiry>(Status::Pass);
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
