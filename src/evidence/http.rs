//! Questions about HTTP: one exchange, as asked and as answered.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Ask, Question};
use crate::seen_as;
use crate::target::{Deployment, Target};

/// One request, symbolically: the probe fills in the credential when it sends.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Request {
    pub listener: Listener,
    /// Upper case.
    pub method: String,
    /// Path and query as sent, beginning with `/`.
    pub path: String,
    pub credential: Credential,
    /// The `Origin` header, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Further headers; never a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Sent byte for byte by the raw writer: no normalisation of the path, repeated headers as listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Tells repetitions of one request apart: 0 is the first.
    #[serde(default)]
    pub nth: u8,
}

impl Request {
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            listener: Listener::Main,
            method: method.into(),
            path: path.into(),
            credential: Credential::None,
            origin: None,
            headers: Vec::new(),
            body: None,
            exact: false,
            nth: 0,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    #[must_use]
    pub fn from_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn json(mut self, text: impl Into<String>) -> Self {
        self.body = Some(Body { content_type: "application/json".into(), text: text.into() });
        self
    }

    #[must_use]
    pub fn plain(mut self) -> Self {
        self.listener = Listener::Plain;
        self
    }

    #[must_use]
    pub fn in_clear(mut self) -> Self {
        self.listener = Listener::Clear;
        self
    }

    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    #[must_use]
    pub fn again(mut self, nth: u8) -> Self {
        self.nth = nth;
        self
    }

    /// The URL it goes to, for places in findings.
    pub fn url(&self, target: &Target) -> String {
        let Some(deployment) = &target.deployment else {
            return self.path.clone();
        };
        match self.listener {
            Listener::Main => deployment.at(&self.path),
            Listener::Plain | Listener::Clear => {
                format!("{}{}", self.listener.url(deployment).origin().ascii_serialization(), self.path)
            }
        }
    }
}

/// Which factors of a request an ask does not depend on: the planner may send them otherwise, to answer several asks with
/// one request. Where a control shows that a factor matters after all, the request is sent again as asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Free {
    /// Any `Origin` may be added.
    pub origin: bool,
    /// Any credential, any query and any further header may stand in: the ask is about its method, path and origin.
    pub rest: bool,
    /// Other forms of a credential may be put beside this one: all are expected to be denied.
    pub beside: bool,
}

impl Free {
    /// What two askers of one request both leave free.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { origin: self.origin && other.origin, rest: self.rest && other.rest, beside: self.beside && other.beside }
    }
}

impl Question for Request {
    seen_as!(Http => Exchange);

    /// One send, and as many again for a requeue after a refusal by the limiter and one retry of a connection that
    /// failed before any byte came back.
    fn ceiling(&self, _target: &Target) -> u32 {
        4
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        self.listener.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        let origin = self.origin.as_deref().map_or(String::new(), |origin| format!(", Origin {origin}"));
        let body = self.body.as_ref().map_or(String::new(), |body| format!(", {} byte body", body.text.len()));
        let plain = match self.listener {
            Listener::Main => "",
            Listener::Plain => ", plain HTTP",
            Listener::Clear => ", plain HTTP on the HTTPS port",
        };
        let extra: String = self.headers.iter().map(|(name, value)| format!(", {name}: {value}")).collect();
        let nth = if self.nth == 0 { String::new() } else { format!(", again ({})", self.nth) };
        format!("{} {} with {}{origin}{extra}{body}{plain}{nth}", self.method, self.path, self.credential)
    }
}

/// Which listener of the deployment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listener {
    /// The target's own URL.
    Main,
    /// The plain-HTTP listener beside it.
    Plain,
    /// The port of the target's own `https://` URL, spoken to in clear.
    Clear,
}

impl Listener {
    /// The URL under which it is asked.
    pub fn url(self, deployment: &Deployment) -> Url {
        match self {
            Self::Main => deployment.url.clone(),
            Self::Plain => deployment.plain_listener(),
            Self::Clear => deployment.in_clear(),
        }
    }

    /// `host:port` of the listener.
    pub fn host(self, target: &Target) -> Option<String> {
        let deployment = target.deployment.as_ref()?;
        let url = self.url(deployment);
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
    }
}

/// Which credential is sent, never its value.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    None,
    /// The target's token, in its own header.
    Valid,
    /// Random, of the valid token's length and alphabet.
    Wrong,
    /// The valid token changed or put elsewhere.
    Mutated(Mutation),
    /// A token found in the repository, by its keyed fingerprint.
    Leaked(String),
    /// A made-up credential that protects nothing, for listeners that may leak it.
    Dummy,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no credential"),
            Self::Valid => f.write_str("the valid token"),
            Self::Wrong => f.write_str("a wrong token"),
            Self::Mutated(mutation) => mutation.fmt(f),
            Self::Leaked(fingerprint) => write!(f, "the leaked secret {fingerprint}"),
            Self::Dummy => f.write_str("a dummy credential"),
        }
    }
}

/// How the valid token is changed or misplaced.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// One character changed; in the middle of the signature where the token is a JWT, whose last character may carry
    /// unused bits.
    OneCharacter,
    Truncated,
    /// Every letter in the other case.
    SwappedCase,
    /// Needs `disposable`: a log may keep the valid prefix.
    Suffixed,
    /// `Authorization: Bearer ` and nothing more.
    EmptyBearer,
    /// `Authorization: Bearer x`.
    ShortBearer,
    /// The valid token as Basic credentials.
    BasicScheme,
    /// The valid token without a scheme.
    NoScheme,
    /// `bearer` in lower case; legal (RFC 9110 section 11.1).
    LowerScheme,
    /// Two spaces after the scheme.
    DoubleSpace,
    /// The valid token in this query parameter; needs `disposable`.
    Query(String),
    /// The valid token in this field of a form body (RFC 6750 section 2.2); needs `disposable`.
    Form(String),
    /// The valid token in this cookie.
    Cookie(String),
    /// Two `Authorization` headers, the invalid one first.
    InvalidThenValid,
    /// Two `Authorization` headers, the valid one first.
    ValidThenInvalid,
    /// An invalid and the valid credential in one header, joined by a comma.
    CommaJoined,
    /// The JWT's algorithm set to none, its signature dropped.
    JwtNone,
    /// The same, written `nOnE`.
    JwtNoneMixedCase,
    /// The JWT's payload edited under its old signature.
    JwtEdited,
}

impl Mutation {
    /// Whether it puts the real token where it may leak, or alters it by a suffix: only with `disposable: true`.
    pub fn needs_disposable(&self) -> bool {
        match self {
            Self::Suffixed | Self::Query(_) | Self::Form(_) => true,
            Self::OneCharacter
            | Self::Truncated
            | Self::SwappedCase
            | Self::EmptyBearer
            | Self::ShortBearer
            | Self::BasicScheme
            | Self::NoScheme
            | Self::LowerScheme
            | Self::DoubleSpace
            | Self::Cookie(_)
            | Self::InvalidThenValid
            | Self::ValidThenInvalid
            | Self::CommaJoined
            | Self::JwtNone
            | Self::JwtNoneMixedCase
            | Self::JwtEdited => false,
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneCharacter => f.write_str("the token with one character changed"),
            Self::Truncated => f.write_str("the first half of the token"),
            Self::SwappedCase => f.write_str("the token with its letters in the other case"),
            Self::Suffixed => f.write_str("the token with a suffix"),
            Self::EmptyBearer => f.write_str("an empty bearer token"),
            Self::ShortBearer => f.write_str("the bearer token `x`"),
            Self::BasicScheme => f.write_str("the token under the Basic scheme"),
            Self::NoScheme => f.write_str("the token without a scheme"),
            Self::LowerScheme => f.write_str("the token under `bearer`"),
            Self::DoubleSpace => f.write_str("the token after two spaces"),
            Self::Query(name) => write!(f, "the token in the query parameter `{name}`"),
            Self::Form(name) => write!(f, "the token in the form field `{name}`"),
            Self::Cookie(name) => write!(f, "the token in the cookie `{name}`"),
            Self::InvalidThenValid => f.write_str("two Authorization headers, the invalid one first"),
            Self::ValidThenInvalid => f.write_str("two Authorization headers, the valid one first"),
            Self::CommaJoined => f.write_str("two credentials in one header, joined by a comma"),
            Self::JwtNone => f.write_str("the JWT with algorithm none"),
            Self::JwtNoneMixedCase => f.write_str("the JWT with algorithm nOnE"),
            Self::JwtEdited => f.write_str("the JWT with an edited payload"),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Body {
    pub content_type: String,
    pub text: String,
}

/// What came back: masked for every secret of the run, bounded in size.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Exchange {
    pub status: u16,
    /// In the order received, names in lower case, values masked.
    pub headers: Vec<(String, String)>,
    pub body: BodySeen,
    /// The address that answered.
    pub address: String,
    /// Milliseconds from the run's start to the send.
    pub at: u64,
    /// Milliseconds from the send to the last byte.
    pub took: u64,
}

/// Characters of a body that are kept as text at most, and of an error, which is looked through to its end.
pub const TEXT_CAP: usize = 16 * 1024;
pub const ERROR_TEXT_CAP: usize = 128 * 1024;

impl Exchange {
    /// Characters of its body that are kept.
    pub fn text_cap(status: u16) -> usize {
        if status >= 400 { ERROR_TEXT_CAP } else { TEXT_CAP }
    }

    /// Whether the body has more than its text.
    pub fn is_cut(&self) -> bool {
        !self.body.complete || self.body.text.chars().count() >= Self::text_cap(self.status)
    }

    /// The first value of the header, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn all_headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Refused for want of a credential.
    pub fn is_denied(&self) -> bool {
        matches!(self.status, 401 | 403)
    }
}

/// The body as recorded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct BodySeen {
    /// Bytes after decompression, as far as read.
    pub length: u64,
    /// False where the 1 MiB cap cut it.
    pub complete: bool,
    /// The first 16 KiB, of an error 128 KiB, masked, invalid UTF-8 replaced.
    pub text: String,
    /// SHA-256 of the whole masked body, volatile parts included.
    pub sha256: String,
}

/// Asks for every request of a list.
pub fn asks(requests: impl IntoIterator<Item = Request>) -> Vec<Ask> {
    requests.into_iter().map(Ask::from).collect()
}
