//! The ways in which a request is varied to get around a limiter: claimed addresses, other spellings, other clients.

use super::burst::Line;
use crate::evidence::http::Request;
use crate::evidence::limit::Varied;
use crate::target::Deployment;

/// Headers from which services take the client's address, each tried with an address of its own.
pub(super) const SPOOFED: &[&str] = &[
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "Client-IP",
    "X-Originating-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "X-Cluster-Client-IP",
    "X-ProxyUser-Ip",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Azure-ClientIP",
    "X-Appengine-User-Ip",
    "X-Envoy-External-Address",
    "X-Forwarded",
    "Forwarded-For",
    "Forwarded",
];

/// The request with client addresses of a documentation range (RFC 5737) in its headers.
pub(super) fn spoofed(line: &Line, names: &[&str], from: u8) -> Request {
    names.iter().zip(from..).fold(line.request.clone(), |request, (name, last)| {
        let address = format!("203.0.113.{last}");
        let value = if *name == "Forwarded" { format!("for={address}") } else { address };
        request.header(*name, value)
    })
}

/// The same resource with a slash more, or an empty query.
pub(super) fn respelled(path: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    }
}

/// Headers from which services take who a client is, when they count by more than its address.
const CLIENT: &[(&str, &str)] = &[
    ("X-API-Key", "watertight-audit"),
    ("X-Client-Id", "watertight-audit"),
    ("X-Device-Id", "watertight-audit"),
    ("X-Session-Id", "watertight-audit"),
    ("X-User-Id", "watertight-audit"),
    ("X-Tenant-Id", "watertight-audit"),
    ("X-Request-Id", "watertight-audit"),
    ("X-Requested-With", "XMLHttpRequest"),
    ("Cookie", "session=watertight-audit"),
    ("Accept-Language", "tlh"),
];
/// A browser's, as far as a limiter may tell it from a program's.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// What the query's own parameter is called.
const QUERY: &str = "watertight-audit=limit";

/// As another client: each way by itself, and all of them in one request. Nothing that the target needs is replaced.
pub(super) fn disguised(request: &Request, deployment: &Deployment) -> (Request, Vec<(Varied, Request)>) {
    // A key or a cookie of nobody may count as a wrong credential, and those are bounded.
    let bounded = |name: &str| deployment.limits.max_denied.is_some() && ["X-API-Key", "Cookie"].contains(&name);
    let needed = |name: &str| {
        bounded(name)
            || deployment.headers.keys().any(|own| own.eq_ignore_ascii_case(name))
            || deployment.token.as_ref().is_some_and(|token| token.header.eq_ignore_ascii_case(name))
            || request.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    let allowed = deployment.origins.as_ref().and_then(|origins| origins.first().cloned());
    let origin = allowed.unwrap_or_else(|| deployment.url.origin().ascii_serialization());
    let put = |request: Request, headers: &[(&str, &str)]| {
        let wanted = headers.iter().filter(|(name, _)| !needed(name));
        wanted.fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let queried = |request: Request| {
        let mark = if request.path.contains('?') { '&' } else { '?' };
        Request { path: format!("{}{mark}{QUERY}", request.path), ..request }
    };
    let stream = ("Accept", "text/event-stream, */*");
    let ways = vec![
        (Varied::Query(QUERY.into()), queried(request.clone())),
        (Varied::Client("User-Agent".into()), put(request.clone(), &[("User-Agent", BROWSER)])),
        (Varied::Client(format!("Origin: {origin}")), request.clone().from_origin(origin.clone())),
        (Varied::Client(format!("Accept: {}", stream.1)), put(request.clone(), &[stream])),
        (Varied::Client("a group of headers that name a client".into()), put(request.clone(), CLIENT)),
    ];
    let all = put(put(put(queried(request.clone()), &[("User-Agent", BROWSER)]), &[stream]), CLIENT);
    (all.from_origin(origin), ways)
}

/// The same without a body, where the request is a GET.
pub(super) fn headed(request: &Request) -> Option<Request> {
    (request.method == "GET").then(|| Request { method: "HEAD".into(), ..request.clone() })
}

/// The request under another claimed address, this one alone.
pub(super) fn spoofed_as(line: &Line, address: &str) -> Request {
    line.request.clone().header(SPOOFED[0], address)
}
