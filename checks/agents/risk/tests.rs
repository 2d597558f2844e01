use super::*;
use serde_json::json;

fn risk(name: &str, description: &str, parameters: &[&str]) -> Option<Risk> {
    let properties: serde_json::Map<String, serde_json::Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    let tool = Tool {
        name: name.into(),
        title: String::new(),
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
        ("do", "Runs a command.", &["command"], Risk::Commands),
        ("do", "", &["shell_command"], Risk::Commands),
        ("code_interpreter", "", &[], Risk::Commands),
        ("do", "", &["command"], Risk::TakesCommands),
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
        ("refund", "Runs the refund process for an order.", &["order"]),
        ("loyalty", "Launches the loyalty program.", &["customer"]),
        ("add_note", "Stores a note. It does not run commands.", &["text"]),
    ] {
        assert_eq!(risk(name, description, parameters), None, "{name}");
    }
}

#[test]
fn a_play_and_a_lamp_run_no_commands() {
    for (name, description, parameter) in
        [("stage", "Puts a play on the programme.", "script"), ("lamp", "Sends a command to the lamp.", "command")]
    {
        assert_eq!(risk(name, description, &[parameter]), Some(Risk::TakesCommands), "{name}");
    }
}

#[test]
fn what_stands_in_titles_parameters_and_lists_is_read() {
    let base = Tool {
        name: "kubectl".into(),
        title: String::new(),
        description: String::new(),
        input_schema: json!({}),
        annotations: json!({}),
        sha256: String::new(),
    };
    let args = json!({ "properties": { "args": { "type": "string", "description": "shell command line" } } });
    let steps = json!({ "properties": { "steps": { "type": "array", "items": { "properties": { "command": {
            "type": "string" } } } } } });
    let lamp = json!({ "properties": { "command": { "enum": ["on", "off"], "description": "the command to run" } } });
    for (name, title, input_schema, expected) in [
        ("kubectl", "", args, Some(Risk::Commands)),
        ("batch", "", steps, Some(Risk::Commands)),
        ("helper", "Execute shell commands", json!({}), Some(Risk::Commands)),
        ("lamp", "", lamp, None),
    ] {
        let tool = Tool { name: name.into(), title: title.into(), input_schema, ..base.clone() };
        assert_eq!(of(&tool).map(|(risk, _)| risk), expected, "{name}");
    }
}
