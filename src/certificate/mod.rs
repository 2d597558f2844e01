//! What a certificate says, and which path it builds. Pure: everything here follows from bytes and a time.

mod der;
#[cfg(test)]
pub(crate) mod made;
#[cfg(test)]
mod matrix;
pub mod ocsp;
pub mod path;
pub mod revocation;
pub mod roots;

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use x509_parser::asn1_rs::Tag;
use x509_parser::prelude::{
    AlgorithmIdentifier, DistributionPointName, FromDer as _, GeneralName, ParsedExtension, SubjectPublicKeyInfo,
    X509Certificate, X509Error, X509Name,
};
use x509_parser::public_key::PublicKey;

/// One certificate, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// The common name, else the whole distinguished name; bounded.
    pub subject: String,
    pub issuer: String,
    /// The distinguished names as encoded, which is how they are compared (RFC 5280 section 7.1 allows more).
    pub subject_raw: Vec<u8>,
    pub issuer_raw: Vec<u8>,
    /// Hexadecimal.
    pub serial: String,
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
    /// DNS names and addresses of the subject alternative names.
    pub names: Vec<String>,
    pub common_name: Option<String>,
    pub key: Key,
    pub signature: Signature,
    /// Basic constraints: whether it is an authority, and how many authorities may follow; `None` without the extension.
    pub authority: Option<(bool, Option<u32>)>,
    pub key_usage: Option<KeyUsage>,
    /// Whether the extended key usage, where there is one, lets it be a TLS server's.
    pub serves: Option<bool>,
    /// The SHA-256 of the SubjectPublicKeyInfo in base64: what a pin compares (RFC 7469 section 2.4).
    pub pin: String,
    pub key_id: Option<Vec<u8>>,
    pub authority_key_id: Option<Vec<u8>>,
    /// Where the issuer's certificate can be had (authority information access).
    pub issuer_url: Option<String>,
    /// Signed certificate timestamps embedded in it.
    pub timestamps: usize,
    /// Whether clients are to refuse it without an OCSP response (RFC 7633).
    pub must_staple: bool,
    /// Where its revocation list can be had (CRL distribution points), over HTTP.
    pub revocation_lists: Vec<String>,
    /// Where its status can be asked for (OCSP).
    pub responder: Option<String>,
    /// 1 to 3.
    pub version: u32,
}

/// The bits of the key usage that a TLS server's chain is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyUsage {
    pub digital_signature: bool,
    pub key_encipherment: bool,
    pub sign_certificates: bool,
}

/// The public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// Bits of the modulus, and the exponent (0 where it is longer than 64 bits).
    Rsa {
        bits: usize,
        exponent: u64,
    },
    P256,
    P384,
    P521,
    Ed25519,
    Ed448,
    /// An elliptic curve that no browser takes, by name or object identifier.
    OtherCurve(String),
    Dsa,
    /// Of a kind that is not known here, by object identifier.
    Unknown(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits, .. } => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed448 => f.write_str("Ed448"),
            Self::OtherCurve(name) => write!(f, "curve {name}"),
            Self::Dsa => f.write_str("DSA"),
            Self::Unknown(oid) => write!(f, "key type {oid}"),
        }
    }
}

impl Key {
    /// What is wrong with the key, by the CA/Browser Forum's Baseline Requirements 6.1.5 and 6.1.6.
    pub fn weakness(&self) -> Option<String> {
        match self {
            Self::Rsa { bits, .. } if *bits < 2048 => Some(format!("RSA key of {bits} bits, under 2048")),
            Self::Rsa { exponent: exponent @ 1..3, .. } => Some(format!("RSA key with the exponent {exponent}")),
            Self::OtherCurve(name) => Some(format!("key on the curve {name}, none of P-256, P-384, P-521")),
            Self::Dsa => Some("DSA key".into()),
            Self::Rsa { .. }
            | Self::P256
            | Self::P384
            | Self::P521
            | Self::Ed25519
            | Self::Ed448
            | Self::Unknown(_) => None,
        }
    }
}

/// The algorithm of the issuer's signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signature {
    Sound(&'static str),
    /// Collisions are practical (RFC 6151, RFC 9155).
    Broken(&'static str),
    /// By object identifier.
    Unknown(String),
}

impl Signature {
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let oid = algorithm.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.2" => Self::Broken("MD2"),
            "1.2.840.113549.1.1.3" => Self::Broken("MD4"),
            "1.2.840.113549.1.1.4" => Self::Broken("MD5"),
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => {
                Self::Broken("SHA-1")
            }
            "1.2.840.113549.1.1.10" => Self::of_pss(algorithm),
            "1.2.840.113549.1.1.11" => Self::Sound("RSA with SHA-256"),
            "1.2.840.113549.1.1.12" => Self::Sound("RSA with SHA-384"),
            "1.2.840.113549.1.1.13" => Self::Sound("RSA with SHA-512"),
            "1.2.840.10045.4.3.2" => Self::Sound("ECDSA with SHA-256"),
            "1.2.840.10045.4.3.3" => Self::Sound("ECDSA with SHA-384"),
            "1.2.840.10045.4.3.4" => Self::Sound("ECDSA with SHA-512"),
            "1.3.101.112" => Self::Sound("Ed25519"),
            "1.3.101.113" => Self::Sound("Ed448"),
            _ => Self::Unknown(oid),
        }
    }

    /// RSASSA-PSS names its hash in its parameters; without them it is SHA-1 (RFC 4055 section 3.1).
    fn of_pss(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let Some(parameters) = &algorithm.parameters else { return Self::Broken("SHA-1") };
        match x509_parser::signature_algorithm::RsaSsaPssParams::try_from(parameters) {
            Ok(parameters) => match parameters.hash_algorithm_oid().to_id_string().as_str() {
                "2.16.840.1.101.3.4.2.1" => Self::Sound("RSA-PSS with SHA-256"),
                "2.16.840.1.101.3.4.2.2" => Self::Sound("RSA-PSS with SHA-384"),
                "2.16.840.1.101.3.4.2.3" => Self::Sound("RSA-PSS with SHA-512"),
                "1.3.14.3.2.26" => Self::Broken("SHA-1"),
                other => Self::Unknown(format!("RSA-PSS with {other}")),
            },
            Err(_) => Self::Unknown("RSA-PSS with unreadable parameters".into()),
        }
    }
}

/// Whether a certificate was signed by the key of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signed {
    Yes,
    No,
    /// The algorithm or the key is too weak, or too rare, to be verified here.
    Unverifiable,
}

/// Whether an RSASSA-PSS signature has a salt of another length than its hash, as OpenSSL makes them unless told: legal
/// (RFC 4055 section 3.1), and nothing that the verifier takes.
fn has_long_salt(algorithm: &AlgorithmIdentifier<'_>) -> bool {
    let parameters =
        algorithm.parameters.as_ref().filter(|_| algorithm.algorithm.to_id_string() == "1.2.840.113549.1.1.10");
    let Some(Ok(parameters)) = parameters.map(x509_parser::signature_algorithm::RsaSsaPssParams::try_from) else {
        return false;
    };
    let hash = match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => 32,
        "2.16.840.1.101.3.4.2.2" => 48,
        "2.16.840.1.101.3.4.2.3" => 64,
        _ => 20,
    };
    parameters.salt_length() != hash
}

/// Why bytes are no certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Certificate {
    /// Reads DER; bytes after the certificate are refused.
    pub fn of_der(der: &[u8]) -> Result<Self, Unreadable> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|error| Unreadable(format!("not a certificate: {error}")))?;
        if !rest.is_empty() {
            return Err(Unreadable(format!("{} bytes follow the certificate", rest.len())));
        }
        let mut certificate = Self {
            der: der.to_vec(),
            subject: name_of(parsed.subject()),
            issuer: name_of(parsed.issuer()),
            subject_raw: parsed.subject().as_raw().to_vec(),
            issuer_raw: parsed.issuer().as_raw().to_vec(),
            serial: hex(parsed.raw_serial()),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
            names: Vec::new(),
            common_name: common_name(parsed.subject()),
            key: key_of(parsed.public_key()),
            signature: Signature::of(&parsed.signature_algorithm),
            authority: None,
            key_usage: None,
            serves: None,
            pin: STANDARD.encode(Sha256::digest(parsed.public_key().raw)),
            key_id: None,
            authority_key_id: None,
            issuer_url: None,
            timestamps: 0,
            must_staple: false,
            revocation_lists: Vec::new(),
            responder: None,
            version: parsed.version().0.saturating_add(1),
        };
        for extension in parsed.extensions() {
            // id-pe-tlsfeature: a SEQUENCE of INTEGER, 5 for status_request (RFC 7633 section 6).
            if extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.24" {
                certificate.must_staple = extension.value.windows(3).any(|feature| feature == [2, 1, 5]);
            }
            certificate.take(extension.parsed_extension());
        }
        Ok(certificate)
    }

    pub fn of_base64(text: &str) -> Result<Self, Unreadable> {
        let der = STANDARD.decode(text).map_err(|error| Unreadable(format!("not base64: {error}")))?;
        Self::of_der(&der)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's own enum; what is not read here is webpki's")]
    fn take(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(alternative) => {
                self.names.extend(alternative.general_names.iter().filter_map(alternative_name));
            }
            ParsedExtension::BasicConstraints(basic) => {
                self.authority = Some((basic.ca, basic.path_len_constraint));
            }
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(KeyUsage {
                    digital_signature: usage.digital_signature(),
                    key_encipherment: usage.key_encipherment(),
                    sign_certificates: usage.key_cert_sign(),
                });
            }
            ParsedExtension::ExtendedKeyUsage(usage) => self.serves = Some(usage.server_auth),
            ParsedExtension::SubjectKeyIdentifier(id) => self.key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for access in &access.accessdescs {
                    let GeneralName::URI(url) = &access.access_location else { continue };
                    // id-ad-caIssuers and id-ad-ocsp, RFC 5280 section 4.2.2.1
                    match access.access_method.to_id_string().as_str() {
                        "1.3.6.1.5.5.7.48.2" => {
                            self.issuer_url.get_or_insert_with(|| bounded(url));
                        }
                        "1.3.6.1.5.5.7.48.1" => {
                            self.responder.get_or_insert_with(|| bounded(url));
                        }
                        _ => {}
                    }
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                let names = points.iter().filter_map(|point| match &point.distribution_point {
                    Some(DistributionPointName::FullName(names)) => Some(names),
                    Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => None,
                });
                self.revocation_lists.extend(names.flatten().filter_map(|name| match name {
                    GeneralName::URI(url) if url.starts_with("http://") => Some(bounded(url)),
                    _ => None,
                }));
                // RFC 5280 section 4.2.1.13: each holds the same list; four addresses of it are plenty.
                self.revocation_lists.truncate(4);
            }
            ParsedExtension::SCT(timestamps) => self.timestamps = timestamps.len(),
            _ => {}
        }
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject_raw == self.issuer_raw
    }

    pub fn is_authority(&self) -> bool {
        self.authority.is_some_and(|(authority, _)| authority)
    }

    /// From the first to the last second, both included (RFC 5280 section 4.1.2.5).
    pub fn lifetime(&self) -> TimeDelta {
        self.not_after - self.not_before + TimeDelta::seconds(1)
    }

    pub fn is_current(&self, at: DateTime<Utc>) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// Whether the key of `issuer` made the signature on this certificate.
    pub fn signed_by(&self, issuer: &Self) -> Signed {
        let (Ok((_, own)), Ok((_, issuing))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&issuer.der))
        else {
            return Signed::No;
        };
        match own.verify_signature(Some(issuing.public_key())) {
            Ok(()) => Signed::Yes,
            Err(X509Error::SignatureUnsupportedAlgorithm) => Signed::Unverifiable,
            // The verifier refuses RSA keys under 2048 bits for all but SHA-1, whatever the signature says, and those
            // over 8192.
            Err(_) if issuer.key.weakness().is_some() => Signed::Unverifiable,
            Err(_) if matches!(issuer.key, Key::Rsa { bits: 8193.., .. }) => Signed::Unverifiable,
            Err(_) if has_long_salt(&own.signature_algorithm) => Signed::Unverifiable,
            Err(_) => Signed::No,
        }
    }

    /// Whether key identifiers, where both are there, speak against `issuer`.
    pub fn key_id_contradicts(&self, issuer: &Self) -> bool {
        match (&self.authority_key_id, &issuer.key_id) {
            (Some(authority), Some(id)) => authority != id,
            (None, _) | (_, None) => false,
        }
    }

    /// What it is for, for people: at most five names.
    pub fn names_in_short(&self) -> String {
        let shown: Vec<&str> = self.names.iter().take(5).map(String::as_str).collect();
        match self.names.len().saturating_sub(shown.len()) {
            0 if shown.is_empty() => "no name at all".into(),
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect()
}

/// Names in certificates may be of any length.
fn bounded(text: &str) -> String {
    text.chars().take(200).collect()
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().next().and_then(|name| name.as_str().ok()).map(bounded)
}

fn name_of(name: &X509Name<'_>) -> String {
    common_name(name).unwrap_or_else(|| {
        let whole = bounded(&name.to_string());
        if whole.is_empty() { "(empty name)".into() } else { whole }
    })
}

fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(bounded(name)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn key_of(key: &SubjectPublicKeyInfo<'_>) -> Key {
    let oid = key.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => {
                Key::Rsa { bits: bits_of(rsa.modulus), exponent: rsa.try_exponent().unwrap_or(0) }
            }
            Ok(_) | Err(_) => Key::Unknown(oid),
        },
        "1.2.840.10045.2.1" => curve_of(key),
        "1.2.840.10040.4.1" => Key::Dsa,
        "1.3.101.112" => Key::Ed25519,
        "1.3.101.113" => Key::Ed448,
        _ => Key::Unknown(oid),
    }
}

fn curve_of(key: &SubjectPublicKeyInfo<'_>) -> Key {
    // Asked for its tag: the parser takes any content for an object identifier.
    let named = key.algorithm.parameters.as_ref().filter(|parameters| parameters.header.tag() == Tag::Oid);
    let named = named.and_then(|parameters| parameters.as_oid().ok());
    let Some(curve) = named.map(|oid| oid.to_id_string()) else {
        // Explicit parameters let a forger choose the generator (CVE-2020-0601); RFC 5480 section 2.1.1 forbids them.
        return Key::OtherCurve("with explicit parameters".into());
    };
    match curve.as_str() {
        "1.2.840.10045.3.1.7" => Key::P256,
        "1.3.132.0.34" => Key::P384,
        "1.3.132.0.35" => Key::P521,
        "1.2.840.10045.3.1.1" => Key::OtherCurve("P-192".into()),
        "1.3.132.0.33" => Key::OtherCurve("P-224".into()),
        "1.3.132.0.10" => Key::OtherCurve("secp256k1".into()),
        _ => Key::OtherCurve(curve),
    }
}

/// Significant bits of a big-endian number.
pub(crate) fn bits_of(number: &[u8]) -> usize {
    let significant = number.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &number[start..]);
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
