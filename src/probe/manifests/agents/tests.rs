use super::*;

fn read(name: &str, text: &str) -> Vec<(String, Weight, Option<u32>)> {
    assert!(is(name), "{name}");
    let marks = marks(&File { name, text }).unwrap().unwrap_or_default();
    marks.into_iter().map(|mark| (mark.aspect, mark.weight, mark.line)).collect()
}

#[test]
fn what_runs_unasked_is_a_fault() {
    for (name, text, aspect) in [
        (".claude/settings.json", "{\"permissions\":{\"defaultMode\":\"bypassPermissions\"}}", "bypass"),
        (".claude/settings.json", "{\"permissions\":{\"allow\":[\"Bash(*)\"]}}", "every-command"),
        (".claude/settings.json", "{\"permissions\":{\"allow\":[\"Bash(bash:*)\"]}}", "every-command"),
        (".claude/settings.json", "{\"permissions\":{\"allow\":[\"Bash(sudo:*)\"]}}", "every-command"),
        (".claude/settings.json", "{\"permissions\":{\"allow\":[\"Bash(sh -c:*)\"]}}", "every-command"),
        (".claude/settings.json", "{\"permissions\":{\"allow\":[\"Bash(python -c:*)\"]}}", "every-command"),
        (".mcp.json", "{\"mcpServers\":{\"a\":{\"command\":\"docker\",\"args\":[\"--privileged\"]}}}", "whole-machine"),
        (
            ".mcp.json",
            "{\"mcpServers\":{\"a\":{\"command\":\"docker\",\"args\":[\"-v\",\"/:/host\"]}}}",
            "whole-machine",
        ),
        (".claude/settings.local.json", "{\"enableAllProjectMcpServers\":true}", "every-server"),
        (".vscode/settings.json", "{ // yes\n \"chat.tools.global.autoApprove\": true, }", "auto-approve"),
        (".vscode/settings.json", "{\"chat.tools.terminal.autoApprove\":{\"/.*/\":true}}", "every-command"),
        (".cursor/permissions.json", "{\"terminalAllowlist\":[\"*\"]}", "every-command"),
        (".cursor/cli.json", "{\"permissions\":{\"allow\":[\"Shell(*)\"]}}", "every-command"),
        (".codex/config.toml", "sandbox_mode = \"danger-full-access\"", "bypass"),
        (".codex/config.toml", "[profiles.fast]\nsandbox_mode = \"danger-full-access\"", "bypass"),
        (".gemini/settings.json", "{\"mcpServers\":{\"a\":{\"trust\":true}}}", "auto-approve"),
        (".mcp.json", "{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\"-y\",\"@scope/server\"]}}}", "unpinned"),
    ] {
        let marks = read(name, text);
        assert_eq!(marks.len(), 1, "{name} {text} {marks:?}");
        assert_eq!((marks[0].0.as_str(), marks[0].1), (aspect, Weight::Fault), "{name} {text}");
    }
}

#[test]
fn narrow_rules_pinned_servers_and_references_are_no_fault() {
    for (name, text) in [
        (
            ".claude/settings.json",
            "{\"permissions\":{\"allow\":[\"Read(./src/**)\",\"Bash(npm test)\",\"Bash(npm run:*)\",\"Bash(python manage.py:*)\",\"Bash(sh build.sh)\"],\"deny\":[\"Bash(curl:*)\"]}}",
        ),
        (".mcp.json", "{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\"-y\",\"@scope/server@1.2.3\"]}}}"),
        (
            ".mcp.json",
            "{\"mcpServers\":{\"a\":{\"url\":\"https://x\",\"headers\":{\"Authorization\":\"Bearer ${TOKEN}\"}}}}",
        ),
        (".cursor/mcp.json", "{\"mcpServers\":{\"a\":{\"command\":\"uvx\",\"args\":[\"server==2.0\"]}}}"),
    ] {
        assert_eq!(read(name, text), [], "{text}");
    }
}

#[test]
fn a_literal_credential_is_a_fault_and_never_shown() {
    let made_up = ["made", "up", "value", "0123456789"].concat();
    let text = format!("{{\"servers\":{{\"a\":{{\n\"headers\":{{\n\"Authorization\":\"Bearer {made_up}\"}}}}}}}}");
    let found = marks(&File { name: ".vscode/mcp.json", text: &text }).unwrap().unwrap();
    assert_eq!((found.len(), found[0].line), (1, Some(3)));
    assert!(!found[0].what.contains(&made_up));
}
