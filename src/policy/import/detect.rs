//! What a repository shows about its deployment, as lines of a target that a person completes. Nothing here is active:
//! whoever owns the policy uncomments what is right.

use std::sync::LazyLock;

use regex::Regex;

use super::language::pattern;
use crate::evidence::catalogue;

/// One file of the repository, by its path in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// What `init` proposes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// The repository, relative to the policy.
    pub repository: String,
    /// Lines of the target, commented out.
    pub lines: Vec<Line>,
    /// Blocks of `checks:`, commented out.
    pub knobs: Vec<Line>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub key: &'static str,
    pub yaml: String,
    /// `path:line`.
    pub seen: String,
}

/// Names of files worth reading; the path is in lower case.
pub fn is_telling(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    COMPOSE.is_match(name)
        || matches!(
            name,
            "package.json" | "pyproject.toml" | "requirements.txt" | "cargo.toml" | "mcp.json" | ".mcp.json" | "go.mod"
        )
        || OPENAPI.is_match(name)
        || is_configuration(path)
        || name.contains(".env")
        || name == "security.md"
        || path.starts_with(".github/workflows/")
}

/// Of a web server; the path is in lower case.
fn is_configuration(path: &str) -> bool {
    path.strip_suffix(".template").unwrap_or(path).strip_suffix(".conf").is_some()
        || path.contains("nginx/sites-")
        || path.contains("nginx/conf.d/")
}

/// Reads the files, in the order of their paths.
pub fn propose(repository: &str, sources: &[Source]) -> Proposal {
    let mut proposal = Proposal { repository: repository.to_owned(), ..Proposal::default() };
    for source in sources {
        let path = source.path.to_lowercase();
        let name = path.rsplit('/').next().unwrap_or(&path);
        if COMPOSE.is_match(name) {
            compose(&mut proposal, source);
        } else if is_configuration(&path) {
            nginx(&mut proposal, source);
        } else if OPENAPI.is_match(name) {
            // Many files are called api.json; a description says what it is.
            if !DESCRIBES.is_match(&source.text) {
                continue;
            }
            proposal.line("openapi", format!("openapi: {{ file: {} }}", source.path), source, 1);
        } else if name.contains(".env") {
            env(&mut proposal, source);
        } else if name == "mcp.json" || name == ".mcp.json" {
            proposal
                .notes
                .push(format!("{} configures MCP servers for agents: agent-capabilities reads it", source.path));
        } else if name == "security.md" {
            proposal.notes.push(format!(
                "{} is a written policy: `watertight init --from {}` reads it",
                source.path, source.path
            ));
        } else if path.starts_with(".github/workflows/") {
            if source.text.contains("watertight") {
                proposal.notes.push(format!("{} runs watertight: audit-schedule reads it", source.path));
            }
        } else {
            dependencies(&mut proposal, source);
        }
    }
    proposal
}

impl Proposal {
    /// One proposal a key; the first file that shows it has it.
    fn line(&mut self, key: &'static str, yaml: String, source: &Source, line: usize) {
        if !self.lines.iter().any(|known| known.key == key) {
            self.lines.push(Line { key, yaml, seen: format!("{}:{line}", source.path) });
        }
    }

    /// One block a check, likewise.
    fn knob(&mut self, check: &'static str, yaml: String, source: &Source, line: usize) {
        if !self.knobs.iter().any(|known| known.key == check) {
            self.knobs.push(Line { key: check, yaml, seen: format!("{}:{line}", source.path) });
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn compose(proposal: &mut Proposal, source: &Source) {
    for (number, line) in (1..).zip(source.text.lines()) {
        let image = line.trim().strip_prefix("image:").map(|image| image.trim().trim_matches(['"', '\'']));
        if let Some(image) = image
            && let Some(product) = catalogue::products()
                .iter()
                .find(|product| product.images.iter().any(|part| image.contains(part.as_str())))
        {
            let ports: Vec<String> = product.ports.iter().map(ToString::to_string).collect();
            proposal.line(
                "hosts",
                format!("hosts: [{{ name: localhost, reach: loopback, ports: [{}] }}]", ports.join(", ")),
                source,
                number,
            );
            proposal.note(format!(
                "{}:{number} runs {}: llm-ports looks at it on the hosts that are named",
                source.path, product.product
            ));
        }
        if let Some(port) = PUBLISHED.captures(line).or_else(|| LONG_PORT.captures(line)).and_then(|found| found.get(1))
        {
            proposal.note(format!(
                "{}:{number} publishes port {}: a development target could be `url: http://127.0.0.1:{}`",
                source.path,
                port.as_str(),
                port.as_str()
            ));
        }
    }
}

fn nginx(proposal: &mut Proposal, source: &Source) {
    if !["server", "limit_req", "ssl_protocols"].iter().any(|word| source.text.contains(word)) {
        return;
    }
    let mut paths = Vec::new();
    let mut first = 0;
    let secure = source.text.lines().any(|line| line.contains("listen") && line.contains("ssl"));
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.trim();
        if let Some(found) = SERVER_NAME.captures(line).and_then(|found| found.get(1)) {
            let scheme = if secure { "https" } else { "http" };
            proposal.line("url", format!("url: {scheme}://{}", found.as_str()), source, number);
        }
        if let Some(found) = LOCATION.captures(line).and_then(|found| found.get(1)) {
            if paths.is_empty() {
                first = number;
            }
            paths.push(found.as_str().to_owned());
        }
        if let Some(found) = LIMIT.captures(line)
            && let (Some(limit), Some(unit)) = (found.get(1), found.get(2))
        {
            let window = if unit.as_str() == "m" { "60s" } else { "1s" };
            let block = format!("rate-limit: {{ limit: {}, window: {window} }}", limit.as_str());
            proposal.knob("rate-limit", block, source, number);
        }
        if let Some(found) = PROTOCOLS.captures(line).and_then(|found| found.get(1)) {
            let oldest = VERSION.find_iter(found.as_str()).map(|version| version.as_str()).min();
            // What is older than 1.2 is a fault to be found, not a rule to be taken over (RFC 8996).
            if let Some(version) = oldest.filter(|version| *version >= "1.2") {
                proposal.knob("tls-version", format!("tls-version: {{ minimum: \"{version}\" }}"), source, number);
            }
        }
        if let Some(seconds) =
            HSTS.captures(line).and_then(|found| found.get(1)).and_then(|seconds| seconds.as_str().parse::<u64>().ok())
            && seconds >= 86_400
        {
            proposal.knob(
                "https-enforced",
                format!("https-enforced: {{ hsts: {}d }}", seconds / 86_400),
                source,
                number,
            );
        }
        if let Some(file) = line
            .strip_prefix("access_log ")
            .and_then(|rest| rest.split([' ', ';']).next())
            .filter(|file| file.starts_with('/'))
        {
            proposal.line("logs", format!("logs: [{{ file: {file} }}]"), source, number);
        }
    }
    paths.retain(|path| path != "/" && !path.starts_with("/.well-known"));
    paths.dedup();
    if !paths.is_empty() {
        proposal.line("endpoints", format!("endpoints: [{}]", paths.join(", ")), source, first);
    }
}

fn env(proposal: &mut Proposal, source: &Source) {
    for (number, line) in (1..).zip(source.text.lines()) {
        let Some((name, value)) = line.trim().trim_start_matches("export ").split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim().trim_matches(['"', '\'']));
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || name.is_empty() {
            continue;
        }
        // Only names: the value of a secret is never repeated.
        if TOKEN_NAME.is_match(name) {
            proposal.line("token", format!("token: {{ env: {name} }}"), source, number);
        }
        if name.contains("ORIGIN") {
            let origins: Vec<&str> = value.split([',', ' ']).filter(|origin| ORIGIN.is_match(origin)).collect();
            if !origins.is_empty() {
                proposal.line("origins", format!("origins: [{}]", origins.join(", ")), source, number);
            }
        }
    }
}

fn dependencies(proposal: &mut Proposal, source: &Source) {
    let has = |words: &[&str]| {
        words.iter().find_map(|word| source.text.lines().position(|line| line.contains(word)).map(|at| at + 1))
    };
    if let Some(line) =
        has(&["@modelcontextprotocol/sdk", "fastmcp", "\"mcp", "mcp[", "mcp=", "mcp>", "rmcp", "mcp-go"])
    {
        proposal.line("endpoints", "endpoints: [/mcp]".into(), source, line);
        proposal.note(format!("{}:{line} depends on an MCP library", source.path));
    }
    for (words, what) in [
        (&["\"zod\"", "pydantic", "\"joi\"", "\"ajv\""][..], "validates input against schemas"),
        (&["express-rate-limit", "slowapi", "@fastify/rate-limit", "tower_governor"][..], "limits requests"),
        (&["\"cors\"", "@fastify/cors"][..], "answers browsers of other origins: name them under origins"),
    ] {
        if let Some(line) = has(words) {
            proposal.note(format!("{}:{line} {what}", source.path));
        }
    }
}

static COMPOSE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(docker-)?compose[\w.-]*\.ya?ml$"));
static OPENAPI: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([\w-]+[._-])?(openapi|swagger|api)([._-][\w.-]*)?\.(ya?ml|json)$"));
static DESCRIBES: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?m)^\s*\{?\s*"?(openapi|swagger)"?\s*:\s*["']?[23]"#));
static LONG_PORT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s*(?:-\s*)?published:\s*["']?(\d{2,5})["']?\s*$"#));
static PROTOCOLS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ssl_protocols\s+([^;]+);"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"1\.[0-3]"));
static HSTS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)^add_header\s+strict-transport-security\s+["']?[^;"']*max-age=(\d{1,10})"#));
static PUBLISHED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s*-\s*["']?(?:[\d.]+:)?(\d{2,5}):\d{2,5}["']?\s*$"#));
static SERVER_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^server_name\s+([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,})[\s;]"));
static LOCATION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^location\s+(?:=\s*|\^~\s*)?(/[A-Za-z0-9_./-]*)\s*\{"));
static LIMIT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^limit_req_zone\s.*\brate=(\d+)r/([sm])"));
static TOKEN_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(MCP_\w*TOKEN|API_TOKEN|AUTH_TOKEN|BEARER_TOKEN|ACCESS_TOKEN|MCP_\w*KEY)$"));
static ORIGIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^https?://[A-Za-z0-9.-]+(:\d+)?$"));

#[cfg(test)]
mod tests;
