//! The catalogue of LLM services, read from `data/llm-services.yaml`, and the pure functions that recognise them.

mod judge;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use judge::named;
pub use judge::{edge, is_denial, judge};

/// One product: where it listens, how it is recognised, and what shows that it works without a credential.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Product {
    pub product: String,
    /// Default ports.
    pub ports: Vec<u16>,
    /// Any of these answers recognises it.
    pub identify: Vec<Mark>,
    /// Answers that show use without a credential; where one of these paths is denied, it asks for a key.
    pub usable: Vec<Mark>,
    /// Answers that show that a credential is asked for where no denial does: a public setting that says so.
    #[serde(default)]
    pub guarded: Vec<Mark>,
    /// Paths that it serves to everybody although it asks for a credential: their answers say nothing of its access.
    #[serde(default)]
    pub public: Vec<String>,
    /// What somebody without a credential can do then.
    pub means: String,
    /// What the product asks for as it ships.
    pub auth: Auth,
    /// Parts of container image names.
    #[serde(default)]
    pub images: Vec<String>,
    /// Programs that serve it.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Settings (variables, flags) whose presence means that a credential is asked for.
    #[serde(default)]
    pub guards: Vec<String>,
    /// Other products answer alike, so that more is asked before it is called by this name.
    #[serde(default)]
    pub general: bool,
    pub confidence: Confidence,
    pub source: String,
}

/// An answer to look for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mark {
    /// `GET` unless it begins with another method: `POST /mcp`.
    pub path: String,
    /// JSON to send, for the few protocols that answer questions to POST only.
    #[serde(default)]
    pub send: Option<String>,
    #[serde(default = "ok")]
    pub status: u16,
    /// All of these are in the body; compared without case.
    #[serde(default)]
    pub body: Vec<String>,
    /// None of these is in it.
    #[serde(default)]
    pub without: Vec<String>,
    /// The body is a JSON object with all of these keys (or an array where this is `[]`-only).
    #[serde(default)]
    pub keys: Vec<String>,
    /// The body is a JSON array.
    #[serde(default)]
    pub array: bool,
    /// `name: part of the value`; the value may be empty.
    #[serde(default)]
    pub header: Option<String>,
}

fn ok() -> u16 {
    200
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    None,
    Key,
    Login,
}

/// How well the row is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Seen on a running server.
    Observed,
    /// From the product's documentation or another scanner's tested rules.
    Sourced,
    /// To be verified.
    Unverified,
}

/// One HTTP answer as the probe hands it to the functions here.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    pub path: String,
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Whether a service can be used without a credential.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It answered what only a user should get.
    Open,
    /// It asked for a credential.
    Denied,
    /// Neither: an error, silence, or an answer nobody knows.
    Unclear,
}

static CATALOGUE: LazyLock<Vec<Product>> = LazyLock::new(|| {
    // The test below reads the same text and fails on a faulty row, so an empty catalogue never ships.
    serde_yaml::from_str(include_str!("../../data/llm-services.yaml")).unwrap_or_default()
});

pub fn products() -> &'static [Product] {
    &CATALOGUE
}

pub fn product(name: &str) -> Option<&'static Product> {
    products().iter().find(|product| product.product == name)
}

/// Every default port of every product, ascending.
pub fn ports() -> Vec<u16> {
    products().iter().flat_map(|product| product.ports.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Requests at most that one open port gets: every different question of the catalogue, two to tell HTTP from HTTPS, and
/// three denials once more.
pub fn questions_per_port() -> u32 {
    static QUESTIONS: LazyLock<u32> = LazyLock::new(|| u32::try_from(questions(0).len()).unwrap_or(u32::MAX) + 5);
    *QUESTIONS
}

/// A path that nobody serves: what it gets, a path that is not there gets, too.
pub const NOWHERE: &str = "/watertight-nothing-is-here";
const POST_NOWHERE: &str = "POST /watertight-nothing-is-here";

/// Every different request of the catalogue: the root first, then a path that nobody serves, then those of the products
/// that use `port`, then the rest.
pub fn questions(port: u16) -> Vec<(String, Option<String>)> {
    let mut questions =
        vec![("/".to_owned(), None), (NOWHERE.to_owned(), None), (POST_NOWHERE.to_owned(), Some("{}".to_owned()))];
    let (near, far): (Vec<&Product>, Vec<&Product>) =
        products().iter().partition(|product| product.ports.contains(&port));
    for product in near.into_iter().chain(far) {
        for mark in product.marks() {
            let question = (mark.path.clone(), mark.send.clone());
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
    }
    questions
}

/// The products that use no port of anybody else's: such a port alone names the product in a manifest.
pub fn by_telling_port(port: u16) -> Option<&'static Product> {
    // Ports that many programs use are in the catalogue, but name nothing.
    const COMMON: &[u16] = &[
        80, 443, 1234, 1337, 3000, 3001, 3080, 4000, 5000, 5001, 6006, 7860, 8000, 8001, 8002, 8080, 8081, 8888, 9000,
        9090, 9091, 9380, 10001, 30000, 50051,
    ];
    let mut users = products().iter().filter(|product| product.ports.contains(&port));
    match (users.next(), users.next()) {
        (Some(only), None) if !COMMON.contains(&port) => Some(only),
        (Some(_) | None, _) => None,
    }
}

impl Product {
    /// Every answer that is looked for.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.identify.iter().chain(&self.usable).chain(&self.guarded)
    }
}

impl Mark {
    /// Whether the answer is the one described.
    pub fn is_in(&self, answer: &Answered) -> bool {
        if answer.path != self.path || answer.status != self.status {
            return false;
        }
        // JSON is written with and without spaces.
        let plain = |text: &str| text.to_lowercase().split_whitespace().collect::<String>();
        let body = plain(&answer.body);
        let header = self.header.as_deref().is_none_or(|header| {
            let (name, part) = header.split_once(':').unwrap_or((header, ""));
            answer.headers.iter().any(|(known, value)| {
                known.eq_ignore_ascii_case(name) && value.to_lowercase().contains(&part.trim().to_lowercase())
            })
        });
        header
            && self.body.iter().all(|part| body.contains(&plain(part)))
            && !self.without.iter().any(|part| body.contains(&plain(part)))
            && self.json_fits(&answer.body)
    }

    fn json_fits(&self, body: &str) -> bool {
        if self.keys.is_empty() && !self.array {
            return true;
        }
        match serde_json::from_str::<serde_json::Value>(body) {
            Ok(serde_json::Value::Object(object)) => {
                !self.array && self.keys.iter().all(|key| object.contains_key(key))
            }
            Ok(serde_json::Value::Array(_)) => self.array,
            Ok(_) | Err(_) => false,
        }
    }

    fn named(&self) -> String {
        named(&self.path)
    }
}

impl Mark {
    /// A refusal that any proxy could give.
    fn is_bare_denial(&self) -> bool {
        matches!(self.status, 401 | 403) && self.body.is_empty() && self.keys.is_empty()
    }

    /// Says enough alone: a bare 200 on some path does not.
    fn is_telling(&self) -> bool {
        !self.body.is_empty() || self.keys.len() > 1
    }
}

#[cfg(test)]
mod tests;
