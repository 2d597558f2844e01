//! The certificate chain, in clear or through a handshake that records and judges nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificate::{Certificate, Key};
use crate::evidence::Unseen;
use crate::evidence::tls::{Presented, Sent, Version};
use crate::tls::reader::Flight;

/// The chain of a flight in clear, where it holds one.
pub(super) fn of(flight: &Flight) -> Option<Sent> {
    let over = Version::of_wire(flight.hello.as_ref()?.version)?;
    let chain = flight.chain.as_ref()?;
    Some(Sent {
        certificates: chain.iter().map(|der| STANDARD.encode(der)).collect(),
        over,
        stapled: flight.staple.is_some(),
        staple: flight.staple.as_ref().map(|staple| STANDARD.encode(staple)),
    })
}

/// Whether the server's own certificate has an RSA key; `None` where it has neither that nor one on a curve.
pub(super) fn is_rsa(sent: &Sent) -> Option<bool> {
    match Certificate::of_base64(sent.certificates.first()?).ok()?.key {
        Key::Rsa { .. } => Some(true),
        Key::P256 | Key::P384 | Key::P521 | Key::Ed25519 | Key::Ed448 | Key::OtherCurve(_) => Some(false),
        Key::Dsa | Key::Unknown(_) => None,
    }
}

/// The kinds of key that a handshake says it can verify; a server with several certificates chooses by it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keys {
    Any,
    Rsa,
    Curves,
}

/// What a handshake showed.
pub(super) struct Shown {
    pub(super) sent: Sent,
    /// The suite that was chosen; `None` where the handshake broke after the certificate.
    pub(super) suite: Option<u16>,
}

/// Why a handshake showed no certificate.
pub(super) struct Failed {
    /// The alert that refused it.
    pub(super) alert: Option<u8>,
    pub(super) unseen: Unseen,
}

impl From<Unseen> for Failed {
    fn from(unseen: Unseen) -> Self {
        Self { alert: None, unseen }
    }
}

/// A handshake of TLS 1.3, whose chain is never in clear. It needs no client certificate: the server's comes before ours is
/// asked for.
pub(super) async fn shake_hands(address: SocketAddr, host: &str, keys: Keys) -> Result<Shown, Failed> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Unseen::NotComparable(format!("`{host}` is no name that TLS can ask for")))?;
    let recorder = Arc::new(Recorder { sent: Mutex::default(), keys });
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Unseen::Bug(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    let stream =
        TcpStream::connect(address).await.map_err(|error| Unseen::Unreachable(format!("{address}: {error}")))?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    match (recorder.take(), shaken) {
        (Some(sent), shaken) => {
            let suite = shaken.ok().and_then(|stream| stream.get_ref().1.negotiated_cipher_suite());
            Ok(Shown { sent, suite: suite.map(|suite| suite.suite().into()) })
        }
        (None, Ok(_)) => Err(Unseen::Malformed(format!("{address} finished a handshake without a certificate")).into()),
        (None, Err(error)) => {
            Err(Failed { alert: alert(&error), unseen: Unseen::Malformed(format!("{address}: {error}")) })
        }
    }
}

fn alert(error: &std::io::Error) -> Option<u8> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(description) => Some((*description).into()),
        _ => None,
    }
}

/// Keeps the chain and accepts everything: nothing is sent over the connection.
#[derive(Debug)]
struct Recorder {
    sent: Mutex<Option<Sent>>,
    keys: Keys,
}

impl Recorder {
    fn take(&self) -> Option<Sent> {
        self.sent.lock().ok().and_then(|mut sent| sent.take())
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut sent) = self.sent.lock() {
            let certificates =
                std::iter::once(end_entity).chain(intermediates).map(|der| STANDARD.encode(der)).collect();
            let staple = (!ocsp_response.is_empty()).then(|| STANDARD.encode(ocsp_response));
            *sent = Some(Sent { certificates, over: Version::Tls13, stapled: staple.is_some(), staple });
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // With those that the library has no name for: RSA-PSS by RSA-PSS keys (RFC 8446 section 4.2.3), brainpool (RFC
        // 8734). The signature is not verified, so any will do.
        let rsa = [0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0201];
        let curves = [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x081a, 0x081b, 0x081c, 0x0203];
        let offered: Vec<u16> = match self.keys {
            Keys::Any => curves.into_iter().chain(rsa).collect(),
            Keys::Rsa => rsa.to_vec(),
            Keys::Curves => curves.to_vec(),
        };
        offered.into_iter().map(SignatureScheme::from).collect()
    }
}

/// A file of private roots is a few kilobytes; a whole system's bundle is 200 KiB.
const LARGEST_ROOTS: u64 = 1024 * 1024;

/// The certificates of the target's `ca:` file, PEM or DER, as base64.
pub(super) async fn roots(path: &Path) -> Result<Vec<String>, Unseen> {
    let shown = path.display();
    let wrong = |why: String| Unseen::NotConfigured(format!("the target's `ca: {shown}` {why}"));
    let file = tokio::fs::metadata(path).await.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !file.is_file() || file.len() > LARGEST_ROOTS {
        return Err(wrong(format!("is no file of at most {LARGEST_ROOTS} bytes")));
    }
    let bytes = tokio::fs::read(path).await.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    // DER begins with a SEQUENCE.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![STANDARD.encode(bytes)]);
    }
    let roots: Vec<String> = CertificateDer::pem_slice_iter(&bytes)
        .map(|root| root.map(|der| STANDARD.encode(der)))
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("is no PEM: {error}")))?;
    if roots.is_empty() {
        return Err(wrong("holds no certificate".into()));
    }
    Ok(roots)
}

/// The machine's own roots, those that the chains name as an issuer or hold; a machine has some hundred.
pub(super) fn system_roots(presented: &Presented) -> Result<Vec<String>, Unseen> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Unseen::NotConfigured(format!("--system-roots: this machine has no roots ({})", why.join("; "))));
    }
    let sent = presented.addresses.iter().filter_map(|at| at.chain.as_ref().ok()).flat_map(|sent| &sent.certificates);
    let named: BTreeSet<Vec<u8>> = sent
        .filter_map(|text| Certificate::of_base64(text).ok())
        .flat_map(|certificate| [certificate.issuer_raw, certificate.subject_raw])
        .collect();
    let roots = found.certs.iter().filter_map(|der| Some((der, Certificate::of_der(der).ok()?)));
    Ok(roots.filter(|(_, root)| named.contains(&root.subject_raw)).map(|(der, _)| STANDARD.encode(der)).collect())
}
