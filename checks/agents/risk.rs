//! What a tool could do, read from its name, its description and the names of its parameters; never from its own
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
        }
    }
}

/// The worst that the tool looks able to do, and what shows it; `None` for a harmless one.
pub(super) fn of(tool: &Tool) -> Option<(Risk, String)> {
    let words = words(&tool.name);
    let has = |any: &[&str]| any.iter().any(|word| words.contains(*word));
    let named = || format!("its name is `{}`", shown(&tool.name));
    let parameters = parameters(&tool.input_schema);
    let parameter = |any: &[&str]| parameters.iter().find(|name| any.contains(&name.as_str()));
    let described = |pattern: &Regex| positive(pattern, &tool.description);
    let takes = |name: &String| format!("it takes a `{}`", shown(name));

    let verb = has(&["run", "execute", "exec", "invoke", "spawn", "launch"]);
    let shell = ["shell", "bash", "zsh", "terminal", "powershell", "subprocess", "sudo", "eval", "exec", "cmd", "repl"];
    if has(&shell)
        || (verb && has(&["command", "commands", "script", "code", "process", "program", "python", "node", "js"]))
    {
        return Some((Risk::Commands, named()));
    }
    if let Some(phrase) = described(&COMMANDS) {
        return Some((Risk::Commands, phrase));
    }
    if let Some(name) = parameter(&["command", "cmd", "shell", "argv", "commandline", "shell_command", "script"]) {
        return Some((Risk::Commands, takes(name)));
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
    None
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

/// The names of the parameters, two levels deep.
fn parameters(schema: &serde_json::Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let properties =
        |schema: &serde_json::Value| schema.get("properties").and_then(serde_json::Value::as_object).cloned();
    for (name, inner) in properties(schema).into_iter().flatten() {
        names.extend(properties(&inner).into_iter().flatten().map(|(name, _)| name.to_lowercase()));
        names.insert(name.to_lowercase());
    }
    names
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn risk(name: &str, description: &str, parameters: &[&str]) -> Option<Risk> {
        let properties: serde_json::Map<String, serde_json::Value> =
            parameters.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
        let tool = Tool {
            name: name.into(),
            description: description.into(),
            input_schema: json!({ "type": "object", "properties": properties }),
            annotations: json!({ "readOnlyHint": true }),
            sha256: String::new(),
        };
        of(&tool).map(|(risk, _)| risk)
    }

    #[test]
    fn add_and_run_shell_do_not_look_alike() {
        assert_eq!(risk("add", "Adds two numbers.", &["a", "b"]), None);
        assert_eq!(risk("run_shell", "", &[]), Some(Risk::Commands));
    }

    #[test]
    fn dangers_are_told_by_name_description_and_parameters() {
        for (name, description, parameters, expected) in [
            ("runShell", "", &[][..], Risk::Commands),
            ("helper", "Executes an arbitrary shell command on the server.", &[], Risk::Commands),
            ("do", "", &["command"], Risk::Commands),
            ("python_repl", "", &[], Risk::Commands),
            ("get-env", "Returns all environment variables.", &[], Risk::Secrets),
            ("printer", "Prints the environment variables, helpful for debugging", &[], Risk::Secrets),
            ("write_file", "", &["path", "content"], Risk::ChangesFiles),
            ("query", "", &["sql"], Risk::Queries),
            ("read_file", "", &["path"], Risk::ReadsFiles),
            ("fetch", "", &["url"], Risk::Network),
        ] {
            assert_eq!(risk(name, description, parameters), Some(expected), "{name}");
        }
    }

    #[test]
    fn harmless_tools_stay_harmless() {
        for (name, description, parameters) in [
            ("search", "Finds items in the stock list by name.", &["query"][..]),
            ("average", "The average of two numbers.", &["a", "b"]),
            ("echo", "Echoes back the input.", &["message"]),
            ("count_tokens", "Counts the tokens of a text.", &["text"]),
            ("execute_search", "Runs a search in the catalogue.", &["term"]),
            ("add_note", "Stores a note. It does not run commands.", &["text"]),
        ] {
            assert_eq!(risk(name, description, parameters), None, "{name}");
        }
    }
}
