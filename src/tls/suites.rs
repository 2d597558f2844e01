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

/// Mozilla's intermediate profile for TLS 1.2 (Server Side TLS 6.0).
const INTERMEDIATE: &[u16] = &[0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

pub fn find(number: u16) -> Option<&'static Suite> {
    ALL.iter().find(|suite| suite.number == number)
}

/// The suite's name, or its number where it has none here.
pub fn name(number: u16) -> String {
    find(number).map_or_else(|| format!("suite {number:#06x}"), |suite| suite.name.to_owned())
}

pub const fn is_of_tls13(number: u16) -> bool {
    number >> 8 == 0x13
}

/// Whether the key exchange is Diffie-Hellman over a finite field, with a group that the server chooses.
pub fn is_finite_field(number: u16) -> bool {
    find(number).is_some_and(|suite| suite.name.starts_with("TLS_DHE_") || suite.name.starts_with("TLS_DH_anon"))
}

/// Whether a recorded session stays secret when the server's key is lost.
pub fn has_forward_secrecy(number: u16) -> bool {
    is_of_tls13(number) || find(number).is_some_and(|suite| !suite.name.starts_with("TLS_RSA_"))
}

/// The suites up to TLS 1.2 that the policy forbids.
pub fn forbidden(strictness: Strictness) -> Vec<u16> {
    ALL.iter()
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_stands_twice_and_every_kind_is_told_by_its_name() {
        let numbers: BTreeSet<u16> = ALL.iter().map(|suite| suite.number).collect();
        assert_eq!(numbers.len(), ALL.len());
        for suite in ALL {
            let kind = match suite.name {
                name if name.contains("_anon_") => Kind::Anonymous,
                name if name.contains("EXPORT") => Kind::Export,
                name if name.contains("NULL") => Kind::Null,
                name if name.contains("RC4") => Kind::Rc4,
                name if name.contains("3DES") => Kind::TripleDes,
                name if name.contains("_DES_") => Kind::Des,
                _ => Kind::Sound,
            };
            assert_eq!(suite.kind, kind, "{}", suite.name);
        }
    }

    #[test]
    fn stricter_profiles_forbid_more() {
        let [off, sane, intermediate, modern] =
            [Strictness::Off, Strictness::Sane, Strictness::Intermediate, Strictness::Modern]
                .map(|s| forbidden(s).len());
        assert!(off == 0 && off < sane && sane < intermediate && intermediate < modern);
    }
}
