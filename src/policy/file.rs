//! The policy as written becomes the policy as meant, or a list of everything that is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use sha2::{Digest as _, Sha256};

use super::fault::{Fault, Faults};
use super::reader::{Fields, Reader, nearest};
use super::yaml::{self, Node, Value};
use super::{FingerprintKey, Policy, Source, attestation, deployment, document, exec, register, trust, waiver};
use crate::checks::ALL;

/// The keys of a policy.
pub const KEYS: [&str; 13] = [
    "version",
    "name",
    "fingerprint-key",
    "max-waiver-days",
    "targets",
    "checks",
    "document",
    "boxes",
    "exec",
    "rotations",
    "incidents",
    "waivers",
    "attestations",
];

/// Days that a waiver may last where the policy sets no `max-waiver-days`.
pub const MAX_WAIVER_DAYS: u32 = 180;

/// How far the policy is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Named by `--policy`, embedded, or made from the command line.
    Full,
    /// Found as `./policy.yaml`: it may belong to the audited repository, and gets no further than that directory.
    Found { root: PathBuf },
}

/// Where a policy's text comes from.
pub struct Written<'a> {
    pub source: &'a str,
    /// As the user wrote it.
    pub file: &'a str,
    pub directory: &'a Path,
    pub trust: Trust,
    pub today: NaiveDate,
}

/// Reads the policy as meant; all its faults otherwise.
pub fn read(written: &Written<'_>) -> Result<Policy, Faults> {
    let root = yaml::parse(written.source, written.file).map_err(|fault| match written.trust {
        Trust::Full => Faults(vec![*fault]),
        Trust::Found { .. } => Faults(vec![fault.untold()]),
    })?;
    let mut reader = Reader::new(written.source, written.file, written.directory);
    let policy = policy(&mut reader, &root, written);
    reader.faults.sort();
    reader.faults.dedup();
    if let Trust::Found { .. } = written.trust {
        reader.faults = reader.faults.iter().map(Fault::untold).collect();
    }
    match policy {
        Some(policy) if reader.faults.is_empty() => Ok(policy),
        Some(_) | None => Err(Faults(reader.faults)),
    }
}

/// SHA-256 in hexadecimal, as `--policy-sha256` takes it.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn policy(reader: &mut Reader<'_>, root: &Node, written: &Written<'_>) -> Option<Policy> {
    let fields = reader.fields(root, "the policy", &KEYS)?;
    version(reader, &fields);
    let name = match fields.of("name") {
        Some(node) => reader.string(node, "a name for the policy").unwrap_or_default(),
        None => "security policy".into(),
    };
    let mut lines = BTreeMap::new();
    let mut unwaivable = Vec::new();
    let mut common = match fields.of("checks") {
        Some(node) => {
            let blocks = checks(reader, node, &mut unwaivable);
            lines = blocks.iter().map(|(id, block)| (id.clone(), block.line)).collect();
            blocks.into_iter().map(|(id, block)| (id, block.knobs)).collect()
        }
        None => BTreeMap::new(),
    };
    let mut withheld = Vec::new();
    let mut targets = Vec::new();
    for node in fields.of("targets").map(|node| reader.list(node, "targets")).unwrap_or_default() {
        let Some(mut target) = deployment::target(reader, node, &common, &mut unwaivable) else { continue };
        if targets.iter().any(|known: &crate::target::Target| known.name == target.name) {
            reader.fault(node.span, format!("a second target is named `{}`", target.name), "give each its own name");
        }
        if let Trust::Found { root } = &written.trust {
            trust::restrict(&mut target, root, &mut withheld);
        }
        targets.push(target);
    }
    let mut registers = register::Registers { trust: &written.trust, files: Vec::new() };
    let rotations = registers.rotations(reader, fields.of("rotations"), &mut withheld);
    let incidents = registers.incidents(reader, fields.of("incidents"), &mut withheld);
    let max_waiver_days = fields
        .of("max-waiver-days")
        .and_then(|node| reader.number(node, "a number of days"))
        .unwrap_or(MAX_WAIVER_DAYS);
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    let exec = fields.of("exec").map(|node| exec::read(reader, node, &names, &mut unwaivable)).unwrap_or_default();
    let own: Vec<String> = exec.iter().map(|definition| definition.id.clone()).collect();
    let limits = waiver::Limits {
        targets: &names,
        own: &own,
        unwaivable: &unwaivable,
        max_days: max_waiver_days,
        today: written.today,
    };
    let waivers = fields.of("waivers").map(|node| waiver::read(reader, node, &limits)).unwrap_or_default();
    let attestations = fields
        .of("attestations")
        .map(|node| attestation::read(reader, node, &names, max_waiver_days))
        .unwrap_or_default();
    let document = document::read(reader, fields.of("document"), fields.of("boxes"), &written.trust, &own);
    let mut fingerprint_key =
        fields.of("fingerprint-key").and_then(|node| fingerprint_key(reader, node)).unwrap_or_default();
    if let Trust::Found { root } = &written.trust {
        trust::restrict_key(&mut fingerprint_key, root, &mut withheld);
        trust::restrict_knobs(&mut common, "the policy's own `checks:`", &mut withheld);
        if !waivers.is_empty() || !attestations.is_empty() {
            withheld.push("its waivers and attestations have no effect".into());
        }
    }
    Some(Policy {
        name,
        sha256: sha256(written.source),
        source: Source {
            file: written.file.to_owned(),
            trusted: written.trust == Trust::Full,
            withheld,
            registers: registers.files,
        },
        targets,
        rotations,
        incidents,
        waivers,
        attestations,
        max_waiver_days,
        unwaivable,
        fingerprint_key,
        checks: common,
        lines,
        document,
        exec,
    })
}

fn version(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    match fields.of("version") {
        Some(node) if node.json() == serde_json::json!(1) => {}
        Some(node) => reader.fault(node.span, "this version of the policy format is not known", "`version: 1`"),
        None => reader.faults.push(Fault::whole(reader.file, "`version` is missing", "begin with `version: 1`")),
    }
}

fn fingerprint_key(reader: &mut Reader<'_>, node: &Node) -> Option<FingerprintKey> {
    if let Value::Scalar { text, .. } = &node.value {
        return match text.as_str() {
            "own" => Some(FingerprintKey::Own),
            "ephemeral" => Some(FingerprintKey::Ephemeral),
            _ => {
                reader.hidden(
                    node.span,
                    "a literal key must not stand in the policy",
                    "give { env: NAME }, { file: PATH }, own or ephemeral",
                );
                None
            }
        };
    }
    let fields = reader.fields(node, "the fingerprint key", &["env", "file"])?;
    match (fields.of("env"), fields.of("file")) {
        (Some(env), None) => reader.string(env, "the name of an environment variable").map(FingerprintKey::Env),
        (None, Some(file)) => reader.path(file, "a path").map(FingerprintKey::File),
        (Some(_), Some(_)) | (None, None) => {
            reader.fault(node.span, "one source of the key is needed", "give { env: NAME } or { file: PATH }");
            None
        }
    }
}

/// One item's block under `checks:`.
pub(super) struct Block {
    pub(super) line: u32,
    pub(super) knobs: serde_json::Value,
}

/// The blocks under `checks:`, each knob tried against the check that owns it.
pub(super) fn checks(reader: &mut Reader<'_>, node: &Node, unwaivable: &mut Vec<String>) -> BTreeMap<String, Block> {
    let mut blocks = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        reader.fault(
            node.span,
            format!("{} stands where the checks are expected", node.kind()),
            "give a mapping from a check's id to its knobs",
        );
        return blocks;
    };
    for (key, block) in entries {
        let Some(module) = ALL.iter().find(|module| module.about.id == key.text) else {
            let right = match nearest(&key.text, ALL.iter().map(|module| module.about.id)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`watertight checks` lists them".into(),
            };
            reader.fault(key.span, format!("there is no check `{}`", key.text), right);
            continue;
        };
        let mut knobs = serde_json::Map::new();
        if !block.is_null() {
            let known: Vec<String> =
                (module.knobs)().as_object().map(|knobs| knobs.keys().cloned().collect()).unwrap_or_default();
            let mut keys: Vec<&str> = known.iter().map(String::as_str).collect();
            keys.push("waivable");
            let Some(fields) = reader.fields(block, &format!("the knobs of {}", key.text), &keys) else { continue };
            for (knob, value) in fields.entries() {
                if knob.text == "waivable" {
                    if reader.flag(value) == Some(false) && !unwaivable.contains(&key.text) {
                        unwaivable.push(key.text.clone());
                    }
                } else if keys.contains(&knob.text.as_str()) {
                    let one = serde_json::Map::from_iter([(knob.text.clone(), value.json())]);
                    if let Err(error) = (module.bind)(&one.clone().into()) {
                        let default = (module.knobs)().get(&knob.text).map(ToString::to_string).unwrap_or_default();
                        reader.fault(
                            value.span,
                            format!("{}: {error}", knob.text),
                            format!("the default is {default}"),
                        );
                    } else {
                        knobs.extend(one);
                    }
                }
            }
            // What each knob may be alone, it may not be together with another.
            if let Err(error) = (module.bind)(&knobs.clone().into()) {
                reader.fault(block.span, error.to_string(), "see `watertight explain` for the knobs");
            }
        }
        blocks.insert(key.text.clone(), Block { line: key.span.line, knobs: knobs.into() });
    }
    blocks
}

#[cfg(test)]
mod tests;
