//! The catalogue of LLM services, read from `data/llm-services.yaml`, and the pure functions that recognise them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

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

/// What the answers of one port say: the product, whether it can be used, and what shows it.
pub fn judge(port: u16, answers: &[Answered]) -> (Option<&'static Product>, Access, String) {
    // A proxy that asks for a key on its front page does so on every path: that names nothing behind it.
    let guarded = answers.iter().any(|answer| answer.path == "/" && is_denial(answer));
    let shown = |mark: &Mark| !(guarded && mark.is_bare_denial()) && answers.iter().any(|answer| mark.is_in(answer));
    let identified = |product: &&Product| product.identify.iter().any(shown);
    // Where two products look alike, the one that uses this port is the likelier; one that is like many, the last.
    let is_own = |product: &&Product| product.ports.contains(&port) && !product.general;
    let product = products().iter().filter(is_own).find(identified).or_else(|| products().iter().find(identified));
    let is_public = |mark: &Mark| product.is_some_and(|product| product.public.contains(&mark.path));
    if let Some(product) = product
        && let Some(mark) = product.usable.iter().find(|mark| answers.iter().any(|answer| mark.is_in(answer)))
    {
        return (Some(product), Access::Open, format!("{}: {}", mark.named(), mark.status));
    }
    // An answer that shows use without a credential names the fault, whatever the product is: a guard before one API of a
    // port says nothing of another API there.
    for other in products() {
        for mark in other.usable.iter().filter(|mark| mark.is_telling() && !is_public(mark)) {
            if shown(mark) {
                return (Some(product.unwrap_or(other)), Access::Open, format!("{}: {}", mark.named(), mark.status));
            }
        }
    }
    match (product, answers) {
        (_, []) => (None, Access::Unclear, "no HTTP answer".into()),
        (Some(product), answers) => {
            let (access, shown) = guard(product, answers);
            (Some(product), access, shown)
        }
        // Who asks for a key before a path that nobody serves does so before every path; the front page may be public.
        (None, answers) if asks_for_a_key(answers) => {
            let denied = answers.iter().find(|answer| is_denial(answer)).map_or(401, |answer| answer.status);
            (None, Access::Denied, format!("every path, even one that nobody serves: {denied}"))
        }
        (None, [first, ..]) => (None, Access::Unclear, format!("GET {}: {}", first.path, first.status)),
    }
}

/// One denial beside paths that are not there is no guard: what is used may stand on a path that was not asked.
fn asks_for_a_key(answers: &[Answered]) -> bool {
    answers.iter().any(|answer| answer.path == NOWHERE && is_denial(answer))
        && answers.iter().all(|answer| is_denial(answer) || is_for_anybody(&answer.path))
}

/// A front page, and whether it lives, may be public.
fn is_for_anybody(path: &str) -> bool {
    matches!(path, "/" | "/health")
}

/// Nothing is there: the answer is the one that a path gets that nobody serves.
fn is_absent(answer: &Answered, answers: &[Answered]) -> bool {
    let is_post = answer.path.starts_with("POST ");
    let nowhere = if is_post { POST_NOWHERE } else { NOWHERE };
    let Some(control) = answers.iter().find(|control| control.path == nowhere) else { return false };
    if is_denial(control) {
        return false;
    }
    // Servers that know no POST at all answer 405 or 501 to every one of them.
    let missing = |status: u16| matches!(status, 404 | 405 | 410 | 501);
    // A single-page application gives one page for every path, a framework's refusal repeats the path.
    let text = |answer: &Answered| answer.body.replace(answer.path.strip_prefix("POST ").unwrap_or(&answer.path), "");
    (missing(answer.status) && (missing(control.status) || control.status == 200))
        || (answer.status == control.status && text(answer) == text(control))
}

/// Whether a recognised product that showed no use asks for a credential: each path that is known of any product must be
/// denied, or not be there.
fn guard(product: &Product, answers: &[Answered]) -> (Access, String) {
    let told = |answer: &Answered| format!("{}: {}", named(&answer.path), answer.status);
    let is_own = |answer: &Answered| product.marks().any(|mark| mark.path == answer.path);
    let recognises = |answer: &Answered| product.identify.iter().any(|mark| mark.is_in(answer));
    let is_guarded = |answer: &Answered| product.guarded.iter().any(|mark| mark.is_in(answer));
    let is_use =
        |answer: &Answered| products().iter().any(|other| other.usable.iter().any(|mark| mark.path == answer.path));
    let open_ended = answers.iter().find(|answer| {
        (is_own(answer) || is_use(answer))
            && !is_denial(answer)
            && !is_absent(answer, answers)
            && !is_for_anybody(&answer.path)
            && !recognises(answer)
            && !is_guarded(answer)
            && !product.public.contains(&answer.path)
    });
    let asked = || answers.iter().filter(|answer| product.usable.iter().any(|mark| mark.path == answer.path));
    let control = answers.iter().any(|answer| answer.path == NOWHERE);
    let denied = asked().find(|answer| is_denial(answer));
    let guarded = product.guarded.iter().find(|mark| answers.iter().any(|answer| mark.is_in(answer)));
    match (open_ended, denied, guarded) {
        (Some(answer), _, _) => (Access::Unclear, told(answer)),
        (None, Some(answer), _) if control => {
            // What it tells everybody all the same is said beside it.
            let public = answers
                .iter()
                .find(|answer| answer.status == 200 && answer.path != "/" && product.public.contains(&answer.path));
            let beside = public.map_or_else(String::new, |answer| format!("; {} is public", named(&answer.path)));
            (Access::Denied, format!("{}{beside}", told(answer)))
        }
        (None, None, Some(mark)) if control => (Access::Denied, format!("{} says that it asks for one", mark.named())),
        (None, Some(_) | None, _) => match asked().next() {
            Some(answer) => (Access::Unclear, told(answer)),
            None => (Access::Unclear, "the request that shows use got no answer".into()),
        },
    }
}

fn named(path: &str) -> String {
    if path.starts_with('/') { format!("GET {path}") } else { path.to_owned() }
}

/// A request for a credential: 401, 403, 407, or a redirect to a login page.
pub fn is_denial(answer: &Answered) -> bool {
    match answer.status {
        401 | 403 | 407 => true,
        301..=303 | 307 | 308 => {
            answer.headers.iter().any(|(name, value)| name == "location" && leads_to_login(&value.to_lowercase()))
        }
        _ => false,
    }
}

/// Whether a redirect asks who it is: by a whole word of its path. A host such as `lessons.example.com` holds `sso`, too.
fn leads_to_login(location: &str) -> bool {
    let path =
        location.split_once("://").map_or(location, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let words = ["login", "signin", "sign-in", "sign_in", "oauth", "oauth2", "auth", "authorize", "sso", "saml"];
    path.split('/').any(|part| words.contains(&part))
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

/// The header that shows a CDN or a balancer, if one does.
pub fn edge(headers: &[(String, String)]) -> Option<String> {
    // From the vendors' documentation of the headers that they add.
    const NAMES: &[&str] = &[
        "cf-ray",
        "x-amz-cf-id",
        "x-azure-ref",
        "x-served-by",
        "x-akamai-request-id",
        "x-vercel-id",
        "fly-request-id",
    ];
    const SERVERS: &[&str] = &["cloudflare", "akamaighost", "cloudfront", "awselb", "fastly", "gws", "vercel"];
    headers.iter().find_map(|(name, value)| {
        let lower = value.to_lowercase();
        let shows = NAMES.contains(&name.as_str())
            || (name == "server" && SERVERS.iter().any(|server| lower.contains(server)))
            || (name == "via" && ["cloudfront", "varnish", "google", "akamai"].iter().any(|edge| lower.contains(edge)));
        shows.then(|| format!("{name}: {}", value.chars().take(60).collect::<String>()))
    })
}

#[cfg(test)]
mod tests;
