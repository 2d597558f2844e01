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

/// What stands before the TLS library and answers old hellos, where a fault says so.
struct Old {
    faults: Faults,
    chain: Vec<Vec<u8>>,
}

impl Old {
    /// Gives the stream on, untouched, unless the hello is an old one that a fault answers.
    async fn pass(&self, mut stream: TcpStream) -> Option<TcpStream> {
        let watched = [Fault::Tls10, Fault::Tls11, Fault::OldHelloUnanswered];
        if !watched.into_iter().any(|fault| self.faults.has(fault)) {
            return Some(stream);
        }
        let Some(newest) = peek(&stream).await else { return Some(stream) };
        let accepted =
            (self.faults.has(Fault::Tls10) && newest == [3, 1]) || (self.faults.has(Fault::Tls11) && newest == [3, 2]);
        if accepted {
            // Written whole; then the client goes, since it only asked.
            let _ = stream.write_all(&self.greeting(newest)).await;
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
    fn greeting(&self, version: [u8; 2]) -> Vec<u8> {
        // 0x002F: TLS_RSA_WITH_AES_128_CBC_SHA, which RFC 3268 defines for TLS 1.0.
        let mut hello = version.to_vec();
        hello.extend([0x57; 32]);
        hello.extend([0, 0x00, 0x2f, 0]);
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

/// The newest version that the waiting ClientHello offers, the bytes left where they are; nothing where it is no hello.
async fn peek(stream: &TcpStream) -> Option<[u8; 2]> {
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
                return newest(hello.get(5..whole.min(read))?);
            }
            // `peek` returns at once while a part is there.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANDSHAKE, reading).await.ok()?
}

/// RFC 8446 section 4.2.1: `supported_versions`, where it is there, stands in for the version field.
fn newest(handshake: &[u8]) -> Option<[u8; 2]> {
    let hello = handshake.strip_prefix(&[1])?.get(3..)?;
    let field: [u8; 2] = hello.get(..2)?.try_into().ok()?;
    let rest = hello.get(34..)?;
    let after_session = rest.get(1 + usize::from(*rest.first()?)..)?;
    let suites = usize::from(u16::from_be_bytes(after_session.get(..2)?.try_into().ok()?));
    let after_suites = after_session.get(2 + suites..)?;
    let after_compression = after_suites.get(1 + usize::from(*after_suites.first()?)..)?;
    let mut extensions = after_compression.get(2..).unwrap_or_default();
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
    Some(field)
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
        assert_eq!(newest(&hello([3, 1], None)), Some([3, 1]));
        assert_eq!(newest(&hello([3, 3], Some(&[0x0a, 0x0a, 3, 4, 3, 3]))), Some([3, 4]));
    }

    #[test]
    fn a_cut_hello_is_no_hello() {
        let whole = hello([3, 3], Some(&[3, 4]));
        for length in 0..40 {
            assert_eq!(newest(&whole[..length]), None, "{length}");
        }
    }
}
