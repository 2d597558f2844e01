//! The policy.yaml that `init` writes: each knob beneath the sentence that it was taken from, and every other sentence
//! listed as not covered.

use std::fmt::Write as _;

use serde_json::Value;

use super::detect::Proposal;
use super::{Imported, Item, quantity};
use crate::check::Module;
use crate::checks::ALL;
use crate::policy::shipped;

/// What the file is written from.
pub struct From<'a> {
    pub imported: &'a Imported,
    /// The document as the policy names it, relative to the policy.
    pub document: &'a str,
}

/// The text of the policy; without a document, every knob at its default.
pub fn policy(from: Option<&From<'_>>, proposal: &Proposal) -> String {
    let mut text = String::new();
    head(&mut text, from);
    targets(&mut text, from, proposal);
    registers(&mut text);
    if !proposal.knobs.is_empty() {
        text.push_str("\n# The repository itself sets these. Take over into `checks:` what the policy means, too.\n");
    }
    for knob in &proposal.knobs {
        let _ = writeln!(text, "#   {}   # seen in {}", comment(&knob.yaml), comment(&knob.seen));
    }
    match from {
        Some(from) => {
            checks(&mut text, from.imported);
            not_covered(&mut text, from.imported);
        }
        None => {
            text.push_str("\n# Every item of the checklist, with its knobs at their defaults.\n");
            text.push_str(&shipped::checks());
        }
    }
    text
}

/// How many sentences there are, are bound, and are not covered; the numbers of a document add up.
pub fn summary(imported: &Imported) -> String {
    let (bound, open) = (imported.bound().count(), imported.not_covered().count());
    format!("{} sentences: {bound} bound to a check, {open} not covered", imported.items.len())
}

fn head(text: &mut String, from: Option<&From<'_>>) {
    // Writing to a String cannot fail.
    match from {
        Some(from) => {
            let _ = writeln!(
                text,
                "# Read from {} by `watertight init`: {}.",
                comment(from.document),
                summary(from.imported)
            );
            text.push_str("# Each check stands beneath the sentences that it answers for; what no check judges is listed at the end.\n");
            text.push_str(
                "# Read it through: this file is the policy from now on, not the document that it was read from.\n",
            );
        }
        None => text.push_str(
            "# Written by `watertight init`. Name your targets, and change what your policy says differently.\n",
        ),
    }
    let name = from.and_then(|from| from.imported.title.as_deref()).unwrap_or("Security policy");
    let _ = write!(text, "version: 1\nname: {}\n", quoted(name));
    let Some(from) = from else { return };
    text.push_str("\n# `watertight audit --format checklist` gives this document back, its boxes ticked or not.\n");
    let _ = writeln!(text, "document: {}", quoted(from.document));
    let boxes = from.imported.boxes();
    if boxes.is_empty() {
        return;
    }
    text.push_str(
        "# Which checks tick each box; a box without checks is for a person, and no audit ticks it.\nboxes:\n",
    );
    for (_, line, sentence, checks) in boxes {
        let _ = writeln!(text, "  # line {line}");
        let _ = writeln!(text, "  - {{ text: {}, checks: [{}] }}", quoted(&sentence), checks.join(", "));
    }
}

fn targets(text: &mut String, from: Option<&From<'_>>, proposal: &Proposal) {
    text.push_str("\n# What is audited. The repository is; a deployment is once its lines are completed and uncommented.\ntargets:\n");
    let _ = writeln!(text, "  - name: production\n    environment: production");
    let _ = writeln!(text, "    repository: {}", quoted(&proposal.repository));
    let origins: Vec<String> = from.map(|from| origins(from.imported)).unwrap_or_default();
    let has = |key: &str| proposal.lines.iter().any(|line| line.key == key);
    for line in &proposal.lines {
        let _ = writeln!(text, "    # {}   # seen in {}", comment(&line.yaml), comment(&line.seen));
    }
    let defaults = [
        ("url", "url: https://mcp.example.com"),
        ("authorised", "authorised: { by: NAME, until: YYYY-MM-DD }   # needed for a public address"),
        ("endpoints", "endpoints: [/mcp, GET /api/items]"),
        ("token", "token: { env: MCP_TOKEN }   # where the token is, never its value"),
        ("origins", "origins: [https://app.example.com]   # [] : no browser client at all"),
        ("hosts", "hosts: [{ name: mcp.example.com, reach: public }]"),
        ("tools", "tools: { allow: [search] }"),
        ("logs", "logs: [{ file: /var/log/mcp/app.log }]"),
    ];
    for (key, line) in defaults {
        if key == "origins" && !origins.is_empty() && !has("origins") {
            let _ = writeln!(text, "    # origins: [{}]   # from the document", origins.join(", "));
        } else if !has(key) {
            let _ = writeln!(text, "    # {line}");
        }
    }
    let known = from.map(|from| format!("{} is a written policy", from.document));
    for note in
        proposal.notes.iter().filter(|note| known.as_ref().is_none_or(|known| !note.starts_with(known.as_str())))
    {
        let _ = writeln!(text, "    # note: {}", comment(note));
    }
}

fn registers(text: &mut String) {
    text.push_str(
        "\n# rotations:\n#   - { name: MCP_TOKEN, environment: production, on: YYYY-MM-DD }\n# waivers:\n#   - { check: cors-origins, target: production, until: YYYY-MM-DD, owner: TEAM, reason: WHY }\n# attestations:\n#   - { check: audit-schedule, by: NAME, on: YYYY-MM-DD, until: YYYY-MM-DD, statement: WHAT }\n\n# A waiver may last so many days at most.\nmax-waiver-days: 180\n",
    );
}

/// The origins that the document itself names where it speaks of origins.
fn origins(imported: &Imported) -> Vec<String> {
    let mut origins = Vec::new();
    for item in imported.bound().filter(|item| item.bound.iter().any(|bound| bound.check == "cors-origins")) {
        let words = item.quote.split(|character: char| character.is_whitespace() || "`<>()[],\"'*".contains(character));
        for word in words.filter(|word| word.starts_with("http://") || word.starts_with("https://")) {
            let origin = url::Url::parse(word).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            if origin.starts_with("http") && !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    origins
}

fn checks(text: &mut String, imported: &Imported) {
    text.push_str("\nchecks:\n");
    let mut silent = Vec::new();
    for module in ALL {
        let items: Vec<&Item> =
            imported.bound().filter(|item| item.bound.iter().any(|bound| bound.check == module.about.id)).collect();
        if items.is_empty() {
            silent.push(module);
        } else {
            block(text, module, &items);
        }
    }
    if silent.is_empty() {
        return;
    }
    text.push_str("\n  # The document does not ask for these; they are judged with their defaults all the same, unless an audit says --skip.\n");
    for module in silent {
        let _ = writeln!(text, "  {}: {{}}   # {}", module.about.id, module.about.title);
    }
}

fn block(text: &mut String, module: &Module, items: &[&Item]) {
    let _ = writeln!(text, "  # {}", module.about.title);
    for item in items {
        let _ = writeln!(text, "  # line {}: {}", item.line, comment(&item.quote));
    }
    let (knobs, notes) = chosen(module, items);
    for note in notes {
        let _ = writeln!(text, "  # note: {}", comment(&note));
    }
    if knobs.is_empty() {
        let _ = writeln!(text, "  {}: {{}}", module.about.id);
        return;
    }
    let _ = writeln!(text, "  {}:", module.about.id);
    for (name, value, line) in knobs {
        let _ = writeln!(text, "    {name}: {}   # line {line}", shipped::scalar(&value));
    }
}

type Chosen = (&'static str, Value, u32);

/// The strictest value of each knob, so that no sentence is passed under a laxer one; what lost is told.
fn chosen(module: &Module, items: &[&Item]) -> (Vec<Chosen>, Vec<String>) {
    let mut knobs: Vec<(Chosen, i64)> = Vec::new();
    let mut notes = Vec::new();
    let set = items.iter().flat_map(|item| {
        let bound = item.bound.iter().filter(|bound| bound.check == module.about.id);
        bound.flat_map(|bound| bound.knobs.iter().map(|knob| (item.line, knob)))
    });
    for (line, knob) in set {
        let one = serde_json::json!({ (knob.name): knob.value });
        if (module.bind)(&one).is_err() {
            notes.push(format!(
                "line {line} says {}: {}, which this check cannot be set to",
                knob.name,
                shipped::scalar(&knob.value)
            ));
            continue;
        }
        match knobs.iter_mut().find(|((name, ..), _)| *name == knob.name) {
            Some((known, _)) if known.1 == knob.value => {}
            Some((known, strictness)) if knob.strictness < *strictness => {
                notes.push(format!(
                    "line {} says {}: {}; the stricter holds",
                    known.2,
                    knob.name,
                    shipped::scalar(&known.1)
                ));
                *known = (knob.name, knob.value.clone(), line);
                *strictness = knob.strictness;
            }
            Some(_) => notes.push(format!(
                "line {line} says {}: {}; the stricter holds",
                knob.name,
                shipped::scalar(&knob.value)
            )),
            None => knobs.push(((knob.name, knob.value.clone(), line), knob.strictness)),
        }
    }
    notes.extend(items.iter().filter_map(|item| uncarried(item)));
    let chosen: Vec<Chosen> = knobs.into_iter().map(|(knob, _)| knob).collect();
    let all: Value = chosen
        .iter()
        .map(|(name, value, _)| ((*name).to_owned(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    match (module.bind)(&all) {
        Ok(_) => (chosen, notes),
        Err(error) => {
            notes.push(format!("the values that the document names do not go together ({error}); the defaults hold"));
            (Vec::new(), notes)
        }
    }
}

/// The quantity of a sentence that sets no knob anywhere: the check judges by its own measure then, not by the text's.
fn uncarried(item: &Item) -> Option<String> {
    if item.bound.iter().any(|bound| !bound.knobs.is_empty()) {
        return None;
    }
    let quantity = quantity::with_unit(&item.quote)?;
    Some(format!("line {} says `{quantity}`, which no knob can carry: what is judged is not that", item.line))
}

fn not_covered(text: &mut String, imported: &Imported) {
    let _ = writeln!(
        text,
        "\n# Not covered ({}): no check judges these; they stay with people.",
        imported.not_covered().count()
    );
    for item in imported.not_covered() {
        let _ = writeln!(text, "# line {} ({}): {}", item.line, item.why_not, comment(&item.quote));
    }
}

/// Text that stays within its comment and misleads nobody: line breaks of every kind and characters that reorder text
/// are escaped; what draws emoji stays.
pub fn comment(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        let keeps = matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{200d}' | '\u{ad}');
        if !keeps && crate::report::escape::is_unsafe(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
        shown
    })
}

/// A double-quoted YAML string: JSON's, with what YAML takes for a line break escaped, too.
pub fn quoted(text: &str) -> String {
    let json = Value::String(text.to_owned()).to_string();
    json.chars().fold(String::with_capacity(json.len()), |mut shown, character| {
        if crate::report::escape::is_unsafe(character) && u32::from(character) <= 0xffff {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else if crate::report::escape::is_unsafe(character) {
            let _ = write!(shown, "\\U{:08x}", u32::from(character));
        } else {
            shown.push(character);
        }
        shown
    })
}
