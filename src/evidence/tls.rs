//! Questions about TLS: one ClientHello a version, the suites nobody should accept, and the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::Listener;
use super::{Question, Unseen};
use crate::certificate::Certificate;
use crate::seen_as;
use crate::target::Target;

/// A protocol version, oldest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Version {
    #[serde(rename = "ssl3")]
    Ssl3,
    #[serde(rename = "1.0")]
    Tls10,
    #[serde(rename = "1.1")]
    Tls11,
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

impl Version {
    pub const ALL: [Self; 5] = [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// As it stands in a hello (RFC 8446 section 4.1.3, RFC 6101 section 5.2.1).
    pub const fn wire(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    pub fn of_wire(wire: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.wire() == wire)
    }

    /// The stable word of a finding about it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ssl3 => "ssl3",
            Self::Tls10 => "tls1.0",
            Self::Tls11 => "tls1.1",
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl3 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// Addresses of one host that are looked at; further ones are named as not judged.
pub const ADDRESSES: u32 = 8;

/// One ClientHello a version on every address of the target's host, each offering every suite of its age. The newest come
/// last, so that a good hello follows the refusals and shows that they were no firewall's.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Hello {}

/// What every address answered.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Greeting {
    pub addresses: Vec<Greeted>,
    /// Addresses beyond [`ADDRESSES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// What one address answered to each version.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Greeted {
    /// `192.0.2.7:443`.
    pub address: String,
    /// In the order of [`Version::ALL`].
    pub hellos: Vec<(Version, Outcome)>,
    /// What the good hello met that came after every refusal; `None` where nothing was accepted.
    pub control: Option<Outcome>,
}

impl Greeted {
    pub fn outcome(&self, version: Version) -> Option<&Outcome> {
        self.hellos.iter().find(|(asked, _)| *asked == version).map(|(_, outcome)| outcome)
    }
}

/// What a ClientHello met.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A ServerHello of the very version asked for.
    Accepted { suite: u16 },
    /// A ServerHello of another version.
    Downgraded { to: Version, suite: u16 },
    /// A fatal alert, with its number (RFC 8446 section 6).
    Alert(u8),
    /// The connection was closed in order, without a word.
    Closed,
    /// The connection was reset. A server does so, and so does an intrusion prevention system.
    Reset,
    /// It answered in plain HTTP.
    PlainHttp,
    /// It answered, but not in TLS; the first bytes in hexadecimal.
    NotTls(String),
    /// No whole answer within the time, the longer second one included (milliseconds).
    Silent(u64),
    /// No TCP connection: nothing listens there.
    NotListening,
    /// No TCP connection for another reason.
    Unreachable(String),
}

impl Outcome {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { .. } => f.write_str("accepted"),
            Self::Downgraded { to, .. } => write!(f, "answered with {to}"),
            Self::Alert(number) => match alert(*number) {
                Some(name) => write!(f, "refused with alert {number}, {name}"),
                None => write!(f, "refused with alert {number}"),
            },
            Self::Closed => f.write_str("refused by closing the connection"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::PlainHttp => f.write_str("answered in plain HTTP"),
            Self::NotTls(bytes) => write!(f, "answered with something that is not TLS (bytes {bytes})"),
            Self::Silent(waited) => write!(f, "no answer within {} s", waited.div_ceil(1000)),
            Self::NotListening => f.write_str("nothing listens there"),
            Self::Unreachable(why) => write!(f, "no connection: {why}"),
        }
    }
}

/// The names of the alerts that refuse a hello (RFC 8446 section 6.2, RFC 6101 section 5.4.2).
fn alert(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "close notify",
        10 => "unexpected message",
        40 => "handshake failure",
        47 => "illegal parameter",
        50 => "decode error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        109 => "missing extension",
        112 => "unrecognized name",
        _ => return None,
    })
}

/// Whether an alert refuses what the hello offered. Others say that the name is unknown (112), or that the server could
/// not read the hello (10, 50): nothing about the version.
pub const fn refuses(alert: u8) -> bool {
    // close_notify, handshake_failure, illegal_parameter, protocol_version, insufficient_security, internal_error,
    // inappropriate_fallback (RFC 8446 section 6.2, RFC 7507 section 3). OpenSSL 3 refuses TLS 1.0 and 1.1 with an
    // internal error where its security level forbids SHA-1; that a newer hello is accepted shows that it is no failure.
    matches!(alert, 0 | 40 | 47 | 70 | 71 | 80 | 86)
}

impl Question for Hello {
    seen_as!(Hello => Greeting);

    /// Five versions and the odd suites of two of them, each asked again once after silence or a wordless refusal, and
    /// the control, where it needs a hello of its own, likewise.
    fn ceiling(&self, target: &Target) -> u32 {
        16 * addresses_at_most(target)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        "one ClientHello a version, SSL 3.0 to TLS 1.3, on every address, and a good one afterwards".into()
    }
}

/// How strict the policy is about cipher suites.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strictness {
    /// No question is asked about suites.
    Off,
    /// Nothing broken: no NULL, export, anonymous, RC4, DES or 3DES, and no Diffie-Hellman group under 2048 bits.
    #[default]
    Sane,
    /// What Mozilla's intermediate profile (Server Side TLS 6.0) lists.
    Intermediate,
    /// TLS 1.3 only, as Mozilla's modern profile has it.
    Modern,
}

/// Whether any address accepts a suite that the policy forbids, and with which Diffie-Hellman group: no other suites are
/// offered, but those of a second certificate where the chain is asked for, too; and again without the kind that was
/// chosen, until the server refuses.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Suites {
    pub strictness: Strictness,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Chosen {
    pub addresses: Vec<ChosenAt>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChosenAt {
    pub address: String,
    /// The forbidden suites that the server chose, each of another kind.
    pub suites: Vec<u16>,
    /// What ended the asking: a refusal, where everything was seen.
    pub last: Outcome,
    /// The size of the Diffie-Hellman group in bits, where the server uses one.
    pub group_bits: Option<u32>,
    /// What the offer of finite-field Diffie-Hellman met; `None` where the profile forbids it altogether.
    pub group: Option<Outcome>,
}

impl Question for Suites {
    seen_as!(Suites => Chosen);

    /// One hello for each kind of forbidden suite, one for the Diffie-Hellman group, one for a second certificate, each
    /// asked again once on silence.
    fn ceiling(&self, target: &Target) -> u32 {
        20 * addresses_at_most(target)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        let what = match self.strictness {
            Strictness::Off => "no",
            Strictness::Sane => "broken",
            Strictness::Intermediate => "non-intermediate",
            Strictness::Modern => "any pre-1.3",
        };
        format!("a ClientHello that offers {what} cipher suites alone, on every address")
    }
}

/// The certificate chain as every address sends it.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Chain {}

/// The chains, and the private roots that stand in for the public ones.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Presented {
    pub addresses: Vec<PresentedAt>,
    /// The certificates of the target's `ca:` file (DER, base64), or those of the machine's own roots that the chains
    /// name; `None`: the public roots decide.
    pub roots: Option<Vec<String>>,
    /// Whether `roots` are the machine's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_the_system: bool,
    /// Addresses beyond [`ADDRESSES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// One chain of one address, which may have several: for old versions, for RSA and for other keys.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PresentedAt {
    pub address: String,
    pub chain: Result<Sent, Unseen>,
}

/// A chain as sent, in its order. Certificates are public.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sent {
    /// DER, base64.
    pub certificates: Vec<String>,
    /// The version over which it was read: in clear up to TLS 1.2.
    pub over: Version,
    /// Whether an OCSP response came with it.
    pub stapled: bool,
    /// That response; DER, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staple: Option<String>,
}

impl Question for Chain {
    seen_as!(Chain => Presented);

    /// A hello in clear and a TLS 1.3 handshake, one of either for a second kind of key, each once more on silence.
    fn ceiling(&self, target: &Target) -> u32 {
        8 * addresses_at_most(target)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        "the certificate chain, on every address".into()
    }
}

/// An address or a name that `resolve` fixes has one address; a name of the DNS may have more.
fn addresses_at_most(target: &Target) -> u32 {
    let Some(deployment) = &target.deployment else { return 0 };
    let host = deployment.host();
    if deployment.resolve.contains_key(host) || host.parse::<IpAddr>().is_ok() { 1 } else { ADDRESSES }
}

/// What later runs want to know of this one: `certificate-serial` and `certificate-spki` of the leaf, where every
/// address sends the same one first.
pub fn facts(presented: &Presented) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut leaves: Vec<&String> = Vec::new();
    let mut addresses = BTreeSet::new();
    for at in presented.addresses.iter().filter(|at| addresses.insert(&at.address)) {
        if let Ok(Some(leaf)) = at.chain.as_ref().map(|sent| sent.certificates.first())
            && !leaves.contains(&leaf)
        {
            leaves.push(leaf);
        }
    }
    if let [leaf] = leaves[..]
        && let Ok(leaf) = Certificate::of_base64(leaf)
    {
        facts.insert("certificate-serial".into(), leaf.serial.clone());
        facts.insert("certificate-spki".into(), leaf.pin.clone());
        facts.insert("certificate-not-before".into(), leaf.not_before.to_rfc3339());
    }
    facts
}
