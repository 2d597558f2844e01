//! The JSON Schema of the policy: for editors, and for whoever writes one by machine.

use serde_json::{Value, json};

use crate::checks::ALL;

/// The schema; the knobs of the checks are a fold over the registry.
pub fn schema() -> Value {
    let mut generator = schemars::SchemaGenerator::default();
    let mut checks = serde_json::Map::new();
    for module in ALL {
        let schema = (module.schema)(&mut generator).to_value();
        checks.insert(module.about.id.to_owned(), schema);
    }
    let mut definitions = generator.take_definitions(true);
    for module in ALL {
        // Every item may also be protected from waivers.
        let name = checks.get(module.about.id).and_then(|schema| schema.get("$ref")).and_then(Value::as_str);
        if let Some(properties) = name
            .and_then(|path| path.rsplit('/').next())
            .and_then(|name| definitions.get_mut(name))
            .and_then(Value::as_object_mut)
        {
            let known = properties.entry("properties").or_insert_with(|| json!({}));
            if let Some(known) = known.as_object_mut() {
                known.insert("waivable".into(), json!({ "type": "boolean", "default": true }));
            }
        }
    }
    let checks: serde_json::Map<String, Value> =
        checks.into_iter().map(|(id, schema)| (id, json!({ "anyOf": [schema, { "type": "null" }] }))).collect();
    definitions.insert("checks".into(), object(Value::Object(checks), &[]));
    definitions.insert("target".into(), target());
    definitions.insert("period".into(), json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|min|h|d)$" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "watertight policy",
        "type": "object",
        "additionalProperties": false,
        "required": ["version"],
        "properties": {
            "version": { "const": 1 },
            "name": text("The policy's name, as the report shows it."),
            "fingerprint-key": { "anyOf": [
                { "enum": ["own", "ephemeral"] },
                object(json!({ "env": { "type": "string" } }), &["env"]),
                object(json!({ "file": { "type": "string" } }), &["file"]),
            ] },
            "max-waiver-days": { "type": "integer", "minimum": 0 },
            "targets": list(json!({ "$ref": "#/$defs/target" })),
            "checks": { "$ref": "#/$defs/checks" },
            "document": text("The written policy that this one was read from; `--format checklist` gives it back."),
            "boxes": list(object(json!({
                "text": text("What stands beside the box in the document."),
                "checks": list(json!({ "type": "string" })),
            }), &["text"])),
            "exec": list(own()),
            "rotations": { "anyOf": [{ "type": "string" }, list(object(json!({
                "name": text("The variable or the file that holds the secret."),
                "environment": environment(),
                "on": date(),
                "fingerprint": text("As `watertight fingerprint` prints it: KEYID:HEX."),
            }), &["name", "environment", "on"]))] },
            "incidents": { "anyOf": [{ "type": "string" }, list(object(json!({
                "secret": text("Its name or keyed fingerprint, never its value."),
                "on": date(),
                "rotated": date(),
                "updated": list(json!({ "type": "string" })),
                "logs-audited": date(),
                "record": text("Where it is written down."),
            }), &["secret", "on"]))] },
            "waivers": list(object(json!({
                "check": text("The id of a check, or of one under `exec`."),
                "target": { "type": "string" },
                "place": text("The place of one finding as the report prints it, or the finding's id."),
                "reason": { "type": "string" },
                "owner": { "type": "string" },
                "until": date(),
                "covers": { "enum": ["fail", "inconclusive", "any"], "default": "fail" },
            }), &["check", "target", "reason", "owner", "until"])),
            "attestations": list(object(json!({
                "check": check_id(|module| module.about.attestable),
                "target": { "type": "string" },
                "by": { "type": "string" },
                "on": date(),
                "until": date(),
                "statement": { "type": "string" },
            }), &["check", "by", "on", "until", "statement"])),
        },
        "$defs": definitions,
    })
}

/// A check of the user's own.
fn own() -> Value {
    object(
        json!({
            "id": { "type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 60 },
            "title": text("What holds when it passes."),
            "statements": list(json!({ "type": "string" })),
            "severity": { "enum": ["low", "medium", "high", "critical"], "default": "medium" },
            "remediation": text("What to do where it fails."),
            "command": { "type": "array", "items": { "type": "string" }, "minItems": 1, "description": "The program's absolute path and its arguments; no shell runs it." },
            "speaks": { "enum": ["json", "plugin"] },
            "exit": { "type": "object", "propertyNames": { "pattern": "^[0-9]{1,3}$" }, "additionalProperties": { "enum": ["pass", "fail", "inconclusive"] } },
            "errors": list(text("A pattern of output that means trouble of the program's own.")),
            "deadline": { "$ref": "#/$defs/period" },
            "scope": { "enum": ["deployment", "repository", "both"], "default": "deployment" },
            "targets": list(json!({ "type": "string" })),
            "sha256": { "type": "string", "pattern": "^[0-9a-fA-F]{64}$" },
            "waivable": { "type": "boolean", "default": true },
        }),
        &["id", "title", "command", "speaks"],
    )
}

fn target() -> Value {
    let texts = || list(json!({ "type": "string" }));
    let count = || json!({ "type": "integer", "minimum": 0 });
    let url = || json!({ "type": "string", "pattern": "^[a-z0-9]+://" });
    object(
        json!({
            "name": { "type": "string" },
            "environment": environment(),
            "scope": { "enum": ["both", "deployment", "repository"] },
            "url": { "type": "string", "pattern": "^https?://[^/]+/?$" },
            "plain": { "type": "string", "pattern": "^http://[^/]+/?$" },
            "authorised": object(json!({ "by": { "type": "string" }, "until": date() }), &["by", "until"]),
            "endpoints": list(json!({ "anyOf": [
                { "type": "string", "pattern": "^([A-Z]+ +)?/" },
                object(json!({
                    "path": { "type": "string" },
                    "method": { "type": "string" },
                    "public": text("Why it needs no credential."),
                }), &["path"]),
            ] })),
            "openapi": { "anyOf": [
                { "type": "string" },
                object(json!({ "path": { "type": "string" } }), &["path"]),
                object(json!({ "file": { "type": "string" } }), &["file"]),
            ] },
            "token": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "env": { "type": "string" },
                    "file": { "type": "string" },
                    "command": texts(),
                    "header": { "type": "string", "default": "Authorization" },
                    "disposable": { "type": "boolean", "default": false },
                },
                "oneOf": [{ "required": ["env"] }, { "required": ["file"] }, { "required": ["command"] }],
            },
            "client-cert": object(json!({ "cert": { "type": "string" }, "key": { "type": "string" } }), &["cert", "key"]),
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "proxy": url(),
            "resolve": { "type": "object", "additionalProperties": { "type": "string" } },
            "origins": texts(),
            "hosts": list(json!({ "anyOf": [{ "type": "string" }, object(json!({
                "name": { "type": "string" },
                "reach": { "enum": ["none", "loopback", "private", "public"], "default": "loopback" },
                "origin-addresses": texts(),
                "ports": list(json!({ "type": "integer", "minimum": 1, "maximum": 65535 })),
            }), &["name"])] })),
            "tools": object(json!({ "allow": list(json!({ "anyOf": [{ "type": "string" }, object(json!({
                "name": { "type": "string" },
                "sha256": { "type": "string", "pattern": "^[0-9a-fA-F]{64}$" },
            }), &["name"])] })) }), &["allow"]),
            "ca": { "type": "string" },
            "system-roots": { "type": "boolean", "default": false },
            "pins": list(json!({ "type": "string", "pattern": "^sha256/" })),
            "logs": list(json!({ "anyOf": [
                object(json!({ "file": { "type": "string" } }), &["file"]),
                object(json!({ "journald": { "type": "string" } }), &["journald"]),
                object(json!({ "command": texts() }), &["command"]),
                object(json!({ "loki": object(json!({ "url": url(), "query": { "type": "string" } }), &["url", "query"]) }), &["loki"]),
                object(json!({ "elasticsearch": object(json!({ "url": url(), "index": { "type": "string" } }), &["url", "index"]) }), &["elasticsearch"]),
            ] })),
            "monitoring": object(json!({
                "metrics": url(), "counter": { "type": "string" }, "prometheus": url(), "alertmanager": url(), "loki": url(),
            }), &[]),
            "writes": { "enum": ["deny", "allow"], "default": "deny" },
            "repository": { "anyOf": [
                { "type": "string" },
                object(json!({ "path": { "type": "string" }, "gitleaks": { "type": "string" } }), &["path"]),
            ] },
            "burst": count(),
            "max-requests": count(),
            "max-denied": count(),
            "stop-on": object(json!({ "5xx": count(), "latency": { "$ref": "#/$defs/period" } }), &[]),
            "never": texts(),
            "public": list(object(json!({ "path": { "type": "string" }, "reason": { "type": "string" } }), &["path", "reason"])),
            "costly": texts(),
            "exempt": object(json!({ "header": { "type": "string" }, "env": { "type": "string" } }), &["header", "env"]),
            "checks": { "$ref": "#/$defs/checks" },
        }),
        &["name"],
    )
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values, and a call reads as the schema")]
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values, and a call reads as the schema")]
fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn date() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "YYYY-MM-DD" })
}

fn environment() -> Value {
    json!({ "enum": ["development", "staging", "production"] })
}

fn check_id(which: fn(&crate::check::Module) -> bool) -> Value {
    let ids: Vec<&str> = ALL.iter().filter(|module| which(module)).map(|module| module.about.id).collect();
    json!({ "type": "string", "enum": ids })
}
