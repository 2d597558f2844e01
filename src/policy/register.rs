//! The rotation register and the incident records: written into the policy, or into a file that it names.

use std::path::Path;

use super::file::{Trust, sha256};
use super::reader::Reader;
use super::source::{self, Links};
use super::trust;
use super::yaml::{self, Node, Value};
use crate::evidence::declared::{Incident, Rotation};
use crate::target::Environment;

pub const ROTATION_KEYS: [&str; 4] = ["name", "environment", "on", "fingerprint"];
pub const INCIDENT_KEYS: [&str; 6] = ["secret", "on", "rotated", "updated", "logs-audited", "record"];
pub const ENVIRONMENTS: [(&str, Environment); 3] = [
    ("development", Environment::Development),
    ("staging", Environment::Staging),
    ("production", Environment::Production),
];

pub struct Registers<'a> {
    pub trust: &'a Trust,
    /// The files that were read, and the SHA-256 of each.
    pub files: Vec<String>,
}

impl Registers<'_> {
    pub fn rotations(
        &mut self,
        reader: &mut Reader<'_>,
        node: Option<&Node>,
        withheld: &mut Vec<String>,
    ) -> Vec<Rotation> {
        self.entries(reader, node, "rotations", withheld, rotation)
    }

    /// A found policy belongs to the repository that leaked: its word that a leak was dealt with does not count.
    pub fn incidents(
        &mut self,
        reader: &mut Reader<'_>,
        node: Option<&Node>,
        withheld: &mut Vec<String>,
    ) -> Vec<Incident> {
        match (self.trust, node) {
            (Trust::Found { .. }, Some(_)) => {
                withheld.push("its `incidents:` have no effect; name the policy with --policy".into());
                Vec::new()
            }
            (Trust::Found { .. } | Trust::Full, _) => self.entries(reader, node, "incidents", withheld, incident),
        }
    }

    fn entries<T>(
        &mut self,
        reader: &mut Reader<'_>,
        node: Option<&Node>,
        what: &str,
        withheld: &mut Vec<String>,
        entry: fn(&mut Reader<'_>, &Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        let Value::Scalar { text, .. } = &node.value else {
            return reader.list(node, what).iter().filter_map(|item| entry(reader, item)).collect();
        };
        let path = reader.directory().join(text);
        if let Trust::Found { root } = self.trust
            && !trust::is_inside(&path, root)
        {
            withheld.push(format!("the register of {what} ({text}) is outside the repository and was not read"));
            return Vec::new();
        }
        let links = match self.trust {
            Trust::Full => Links::Followed,
            Trust::Found { .. } => Links::Refused,
        };
        let source = match source::text(&path, links, yaml::MAX_BYTES as u64) {
            Ok(source) => {
                self.files.push(format!("{text} (SHA-256 {})", sha256(&source)));
                source
            }
            Err(error) => {
                reader.fault(node.span, format!("the register of {what} cannot be read: {error}"), "a YAML file");
                return Vec::new();
            }
        };
        // Lines of a register count in the register, not in the policy: entries read from a file have none.
        let file = path.display().to_string();
        let directory = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let mut inner = Reader::new(&source, &file, &directory);
        let entries = match yaml::parse(&source, &file) {
            Ok(root) => inner.list(&root, what).iter().filter_map(|item| entry(&mut inner, item)).collect(),
            Err(fault) => {
                inner.faults.push(*fault);
                Vec::new()
            }
        };
        reader.faults.append(&mut inner.faults);
        entries
    }
}

fn rotation(reader: &mut Reader<'_>, node: &Node) -> Option<Rotation> {
    let fields = reader.fields(node, "a rotation", &ROTATION_KEYS)?;
    for (key, what) in
        [("name", "the secret's variable or file"), ("environment", "where it is used"), ("on", "the day")]
    {
        if fields.of(key).is_none() {
            reader.fault(node.span, format!("the rotation has no `{key}`"), format!("add `{key}`: {what}"));
        }
    }
    let name = fields.of("name").and_then(|node| reader.string(node, "the secret's name"));
    let environment = fields.of("environment").and_then(|node| reader.choice(node, "an environment", &ENVIRONMENTS));
    let on = fields.of("on").and_then(|node| reader.date(node));
    let fingerprint = match fields.of("fingerprint") {
        Some(node) => Some(fingerprint(reader, node)?),
        None => None,
    };
    Some(Rotation { name: name?, environment: environment?, on: on?, fingerprint, line: Some(node.span.line) })
}

/// `KEYID:HEX`; anything else may be the secret itself.
fn fingerprint(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a keyed fingerprint")?;
    let is_id = |part: &str| part.len() <= 40 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_hex = |part: &str| (16..=64).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split_once(':') {
        Some((key, value)) if is_id(key) && is_hex(value) => Some(text.to_owned()),
        Some(_) | None => {
            reader.hidden(
                node.span,
                "this is not a keyed fingerprint",
                "as `watertight fingerprint` prints it: KEYID:HEX",
            );
            None
        }
    }
}

fn incident(reader: &mut Reader<'_>, node: &Node) -> Option<Incident> {
    let fields = reader.fields(node, "an incident", &INCIDENT_KEYS)?;
    for (key, what) in [("secret", "its name or keyed fingerprint, never its value"), ("on", "the day it was noticed")]
    {
        if fields.of(key).is_none() {
            reader.fault(node.span, format!("the incident has no `{key}`"), format!("add `{key}`: {what}"));
        }
    }
    let secret = fields.of("secret").and_then(|node| reader.string(node, "the secret's name or fingerprint"));
    let on = fields.of("on").and_then(|node| reader.date(node));
    Some(Incident {
        secret: secret?,
        on: on?,
        rotated: fields.of("rotated").and_then(|node| reader.date(node)),
        updated: fields.of("updated").map(|node| reader.strings(node, "systems")).unwrap_or_default(),
        logs_audited: fields.of("logs-audited").and_then(|node| reader.date(node)),
        record: fields.of("record").and_then(|node| reader.string(node, "where it is written down")),
        line: Some(node.span.line),
    })
}
