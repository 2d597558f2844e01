//! Bytes and texts that mean harm. Bombs are put together from repeated compressed blocks, so that making them is cheap.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use rcgen::{CertificateParams, CustomExtension, DnType, DnValue, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

type Answering = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// Every trick on whoever shows it: escape sequences (CSI, OSC 8, OSC 52, C1), BEL, CR, backspace, bidirectional and
/// invisible characters, markup, fences, formulas, workflow commands, path tricks and SQL.
pub(crate) fn misleading() -> String {
    [
        "\u{1b}[2J\u{1b}[31mred\u{1b}]8;;https://evil.test\u{7}link\u{1b}]8;;\u{7}\u{1b}]52;c;ZXZpbA==\u{7}",
        "\u{9b}31m\u{90}q\u{85}",
        "\rover\u{8}\u{8}\u{7}\0",
        "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{e0041}\u{2028}",
        "\n::error::owned\n::set-output name=a::b\n##vso[task.complete]\n",
        "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href=\"javascript:alert(1)\">&lt;",
        "\n```\n# owned\n| a | b |\n[x](javascript:alert(1)) ![x](http://evil.test/x.png) <b>|\\|",
        "\n=HYPERLINK(\"http://evil.test\")\n+1\n-1\n@SUM(1)\n\t=1",
        "../../../../etc/passwd file:///etc/passwd",
        "'; DROP TABLE runs; --",
        "]]>--><!-- %s %n {{7*7}} ${HOSTILE_TOKEN} $(id) `id`",
    ]
    .concat()
}

/// 1 MB or so of gzip that becomes 1 GiB.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    let zeros = vec![0_u8; 4 << 20];
    let mut block = Vec::with_capacity(1 << 20);
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    deflate.compress_vec(&zeros, &mut block, flate2::FlushCompress::Full).unwrap();
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    // A block that ends in a full flush leans on nothing before it, so it may stand there again and again.
    for _ in 0..256 {
        bomb.extend(&block);
    }
    bomb
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 53 bytes that become 64 MiB of spaces.
pub(crate) fn brotli_bomb() -> Vec<u8> {
    let text = "z///f/glQOKxQCD3/p/////wSwDEYQGA7v0/////4ZcAiMMiAN37//z//8cvARCHBQC69/8=";
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// 16 KB of Zstandard (RFC 8878) that become 512 MiB: blocks of one repeated byte.
pub(crate) fn zstd_bomb() -> Vec<u8> {
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for _ in 0..4096 {
        let header: u32 = (128 * 1024) << 3 | 1 << 1;
        bomb.extend(&header.to_le_bytes()[..3]);
        bomb.push(b' ');
    }
    bomb
}

/// A certificate and its key, for 127.0.0.1.
pub(crate) struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn chain(params: &CertificateParams, times: usize) -> Chain {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Chain { certificates: vec![certificate; times], key }
}

fn params() -> CertificateParams {
    CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap()
}

/// 300 certificates of 4 KiB, each the issuer of the next.
pub(crate) fn giant_chain() -> Chain {
    let mut params = params();
    let mut padding = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], [4, 0, 0].repeat(1365));
    padding.set_criticality(false);
    params.custom_extensions.push(padding);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    chain(&params, 300)
}

/// 10,000 names.
pub(crate) fn many_names() -> Chain {
    let mut params = params();
    params
        .subject_alt_names
        .extend((0..10_000).map(|number| SanType::DnsName(format!("host-{number}.example.test").try_into().unwrap())));
    chain(&params, 1)
}

/// NUL, ESC and bidirectional characters in every name that takes text.
pub(crate) fn misleading_names() -> Chain {
    let mut params = params();
    for kind in [DnType::CommonName, DnType::OrganizationName] {
        params.distinguished_name.push(kind, DnValue::Utf8String(misleading().chars().take(200).collect()));
    }
    params
        .subject_alt_names
        .push(SanType::DnsName("127.0.0.1\u{0}.evil.test\u{1b}[31m".to_owned().try_into().unwrap()));
    chain(&params, 1)
}

/// A real TLS server with that chain, which denies whatever it is asked.
pub(crate) fn tls_server(chain: Chain) -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        // Not `with_single_cert`: that one reads the certificate, and these are not for honest readers.
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(
            chain.certificates,
            rustls::crypto::ring::sign::any_supported_type(&chain.key).unwrap(),
        ))));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    move |stream, _| {
        let acceptor = acceptor.clone();
        Box::pin(async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes).await?;
            let deny = b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(deny).await?;
            stream.shutdown().await
        })
    }
}

fn record(body: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 3, 3];
    record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    record.extend(body);
    record
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    message.extend(body);
    message
}

/// A ServerHello of TLS 1.2 alone, after which the connection ends.
pub(crate) fn server_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0xc0, 0x2f, 0]);
    record(&message(2, &body))
}

/// Flights whose certificate is no certificate: garbage, nested without end, a time that is none, a length that lies.
pub(crate) fn flight_server() -> impl Fn(TcpStream, usize) -> Answering + Send + Sync + 'static {
    let sound = chain(&params(), 1).certificates.remove(0).to_vec();
    let mut untimely = sound.clone();
    if let Some(at) = untimely.windows(2).position(|window| window == [0x17, 0x0d]) {
        untimely.splice(at + 2..at + 15, b"261.123456789".iter().copied());
    }
    let mut lying = sound.clone();
    lying.splice(..4, [0x30, 0x84, 0xff, 0xff]);
    let certificates = [[0x30, 0x80].repeat(4000), untimely, lying, vec![0xff; 3000], Vec::new(), sound];
    move |mut stream, nth| {
        let der = certificates[nth % certificates.len()].clone();
        Box::pin(async move {
            let length = u32::try_from(der.len()).unwrap();
            let mut body = (length + 3).to_be_bytes()[1..].to_vec();
            body.extend(&length.to_be_bytes()[1..]);
            body.extend(der);
            let mut flight = server_hello();
            flight.extend(record(&message(11, &body)));
            flight.extend(record(&message(14, &[])));
            let mut hello = [0; 1024];
            let _ = stream.read(&mut hello).await?;
            stream.write_all(&flight).await?;
            stream.shutdown().await
        })
    }
}
