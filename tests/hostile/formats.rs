//! Every format that the binary has, told by itself: a new one joins without a word here.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::rig::{Stage, token};

/// The names of the formats, as the refusal of an unknown one lists them.
pub(crate) fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
            .args(["audit", "--repo", ".", "--format", "no-such-format"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, list) = said.split_once("there are ").unwrap_or_else(|| panic!("no list of formats in: {said}"));
        let list = list.split('\n').next().unwrap_or_default();
        let names: Vec<String> = list.split(", ").map(|name| name.trim().to_owned()).collect();
        assert!(names.len() >= 2 && names.iter().any(|name| name == "json"), "{names:?}");
        names
    })
}

/// Shows the evidence in every format, and holds each to what its readers expect. The text of each.
pub(crate) fn all(stage: &Stage, evidence: &str) -> Result<Vec<(String, String)>, String> {
    let mut arguments = vec!["replay".to_owned(), evidence.to_owned()];
    for name in names() {
        let file = stage.path(&format!("shown.{name}"));
        arguments.extend(["--format".to_owned(), format!("{name}={}", file.display())]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = stage.run(&arguments, Duration::from_mins(1))?;
    if ran.code == 2 {
        return Err(format!("the evidence cannot be shown: {}", ran.stderr));
    }
    names()
        .iter()
        .map(|name| {
            let file = stage.path(&format!("shown.{name}"));
            let bytes = std::fs::read(&file).map_err(|error| format!("{name}: {error}"))?;
            let text = String::from_utf8(bytes).map_err(|error| format!("{name}: {error}"))?;
            valid(name, &text, &file).map_err(|fault| format!("{name}: {fault}"))?;
            Ok((name.clone(), text))
        })
        .collect()
}

fn valid(name: &str, text: &str, file: &Path) -> Result<(), String> {
    if text.contains(&token()) {
        return Err("the token is in it".into());
    }
    if let Some(character) = text.chars().find(|character| obeys(*character)) {
        return Err(format!("it has the raw character U+{:04X}", u32::from(character)));
    }
    match name {
        "json" => {
            let report: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
            let schema = SCHEMA.get_or_init(|| {
                let output =
                    Command::new(env!("CARGO_BIN_EXE_watertight")).args(["schema", "report"]).output().unwrap();
                jsonschema::validator_for(&serde_json::from_slice(&output.stdout).unwrap()).unwrap()
            });
            schema.validate(&report).map_err(|error| error.to_string())
        }
        "sarif" => sarif(text),
        "junit" | "xml" => well_formed(file),
        "csv" => csv(text),
        "html" => html(text),
        // Workflow commands stand at the beginning of a line; none but ours may.
        "github" => text
            .lines()
            .find(|line| line.starts_with("::set-") || line.contains("##vso["))
            .map_or(Ok(()), |line| Err(format!("a command of the audited system: {line}"))),
        // What is left is shown on a terminal or as Markdown; that no control character is in it was asserted above.
        _ if text.is_empty() => Err("it is empty".into()),
        _ => Ok(()),
    }
}

/// Whether a terminal, an editor or a reader may do something else with it than show it.
fn obeys(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn sarif(text: &str) -> Result<(), String> {
    let log: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if log["version"] != "2.1.0" {
        return Err(format!("the version is {}", log["version"]));
    }
    let mut prints = std::collections::BTreeSet::new();
    for result in
        log["runs"].as_array().into_iter().flatten().flat_map(|run| run["results"].as_array().into_iter().flatten())
    {
        for place in result["locations"].as_array().into_iter().flatten() {
            let uri = place["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap_or_default();
            let leaves = uri.split('/').any(|part| part == ".." || part.eq_ignore_ascii_case("%2e%2e"));
            if uri.starts_with('/') || uri.starts_with("file:") || leaves {
                return Err(format!("a place outside the repository: {uri}"));
            }
        }
        if let Some(print) = result.get("partialFingerprints").filter(|print| !print.is_null())
            && !prints.insert(format!("{} {print}", result["ruleId"]))
        {
            return Err(format!("two results have the fingerprint {print}"));
        }
    }
    Ok(())
}

fn well_formed(file: &Path) -> Result<(), String> {
    let script = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
    let output = Command::new("python3").args(["-c", script]).arg(file).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// RFC 4180: every record has as many fields as the first; and no field is a formula (CWE-1236).
fn csv(text: &str) -> Result<(), String> {
    let mut records: Vec<Vec<String>> = vec![vec![String::new()]];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let record = records.last_mut().ok_or("no record")?;
        let field = record.last_mut().ok_or("no field")?;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                field.push('"');
                letters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            '\r' if !quoted => {}
            letter => field.push(letter),
        }
    }
    records.retain(|record| record.len() > 1 || record.first().is_some_and(|field| !field.is_empty()));
    let columns = records.first().map_or(0, Vec::len);
    for record in &records {
        if record.len() != columns {
            return Err(format!("{} fields, not {columns}: {record:?}", record.len()));
        }
        if let Some(formula) = record.iter().find(|field| field.starts_with(['=', '+', '-', '@', '\t', '\r'])) {
            return Err(format!("a formula: {formula}"));
        }
    }
    Ok(())
}

/// Nothing of the audited system becomes markup, and nothing is loaded or linked but what the page itself brings.
fn html(text: &str) -> Result<(), String> {
    let low = text.to_ascii_lowercase();
    for bad in ["<script>alert", "<img", "onerror=alert(1)>", "href=\"javascript:", "href='javascript:", "<iframe"] {
        if low.contains(bad) {
            return Err(format!("{bad} stands in it as markup"));
        }
    }
    Ok(())
}
