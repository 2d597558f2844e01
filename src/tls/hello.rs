//! The ClientHello, written byte by byte: one version at a time, with suites that no TLS library offers any more.

use crate::evidence::tls::Version;

/// What one hello offers.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    pub version: Version,
    /// IANA's numbers, in the order of preference.
    pub suites: &'a [u16],
    /// The name for SNI; `None` for an address, which has none (RFC 6066 section 3).
    pub name: Option<&'a str>,
    /// 64 random bytes: the hello's random, and a key share that nobody will use.
    pub random: [u8; 64],
}

/// Groups of the age before TLS 1.3. No ffdhe groups: a server would leave its own, perhaps weak, group for one of them
/// (RFC 7919 section 4).
const CURVES: &[u16] = &[29, 23, 24, 25, 30, 22, 21, 19, 14, 13, 12, 11, 10, 9];
/// X25519, P-256, P-384, P-521, X448, the hybrids with ML-KEM, ML-KEM alone, ffdhe2048 to ffdhe8192, brainpool, SM2
/// (RFC 8446 section 4.2.7 and IANA's registry since). A server that wants another than X25519 asks for it, and that
/// shows its version just as well.
const GROUPS: &[u16] =
    &[29, 23, 24, 25, 30, 0x11ec, 0x11eb, 0x11ed, 0x0200, 0x0201, 0x0202, 256, 257, 258, 259, 260, 31, 32, 33, 41];
/// Every scheme that was ever in use, the newest first (RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1).
const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
    0x0402, 0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101, 0x081a, 0x081b, 0x081c, 0x0904, 0x0905, 0x0906,
    0x0708,
];
/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3): servers that insist on secure renegotiation hang up without.
const RENEGOTIATION: u16 = 0x00ff;

/// The hello as one record.
pub fn write(offer: &Offer<'_>) -> Vec<u8> {
    let version = offer.version;
    let mut body = Vec::with_capacity(600);
    put16(&mut body, version.min(Version::Tls12).wire());
    body.extend_from_slice(&offer.random[..32]);
    match version {
        // Middleboxes want to see a session (RFC 8446 appendix D.4).
        Version::Tls13 => block8(&mut body, &offer.random[32..]),
        Version::Ssl3 | Version::Tls10 | Version::Tls11 | Version::Tls12 => block8(&mut body, &[]),
    }
    let mut suites: Vec<u8> = offer.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    if version != Version::Tls13 {
        put16(&mut suites, RENEGOTIATION);
    }
    block16(&mut body, &suites);
    block8(&mut body, &[0]);
    // SSL 3.0 knows no extensions, and some of its servers refuse any byte after the compression methods.
    if version != Version::Ssl3 {
        let mut extensions = extensions(offer);
        pad(&mut extensions, body.len());
        block16(&mut body, &extensions);
    }
    let mut handshake = vec![1];
    handshake.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes()[1..]);
    handshake.append(&mut body);
    let mut record = vec![22];
    // RFC 8446 appendix D.1: the record of a first hello says 3.1 at most, or old servers refuse it.
    put16(&mut record, version.min(Version::Tls10).wire());
    block16(&mut record, &handshake);
    record
}

fn extensions(offer: &Offer<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(name) = offer.name {
        let mut host = vec![0];
        block16(&mut host, name.as_bytes());
        extension(&mut all, 0, |body| block16(body, &host));
    }
    if offer.version <= Version::Tls12 {
        // extended_master_secret: servers under FIPS 140-3 refuse TLS 1.2 without it (RFC 7627 section 5.3).
        extension(&mut all, 23, |_| {});
        // SRP suites want a user's name (RFC 5054 section 2.8.1).
        if offer.suites.iter().any(|suite| (0xc01a..=0xc022).contains(suite)) {
            extension(&mut all, 12, |body| block8(body, b"audit"));
        }
    }
    let groups = if offer.version == Version::Tls13 { GROUPS } else { CURVES };
    extension(&mut all, 10, |body| block16(body, &list16(groups)));
    match offer.version {
        Version::Ssl3 | Version::Tls10 | Version::Tls11 => extension(&mut all, 11, |body| block8(body, &[0, 1, 2])),
        Version::Tls12 => {
            extension(&mut all, 11, |body| block8(body, &[0, 1, 2]));
            extension(&mut all, 13, |body| block16(body, &list16(SIGNATURES)));
            // status_request: a server with a staple sends it in clear, too.
            extension(&mut all, 5, |body| body.extend_from_slice(&[1, 0, 0, 0, 0]));
        }
        Version::Tls13 => {
            extension(&mut all, 13, |body| block16(body, &list16(SIGNATURES)));
            extension(&mut all, 43, |body| block8(body, &Version::Tls13.wire().to_be_bytes()));
            extension(&mut all, 45, |body| block8(body, &[1]));
            // Any 32 bytes are a public key of X25519 (RFC 7748 section 6.1).
            let mut share = 29u16.to_be_bytes().to_vec();
            block16(&mut share, &offer.random[32..]);
            extension(&mut all, 51, |body| block16(body, &share));
        }
    }
    all
}

/// Hellos of 256 to 511 bytes hang some old balancers (RFC 7685 section 1): such a one is made 512 bytes long.
fn pad(extensions: &mut Vec<u8>, before: usize) {
    let length = before + 4 + 2 + extensions.len();
    if (256..512).contains(&length) {
        let padding = vec![0; 512usize.saturating_sub(length + 4)];
        extension(extensions, 21, |body| body.extend_from_slice(&padding));
    }
}

fn extension(all: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    put16(all, kind);
    block16(all, &body);
}

fn list16(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn put16(bytes: &mut Vec<u8>, number: u16) {
    bytes.extend_from_slice(&number.to_be_bytes());
}

/// A vector with its length in one byte before it. Everything written here fits; what did not would be cut to nothing.
fn block8(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = u8::try_from(content.len()).unwrap_or(0);
    bytes.push(length);
    bytes.extend_from_slice(&content[..usize::from(length)]);
}

fn block16(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(0);
    put16(bytes, length);
    bytes.extend_from_slice(&content[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::suites;

    fn hello(version: Version, name: Option<&str>) -> Vec<u8> {
        write(&Offer { version, suites: &suites::common(version), name, random: [7; 64] })
    }

    #[test]
    fn every_length_in_a_hello_adds_up() {
        for version in Version::ALL {
            let hello = hello(version, Some("mcp.example.com"));
            let record = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            assert_eq!(record + 5, hello.len(), "{version}");
            let handshake = u32::from_be_bytes([0, hello[6], hello[7], hello[8]]) as usize;
            assert_eq!(handshake + 9, hello.len(), "{version}");
            assert!(!(256..512).contains(&(hello.len() - 5)), "{version}: {} bytes", hello.len());
        }
    }

    #[test]
    fn an_address_gets_no_server_name_and_a_name_does() {
        let needle = b"mcp.example.com";
        let named = hello(Version::Tls12, Some("mcp.example.com"));
        assert!(named.windows(needle.len()).any(|window| window == needle));
        assert!(hello(Version::Tls12, None).len() <= named.len());
    }

    #[test]
    fn a_hello_of_ssl_3_has_no_extensions() {
        let hello = hello(Version::Ssl3, Some("mcp.example.com"));
        let suites = usize::from(u16::from_be_bytes([hello[44], hello[45]]));
        // record, handshake header, version, random, session, suites, compression
        assert_eq!(hello.len(), 5 + 4 + 2 + 32 + 1 + 2 + suites + 2);
    }

    #[test]
    fn the_record_layer_never_claims_more_than_tls_1_0() {
        assert_eq!(hello(Version::Ssl3, None)[1..3], [3, 0]);
        for version in [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
            assert_eq!(hello(version, None)[1..3], [3, 1], "{version}");
        }
    }
}
