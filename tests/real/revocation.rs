//! Revoked, not revoked, and not known, by the list and the responder that a certificate names, and by what nginx staples.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rcgen::{CertificateParams, CrlDistributionPoint, CustomExtension, SerialNumber};

use crate::harness::{Audit, Authority, Nginx, folder, free_port};

/// The serial number of the certificate in question, as `openssl ca` writes it into its database.
const SERIAL: &str = "4F01";

/// What the certificate says about where its status is to be had, and what is to be had there.
struct Case {
    folder: tempfile::TempDir,
    authority: Authority,
    list: bool,
    responder: bool,
    /// The paths of this service: `/list` and `/status`.
    status: u16,
}

impl Case {
    fn new(list: bool, responder: bool, revoked: bool) -> Self {
        let folder = folder();
        let authority = Authority::new(folder.path());
        let revoked_serials: &[&[u8]] = if revoked { &[&[0x4f, 1]] } else { &[&[0x4f, 2]] };
        std::fs::write(folder.path().join("list"), authority.list(revoked_serials)).expect("the test is set up");
        let line = if revoked { "R\t351231235959Z\t261001000000Z" } else { "V\t351231235959Z\t" };
        std::fs::write(folder.path().join("index.txt"), format!("{line}\t{SERIAL}\tunknown\t/CN=x\n"))
            .expect("the test is set up");
        let status = tell(folder.path().to_owned());
        Self { folder, authority, list, responder, status }
    }

    fn certificate(&self) -> (PathBuf, PathBuf) {
        let at = |path: &str| format!("http://127.0.0.1:{}/{path}", self.status);
        self.authority.sign_as(self.folder.path(), "leaf", &["127.0.0.1", "localhost"], -5, 85, |params| {
            params.serial_number = Some(SerialNumber::from_slice(&[0x4f, 1]));
            if self.list {
                params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![at("list")] }];
            }
            if self.responder {
                responds_at(params, &at("status"));
            }
        })
    }

    /// nginx with these further directives, audited.
    fn audit(&self, directives: &str, further: &[&str]) -> Audit {
        let (path, port) = (self.folder.path(), free_port());
        let (certificate, key) = self.certificate();
        let _nginx = Nginx::start(
            path,
            &format!(
                "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
                 ssl_protocols TLSv1.2 TLSv1.3; {directives} return 401; }}",
                certificate.display(),
                key.display(),
            ),
            &[port],
        );
        let policy = crate::harness::write(
            path,
            "audit.yaml",
            &format!(
                "version: 1\nname: revocation\ntargets:\n  - name: server\n    environment: production\n    \
                 url: https://127.0.0.1:{port}\n    ca: root.crt\n{}",
                further.concat()
            ),
        );
        let arguments = ["--policy", &policy.to_string_lossy(), "--scope", "deployment"];
        let only = ["--check", "tls-version", "--check", "certificate-trust", "--check", "certificate-expiry"];
        Audit::run(path, &[&arguments[..], &only[..]].concat(), &[])
    }
}

const ASKED: &str = "checks:\n  certificate-trust: { revocation: true }\n";

/// AuthorityInfoAccessSyntax with one id-ad-ocsp (RFC 5280 section 4.2.2.1); everything here is shorter than 128 bytes.
fn responds_at(params: &mut CertificateParams, url: &str) {
    let wrap = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).expect("the test is set up")][..], content].concat()
    };
    let method = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    let access = wrap(0x30, &wrap(0x30, &[&method[..], &wrap(0x86, url.as_bytes())].concat()));
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access));
}

/// Serves the list, and answers status requests with OpenSSL's own responder.
fn tell(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the test is set up");
    let port = listener.local_addr().expect("the test is set up").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &folder);
        }
    });
    port
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = match head.split(' ').nth(1) {
        Some("/list") => std::fs::read(folder.join("list"))?,
        Some("/status") => {
            std::fs::write(folder.join("request.der"), &body)?;
            respond(folder, &["-reqin", "request.der"])
        }
        _ => Vec::new(),
    };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// The response of OpenSSL's responder, which knows what stands in `index.txt`.
fn respond(folder: &Path, request: &[&str]) -> Vec<u8> {
    let fixed = ["ocsp", "-index", "index.txt", "-CA", "root.crt", "-rsigner", "root.crt", "-rkey", "root.secret"];
    let done = Command::new("openssl")
        .args([&fixed[..], request, &["-respout", "response.der", "-ndays", "2"]].concat())
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .expect("the tests need Debian's openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(folder.join("response.der")).expect("the test is set up")
}

fn said(audit: &Audit, what: &str) -> String {
    audit.result("certificate-trust")[what].to_string()
}

#[test]
fn a_list_and_a_responder_decide_where_the_policy_asks() {
    for (list, responder) in [(true, false), (false, true), (true, true)] {
        let sound = Case::new(list, responder, false).audit("", &[ASKED]);
        sound.expect("certificate-trust", "pass");
        let ground = if list { "is not on the revocation list of `Test Root`" } else { "says the OCSP responder" };
        assert!(said(&sound, "grounds").contains(ground), "{}", said(&sound, "grounds"));
        let revoked = Case::new(list, responder, true).audit("", &[ASKED]);
        revoked.expect("certificate-trust", "fail");
        assert!(revoked.findings("certificate-trust").contains("was revoked on 2026-10-01"), "{list} {responder}");
        assert_eq!(revoked.findings("certificate-trust").lines().count(), 1);
    }
}

#[test]
fn without_the_question_nothing_is_asked_and_without_an_address_nothing_is_known() {
    let unasked = Case::new(true, true, true);
    let audit = unasked.audit("", &[]);
    audit.expect("certificate-trust", "pass");
    assert!(!said(&audit, "grounds").contains("revocation"), "{}", said(&audit, "grounds"));
    assert!(!unasked.folder.path().join("request.der").exists());
    let nowhere = Case::new(false, false, true).audit("", &[ASKED]);
    nowhere.expect("certificate-trust", "inconclusive");
    assert!(said(&nowhere, "unseen").contains("names no revocation list and no OCSP responder over HTTP"));
}

#[test]
fn a_list_that_cannot_be_had_leaves_the_word_to_the_responder_and_neither_is_no_pass() {
    for (responder, status) in [(true, "fail"), (false, "inconclusive")] {
        let case = Case::new(true, responder, true);
        std::fs::write(case.folder.path().join("list"), b"no list").expect("the test is set up");
        case.audit("", &[ASKED]).expect("certificate-trust", status);
    }
}

#[test]
fn nginx_that_asks_for_a_client_certificate_and_staples_is_judged_by_its_response() {
    let mutual = "ssl_client_certificate root.crt; ssl_verify_client on;";
    for (revoked, stapling, status) in [(false, true, "pass"), (true, true, "fail"), (true, false, "pass")] {
        let case = Case::new(false, true, revoked);
        let (certificate, _) = case.certificate();
        respond(case.folder.path(), &["-issuer", "root.crt", "-cert", &certificate.to_string_lossy()]);
        let staple = if stapling { "ssl_stapling on; ssl_stapling_file response.der;" } else { "" };
        let audit = case.audit(&format!("{mutual} {staple}"), &[]);
        audit.expect("tls-version", "pass");
        audit.expect("certificate-expiry", "pass");
        audit.expect("certificate-trust", status);
        let good = said(&audit, "grounds").contains("the OCSP response that came with it says that it is good");
        assert_eq!(good, stapling && !revoked, "{}", said(&audit, "grounds"));
    }
}

#[test]
fn the_machine_s_own_roots_are_taken_where_they_are_asked_for() {
    let folder = folder();
    let (path, port) = (folder.path(), free_port());
    let authority = Authority::new(path);
    let (certificate, key) = authority.sign(path, "leaf", &["127.0.0.1"], -5, 85);
    let _nginx = Nginx::start(
        path,
        &format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; return 401; }}",
            certificate.display(),
            key.display()
        ),
        &[port],
    );
    let url = format!("https://127.0.0.1:{port}");
    let root = authority.file.to_string_lossy().into_owned();
    let fixed = ["--url", &url, "--scope", "deployment", "--check", "certificate-trust"];
    // OpenSSL's variable for the bundle, which the machine's trust is read from.
    let machine = [("SSL_CERT_FILE", root.as_str())];
    let audit = Audit::run(path, &[&fixed[..], &["--system-roots"]].concat(), &machine);
    audit.expect("certificate-trust", "pass");
    assert!(
        said(&audit, "grounds").contains("leads to this machine's root `Test Root`"),
        "{}",
        said(&audit, "grounds")
    );
    let audit = Audit::run(path, &fixed, &machine);
    audit.expect("certificate-trust", "fail");
    // A private root that is named is the only one, whatever the machine trusts.
    let other = crate::harness::folder();
    let stranger = Authority::new(other.path()).file.to_string_lossy().into_owned();
    let audit = Audit::run(path, &[&fixed[..], &["--system-roots", "--ca", &stranger]].concat(), &machine);
    audit.expect("certificate-trust", "fail");
}
