//! What the answers of one port say: which product, and whether it asks for a credential.

use crate::detect::refusal;
use crate::evidence::http::{BodySeen, Exchange};

use super::{Access, Answered, Mark, NOWHERE, POST_NOWHERE, Product, products};

/// What the answers of one port say: the product, whether it can be used, and what shows it.
pub fn judge(port: u16, answers: &[Answered]) -> (Option<&'static Product>, Access, String) {
    let (product, access, shown) = recognise(port, answers);
    if access == Access::Denied
        && let Some(why) = blocks(answers)
    {
        return (product, Access::Unclear, format!("{shown}; {why}"));
    }
    (product, access, shown)
}

/// Why the refusals are no request for a credential: a firewall's page, or one bare 403 for whatever is asked.
fn blocks(answers: &[Answered]) -> Option<String> {
    let by_firewall = |answer: &&Answered| {
        let exchange = Exchange {
            status: answer.status,
            headers: answer.headers.clone(),
            body: BodySeen { text: answer.body.clone(), ..BodySeen::default() },
            address: String::new(),
            at: 0,
            took: 0,
        };
        refusal::answered(&exchange) == refusal::Answered::Firewall
    };
    if let Some(page) = answers.iter().find(by_firewall) {
        return Some(format!("{} got a firewall's page, which asks for no credential", named(&page.path)));
    }
    let control = answers.iter().find(|answer| answer.path == NOWHERE && answer.status == 403)?;
    let asks = control.headers.iter().any(|(name, _)| name == "www-authenticate")
        || serde_json::from_str::<serde_json::Value>(&control.body).is_ok_and(|body| body.is_object());
    let asked = answers.iter().any(|answer| matches!(answer.status, 401 | 407));
    (!asks && !asked).then(|| "a bare 403 even where nothing is may be a block, and asks for no credential".to_owned())
}

fn recognise(port: u16, answers: &[Answered]) -> (Option<&'static Product>, Access, String) {
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
pub(super) fn asks_for_a_key(answers: &[Answered]) -> bool {
    answers.iter().any(|answer| answer.path == NOWHERE && is_denial(answer))
        && answers.iter().all(|answer| is_denial(answer) || is_for_anybody(&answer.path))
}

/// A front page, whether it lives, and how its API is described may be public: none of them uses anything.
pub(super) fn is_for_anybody(path: &str) -> bool {
    matches!(path, "/" | "/health" | "/openapi.json" | "/docs")
}

/// Nothing is there: the answer is the one that a path gets that nobody serves.
pub(super) fn is_absent(answer: &Answered, answers: &[Answered]) -> bool {
    let is_post = answer.path.starts_with("POST ");
    let nowhere = if is_post { POST_NOWHERE } else { NOWHERE };
    let Some(control) = answers.iter().find(|control| control.path == nowhere) else { return false };
    if is_denial(control) {
        return false;
    }
    // A redirect that only takes the last slash away, or adds one, leads to another path than the one that shows use.
    if is_tidied(answer) {
        return true;
    }
    // Servers that know no POST at all answer 405 or 501 to every one of them.
    let missing = |status: u16| matches!(status, 404 | 405 | 410 | 501);
    // A single-page application gives one page for every path, a framework's refusal repeats the path.
    let text = |answer: &Answered| answer.body.replace(answer.path.strip_prefix("POST ").unwrap_or(&answer.path), "");
    (missing(answer.status) && (missing(control.status) || control.status == 200))
        || (answer.status == control.status && text(answer) == text(control))
}

/// Whether the answer leads to the same path without its last slash, or with one.
pub(super) fn is_tidied(answer: &Answered) -> bool {
    let location = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str());
    let plain = |path: &str| path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
    matches!(answer.status, 301..=303 | 307 | 308)
        && answer.path.starts_with('/')
        && location.is_some_and(|location| location.starts_with('/') && plain(location) == plain(&answer.path))
}

/// Whether a recognised product that showed no use asks for a credential: each path that is known of any product must be
/// denied, or not be there.
pub(super) fn guard(product: &Product, answers: &[Answered]) -> (Access, String) {
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

pub(super) fn named(path: &str) -> String {
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
pub(super) fn leads_to_login(location: &str) -> bool {
    let path =
        location.split_once("://").map_or(location, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let words = ["login", "signin", "sign-in", "sign_in", "oauth", "oauth2", "auth", "authorize", "sso", "saml"];
    path.split('/').any(|part| words.contains(&part))
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
