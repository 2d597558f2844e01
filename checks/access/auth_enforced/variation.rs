//! On one endpoint of each class: every altered or misplaced form of the token, and every trick of path and header.
//!
//! `bearer` in lower case and two spaces after the scheme are legal (RFC 9110 section 11.1), and two Authorization headers of
//! which one is valid do carry the valid token: neither acceptance nor refusal of these is a fault, so they are not sent. The
//! token in a form body is not sent either: a form could be a write that is valid.

use super::{AuthEnforced, Class, Representative, endpoint, place};
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::http::{Credential, Exchange, Mutation, Request};
use crate::evidence::mcp::{Conversation, EraAsked};
use crate::evidence::token::TokenAsk;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Environment, Target, Token, Writes};

pub(super) fn asks(check: &AuthEnforced, target: &Target, seen: &Evidence, class: &Class) -> Vec<Ask> {
    let mutations = mutations(check, target, is_jwt(seen));
    match &class.representative {
        Representative::Plain(request) => {
            let altered = mutations.into_iter().map(|mutation| altered(request, mutation).into());
            let (tricks, _) = most_telling(check, tricks_of(target, seen, request));
            // What a trick that is served shows depends on what a path without a route gets.
            let control = seen.of(&endpoint::valid(request));
            let served = |trick: &Trick| match (seen.of(&trick.request), &control) {
                (Ok(answer), Ok(control)) => Says::of(answer) == Says::Served && same(&trick.request, answer, control),
                (Ok(_) | Err(_), _) => false,
            };
            let made_up = tricks.iter().any(served).then(|| endpoint::made_up(seen, request).into());
            altered.chain(tricks.into_iter().map(|trick| trick.request.into())).chain(made_up).collect()
        }
        Representative::Server { path, era } => {
            mutations.into_iter().map(|mutation| opened_with(target, path, *era, mutation).into()).collect()
        }
    }
}

/// Asks and sends that one class may take: of the two kinds of representative, the dearer.
pub(super) fn at_most(check: &AuthEnforced, target: &Target, candidates: &[String]) -> (u32, u32) {
    let request = Request::get("/one/two");
    let mutations = mutations(check, target, true);
    let altered = mutations.iter().map(|mutation| Ask::from(altered(&request, mutation.clone())));
    let tricks = most_telling(check, tricks(target, &request)).0.into_iter().map(|trick| trick.request.into());
    let plain: Vec<Ask> = altered.chain(tricks).chain([Request::get("/").into()]).collect();
    let path = candidates.first().map_or("/", String::as_str);
    let opened = |mutation: &Mutation| Ask::from(opened_with(target, path, EraAsked::Sse, mutation.clone()));
    let servers: Vec<Ask> = mutations.iter().map(opened).collect();
    let count = |asks: &[Ask]| u32::try_from(asks.len()).unwrap_or(u32::MAX);
    let sends = |asks: &[Ask]| asks.iter().map(|ask| ask.ceiling(target)).sum::<u32>();
    (count(&plain).max(count(&servers)), sends(&plain).max(sends(&servers)))
}

pub(super) fn judge(verdict: &mut Verdict, check: &AuthEnforced, target: &Target, evidence: &Evidence, class: &Class) {
    let mutations = mutations(check, target, is_jwt(evidence));
    let tried = mutations.len();
    let mut denied = 0;
    for mutation in mutations {
        let (path, admitted) = match &class.representative {
            Representative::Plain(request) => {
                (&request.path, admits(evidence, request, &altered(request, mutation.clone())))
            }
            Representative::Server { path, era } => {
                let asked = opened_with(target, path, *era, mutation.clone());
                (path, evidence.of(&asked).map(|transcript| transcript.era.is_mcp()))
            }
        };
        match admitted {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(false) => denied += 1,
            Ok(true) => match told(&mutation) {
                Told::Fault(severity) => {
                    let what = format!("{mutation} is admitted");
                    let finding = Finding::new(what, place(target, path)).aspect(slug(&mutation));
                    verdict.finds(finding.of_severity(severity));
                }
                Told::Note => verdict.notes(format!("{mutation}: admitted at {path}")),
            },
        }
    }
    let path = match &class.representative {
        Representative::Plain(request) => &request.path,
        Representative::Server { path, .. } => path,
    };
    if tried > 0 {
        verdict.holds(format!("{path}: {denied} of {tried} altered or misplaced forms of the token denied"));
    }
    if let Representative::Plain(request) = &class.representative {
        judge_tricks(verdict, check, target, evidence, request);
    }
    if token(target).is_some_and(|token| !token.disposable) {
        verdict.not_seen(Unseen::NotAllowed(
            "the token in a query parameter or with a suffix was not tried: such forms may stay in logs and are sent only where \
             the target's token says `disposable: true`"
                .into(),
        ));
    }
}

fn judge_tricks(verdict: &mut Verdict, check: &AuthEnforced, target: &Target, evidence: &Evidence, request: &Request) {
    let (tricks, all) = most_telling(check, tricks_of(target, evidence, request));
    if tricks.is_empty() {
        let what = format!("{} {}", request.method, request.path);
        verdict
            .notes(format!("{what} cannot be read, so no trick of path and header was tried on what denies like it"));
        return;
    }
    let Ok(control) = evidence.of(&endpoint::valid(request)) else { return };
    let made_up = evidence.of(&endpoint::made_up(evidence, request));
    let tried = tricks.len();
    let mut denied = 0;
    for trick in tricks {
        match evidence.of(&trick.request) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(exchange) => match Says::of(exchange) {
                Says::Nothing(unseen) => verdict.not_seen(unseen),
                Says::Served if same(&trick.request, exchange, control) => {
                    match &made_up {
                        Err(unseen) => {
                            verdict.not_seen(unseen.clone());
                            continue;
                        }
                        Ok(made_up) if Says::of(made_up) == Says::Served && same(&trick.request, exchange, made_up) => {
                            denied += 1;
                            continue;
                        }
                        Ok(_) => {}
                    }
                    let what =
                        format!("{} {} is served without a credential to {}", request.method, request.path, trick.what);
                    verdict.finds(Finding::new(what, place(target, &request.path)).aspect(trick.aspect));
                }
                // Something was served, and whether it is what the token opens cannot be told by its body.
                Says::Served if made_up.as_ref().is_ok_and(|made_up| Says::of(made_up) != Says::Served) => {
                    verdict.not_seen(Unseen::NotComparable(format!(
                        "{} {} is answered {} without a credential to {}, with another body than the valid token gets",
                        request.method, request.path, exchange.status, trick.what
                    )));
                }
                Says::Served | Says::Denied | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken => {
                    denied += 1;
                }
            },
        }
    }
    verdict.holds(format!("{}: {denied} of {tried} tricks of path and header let nobody in", request.path));
    if tried < all {
        verdict.not_seen(Unseen::Partial(format!(
            "{}: {tried} of {all} tricks of path and header were tried (`max-tricks`)",
            request.path
        )));
    }
}

/// Whether the trick got what the valid token gets; an answer to HEAD has no body to tell by (RFC 9110 section 9.3.2).
fn same(trick: &Request, exchange: &Exchange, control: &Exchange) -> bool {
    if trick.method == "HEAD" { exchange.status == control.status } else { alike(exchange, control) }
}

/// Whether the altered credential is treated as the valid one.
fn admits(evidence: &Evidence, request: &Request, altered: &Request) -> Result<bool, Unseen> {
    let exchange = evidence.of(altered)?;
    let control = evidence.of(&endpoint::valid(request))?;
    match (Says::of(exchange), Says::of(control)) {
        (Says::Nothing(unseen), _) => Err(unseen),
        (Says::Denied, _) => Ok(false),
        (Says::Served, Says::Served) => Ok(alike(exchange, control)),
        // RFC 6750 section 3.1: a malformed credential may be answered with 400, as is the body that the control sends.
        (Says::Rejected | Says::Hidden, Says::Rejected | Says::Hidden) if exchange.status == control.status => {
            Err(Unseen::NotComparable(format!(
                "{} with {} gets {}, as does the valid token",
                request.path, altered.credential, exchange.status
            )))
        }
        (Says::Served | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken, _) => Ok(false),
    }
}

enum Told {
    Fault(Severity),
    Note,
}

/// What it means that a form is admitted.
fn told(mutation: &Mutation) -> Told {
    match mutation {
        Mutation::OneCharacter
        | Mutation::Truncated
        | Mutation::Suffixed
        | Mutation::EmptyBearer
        | Mutation::ShortBearer
        | Mutation::JwtNone
        | Mutation::JwtNoneMixedCase
        | Mutation::JwtEdited => Told::Fault(Severity::Critical),
        // A URL is kept in logs, histories and Referer headers (RFC 6750 section 5.3).
        Mutation::Query(_) => Told::Fault(Severity::High),
        // RFC 6750 section 2.2 allows a form field; this policy names one header.
        Mutation::Form(_) => Told::Fault(Severity::Medium),
        // Browsers send cookies and Basic credentials by themselves, to whatever page asks.
        Mutation::Cookie(_) | Mutation::BasicScheme | Mutation::NoScheme => Told::Fault(Severity::Medium),
        // The valid token is there, and which of two headers counts is not said anywhere.
        Mutation::InvalidThenValid
        | Mutation::ValidThenInvalid
        | Mutation::CommaJoined
        | Mutation::LowerScheme
        | Mutation::DoubleSpace => Told::Note,
    }
}

fn slug(mutation: &Mutation) -> String {
    match mutation {
        Mutation::OneCharacter => "one-character".into(),
        Mutation::Truncated => "truncated".into(),
        Mutation::Suffixed => "suffixed".into(),
        Mutation::EmptyBearer => "empty-bearer".into(),
        Mutation::ShortBearer => "short-bearer".into(),
        Mutation::BasicScheme => "basic-scheme".into(),
        Mutation::NoScheme => "no-scheme".into(),
        Mutation::LowerScheme => "lower-scheme".into(),
        Mutation::DoubleSpace => "double-space".into(),
        Mutation::Query(name) => format!("query-{name}"),
        Mutation::Form(name) => format!("form-{name}"),
        Mutation::Cookie(name) => format!("cookie-{name}"),
        Mutation::InvalidThenValid => "invalid-then-valid".into(),
        Mutation::ValidThenInvalid => "valid-then-invalid".into(),
        Mutation::CommaJoined => "comma-joined".into(),
        Mutation::JwtNone => "jwt-none".into(),
        Mutation::JwtNoneMixedCase => "jwt-none-mixed-case".into(),
        Mutation::JwtEdited => "jwt-edited".into(),
    }
}

fn mutations(check: &AuthEnforced, target: &Target, is_jwt: bool) -> Vec<Mutation> {
    let Some(token) = token(target) else { return Vec::new() };
    let mut mutations = vec![Mutation::OneCharacter, Mutation::Truncated];
    if token.header.eq_ignore_ascii_case("authorization") {
        mutations.extend([Mutation::EmptyBearer, Mutation::ShortBearer, Mutation::BasicScheme, Mutation::NoScheme]);
    }
    if is_jwt {
        mutations.extend([Mutation::JwtNone, Mutation::JwtNoneMixedCase, Mutation::JwtEdited]);
    }
    mutations.extend(check.cookies.iter().cloned().map(Mutation::Cookie));
    mutations.push(Mutation::Suffixed);
    mutations.extend(check.query_parameters.iter().cloned().map(Mutation::Query));
    mutations.retain(|mutation| token.disposable || !mutation.needs_disposable());
    mutations
}

fn is_jwt(evidence: &Evidence) -> bool {
    evidence.of(&TokenAsk {}).is_ok_and(|facts| facts.jwt.is_some())
}

fn token(target: &Target) -> Option<&Token> {
    target.deployment().ok()?.token.as_ref()
}

fn altered(request: &Request, mutation: Mutation) -> Request {
    request.clone().with(Credential::Mutated(mutation))
}

fn opened_with(target: &Target, path: &str, era: EraAsked, mutation: Mutation) -> Conversation {
    Conversation::standard(target, path).with(Credential::Mutated(mutation)).in_era(era).taking([])
}

/// A request without a credential by which a guard in front may be got around.
struct Trick {
    aspect: &'static str,
    what: &'static str,
    request: Request,
}

/// The tricks for an endpoint that can be read; for others there is no body to compare.
fn tricks_of(target: &Target, evidence: &Evidence, request: &Request) -> Vec<Trick> {
    let served = evidence.of(&endpoint::valid(request)).is_ok_and(|control| Says::of(control) == Says::Served);
    if request.method == "GET" && served { tricks(target, request) } else { Vec::new() }
}

/// The tricks that got around real guards first: what `max-tricks` leaves out is the rarest.
const BY_YIELD: &[&str] = &[
    "path-double-slash",
    "path-slash",
    "path-case",
    "path-encoded-dot",
    "path-parameter",
    "path-extension",
    "header-original-url",
    "header-forwarded-for",
    "header-identity",
    "header-forwarded-uri",
    "header-method-override",
    "method-head",
    "path-through-public",
    "path-space",
    "path-encoded-letter",
    "path-encoded-slash",
];

/// The first `max-tricks` of them by yield, and how many there are.
fn most_telling(check: &AuthEnforced, mut tricks: Vec<Trick>) -> (Vec<Trick>, usize) {
    let all = tricks.len();
    let rank = |trick: &Trick| BY_YIELD.iter().position(|known| *known == trick.aspect).unwrap_or(BY_YIELD.len());
    tricks.sort_by_key(rank);
    tricks.truncate(usize::try_from(check.max_tricks).unwrap_or(usize::MAX));
    (tricks, all)
}

/// `path` as a proxy is asked for it (RFC 9112 section 3.2.2), which a server must understand, too.
fn whole(target: &Target, path: &str) -> String {
    target.deployment.as_ref().map_or_else(|| path.to_owned(), |deployment| deployment.at(path))
}

/// A path that anyone may read, for headers that claim that it was asked for.
fn open_path(target: &Target) -> String {
    let public = |deployment: &crate::target::Deployment| {
        deployment.endpoints.iter().find(|endpoint| endpoint.public.is_some()).map(|endpoint| endpoint.path.clone())
    };
    target.deployment.as_ref().and_then(public).unwrap_or_else(|| "/".into())
}

/// The path before and after the first letter of its last segment, and that letter.
fn last_segment(path: &str) -> Option<(&str, char, &str)> {
    let at = path.rfind('/')? + 1;
    let letter = path.get(at..)?.chars().next().filter(char::is_ascii_alphanumeric)?;
    Some((path.get(..at)?, letter, path.get(at + 1..)?))
}

fn tricks(target: &Target, request: &Request) -> Vec<Trick> {
    let (path, query) = match request.path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (request.path.as_str(), String::new()),
    };
    let bare = path.trim_start_matches('/');
    // Byte for byte: a client that tidies the path would try nothing.
    let at = |changed: String| Request::get(format!("{changed}{query}")).exact();
    let mut tricks = vec![
        Trick { aspect: "path-double-slash", what: "a doubled slash in the path", request: at(format!("//{bare}")) },
        Trick { aspect: "path-dot", what: "`/./` in the path", request: at(format!("/./{bare}")) },
        Trick { aspect: "path-encoded-dot", what: "`/%2e/` in the path", request: at(format!("/%2e/{bare}")) },
        Trick { aspect: "path-parameter", what: "`;x` behind the path", request: at(format!("{path};x")) },
        Trick { aspect: "path-space", what: "`%20` behind the path", request: at(format!("{path}%20")) },
        Trick { aspect: "path-tab", what: "`%09` behind the path", request: at(format!("{path}%09")) },
        Trick { aspect: "path-double-encoded", what: "`/%252e/` in the path", request: at(format!("/%252e/{bare}")) },
        Trick {
            aspect: "path-absolute",
            what: "a request target with the whole address",
            request: at(whole(target, path)),
        },
        Trick { aspect: "path-extension", what: "`.json` behind the path", request: at(format!("{path}.json")) },
        Trick {
            aspect: "header-original-url",
            what: "another path with X-Original-URL and X-Rewrite-URL",
            request: Request::get("/").header("X-Original-URL", &request.path).header("X-Rewrite-URL", &request.path),
        },
        Trick {
            aspect: "header-forwarded-for",
            what: "headers that claim a local address",
            request: Request::get(&request.path)
                .header("X-Forwarded-For", "127.0.0.1")
                .header("X-Real-IP", "127.0.0.1")
                .header("True-Client-IP", "127.0.0.1")
                .header("Forwarded", "for=127.0.0.1"),
        },
        Trick {
            aspect: "header-identity",
            what: "headers by which a proxy names the user or skips a guard",
            request: Request::get(&request.path)
                .header("X-Forwarded-User", "admin")
                .header("X-Remote-User", "admin")
                .header("X-Auth-Request-User", "admin")
                .header("X-Middleware-Subrequest", "middleware:middleware:middleware:middleware:middleware"),
        },
    ];
    tricks.push(Trick {
        aspect: "header-forwarded-uri",
        what: "headers by which a proxy names the path that was asked for, an open one, and a local host",
        request: ["X-Forwarded-Uri", "X-Forwarded-Path", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL"]
            .iter()
            .fold(Request::get(&request.path), |asked, name| asked.header(*name, open_path(target)))
            .header("X-Forwarded-Prefix", "/")
            .header("X-Forwarded-Host", "localhost"),
    });
    tricks.push(Trick { aspect: "method-head", what: "HEAD", request: Request::new("HEAD", &request.path) });
    // Guards that list the methods they know let others by; handlers take what they do not know for GET.
    tricks.push(Trick { aspect: "method-options", what: "OPTIONS", request: Request::new("OPTIONS", &request.path) });
    tricks.push(Trick {
        aspect: "method-unknown",
        what: "a made-up method",
        request: Request::new("WATERTIGHT", &request.path),
    });
    if let Some((before, letter, after)) = last_segment(path) {
        let changed = format!("{before}%{:02x}{after}", letter as u32);
        tricks.push(Trick {
            aspect: "path-encoded-letter",
            what: "a letter of the path encoded",
            request: at(changed),
        });
    }
    if let Some((folder, name)) = bare.rsplit_once('/') {
        let changed = format!("/{folder}%2f{name}");
        tricks.push(Trick { aspect: "path-encoded-slash", what: "a slash of the path encoded", request: at(changed) });
    }
    if path.ends_with('/') && bare.len() > 1 {
        let changed = path.trim_end_matches('/').to_owned();
        tricks.push(Trick { aspect: "path-slash", what: "the path without its last slash", request: at(changed) });
    } else {
        tricks.push(Trick { aspect: "path-slash", what: "a slash behind the path", request: at(format!("{path}/")) });
    }
    if path.chars().any(|character| character.is_ascii_lowercase()) {
        let changed = path.to_ascii_uppercase();
        tricks.push(Trick { aspect: "path-case", what: "the path in upper case", request: at(changed) });
    }
    let Ok(deployment) = target.deployment() else { return tricks };
    if let Some(public) = deployment.endpoints.iter().find(|endpoint| endpoint.public.is_some()) {
        let open = public.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        // As many steps back as the public path has segments.
        let back = "..%2f".repeat(open.matches('/').count());
        tricks.push(Trick {
            aspect: "path-through-public",
            what: "a path that begins with a public one and leads back by `..%2f`",
            request: at(format!("{open}/{back}{bare}")),
        });
    }
    if target.environment != Environment::Production || deployment.writes == Writes::Allow {
        tricks.push(Trick {
            aspect: "header-method-override",
            what: "a POST with X-HTTP-Method-Override: GET",
            request: Request::new("POST", &request.path).header("X-HTTP-Method-Override", "GET"),
        });
    }
    tricks
}
