//! The certificate chain, in clear or through a handshake that records and judges nothing.

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

use super::reader::Flight;
use crate::evidence::Unseen;
use crate::evidence::tls::{Sent, Version};

/// The chain of a flight in clear, where it holds one.
pub(super) fn of(flight: &Flight) -> Option<Sent> {
    let over = Version::of_wire(flight.hello.as_ref()?.version)?;
    let chain = flight.chain.as_ref()?;
    Some(Sent { certificates: chain.iter().map(|der| STANDARD.encode(der)).collect(), over, stapled: flight.stapled })
}

/// A handshake of TLS 1.3, for servers that send no chain in clear. It needs no client certificate: the server's comes
/// before ours is asked for.
pub(super) async fn shake_hands(address: SocketAddr, host: &str) -> Result<Sent, Unseen> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Unseen::NotComparable(format!("`{host}` is no name that TLS can ask for")))?;
    let recorder = Arc::new(Recorder::default());
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
        (Some(sent), _) => Ok(sent),
        (None, Ok(_)) => Err(Unseen::Malformed(format!("{address} finished a handshake without a certificate"))),
        (None, Err(error)) => Err(Unseen::Malformed(format!("{address}: {error}"))),
    }
}

/// Keeps the chain and accepts everything: nothing is sent over the connection.
#[derive(Debug, Default)]
struct Recorder(Mutex<Option<Sent>>);

impl Recorder {
    fn take(&self) -> Option<Sent> {
        self.0.lock().ok().and_then(|mut sent| sent.take())
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
        if let Ok(mut sent) = self.0.lock() {
            let certificates =
                std::iter::once(end_entity).chain(intermediates).map(|der| STANDARD.encode(der)).collect();
            *sent = Some(Sent { certificates, over: Version::Tls13, stapled: !ocsp_response.is_empty() });
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
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
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
