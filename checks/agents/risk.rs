//! What a tool could do, read from its name, its title, its description and its parameters; never from its own
//! annotations, which are promises of the one who is to be judged.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::evidence::mcp::Tool;

/// From the most dangerous to the least.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Risk {
    Commands,
    Secrets,
    ChangesFiles,
    Queries,
    ReadsFiles,
    Network,
    TakesCommands,
}

impl Risk {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Commands => "runs commands or code",
            Self::Secrets => "hands out secrets or the environment",
            Self::ChangesFiles => "changes files",
            Self::Queries => "runs queries that its caller writes",
            Self::ReadsFiles => "reads files",
            Self::Network => "reaches the network at its caller's word",
            Self::TakesCommands => "takes a command or code, and does not say whether it runs it",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Commands => "runs-commands",
            Self::Secrets => "reads-secrets",
            Self::ChangesFiles => "changes-files",
            Self::Queries => "runs-queries",
            Self::ReadsFiles => "reads-files",
            Self::Network => "reaches-network",
            Self::TakesCommands => "takes-commands",
        }
    }
}

/// The worst that the tool looks able to do, and what shows it; `None` for a harmless one.
pub(super) fn of(tool: &Tool) -> Option<(Risk, String)> {
    let words = words(&tool.name);
    let has = |any: &[&str]| any.iter().any(|word| words.contains(*word));
    let named = || format!("its name is `{}`", shown(&tool.name));
    let parameters = parameters(&tool.input_schema);
    let parameter = |any: &[&str]| parameters.iter().map(|taken| &taken.name).find(|name| any.contains(&name.as_str()));
    let prose = format!("{}\n{}", tool.title, tool.description);
    let described = |pattern: &Regex| positive(pattern, &prose);
    let takes = |name: &String| format!("it takes a `{}`", shown(name));

    if let Some(why) = commands(tool, &words, &parameters, &prose) {
        return Some((Risk::Commands, why));
    }
    let secret =
        ["env", "environ", "secret", "secrets", "credential", "credentials", "password", "passwords", "keychain"];
    let writes = has(&["set", "create", "update", "generate", "check", "validate", "rotate"]);
    if has(&secret) && !writes {
        return Some((Risk::Secrets, named()));
    }
    if let Some(phrase) = described(&SECRETS) {
        return Some((Risk::Secrets, phrase));
    }
    let file = has(&["file", "files", "directory", "folder", "filesystem", "disk", "path"]);
    if file
        && has(&["write", "delete", "remove", "edit", "move", "rename", "create", "append", "upload", "patch", "save"])
    {
        return Some((Risk::ChangesFiles, named()));
    }
    if let Some(phrase) = described(&CHANGES) {
        return Some((Risk::ChangesFiles, phrase));
    }
    if has(&["sql"]) {
        return Some((Risk::Queries, named()));
    }
    if let Some(name) = parameter(&["sql", "statement", "cypher"]) {
        return Some((Risk::Queries, takes(name)));
    }
    if file && has(&["read", "list", "open", "get", "search", "load", "tree", "grep", "glob"]) {
        return Some((Risk::ReadsFiles, named()));
    }
    if let Some(name) = parameter(&["path", "paths", "file", "filename", "filepath", "file_path", "directory"]) {
        return Some((Risk::ReadsFiles, takes(name)));
    }
    if has(&["fetch", "http", "curl", "browse", "scrape", "crawl", "navigate", "webhook", "download"]) {
        return Some((Risk::Network, named()));
    }
    if let Some(name) = parameter(&["url", "urls", "uri", "host", "hostname", "endpoint", "webhook"]) {
        return Some((Risk::Network, takes(name)));
    }
    parameters.iter().find(|taken| taken.is_command()).map(|taken| (Risk::TakesCommands, takes(&taken.name)))
}

/// Why the tool looks as if it ran what it is given. Prose alone is none ("runs the refund process"), and neither is a
/// parameter alone: a play has a script, a lamp gets commands.
fn commands(tool: &Tool, words: &BTreeSet<String>, parameters: &[Taken], prose: &str) -> Option<String> {
    let has = |any: &[&str]| any.iter().any(|word| words.contains(*word));
    let shell = [
        "shell",
        "bash",
        "zsh",
        "terminal",
        "powershell",
        "subprocess",
        "sudo",
        "eval",
        "exec",
        "cmd",
        "repl",
        "interpreter",
    ];
    let verb = has(&["run", "execute", "exec", "invoke", "spawn", "launch"]);
    if has(&shell) || (verb && has(&["command", "commands", "script", "code", "python", "node", "js"])) {
        return Some(format!("its name is `{}`", shown(&tool.name)));
    }
    if let Some(phrase) = positive(&SHELL, prose) {
        return Some(phrase);
    }
    let taken = |taken: &Taken, phrase: &str| format!("it takes a `{}`, {phrase}", shown(&taken.name));
    if let Some(own) = parameters.iter().find(|taken| taken.is_shell()) {
        return Some(format!("it takes a `{}`", shown(&own.name)));
    }
    for parameter in parameters.iter().filter(|parameter| parameter.free) {
        if let Some(phrase) = positive(&GIVEN, &parameter.said) {
            return Some(taken(parameter, &phrase));
        }
    }
    let given = parameters.iter().find(|parameter| parameter.is_command())?;
    let phrase = positive(&COMMANDS, prose).or_else(|| positive(&RUNS, &given.said));
    let named = (verb || has(&["batch"])).then(|| format!("and its name is `{}`", shown(&tool.name)));
    phrase.or(named).map(|phrase| taken(given, &phrase))
}

#[expect(clippy::unwrap_used, reason = "constant patterns; tests use each of them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static COMMANDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(runs?|running|executes?|executing|evaluates?|spawns?|launches)\b[^.\n]{0,40}\b(commands?|shell|bash|scripts?|code|programs?|process(es)?|python|javascript)\b",
    )
});
/// Says alone that a caller's command runs.
static SHELL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(runs?|running|executes?|executing|evaluates?|spawns?)\b[^.\n]{0,40}\b((shell|bash|system|terminal|arbitrary|python|javascript) (commands?|scripts?|code)|commands? (on|in) (the|a) (server|host|machine|shell|system))\b",
    )
});
/// What a parameter says of itself where it is a command or code, whatever its name.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(shell|bash|powershell) (command|script|line|code)|\b(commands?|code|scripts?)( line)? (to|that is to be) (be )?(run|execute|executed|evaluate)\b|\bto (run|execute) (in|on) (the|a) (shell|server|host)\b",
    )
});
static RUNS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(runs?|running|executes?|executed|evaluated?)\b"));
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(returns?|reads?|prints?|lists?|dumps?|shows?|gets?|reveals?|exports?|exposes?)\b[^.\n]{0,40}\b(environment variables?|secrets?|credentials?|passwords?|private keys?|api keys?)\b",
    )
});
static CHANGES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(writes?|deletes?|removes?|edits?|overwrites?|renames?|moves?|creates?|modif(y|ies))\b[^.\n]{0,30}\b(files?|director(y|ies)|folders?)\b",
    )
});
static DENIED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(not|never|no|cannot|without|n't)\W+(\w+\W+){0,2}$"));

/// The phrase, unless the words before it deny it ("never runs commands").
fn positive(pattern: &Regex, text: &str) -> Option<String> {
    pattern.find_iter(text).find_map(|found| {
        let before = text.get(..found.start()).unwrap_or_default();
        (!DENIED.is_match(before)).then(|| format!("its description says \"{}\"", shown(found.as_str())))
    })
}

/// `runShell`, `run_shell` and `run-shell` are the words `run` and `shell`.
fn words(name: &str) -> BTreeSet<String> {
    let mut spaced = String::new();
    let mut lower = false;
    for character in name.chars() {
        if character.is_uppercase() && lower {
            spaced.push(' ');
        }
        lower = character.is_lowercase();
        spaced.push(if character.is_alphanumeric() { character } else { ' ' });
    }
    spaced.split_whitespace().map(str::to_lowercase).collect()
}

/// A parameter, wherever it stands in the schema.
struct Taken {
    /// In lower case.
    name: String,
    /// Its title and description.
    said: String,
    /// Its caller writes it: no list of choices.
    free: bool,
}

impl Taken {
    fn is_command(&self) -> bool {
        let names = ["command", "commands", "cmd", "argv", "script", "code"];
        self.free && names.contains(&self.name.as_str())
    }

    fn is_shell(&self) -> bool {
        let names = ["shell", "bash", "commandline", "command_line", "shell_command", "shellcommand", "bash_command"];
        self.free && names.contains(&self.name.as_str())
    }
}

/// Deeper schemas than this are read so far.
const DEPTH: u8 = 6;

/// Every parameter, those inside objects, lists and alternatives, too.
fn parameters(schema: &serde_json::Value) -> Vec<Taken> {
    let mut taken = Vec::new();
    collect(schema, DEPTH, &mut taken);
    taken.sort_by(|one, other| one.name.cmp(&other.name));
    taken
}

fn collect(schema: &serde_json::Value, depth: u8, taken: &mut Vec<Taken>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let text = |schema: &serde_json::Value, key: &str| {
        schema.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    for key in ["properties", "$defs", "definitions"] {
        for (name, inner) in schema.get(key).and_then(serde_json::Value::as_object).into_iter().flatten() {
            if key == "properties" {
                let items = inner.get("items").unwrap_or(inner);
                let said =
                    format!("{}\n{}\n{}", text(inner, "title"), text(inner, "description"), text(items, "description"));
                let free = ["enum", "const"].iter().all(|key| inner.get(key).is_none() && items.get(key).is_none())
                    && !matches!(
                        inner.get("type").and_then(serde_json::Value::as_str),
                        Some("boolean" | "number" | "integer")
                    );
                taken.push(Taken { name: name.to_lowercase(), said, free });
            }
            collect(inner, depth, taken);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            collect(inner, depth, taken);
        }
    }
    for key in ["prefixItems", "anyOf", "oneOf", "allOf"] {
        for inner in schema.get(key).and_then(serde_json::Value::as_array).into_iter().flatten() {
            collect(inner, depth, taken);
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests;
