//! The cipher suites that a server may choose, with what is wrong with them (IANA's registry "TLS Cipher Suites").

use std::fmt;

use crate::evidence::tls::{Strictness, Version};

#[derive(Clone, Copy, Debug)]
pub struct Suite {
    pub number: u16,
    pub name: &'static str,
    pub kind: Kind,
}

impl Suite {
    /// Whether the version can have it: authenticated encryption and SHA-2 came with TLS 1.2 (RFC 5246 section 1.2),
    /// and TLS 1.3 has suites of its own.
    pub fn is_for(&self, version: Version) -> bool {
        let of_tls12 = || ["GCM", "CCM", "POLY1305", "SHA256", "SHA384"].iter().any(|part| self.name.contains(part));
        match version {
            Version::Tls13 => is_of_tls13(self.number),
            Version::Tls12 => !is_of_tls13(self.number),
            Version::Ssl3 | Version::Tls10 | Version::Tls11 => !of_tls12(),
        }
    }
}

/// What a suite's worst part is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Sound,
    /// 64-bit blocks (RFC 7525 section 4.2, CVE-2016-2183).
    TripleDes,
    Des,
    /// Forbidden by RFC 7465.
    Rc4,
    /// 40 or 56 bits.
    Export,
    /// No certificate: anyone in the middle is the server.
    Anonymous,
    /// No encryption.
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::TripleDes => "3DES",
            Self::Des => "DES",
            Self::Rc4 => "RC4",
            Self::Export => "export-grade",
            Self::Anonymous => "anonymous",
            Self::Null => "no encryption",
        })
    }
}

const fn suite(number: u16, name: &'static str, kind: Kind) -> Suite {
    Suite { number, name, kind }
}

/// Every suite that is offered, the best first.
pub const ALL: &[Suite] = &[
    suite(0x1301, "TLS_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", Kind::Sound),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", Kind::Sound),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", Kind::Sound),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", Kind::Sound),
    suite(0x00c6, "TLS_SM4_GCM_SM3", Kind::Sound),
    suite(0x00c7, "TLS_SM4_CCM_SM3", Kind::Sound),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Kind::Sound),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Kind::Sound),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Kind::Sound),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Kind::Sound),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", Kind::Sound),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Kind::Sound),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", Kind::Sound),
    suite(0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc086, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc087, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc08a, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc08b, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Kind::Sound),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Kind::Sound),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", Kind::Sound),
    suite(0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", Kind::Sound),
    suite(0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Kind::Sound),
    suite(0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", Kind::Sound),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", Kind::Sound),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", Kind::Sound),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", Kind::Sound),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", Kind::Sound),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Kind::Sound),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", Kind::Sound),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", Kind::Sound),
    suite(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", Kind::Sound),
    suite(0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Kind::Sound),
    suite(0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256", Kind::Sound),
    suite(0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA", Kind::Sound),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", Kind::Sound),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", Kind::Sound),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", Kind::Sound),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", Kind::Sound),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Kind::Sound),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", Kind::Sound),
    suite(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", Kind::Sound),
    suite(0x0096, "TLS_RSA_WITH_SEED_CBC_SHA", Kind::Sound),
    suite(0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA", Kind::Sound),
    suite(0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA", Kind::Des),
    suite(0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA", Kind::Des),
    suite(0x0009, "TLS_RSA_WITH_DES_CBC_SHA", Kind::Des),
    suite(0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0x0066, "TLS_DHE_DSS_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5", Kind::Rc4),
    suite(0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", Kind::Export),
    suite(0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA", Kind::Export),
    suite(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", Kind::Export),
    suite(0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", Kind::Export),
    suite(0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", Kind::Export),
    suite(0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", Kind::Export),
    suite(0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA", Kind::Export),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", Kind::Anonymous),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", Kind::Anonymous),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", Kind::Anonymous),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", Kind::Anonymous),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", Kind::Anonymous),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", Kind::Anonymous),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Kind::Anonymous),
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", Kind::Anonymous),
    suite(0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA", Kind::Anonymous),
    suite(0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA", Kind::Anonymous),
    suite(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", Kind::Anonymous),
    suite(0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA", Kind::Anonymous),
    suite(0x001a, "TLS_DH_anon_WITH_DES_CBC_SHA", Kind::Anonymous),
    suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5", Kind::Anonymous),
    suite(0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5", Kind::Anonymous),
    suite(0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA", Kind::Anonymous),
    suite(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA", Kind::Anonymous),
    suite(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", Kind::Anonymous),
    suite(0x009b, "TLS_DH_anon_WITH_SEED_CBC_SHA", Kind::Anonymous),
    suite(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", Kind::Null),
    suite(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA", Kind::Null),
    suite(0x003b, "TLS_RSA_WITH_NULL_SHA256", Kind::Null),
    suite(0x0002, "TLS_RSA_WITH_NULL_SHA", Kind::Null),
    suite(0x0001, "TLS_RSA_WITH_NULL_MD5", Kind::Null),
];

/// Suites that hardly any server has. A hello of TLS 1.2 does without: more than 128 suites in one hello are too many
/// for some old appliances, and no server has these alone.
pub const RARE: &[Suite] = &[
    suite(0xc004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0xc005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0xc00e, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0xc00f, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0xc025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0xc026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384", Kind::Sound),
    suite(0xc029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0xc02a, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384", Kind::Sound),
    suite(0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0x0030, "TLS_DH_DSS_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0x0031, "TLS_DH_RSA_WITH_AES_128_CBC_SHA", Kind::Sound),
    suite(0x0036, "TLS_DH_DSS_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0x0037, "TLS_DH_RSA_WITH_AES_256_CBC_SHA", Kind::Sound),
    suite(0x003e, "TLS_DH_DSS_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0x003f, "TLS_DH_RSA_WITH_AES_128_CBC_SHA256", Kind::Sound),
    suite(0x0068, "TLS_DH_DSS_WITH_AES_256_CBC_SHA256", Kind::Sound),
    suite(0x0069, "TLS_DH_RSA_WITH_AES_256_CBC_SHA256", Kind::Sound),
    suite(0x00a0, "TLS_DH_RSA_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x00a1, "TLS_DH_RSA_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0x00a4, "TLS_DH_DSS_WITH_AES_128_GCM_SHA256", Kind::Sound),
    suite(0x00a5, "TLS_DH_DSS_WITH_AES_256_GCM_SHA384", Kind::Sound),
    suite(0x0042, "TLS_DH_DSS_WITH_CAMELLIA_128_CBC_SHA", Kind::Sound),
    suite(0x0043, "TLS_DH_RSA_WITH_CAMELLIA_128_CBC_SHA", Kind::Sound),
    suite(0x0085, "TLS_DH_DSS_WITH_CAMELLIA_256_CBC_SHA", Kind::Sound),
    suite(0x0086, "TLS_DH_RSA_WITH_CAMELLIA_256_CBC_SHA", Kind::Sound),
    suite(0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA", Kind::Sound),
    suite(0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA", Kind::Sound),
    suite(0x0099, "TLS_DHE_DSS_WITH_SEED_CBC_SHA", Kind::Sound),
    suite(0x0097, "TLS_DH_DSS_WITH_SEED_CBC_SHA", Kind::Sound),
    suite(0x0098, "TLS_DH_RSA_WITH_SEED_CBC_SHA", Kind::Sound),
    suite(0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", Kind::Sound),
    suite(0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256", Kind::Sound),
    suite(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc03c, "TLS_RSA_WITH_ARIA_128_CBC_SHA256", Kind::Sound),
    suite(0xc03d, "TLS_RSA_WITH_ARIA_256_CBC_SHA384", Kind::Sound),
    suite(0xc048, "TLS_ECDHE_ECDSA_WITH_ARIA_128_CBC_SHA256", Kind::Sound),
    suite(0xc049, "TLS_ECDHE_ECDSA_WITH_ARIA_256_CBC_SHA384", Kind::Sound),
    suite(0xc04c, "TLS_ECDHE_RSA_WITH_ARIA_128_CBC_SHA256", Kind::Sound),
    suite(0xc04d, "TLS_ECDHE_RSA_WITH_ARIA_256_CBC_SHA384", Kind::Sound),
    suite(0xc07a, "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc07b, "TLS_RSA_WITH_CAMELLIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc07c, "TLS_DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256", Kind::Sound),
    suite(0xc07d, "TLS_DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384", Kind::Sound),
    suite(0xc003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0xc00d, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x000d, "TLS_DH_DSS_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x0010, "TLS_DH_RSA_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0xfeff, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA", Kind::TripleDes),
    suite(0x000c, "TLS_DH_DSS_WITH_DES_CBC_SHA", Kind::Des),
    suite(0x000f, "TLS_DH_RSA_WITH_DES_CBC_SHA", Kind::Des),
    suite(0xfefe, "SSL_RSA_FIPS_WITH_DES_CBC_SHA", Kind::Des),
    suite(0xc002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0xc00c, "TLS_ECDH_RSA_WITH_RC4_128_SHA", Kind::Rc4),
    suite(0x000b, "TLS_DH_DSS_EXPORT_WITH_DES40_CBC_SHA", Kind::Export),
    suite(0x000e, "TLS_DH_RSA_EXPORT_WITH_DES40_CBC_SHA", Kind::Export),
    suite(0x0060, "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5", Kind::Export),
    suite(0x0061, "TLS_RSA_EXPORT1024_WITH_RC2_CBC_56_MD5", Kind::Export),
    suite(0x0063, "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA", Kind::Export),
    suite(0x0065, "TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA", Kind::Export),
    suite(0xc001, "TLS_ECDH_ECDSA_WITH_NULL_SHA", Kind::Null),
    suite(0xc00b, "TLS_ECDH_RSA_WITH_NULL_SHA", Kind::Null),
];

/// Numbers of suites that need no certificate of a web server's: Kerberos (RFC 2712), pre-shared keys (RFC 4279,
/// RFC 5489), SRP (RFC 5054), GOST (RFC 9189). A server that has nothing else still speaks its version: they are offered
/// in a hello of their own where the others were refused without a word about the version.
pub const ODD: &[u16] = &[
    0x001e, 0x001f, 0x0020, 0x0021, 0x0022, 0x0023, 0x0024, 0x0025, 0x0026, 0x0027, 0x0028, 0x0029, 0x002a, 0x002b,
    0x002c, 0x002d, 0x002e, 0x008a, 0x008b, 0x008c, 0x008d, 0x008e, 0x008f, 0x0090, 0x0091, 0x0092, 0x0093, 0x0094,
    0x0095, 0xc033, 0xc034, 0xc035, 0xc036, 0xc039, 0xc01a, 0xc01b, 0xc01c, 0xc01d, 0xc01e, 0xc01f, 0xc020, 0xc021,
    0xc022, 0x0080, 0x0081, 0x0082, 0x0083, 0xff85,
];

/// Mozilla's intermediate profile for TLS 1.2 (Server Side TLS 6.0).
const INTERMEDIATE: &[u16] = &[0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

pub fn find(number: u16) -> Option<&'static Suite> {
    ALL.iter().chain(RARE).find(|suite| suite.number == number)
}

/// The suite's name, or its number where it has none here.
pub fn name(number: u16) -> String {
    find(number).map_or_else(|| format!("suite {number:#06x}"), |suite| suite.name.to_owned())
}

pub const fn is_of_tls13(number: u16) -> bool {
    // RFC 8446 appendix B.4, RFC 8998 section 2
    number >> 8 == 0x13 || matches!(number, 0x00c6 | 0x00c7)
}

/// Whether the key exchange is Diffie-Hellman over a finite field, with a group that the server chooses.
pub fn is_finite_field(number: u16) -> bool {
    find(number).is_some_and(|suite| suite.name.starts_with("TLS_DHE_") || suite.name.starts_with("TLS_DH_anon"))
}

/// Whether a recorded session stays secret when the server's key is lost.
pub fn has_forward_secrecy(number: u16) -> bool {
    const EPHEMERAL: [&str; 4] = ["TLS_ECDHE_", "TLS_DHE_", "TLS_DH_anon_", "TLS_ECDH_anon_"];
    is_of_tls13(number) || find(number).is_some_and(|suite| EPHEMERAL.iter().any(|kind| suite.name.starts_with(kind)))
}

/// What a hello of the version offers: every suite of its age, up to TLS 1.1 the rare ones, too. In TLS 1.2 the sound ones
/// over finite-field Diffie-Hellman come first: a server that leaves the choice to its client shows its group at once.
pub fn common(version: Version) -> Vec<u16> {
    let rare = if version < Version::Tls12 { RARE } else { &[] };
    let all = ALL.iter().chain(rare).filter(|suite| suite.is_for(version)).map(|suite| suite.number);
    let first = if version == Version::Tls12 { sound_finite_field() } else { Vec::new() };
    let rest: Vec<u16> = all.filter(|number| !first.contains(number)).collect();
    [first, rest].concat()
}

/// Sound suites up to TLS 1.2 over finite-field Diffie-Hellman, whose group the server chooses.
pub fn sound_finite_field() -> Vec<u16> {
    let sound = ALL.iter().filter(|suite| suite.kind == Kind::Sound && is_finite_field(suite.number));
    sound.map(|suite| suite.number).collect()
}

/// Sound suites up to TLS 1.2 of servers with an RSA certificate, else of those with one on a curve.
pub fn sound_with(rsa: bool) -> Vec<u16> {
    let mark = if rsa { "RSA_WITH" } else { "_ECDSA_" };
    let sound = ALL.iter().filter(|suite| suite.kind == Kind::Sound && suite.name.contains(mark));
    sound.map(|suite| suite.number).collect()
}

/// The suites up to TLS 1.2 that the policy forbids.
pub fn forbidden(strictness: Strictness) -> Vec<u16> {
    ALL.iter()
        .chain(RARE)
        .filter(|suite| !is_of_tls13(suite.number))
        .filter(|suite| match strictness {
            Strictness::Off => false,
            Strictness::Sane => suite.kind != Kind::Sound,
            Strictness::Intermediate => !INTERMEDIATE.contains(&suite.number),
            Strictness::Modern => true,
        })
        .map(|suite| suite.number)
        .collect()
}

#[cfg(test)]
mod tests;
