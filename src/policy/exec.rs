//! The user's own checks: programs that a trusted policy names, run without a shell, and never one of the audited
//! repository's.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::reader::{Fields, Reader};
use super::yaml::{Node, Value};
use crate::check::Severity;
use crate::checks::ALL;
use crate::evidence::exec::Speaks;
use crate::period::Period;
use crate::target::Scope;

/// One of the user's own checks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Definition {
    pub id: String,
    pub title: String,
    /// Ids of the statements that it answers for.
    pub statements: Vec<String>,
    pub severity: Severity,
    pub remediation: String,
    /// The program's absolute path and its arguments.
    pub command: Vec<String>,
    pub speaks: Speaks,
    /// What each exit code of a monitoring plug-in means; a code that is not here is inconclusive.
    pub exit: BTreeMap<i32, Meaning>,
    /// Patterns of output that mean trouble of the plug-in's own, whatever its exit code.
    pub errors: Vec<String>,
    pub deadline: Period,
    /// What it looks at: out of that scope it does not run.
    pub scope: Scope,
    /// The targets it belongs to; empty: all.
    pub targets: Vec<String>,
    /// SHA-256 of the program, where it is pinned.
    pub sha256: Option<String>,
    /// Why it must not run.
    pub withheld: Option<String>,
    pub line: u32,
}

/// What an exit code says of the item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    Pass,
    Fail,
    Inconclusive,
}

impl Meaning {
    /// As the policy writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

pub const KEYS: [&str; 14] = [
    "id",
    "title",
    "statements",
    "severity",
    "remediation",
    "command",
    "speaks",
    "exit",
    "errors",
    "deadline",
    "scope",
    "targets",
    "sha256",
    "waivable",
];
const SEVERITIES: [(&str, Severity); 4] =
    [("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];
const MEANINGS: [(&str, Meaning); 3] =
    [("pass", Meaning::Pass), ("fail", Meaning::Fail), ("inconclusive", Meaning::Inconclusive)];
/// A check that takes longer is a job of its own.
const LONGEST: Period = Period::seconds(300);

pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    targets: &[String],
    unwaivable: &mut Vec<String>,
) -> Vec<Definition> {
    let mut known: Vec<Definition> = Vec::new();
    for item in reader.list(node, "checks of your own") {
        let Some(definition) = definition(reader, item, targets, unwaivable) else { continue };
        if known.iter().any(|other| other.id == definition.id) {
            reader.fault(item.span, format!("a second check is named `{}`", definition.id), "give each its own id");
        }
        known.push(definition);
    }
    known
}

fn definition(
    reader: &mut Reader<'_>,
    node: &Node,
    targets: &[String],
    unwaivable: &mut Vec<String>,
) -> Option<Definition> {
    let fields = reader.fields(node, "a check of your own", &KEYS)?;
    for (key, what) in [
        ("id", "how the report calls it"),
        ("title", "what holds when it passes"),
        ("command", "[/absolute/path/of/the/program, ARGUMENT, ...]"),
        ("speaks", "json or plugin"),
    ] {
        if fields.of(key).is_none() {
            reader.fault(node.span, format!("the check has no `{key}`"), format!("add `{key}`: {what}"));
        }
    }
    let id = fields.of("id").and_then(|node| id(reader, node));
    let title = fields.of("title").and_then(|node| reader.string(node, "a sentence that says what holds"));
    let command = fields.of("command").and_then(|node| command(reader, node));
    let speaks = fields
        .of("speaks")
        .and_then(|node| reader.choice(node, "a way to speak", &[("json", Speaks::Json), ("plugin", Speaks::Plugin)]));
    let waivable = fields.of("waivable").is_none_or(|node| reader.flag(node) != Some(false));
    if let Some(id) = id.as_ref().filter(|_| !waivable) {
        unwaivable.push(id.clone());
    }
    let exit = exit(reader, &fields, speaks);
    let errors = errors(reader, &fields);
    let deadline = match fields.of("deadline") {
        Some(node) => {
            let deadline: Period = reader.parsed(node, "a period")?;
            if deadline > LONGEST || deadline.duration().is_zero() {
                reader.fault(
                    node.span,
                    "the deadline is out of bounds",
                    format!("more than nothing, at most {LONGEST}"),
                );
            }
            deadline
        }
        None => Period::seconds(10),
    };
    let mut for_targets = Vec::new();
    for node in fields.of("targets").map(|node| reader.list(node, "targets")).unwrap_or_default() {
        for_targets.extend(super::waiver::known_target(reader, node, targets));
    }
    let severity = fields.of("severity").map(|node| reader.choice(node, "a severity", &SEVERITIES));
    let scope = fields.of("scope").map(|node| {
        let scopes = [("deployment", Scope::Deployment), ("repository", Scope::Repository), ("both", Scope::Both)];
        reader.choice(node, "a scope", &scopes)
    });
    Some(Definition {
        statements: statements(reader, &fields),
        severity: severity.unwrap_or(Some(Severity::Medium))?,
        remediation: match fields.of("remediation") {
            Some(node) => reader.string(node, "what to do where it fails")?,
            None => "See what the program says.".into(),
        },
        sha256: match fields.of("sha256") {
            Some(node) => Some(pin(reader, node)?),
            None => None,
        },
        id: id?,
        title: title?,
        command: command?,
        speaks: speaks?,
        exit,
        errors,
        deadline,
        scope: scope.unwrap_or(Some(Scope::Deployment))?,
        targets: for_targets,
        withheld: None,
        line: node.span.line,
    })
}

fn id(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.string(node, "an id")?;
    let fits = text.len() <= 60
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-');
    if !fits {
        reader.fault(
            node.span,
            "this is not an id",
            "lower-case letters, digits and hyphens, a letter first, at most 60",
        );
        return None;
    }
    if ALL.iter().any(|module| module.about.id == text) {
        reader.fault(node.span, format!("`{text}` is a check of watertight's own"), "give yours another id");
        return None;
    }
    Some(text)
}

fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    if let Value::Scalar { .. } = &node.value {
        reader.fault(
            node.span,
            "a command line for a shell",
            "give a list: [/absolute/path, ARGUMENT, ...]; no shell runs it",
        );
        return None;
    }
    // An empty argument is an argument.
    let command: Vec<String> = reader
        .list(node, "a program and its arguments")
        .iter()
        .filter_map(|item| match &item.value {
            Value::Scalar { text, .. } if !text.contains('\0') => Some(text.clone()),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                reader.fault(item.span, format!("{} stands where an argument is expected", item.kind()), "give text");
                None
            }
        })
        .collect();
    let Some(program) = command.first() else {
        reader.fault(node.span, "the command is empty", "[/absolute/path/of/the/program, ARGUMENT, ...]");
        return None;
    };
    if !Path::new(program).is_absolute() {
        reader.fault(
            node.span,
            format!("`{program}` is not an absolute path"),
            "name the program by its absolute path: nothing is searched for",
        );
        return None;
    }
    // Measured: `negate -s check_tcp -p 1` turns "Connection refused" into exit code 0.
    if command.iter().any(|word| Path::new(word).file_name().is_some_and(|name| name == "negate")) {
        reader.fault(
            node.span,
            "`negate` turns a host that cannot be reached into a pass",
            "let the plug-in itself say what holds",
        );
        return None;
    }
    Some(command)
}

fn exit(reader: &mut Reader<'_>, fields: &Fields<'_>, speaks: Option<Speaks>) -> BTreeMap<i32, Meaning> {
    let mut exit = BTreeMap::new();
    let Some(node) = fields.of("exit") else {
        if speaks == Some(Speaks::Plugin) {
            reader.fault(
                fields.span,
                "what the exit codes mean is not said",
                "add `exit`, such as { 0: pass, 1: fail, 2: inconclusive }: many plug-ins exit 2 where a host cannot be reached",
            );
        }
        return exit;
    };
    if speaks == Some(Speaks::Json) {
        reader.fault(node.span, "a check that speaks JSON says in words what it found", "leave `exit` out");
        return exit;
    }
    let Value::Map(entries) = &node.value else {
        reader.fault(
            node.span,
            format!("{} stands where the exit codes are expected", node.kind()),
            "{ 0: pass, 1: fail }",
        );
        return exit;
    };
    for (key, value) in entries {
        let Some(code) = key.text.parse::<i32>().ok().filter(|code| (0..=255).contains(code)) else {
            reader.fault(key.span, format!("`{}` is not an exit code", key.text), "a number from 0 to 255");
            continue;
        };
        let Some(meaning) = reader.choice(value, "what an exit code can mean", &MEANINGS) else { continue };
        if meaning == Meaning::Pass && code != 0 {
            reader.fault(
                value.span,
                format!("exit code {code} would pass"),
                "only 0 can: every other code also says that something went wrong",
            );
        }
        if meaning == Meaning::Fail && code == 0 {
            reader.fault(value.span, "exit code 0 would fail", "0 says that all is well");
        }
        exit.insert(code, meaning);
    }
    if !exit.values().any(|meaning| *meaning == Meaning::Fail) && !exit.is_empty() {
        reader.fault(node.span, "no exit code means `fail`", "a check that cannot fail proves nothing");
    }
    exit
}

fn errors(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<String> {
    let mut errors = Vec::new();
    for node in fields.of("errors").map(|node| reader.list(node, "patterns")).unwrap_or_default() {
        let Some(text) = reader.string(node, "a pattern") else { continue };
        match Regex::new(&text) {
            Ok(pattern) if pattern.is_match("") => {
                reader.fault(
                    node.span,
                    "this pattern matches everything",
                    "give words that the plug-in says when it is in trouble",
                );
            }
            Ok(_) => errors.push(text),
            Err(error) => {
                let last = error.to_string().lines().last().unwrap_or_default().to_owned();
                reader.fault(node.span, format!("this is not a pattern: {last}"), "give a regular expression");
            }
        }
    }
    errors
}

fn statements(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for node in fields.of("statements").map(|node| reader.list(node, "statements")).unwrap_or_default() {
        let Some(id) = reader.string(node, "the id of a statement") else { continue };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn pin(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.string(node, "a SHA-256")?;
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text.to_ascii_lowercase());
    }
    reader.fault(node.span, "this is not a SHA-256", "64 hexadecimal digits, as sha256sum prints them");
    None
}

/// Withholds what must not run: everything where the policy was found, and whatever lies in an audited repository, be
/// it the program or a script among its arguments. Says what was withheld.
pub fn withhold(definitions: &mut [Definition], trusted: bool, repositories: &[&Path]) -> Vec<String> {
    let mut said = Vec::new();
    for definition in definitions {
        let inside = definition.command.iter().find(|word| {
            let path = Path::new(word.as_str());
            path.is_absolute()
                && path.is_file()
                && repositories.iter().any(|repository| super::trust::is_inside(path, repository))
        });
        let why = match (trusted, inside) {
            (false, _) => "the policy was found, not named by --policy".to_owned(),
            (true, Some(word)) => format!("{word} lies in the audited repository; keep your checks elsewhere"),
            (true, None) => continue,
        };
        said.push(format!("{} was not run: {why}", definition.id));
        definition.withheld = Some(why);
    }
    said
}
