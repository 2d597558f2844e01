//! TLS in front of the service; and the answers to old hellos that a sound server does not give.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;
use super::fault::{Fault, Faults};
use super::site::Site;
use super::site::listen::{self, Running};

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) fn start(
    running: &mut Running,
    listener: TcpListener,
    site: &Arc<Site>,
    certificates: &Certificates,
    faults: &Faults,
) -> anyhow::Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates.chain.clone(), certificates.key.clone_key())?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let old: Arc<Old> = Arc::new(Old {
        faults: faults.clone(),
        chain: certificates.chain.iter().map(|certificate| certificate.to_vec()).collect(),
    });
    let site = site.clone();
    running.accept(listener, move |stream, peer| {
        let (acceptor, site, old) = (acceptor.clone(), site.clone(), old.clone());
        async move {
            let Some(stream) = old.pass(stream).await else { return };
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
            listen::http(stream, move |request| site.clone().serve(peer, request)).await;
        }
    });
    Ok(())
}

/// TLS_RSA_WITH_AES_128_CBC_SHA, which RFC 3268 defines for TLS 1.0.
const RSA_AES: u16 = 0x002f;
/// TLS_RSA_WITH_RC4_128_SHA (RFC 5246 appendix A.5), which RFC 7465 forbids.
const RSA_RC4: u16 = 0x0005;
/// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5289), which every client of today offers.
const ECDHE_AES_GCM: u16 = 0xc02b;

/// What stands before the TLS library and answers old hellos, where a fault says so.
struct Old {
    faults: Faults,
    chain: Vec<Vec<u8>>,
}

impl Old {
    /// Gives the stream on, untouched, unless the hello is an old one that a fault answers.
    async fn pass(&self, mut stream: TcpStream) -> Option<TcpStream> {
        let watched = [Fault::Tls10, Fault::Tls11, Fault::BrokenSuite, Fault::OldHelloUnanswered];
        if !watched.into_iter().any(|fault| self.faults.has(fault)) {
            return Some(stream);
        }
        let Some(Hello { newest, suites }) = peek(&stream).await else { return Some(stream) };
        let suite = match newest {
            [3, 1] if self.faults.has(Fault::Tls10) => Some(RSA_AES),
            [3, 2] if self.faults.has(Fault::Tls11) => Some(RSA_AES),
            // With a sound suite on offer, a server chooses that one, whatever else it would accept.
            [3, 3] if self.faults.has(Fault::BrokenSuite) && !suites.contains(&ECDHE_AES_GCM) => Some(RSA_RC4),
            _ => None,
        };
        if let Some(suite) = suite.filter(|suite| suites.contains(suite)) {
            // Written whole; then the client goes, since it only asked.
            let _ = stream.write_all(&self.greeting(newest, suite)).await;
            let _ = tokio::time::timeout(HANDSHAKE, stream.read_to_end(&mut Vec::new())).await;
            return None;
        }
        if self.faults.has(Fault::OldHelloUnanswered) && newest < [3, 3] {
            let _ = tokio::time::timeout(HANDSHAKE * 6, stream.read_to_end(&mut Vec::new())).await;
            return None;
        }
        Some(stream)
    }

    /// ServerHello, Certificate and ServerHelloDone of RFC 2246 section 7.4.
    fn greeting(&self, version: [u8; 2], suite: u16) -> Vec<u8> {
        let mut hello = version.to_vec();
        hello.extend([0x57; 32]);
        hello.push(0);
        hello.extend(suite.to_be_bytes());
        hello.push(0);
        let mut list = Vec::new();
        for certificate in &self.chain {
            list.extend(counted(certificate));
        }
        let messages = [message(2, &hello), message(11, &counted(&list)), message(14, &[])].concat();
        let mut records = Vec::new();
        // A record holds 2^14 bytes at most.
        for part in messages.chunks(1 << 14) {
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
            records.extend([22, version[0], version[1]]);
            records.extend(length.to_be_bytes());
            records.extend(part);
        }
        records
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &counted(body)].concat()
}

/// `body` after its length in three bytes.
fn counted(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], body].concat()
}

/// What matters here of a ClientHello.
#[derive(Debug, PartialEq)]
struct Hello {
    /// The newest version that it offers.
    newest: [u8; 2],
    suites: Vec<u16>,
}

/// The waiting ClientHello, its bytes left where they are; nothing where it is no hello.
async fn peek(stream: &TcpStream) -> Option<Hello> {
    let mut hello = vec![0; 4096];
    let reading = async {
        loop {
            let read = stream.peek(&mut hello).await.ok()?;
            let whole = match hello.get(..5)? {
                [22, _, _, high, low] => 5 + usize::from(u16::from_be_bytes([*high, *low])),
                _ => return None,
            };
            if read == 0 || (read >= 5 && hello.first() != Some(&22)) {
                return None;
            }
            if read >= whole.min(hello.len()) {
                return read_hello(hello.get(5..whole.min(read))?);
            }
            // `peek` returns at once while a part is there.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANDSHAKE, reading).await.ok()?
}

fn read_hello(handshake: &[u8]) -> Option<Hello> {
    let hello = handshake.strip_prefix(&[1])?.get(3..)?;
    let field: [u8; 2] = hello.get(..2)?.try_into().ok()?;
    let rest = hello.get(34..)?;
    let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    let length = usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
    let suites =
        rest.get(2..2 + length)?.chunks_exact(2).map(|suite| u16::from_be_bytes([suite[0], suite[1]])).collect();
    let rest = rest.get(2 + length..)?;
    let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    let newest = supported_versions(rest.get(2..).unwrap_or_default()).unwrap_or(field);
    Some(Hello { newest, suites })
}

/// RFC 8446 section 4.2.1: the extension, where it is there, stands in for the version field.
fn supported_versions(mut extensions: &[u8]) -> Option<[u8; 2]> {
    while let [a, b, c, d, body @ ..] = extensions {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let (body, next) = body.split_at_checked(length)?;
        if [*a, *b] == [0, 43] {
            // Grease values (RFC 8701) repeat a nibble and are no version.
            return body
                .get(1..)?
                .chunks_exact(2)
                .filter_map(|version| <[u8; 2]>::try_from(version).ok())
                .filter(|version| version[0] == 3)
                .max();
        }
        extensions = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(field: [u8; 2], versions: Option<&[u8]>) -> Vec<u8> {
        let mut body = field.to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0, 0x2f, 1, 0]);
        if let Some(versions) = versions {
            let length = u8::try_from(versions.len()).unwrap();
            let extension = [&[0, 43, 0, length + 1, length], versions].concat();
            body.extend(u16::try_from(extension.len()).unwrap().to_be_bytes());
            body.extend(extension);
        }
        message(1, &body)
    }

    #[test]
    fn the_newest_offered_version_is_read() {
        let of = |newest| Some(Hello { newest, suites: vec![RSA_AES] });
        assert_eq!(read_hello(&hello([3, 1], None)), of([3, 1]));
        assert_eq!(read_hello(&hello([3, 3], Some(&[0x0a, 0x0a, 3, 4, 3, 3]))), of([3, 4]));
    }

    #[test]
    fn a_cut_hello_is_no_hello() {
        let whole = hello([3, 3], Some(&[3, 4]));
        for length in 0..40 {
            assert_eq!(read_hello(&whole[..length]), None, "{length}");
        }
    }
}
