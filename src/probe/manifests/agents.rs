//! Settings of coding agents and lists of MCP servers: what runs unasked, what is unpinned, which credentials stand
//! there. Each key with its product's documentation.

use serde_json::{Map, Value};

use super::{File, base, has_extension};
use crate::evidence::manifest::{Mark, Weight};

pub(super) fn is(name: &str) -> bool {
    let lists = [".mcp.json", "mcp.json", "mcp_settings.json", "cline_mcp_settings.json", "claude_desktop_config.json"];
    let settings = [
        ".vscode/settings.json",
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".cursor/permissions.json",
        ".cursor/cli.json",
        ".codex/config.toml",
        ".gemini/settings.json",
        ".zed/settings.json",
    ];
    let whole = format!("/{name}");
    lists.contains(&base(name))
        || settings.iter().any(|setting| whole.ends_with(&format!("/{setting}")))
        || name.ends_with(".code-workspace")
}

/// `None` where the file says nothing of agents.
pub(super) fn marks(file: &File<'_>) -> Result<Option<Vec<Mark>>, String> {
    let mut marks = Vec::new();
    let value: Value = if has_extension(file.name, "toml") {
        toml::from_str(file.text).map_err(|error| error.to_string())?
    } else {
        serde_json::from_str(&plain_json(file.text)).map_err(|error| error.to_string())?
    };
    let settings = value.get("settings").filter(|_| file.name.ends_with(".code-workspace")).unwrap_or(&value);
    // `mcpServers`: Claude, Cursor, Cline, Gemini; `servers`: VS Code; `mcp_servers`: Codex; `context_servers`: Zed.
    for key in ["mcpServers", "servers", "mcp_servers", "context_servers"] {
        for (name, server) in settings.get(key).and_then(Value::as_object).into_iter().flatten() {
            server_marks(file, name, server, &mut marks);
        }
    }
    claude(file, settings, &mut marks);
    vs_code(file, settings, &mut marks);
    cursor(file, settings, &mut marks);
    others(file, settings, &mut marks);
    let workspace = file.name.ends_with(".code-workspace") || file.name.ends_with(".vscode/settings.json");
    Ok((!workspace || !marks.is_empty() || file.text.contains("chat.")).then_some(marks))
}

fn server_marks(file: &File<'_>, name: &str, server: &Value, marks: &mut Vec<Mark>) {
    let from = file.line_of(&format!("\"{name}\""), 1).unwrap_or(1);
    let command = server.get("command").and_then(Value::as_str).unwrap_or_default();
    let arguments: Vec<&str> =
        server.get("args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(package) = unpinned(base(command), &arguments) {
        let what = format!("the MCP server {name} runs whatever version of {package} is newest");
        marks.push(file.mark(file.line_of(package, from), Weight::Fault, "unpinned", what));
    }
    if ["docker", "podman", "nerdctl"].contains(&base(command))
        && let Some(grant) = whole_machine(&arguments)
    {
        let what = format!("the MCP server {name} gets the whole machine ({} {grant})", base(command));
        marks.push(file.mark(file.line_of(grant, from), Weight::Fault, "whole-machine", what));
    }
    for key in ["headers", "env"] {
        for (header, value) in server.get(key).and_then(Value::as_object).into_iter().flatten() {
            if value.as_str().is_some_and(|value| is_secret(header, value)) {
                let what = format!("the MCP server {name} has a literal credential in its {key} ({header})");
                marks.push(file.mark(file.line_of(header, from), Weight::Fault, "literal-credential", what));
            }
        }
    }
    // Cline and Kiro: `autoApprove`; Roo Code and Cline: `alwaysAllow`: names of tools that run unasked.
    for key in ["autoApprove", "alwaysAllow"] {
        let line = file.line_of(key, from);
        match server.get(key) {
            Some(Value::Bool(true)) => {
                let what = format!("every tool of the MCP server {name} runs unasked ({key})");
                marks.push(file.mark(line, Weight::Fault, "auto-approve", what));
            }
            Some(Value::Array(tools)) if tools.iter().any(|tool| tool.as_str() == Some("*")) => {
                let what = format!("every tool of the MCP server {name} runs unasked ({key})");
                marks.push(file.mark(line, Weight::Fault, "auto-approve", what));
            }
            Some(Value::Array(tools)) if !tools.is_empty() => {
                let what = format!("{} tools of the MCP server {name} run unasked ({key})", tools.len());
                marks.push(file.mark(line, Weight::Note, "auto-approve", what));
            }
            Some(_) | None => {}
        }
    }
    // Gemini CLI: `trust` skips every confirmation for the server (geminicli.com/docs/tools/mcp-server).
    if server.get("trust") == Some(&Value::Bool(true)) {
        let what = format!("every tool of the MCP server {name} runs unasked (trust)");
        marks.push(file.mark(file.line_of("\"trust\"", from), Weight::Fault, "auto-approve", what));
    }
}

/// The argument that hands a container the machine it runs on.
fn whole_machine<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    arguments.iter().copied().find(|argument| {
        let mount = argument.strip_prefix("-v").or_else(|| argument.strip_prefix("--volume")).unwrap_or(argument);
        let mount = mount.trim_start_matches('=');
        ["--privileged", "--privileged=true", "--pid=host"].contains(argument)
            || mount.starts_with("/:/")
            || mount.starts_with("/var/run/docker.sock:")
            || mount.split(',').any(|part| ["source=/", "src=/"].contains(&part))
    })
}

/// The package that a runner fetches without a version.
fn unpinned<'a>(command: &str, arguments: &[&'a str]) -> Option<&'a str> {
    let mut rest = arguments.iter().copied().filter(|argument| !argument.starts_with('-'));
    let package = match command {
        "npx" | "bunx" | "uvx" => rest.next(),
        "npm" | "pnpm" | "yarn" if arguments.first().is_some_and(|verb| ["exec", "dlx", "x"].contains(verb)) => {
            rest.nth(1)
        }
        "pipx" if arguments.first() == Some(&"run") => rest.nth(1),
        _ => None,
    }?;
    // A path or an archive names its version itself.
    if package.starts_with(['.', '/']) || package.contains("://") {
        return None;
    }
    let version = package.rsplit_once("==").or_else(|| package.get(1..).and_then(|rest| rest.rsplit_once('@')));
    let pinned = version.is_some_and(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()));
    (!pinned).then_some(package)
}

/// Claude Code: `permissions.allow`, `permissions.defaultMode`, `enableAllProjectMcpServers`
/// (code.claude.com/docs/en/settings-reference); Cursor's CLI has the same `permissions.allow` with `Shell(..)`
/// (cursor.com/docs/cli/reference/permissions).
fn claude(file: &File<'_>, settings: &Value, marks: &mut Vec<Mark>) {
    let permissions = settings.get("permissions");
    if permissions.and_then(|permissions| permissions.get("defaultMode")).and_then(Value::as_str)
        == Some("bypassPermissions")
    {
        let what = "the agent runs everything unasked (defaultMode: bypassPermissions)";
        marks.push(file.mark(file.line_of("bypassPermissions", 1), Weight::Fault, "bypass", what));
    }
    let allowed = permissions.and_then(|permissions| permissions.get("allow")).and_then(Value::as_array);
    for rule in allowed.into_iter().flatten().filter_map(Value::as_str) {
        if is_every_command(rule) {
            let what = format!("the agent runs every command unasked (allow: {rule})");
            marks.push(file.mark(file.line_of(&format!("\"{rule}\""), 1), Weight::Fault, "every-command", what));
        }
    }
    if settings.get("enableAllProjectMcpServers") == Some(&Value::Bool(true)) {
        let what = "every MCP server of the project is trusted unasked (enableAllProjectMcpServers)";
        marks.push(file.mark(file.line_of("enableAllProjectMcpServers", 1), Weight::Fault, "every-server", what));
    }
}

/// A rule that allows every command, by itself or through a program that runs whatever it is given.
fn is_every_command(rule: &str) -> bool {
    if ["Bash", "Shell", "*"].contains(&rule) {
        return true;
    }
    let inner =
        rule.strip_prefix("Bash(").or_else(|| rule.strip_prefix("Shell(")).and_then(|rest| rest.strip_suffix(')'));
    let Some(open) = inner.and_then(|inner| inner.strip_suffix('*')) else { return false };
    let open = open.trim_end_matches(['*', ':', ' ']);
    let mut words = open.split_whitespace();
    let Some(program) = words.next() else { return true };
    let runners = ["bash", "sh", "zsh", "dash", "fish", "sudo", "doas", "eval", "exec", "env", "xargs", "ssh", "pwsh"];
    let interpreters = ["python", "python3", "node", "perl", "ruby", "php", "deno", "bun", "osascript"];
    let given = ["-c", "-e", "-r", "-lc", "-ic", "-p", "--eval", "-Command"];
    let program = base(program);
    let bare = words.clone().next().is_none();
    let code = words.all(|word| given.contains(&word));
    (runners.contains(&program) || interpreters.contains(&program)) && (bare || code)
}

/// VS Code: `chat.tools.global.autoApprove`, `chat.tools.autoApprove` before it, and
/// `chat.tools.terminal.autoApprove` (code.visualstudio.com/docs/agents/approvals).
fn vs_code(file: &File<'_>, settings: &Value, marks: &mut Vec<Mark>) {
    for key in ["chat.tools.global.autoApprove", "chat.tools.autoApprove"] {
        if settings.get(key) == Some(&Value::Bool(true)) {
            let what = format!("every tool runs unasked ({key})");
            marks.push(file.mark(file.line_of(key, 1), Weight::Fault, "auto-approve", what));
        }
    }
    let key = "chat.tools.terminal.autoApprove";
    let every = |rules: &Map<String, Value>| {
        rules.iter().any(|(rule, value)| {
            ["*", "/.*/", "/^.*$/", "/.+/"].contains(&rule.as_str()) && *value == Value::Bool(true)
        })
    };
    match settings.get(key) {
        Some(Value::Object(rules)) if !every(rules) => {
            let what = format!("{} kinds of command have a rule of their own ({key})", rules.len());
            marks.push(file.mark(file.line_of(key, 1), Weight::Note, "every-command", what));
        }
        Some(Value::Object(_) | Value::Bool(true)) => {
            let what = format!("every command runs unasked ({key})");
            marks.push(file.mark(file.line_of(key, 1), Weight::Fault, "every-command", what));
        }
        Some(_) | None => {}
    }
}

/// Cursor: `terminalAllowlist` and `mcpAllowlist` (cursor.com/docs/reference/permissions).
fn cursor(file: &File<'_>, settings: &Value, marks: &mut Vec<Mark>) {
    for (key, aspect) in [("terminalAllowlist", "every-command"), ("mcpAllowlist", "auto-approve")] {
        let rules: Vec<&str> =
            settings.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if rules.iter().any(|rule| ["*", "*:*", "**"].contains(rule)) {
            let what = format!("everything runs unasked ({key}: *)");
            marks.push(file.mark(file.line_of(key, 1), Weight::Fault, aspect, what));
        } else if !rules.is_empty() {
            let what = format!("{} entries run unasked ({key})", rules.len());
            marks.push(file.mark(file.line_of(key, 1), Weight::Note, aspect, what));
        }
    }
}

/// Codex: `sandbox_mode`, `approval_policy` (its configuration reference); Zed: `agent.always_allow_tool_actions` and
/// `agent.tool_permissions.default` and that of the terminal alone (zed.dev/docs/ai/tool-permissions; the former before 0.224).
fn others(file: &File<'_>, settings: &Value, marks: &mut Vec<Mark>) {
    // At the top, and in the profiles that `--profile` picks.
    let profiles =
        settings.get("profiles").and_then(Value::as_object).into_iter().flatten().map(|(_, profile)| profile);
    for level in std::iter::once(settings).chain(profiles) {
        if level.get("sandbox_mode").and_then(Value::as_str) == Some("danger-full-access") {
            let what = "the agent runs without a sandbox (sandbox_mode: danger-full-access)";
            marks.push(file.mark(file.line_of("danger-full-access", 1), Weight::Fault, "bypass", what));
        }
    }
    if settings.get("approval_policy").and_then(Value::as_str) == Some("never") {
        let what = "the agent never asks (approval_policy: never); its sandbox alone holds it";
        marks.push(file.mark(file.line_of("approval_policy", 1), Weight::Note, "bypass", what));
    }
    let agent = settings.get("agent");
    let always = agent.and_then(|agent| agent.get("always_allow_tool_actions")) == Some(&Value::Bool(true));
    let default = agent.and_then(|agent| agent.pointer("/tool_permissions/default")).and_then(Value::as_str);
    if always || default == Some("allow") {
        let what = "every tool runs unasked (agent: tool permissions)";
        marks.push(file.mark(file.line_of("agent", 1), Weight::Fault, "auto-approve", what));
    }
    let terminal = agent.and_then(|agent| agent.pointer("/tool_permissions/tools/terminal/default"));
    if terminal.and_then(Value::as_str) == Some("allow") {
        let what = "every command runs unasked (agent: tool_permissions.tools.terminal)";
        marks.push(file.mark(file.line_of("terminal", 1), Weight::Fault, "every-command", what));
    }
}

/// A value that is no reference and no placeholder, under a name that holds credentials.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    let named = ["authorization", "token", "secret", "password", "api_key", "api-key", "apikey", "access_key"];
    let value = value.trim();
    let value = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Basic ")).unwrap_or(value).trim();
    let reference = value.contains("${") || value.contains("{{") || value.starts_with(['$', '<', '%']);
    let lower = value.to_lowercase();
    let placeholder =
        ["your", "example", "changeme", "placeholder", "xxx", "..."].iter().any(|word| lower.contains(word));
    named.iter().any(|word| name.contains(word))
        && value.len() >= 12
        && !reference
        && !placeholder
        && !value.contains(char::is_whitespace)
        && !value.starts_with(['/', '.'])
}

/// JSON without comments and trailing commas, line breaks kept.
fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    let (mut string, mut escaped) = (false, false);
    while let Some(character) = characters.next() {
        if string {
            out.push(character);
            (string, escaped) = (escaped || character != '"', !escaped && character == '\\');
            continue;
        }
        match (character, characters.peek()) {
            ('/', Some('/')) => {
                while characters.peek().is_some_and(|next| *next != '\n') {
                    characters.next();
                }
            }
            ('/', Some('*')) => {
                characters.next();
                let mut last = ' ';
                for next in characters.by_ref() {
                    if next == '\n' {
                        out.push('\n');
                    }
                    if (last, next) == ('*', '/') {
                        break;
                    }
                    last = next;
                }
            }
            (']' | '}', _) => {
                let kept = out.trim_end().len();
                if out.get(..kept).is_some_and(|kept| kept.ends_with(',')) {
                    out.replace_range(kept - 1..kept, "");
                }
                out.push(character);
            }
            (character, _) => {
                string = character == '"';
                out.push(character);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
