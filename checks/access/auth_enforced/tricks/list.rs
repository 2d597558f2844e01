//! The tricks by which guards in front of a service were got around, each one change to a request without a credential.

use crate::evidence::http::Request;
use crate::target::{Deployment, Environment, Target, Writes};

/// A request without a credential by which a guard in front may be got around.
pub(super) struct Trick {
    pub(super) aspect: &'static str,
    pub(super) what: &'static str,
    pub(super) request: Request,
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
    "header-caller",
    "header-host",
    "method-head",
    "path-through-public",
    "path-space",
    "path-encoded-letter",
    "path-encoded-slash",
];

impl Trick {
    pub(super) fn rank(&self) -> usize {
        BY_YIELD.iter().position(|known| *known == self.aspect).unwrap_or(BY_YIELD.len())
    }

    /// Whether the path itself is what is changed.
    pub(super) fn is_path(&self) -> bool {
        self.aspect.starts_with("path-")
    }

    pub(super) fn is_of_caller(&self) -> bool {
        self.aspect == CALLER
    }

    pub(super) fn is_of_method(&self) -> bool {
        self.aspect.contains("method-")
    }

    /// Whether it needs no made-up path to tell by: what the guarded path itself shows to OPTIONS is its content.
    pub(super) fn is_plain(&self) -> bool {
        self.request.method == "OPTIONS"
    }

    pub(super) fn is_bodiless(&self) -> bool {
        self.request.method == "HEAD"
    }
}

/// Every trick for this request, which carries no credential. Tricks of the method are for what is read alone.
pub(super) fn tricks(target: &Target, request: &Request) -> Vec<Trick> {
    let mut tricks = of_path(target, request);
    tricks.extend(of_headers(target, request));
    if request.method == "GET" {
        tricks.extend(of_method(target, request));
    }
    tricks
}

fn of_path(target: &Target, request: &Request) -> Vec<Trick> {
    let (path, query) = match request.path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (request.path.as_str(), String::new()),
    };
    let bare = path.trim_start_matches('/');
    // Byte for byte: a client that tidies the path would try nothing.
    let trick = |aspect, what, changed: String| Trick {
        aspect,
        what,
        request: Request { path: format!("{changed}{query}"), ..request.clone() }.exact(),
    };
    let mut tricks = vec![
        trick("path-double-slash", "a doubled slash in the path", format!("//{bare}")),
        trick("path-dot", "`/./` in the path", format!("/./{bare}")),
        trick("path-encoded-dot", "`/%2e/` in the path", format!("/%2e/{bare}")),
        trick("path-parameter", "`;x` behind the path", format!("{path};x")),
        trick("path-space", "`%20` behind the path", format!("{path}%20")),
        trick("path-tab", "`%09` behind the path", format!("{path}%09")),
        trick("path-double-encoded", "`/%252e/` in the path", format!("/%252e/{bare}")),
        trick("path-absolute", "a request target with the whole address", whole(target, path)),
        trick("path-extension", "`.json` behind the path", format!("{path}.json")),
    ];
    if let Some((before, letter, after)) = last_segment(path) {
        let changed = format!("{before}%{:02x}{after}", letter as u32);
        tricks.push(trick("path-encoded-letter", "a letter of the path encoded", changed));
    }
    if let Some((folder, name)) = bare.rsplit_once('/') {
        tricks.push(trick("path-encoded-slash", "a slash of the path encoded", format!("/{folder}%2f{name}")));
    }
    if path.ends_with('/') && bare.len() > 1 {
        let changed = path.trim_end_matches('/').to_owned();
        tricks.push(trick("path-slash", "the path without its last slash", changed));
    } else {
        tricks.push(trick("path-slash", "a slash behind the path", format!("{path}/")));
    }
    if path.chars().any(|character| character.is_ascii_lowercase()) {
        tricks.push(trick("path-case", "the path in upper case", path.to_ascii_uppercase()));
    }
    if let Some(public) = public(target) {
        let open = public.split('?').next().unwrap_or_default().trim_end_matches('/');
        // As many steps back as the public path has segments.
        let back = "..%2f".repeat(open.matches('/').count());
        let what = "a path that begins with a public one and leads back by `..%2f`";
        tricks.push(trick("path-through-public", what, format!("{open}/{back}{bare}")));
    }
    tricks
}

fn of_headers(target: &Target, request: &Request) -> Vec<Trick> {
    let with = |headers: &[(&str, &str)]| {
        headers.iter().fold(request.clone(), |request, (name, value)| request.header(*name, *value))
    };
    let open = public(target).unwrap_or_else(|| "/".into());
    vec![
        Trick {
            aspect: "header-original-url",
            what: "another path with X-Original-URL and X-Rewrite-URL",
            request: Request { path: "/".into(), ..request.clone() }
                .header("X-Original-URL", &request.path)
                .header("X-Rewrite-URL", &request.path),
        },
        Trick {
            aspect: "header-forwarded-for",
            what: "headers that claim a local address",
            request: with(&[
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Real-IP", "127.0.0.1"),
                ("True-Client-IP", "127.0.0.1"),
                ("Forwarded", "for=127.0.0.1"),
            ]),
        },
        Trick {
            aspect: "header-identity",
            what: "headers by which a proxy names the user or skips a guard",
            request: with(&[
                ("X-Forwarded-User", "admin"),
                ("X-Remote-User", "admin"),
                ("X-Auth-Request-User", "admin"),
                ("X-Middleware-Subrequest", "middleware:middleware:middleware:middleware:middleware"),
            ]),
        },
        Trick {
            aspect: "header-forwarded-uri",
            what: "headers by which a proxy names the path that was asked for, an open one, and a local host",
            request: with(&[
                ("X-Forwarded-Uri", &open),
                ("X-Forwarded-Path", &open),
                ("X-Original-URI", &open),
                ("X-Original-URL", &open),
                ("X-Rewrite-URL", &open),
                ("X-Forwarded-Prefix", "/"),
                ("X-Forwarded-Host", "localhost"),
            ]),
        },
        Trick {
            aspect: CALLER,
            what: "headers of a browser that upgrades to a WebSocket (RFC 6455) or listens to events",
            request: with(&[
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                // Sixteen bytes in Base64, as RFC 6455 section 4.1 asks; they say `watertight audit`.
                ("Sec-WebSocket-Key", "d2F0ZXJ0aWdodCBhdWRpdA=="),
                ("Accept", "text/event-stream"),
                ("X-Requested-With", "XMLHttpRequest"),
            ])
            .exact(),
        },
        Trick {
            aspect: "header-host",
            what: "`localhost` as its Host",
            request: with(&[("Host", "localhost")]).exact(),
        },
    ]
}

/// An MCP client names what it accepts itself, so that this is not for the opening of an MCP server.
const CALLER: &str = "header-caller";

fn of_method(target: &Target, request: &Request) -> Vec<Trick> {
    let by = |method: &str| Request { method: method.into(), ..request.clone() };
    let mut tricks = vec![
        Trick { aspect: "method-head", what: "HEAD", request: by("HEAD") },
        // Guards that list the methods they know let others by; handlers take what they do not know for GET.
        Trick { aspect: "method-options", what: "OPTIONS", request: by("OPTIONS") },
        Trick { aspect: "method-unknown", what: "a made-up method", request: by("WATERTIGHT") },
    ];
    let writes = target.deployment().is_ok_and(|deployment| deployment.writes == Writes::Allow);
    if target.environment != Environment::Production || writes {
        tricks.push(Trick {
            aspect: "header-method-override",
            what: "a POST with X-HTTP-Method-Override: GET",
            request: by("POST").header("X-HTTP-Method-Override", "GET"),
        });
        let separator = if request.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}_method=GET", request.path);
        let request = Request { path, ..by("POST") };
        tricks.push(Trick { aspect: "query-method-override", what: "a POST with `_method=GET` in its query", request });
    }
    tricks
}

/// `path` as a proxy is asked for it (RFC 9112 section 3.2.2), which a server must understand, too.
fn whole(target: &Target, path: &str) -> String {
    target.deployment.as_ref().map_or_else(|| path.to_owned(), |deployment| deployment.at(path))
}

/// A path that anyone may read.
fn public(target: &Target) -> Option<String> {
    let of = |deployment: &Deployment| {
        deployment.endpoints.iter().find(|endpoint| endpoint.public.is_some()).map(|endpoint| endpoint.path.clone())
    };
    target.deployment.as_ref().and_then(of)
}

/// The path before and after the first letter of its last segment, and that letter.
fn last_segment(path: &str) -> Option<(&str, char, &str)> {
    let at = path.rfind('/')? + 1;
    let letter = path.get(at..)?.chars().next().filter(char::is_ascii_alphanumeric)?;
    Some((path.get(..at)?, letter, path.get(at + 1..)?))
}
