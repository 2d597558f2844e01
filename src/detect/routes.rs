//! Which paths a repository serves: routes in code, and what its proxies pass on. Read line by line, so that a route written
//! over several lines may be missed; what is found is real, and is held against what the audit knows.
//!
//! Code: express, fastify, koa and hono; flask, FastAPI and starlette; axum, actix and rocket; net/http, gin, echo and chi;
//! Spring. Proxies: nginx, Caddy, HAProxy.

use std::sync::LazyLock;

use regex::Regex;

/// One path that something serves, and where that is said.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Route {
    /// Upper case; `None` for any.
    pub method: Option<String>,
    /// Begins with `/`; parameters as written.
    pub path: String,
    pub file: String,
    pub line: u32,
    pub extent: Extent,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Extent {
    /// The path is whole.
    Whole,
    /// A router's: where it is mounted comes before it.
    Mounted,
    /// A proxy's: everything below.
    Below,
    /// A proxy's regular expression.
    Pattern,
}

/// Files of code that may hold routes.
pub const CODE: &[&str] =
    &["*.js", "*.mjs", "*.cjs", "*.ts", "*.mts", "*.tsx", "*.py", "*.rs", "*.go", "*.java", "*.kt"];

/// Configurations of proxies.
pub const PROXIES: &[&str] = &["*.conf", "nginx*", "**/sites-*/*", "Caddyfile*", "*.caddy", "haproxy*", "*.cfg"];

const EXPRESS: &str = r#"(@?)\b([A-Za-z_$][\w$]*)\.(get|post|put|patch|delete|all|head|GET|POST|PUT|PATCH|DELETE|Get|Post|Put|Patch|Delete|Any)\(\s*['"`](/[^'"`\s]*)['"`]"#;
const FLASK: &str = r#"@([A-Za-z_]\w*)\.(?:route|api_route)\(\s*['"](/[^'"\s]*)['"](.*)"#;
const STARLETTE: &str = r#"\bRoute\(\s*['"](/[^'"\s]*)['"](.*)"#;
const FASTIFY: &str = r#"\.route\(\s*\{.*\burl:\s*['"`](/[^'"`\s]*)['"`]"#;
const AXUM: &str = r#"\.route\(\s*"(/[^"\s]*)"\s*,(.*)"#;
const ATTRIBUTE: &str = r#"#\[(get|post|put|patch|delete)\(\s*"(/[^"\s]*)""#;
const GO: &str = r#"\.(?:HandleFunc|Handle)\(\s*"(?:([A-Z]+) )?(/[^"\s]*)""#;
const SPRING: &str = r#"@(Get|Post|Put|Patch|Delete|Request)Mapping\(\s*(?:(?:value|path)\s*=\s*)?\{?\s*"(/[^"\s]*)""#;
/// Where routers are mounted: then what they hold has a path before it.
const MOUNT: &str = r#"\.nest\(|\bprefix\s*[:=]\s*['"`]/|\burl_prefix\s*="#;

/// What a line of code must match to be looked at.
pub fn in_code() -> String {
    [EXPRESS, FLASK, STARLETTE, FASTIFY, AXUM, ATTRIBUTE, GO, SPRING, MOUNT].map(|one| format!("(?:{one})")).join("|")
}

const LOCATION: &str = r"^\s*location\s+(=|\^~|~\*?)?\s*([^\s{]+)\s*\{?";
const PASSES: &str = r"\b(?:proxy|fastcgi|uwsgi|grpc|scgi)_pass\b";
const CADDY: &str = r"^\s*(?:handle|handle_path|route|reverse_proxy|@\w+\s+path)\s+(/[^\s{]*)";
const HAPROXY: &str = r"\bpath(_beg|_dir)?(?:\s+-[im]\s*(?:beg|str)?)*\s+(/[^\s}]*)";

/// What a line of a proxy's configuration must match.
pub fn in_proxies() -> String {
    [LOCATION, PASSES, CADDY, HAPROXY].map(|one| format!("(?:{one})")).join("|")
}

struct Patterns {
    express: Regex,
    flask: Regex,
    starlette: Regex,
    fastify: Regex,
    axum: Regex,
    attribute: Regex,
    go: Regex,
    spring: Regex,
    mount: Regex,
    location: Regex,
    passes: Regex,
    caddy: Regex,
    haproxy: Regex,
    methods: Regex,
    handlers: Regex,
}

/// `None` where a pattern does not compile, which a test would show.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let read = |pattern: &str| Regex::new(pattern).ok();
    Some(Patterns {
        express: read(EXPRESS)?,
        flask: read(FLASK)?,
        starlette: read(STARLETTE)?,
        fastify: read(FASTIFY)?,
        axum: read(AXUM)?,
        attribute: read(ATTRIBUTE)?,
        go: read(GO)?,
        spring: read(SPRING)?,
        mount: read(MOUNT)?,
        location: read(LOCATION)?,
        passes: read(PASSES)?,
        caddy: read(CADDY)?,
        haproxy: read(HAPROXY)?,
        methods: read(r#"['"](GET|POST|PUT|PATCH|DELETE|HEAD)['"]"#)?,
        handlers: read(r"\b(get|post|put|patch|delete|any)\s*(?:::<[^>]*>)?\(")?,
    })
});

/// A line with its place.
pub type Placed<'a> = (&'a str, u32, &'a str);

/// The routes of lines of code, in order, tests and examples left out.
pub fn routes(lines: &[Placed<'_>]) -> Vec<Route> {
    let Some(patterns) = PATTERNS.as_ref() else { return Vec::new() };
    let mounts = lines.iter().any(|(file, _, text)| !is_made_up(file) && patterns.mount.is_match(text));
    let inner = if mounts { Extent::Mounted } else { Extent::Whole };
    let mut found = Vec::new();
    for (file, line, text) in lines.iter().filter(|(file, _, text)| !is_made_up(file) && !is_comment(text)) {
        let mut put = |method: Option<&str>, path: &str, extent: Extent| {
            let method = method.filter(|method| !["all", "any"].contains(&method.to_ascii_lowercase().as_str()));
            found.push(Route {
                method: method.map(str::to_ascii_uppercase),
                path: path.to_owned(),
                file: (*file).to_owned(),
                line: *line,
                extent,
            });
        };
        for hit in patterns.express.captures_iter(text) {
            let decorates = hit.get(1).is_some_and(|at| !at.is_empty());
            let (receiver, method, path) = (group(&hit, 2), group(&hit, 3), group(&hit, 4));
            if let Some(extent) = receives(receiver, decorates, inner) {
                put(Some(method), path, extent);
            }
        }
        for hit in patterns.flask.captures_iter(text) {
            let extent = receives(group(&hit, 1), true, inner).unwrap_or(Extent::Mounted);
            each_method(&patterns.methods, group(&hit, 3), |method| put(Some(method), group(&hit, 2), extent));
        }
        for hit in patterns.starlette.captures_iter(text).filter(|_| has_extension(file, "py")) {
            each_method(&patterns.methods, group(&hit, 2), |method| put(Some(method), group(&hit, 1), inner));
        }
        for hit in patterns.fastify.captures_iter(text) {
            each_method(&patterns.methods, text, |method| put(Some(method), group(&hit, 1), inner));
        }
        for hit in patterns.axum.captures_iter(text).filter(|_| has_extension(file, "rs")) {
            let rest = group(&hit, 2);
            let mut any = false;
            for handler in patterns.handlers.captures_iter(rest) {
                any = true;
                put(Some(group(&handler, 1)), group(&hit, 1), inner);
            }
            if !any {
                put(None, group(&hit, 1), inner);
            }
        }
        for hit in patterns.attribute.captures_iter(text) {
            put(Some(group(&hit, 1)), group(&hit, 2), Extent::Mounted);
        }
        for hit in patterns.go.captures_iter(text) {
            let method = group(&hit, 1);
            let path = group(&hit, 2);
            put((!method.is_empty()).then_some(method), path, if path.ends_with('/') { Extent::Below } else { inner });
        }
        for hit in patterns.spring.captures_iter(text) {
            let method = group(&hit, 1);
            put((method != "Request").then_some(method), group(&hit, 2), Extent::Mounted);
        }
    }
    found.retain(|route| route.path != "/*" && route.path != "*");
    found
}

/// What the proxies' lines pass on to a service; static files and redirects are left out.
pub fn passed_on(lines: &[Placed<'_>]) -> Vec<Route> {
    let Some(patterns) = PATTERNS.as_ref() else { return Vec::new() };
    let mut found: Vec<Route> = Vec::new();
    // A location counts once something in it passes on.
    let mut open: Option<Route> = None;
    for (file, line, text) in lines.iter().filter(|(file, _, text)| !is_made_up(file) && !is_comment(text)) {
        let put = |path: &str, extent: Extent| Route {
            method: None,
            path: path.trim_matches('"').to_owned(),
            file: (*file).to_owned(),
            line: *line,
            extent,
        };
        if open.as_ref().is_some_and(|route| route.file != *file) {
            open = None;
        }
        if let Some(hit) = patterns.location.captures(text) {
            let extent = match group(&hit, 1) {
                "=" => Extent::Whole,
                "~" | "~*" => Extent::Pattern,
                _ => Extent::Below,
            };
            open = Some(put(group(&hit, 2), extent));
        }
        if patterns.passes.is_match(text) {
            found.extend(open.take());
        } else if let Some(hit) = patterns.caddy.captures(text) {
            let path = group(&hit, 1);
            let extent = if path.ends_with('*') { Extent::Below } else { Extent::Whole };
            found.push(put(path.trim_end_matches('*'), extent));
        } else if let Some(hit) = patterns.haproxy.captures(text) {
            let begins = !group(&hit, 1).is_empty() || text.contains("-m beg");
            found.push(put(group(&hit, 2), if begins { Extent::Below } else { Extent::Whole }));
        }
    }
    // What passes everything on names nothing.
    found.retain(|route| route.extent == Extent::Pattern || (route.path.starts_with('/') && route.path != "/"));
    found
}

impl Route {
    /// Whether the path (of an endpoint that is known) is what this route serves.
    pub fn serves(&self, method: &str, path: &str) -> bool {
        if self.method.as_deref().is_some_and(|own| own != method) {
            return false;
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        match self.extent {
            Extent::Pattern => Regex::new(&self.path).is_ok_and(|pattern| pattern.is_match(path)),
            Extent::Below => {
                let own = self.path.trim_end_matches('/');
                path.strip_prefix(own)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'))
            }
            Extent::Whole => same_segments(&segments(&self.path), &segments(path)),
            Extent::Mounted => {
                let (own, path) = (segments(&self.path), segments(path));
                path.len() >= own.len() && same_segments(&own, path.get(path.len() - own.len()..).unwrap_or_default())
            }
        }
    }

    /// The path as it can be asked for, `1` in place of each parameter; `None` where it is not known as a whole.
    pub fn askable(&self) -> Option<String> {
        match self.extent {
            Extent::Mounted | Extent::Pattern => None,
            Extent::Whole | Extent::Below => {
                let filled: Vec<&str> =
                    self.path.split('/').map(|segment| if is_parameter(segment) { "1" } else { segment }).collect();
                let path = filled.join("/");
                path.bytes().all(|byte| byte.is_ascii_graphic() && !b"*()|\\^$[]{}\"'".contains(&byte)).then_some(path)
            }
        }
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let method = self.method.as_deref().map_or_else(String::new, |method| format!("{method} "));
        write!(f, "{method}{} ({}:{})", self.path, self.file, self.line)
    }
}

fn group<'a>(hit: &regex::Captures<'a>, number: usize) -> &'a str {
    hit.get(number).map_or("", |found| found.as_str())
}

/// Calls `put` for each method named in the arguments, for GET where none is.
fn each_method(methods: &Regex, arguments: &str, mut put: impl FnMut(&str)) {
    let mut any = false;
    for hit in methods.captures_iter(arguments) {
        any = true;
        put(group(&hit, 1));
    }
    if !any {
        put("GET");
    }
}

/// Whether a call on this name declares a route (and does not send a request, or read a map), and how whole its path is.
fn receives(name: &str, decorates: bool, inner: Extent) -> Option<Extent> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "app" | "server" | "fastify" | "mux" | "e" | "koa" | "hono" | "engine" => {
            Some(if lower == "fastify" || decorates { inner } else { Extent::Whole })
        }
        "r" | "g" | "v1" | "v2" | "bp" | "blueprint" | "group" | "route" | "routes" => Some(Extent::Mounted),
        other if other.ends_with("router") || other.ends_with("routes") || other.ends_with("group") => {
            Some(Extent::Mounted)
        }
        other if other.ends_with("app") => Some(Extent::Whole),
        _ if decorates => Some(Extent::Mounted),
        _ => None,
    }
}

fn has_extension(file: &str, extension: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|known| known.eq_ignore_ascii_case(extension))
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn same_segments(own: &[&str], path: &[&str]) -> bool {
    own.len() == path.len() && own.iter().zip(path).all(|(own, given)| is_parameter(own) || own == given)
}

fn is_parameter(segment: &str) -> bool {
    segment.contains([':', '{', '<', '*'])
}

/// Tests, examples and foreign code serve nothing.
fn is_made_up(file: &str) -> bool {
    const FOLDERS: [&str; 20] = [
        "test",
        "tests",
        "spec",
        "specs",
        "__tests__",
        "fixtures",
        "example",
        "examples",
        "docs",
        "doc",
        "node_modules",
        "vendor",
        "testdata",
        "mock",
        "mocks",
        "dist",
        "build",
        "e2e",
        "bench",
        "benches",
    ];
    let name = file.rsplit('/').next().unwrap_or_default();
    file.split('/').any(|part| FOLDERS.contains(&part.to_ascii_lowercase().as_str()))
        || [".test.", ".spec.", "_test.", ".example", ".sample"].iter().any(|part| name.contains(part))
        || name.starts_with("test_")
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "# ", "*", "/*", "--", "\"\"\""].iter().any(|mark| text.starts_with(mark))
}

#[cfg(test)]
mod tests;
