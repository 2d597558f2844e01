//! Alert rules in the repository: who would be told of failed attempts, and of a certificate that ends.

use serde_yaml::Value;

use super::yaml::{at, documents, text_at};
use super::{File, base, has_extension, yaml};
use crate::evidence::logs::{is_about_denials, is_about_expiry};
use crate::evidence::manifest::{Mark, Weight};

pub(super) fn is(name: &str) -> bool {
    let base = base(name).to_lowercase();
    yaml::is(name)
        || base == "jail.local"
        || base == "jail.conf"
        || (has_extension(&base, "conf") && (name.contains("fail2ban") || name.contains("jail.d/")))
}

pub(super) fn marks(file: &File<'_>) -> Result<Option<Vec<Mark>>, String> {
    if !yaml::is(file.name) {
        return Ok(Some(jails(file)));
    }
    let shapes = ["alert:", "- rule:", "type: leaky", "alertmanager", "grafana", "groups:"];
    if !shapes.iter().any(|shape| file.text.contains(shape)) {
        return Ok(None);
    }
    let documents = match documents(file.text) {
        Ok(documents) => documents,
        Err(_) if file.text.contains("{{") => return Ok(None),
        Err(why) => return Err(why),
    };
    let mut marks = Vec::new();
    for document in &documents {
        // A PrometheusRule object keeps its groups under `spec`.
        for group in [document, document.get("spec").unwrap_or(&Value::Null)] {
            for rule in at(group, &["groups"]).and_then(Value::as_sequence).into_iter().flatten().flat_map(rules) {
                let name = text_at(rule, &["alert"]).or_else(|| text_at(rule, &["title"])).unwrap_or_default();
                let query = text_at(rule, &["expr"]).unwrap_or_else(|| format!("{:?}", rule.get("data")));
                if !name.is_empty() {
                    marks.extend(note(file, &name, &format!("{name} {query}"), "an alert rule"));
                }
            }
        }
        for rule in document.as_sequence().into_iter().flatten() {
            if let Some(name) = text_at(rule, &["rule"]) {
                let query = text_at(rule, &["condition"]).unwrap_or_default();
                marks.extend(note(file, &name, &format!("{name} {query}"), "a Falco rule"));
            }
        }
        if text_at(document, &["type"]).as_deref() == Some("leaky")
            && let Some(name) = text_at(document, &["name"])
        {
            let query = text_at(document, &["filter"]).unwrap_or_default();
            marks.extend(note(file, &name, &format!("{name} {query}"), "a CrowdSec scenario"));
        }
    }
    Ok((!marks.is_empty()).then_some(marks))
}

fn rules(group: &Value) -> impl Iterator<Item = &Value> {
    group.get("rules").and_then(Value::as_sequence).into_iter().flatten()
}

fn note(file: &File<'_>, name: &str, about: &str, kind: &str) -> Vec<Mark> {
    let line = file.line_of(name, 1);
    let mut marks = Vec::new();
    if is_about_denials(about) {
        marks.push(file.mark(line, Weight::Note, "denial-rule", format!("{kind} for failed attempts: {name}")));
    }
    if is_about_expiry(about) {
        marks.push(file.mark(line, Weight::Note, "expiry-rule", format!("{kind} for the end of certificates: {name}")));
    }
    marks
}

/// A fail2ban jail that is enabled bans after failed attempts.
fn jails(file: &File<'_>) -> Vec<Mark> {
    let mut section = String::new();
    let mut marks = Vec::new();
    for (number, line) in (1u32..).zip(file.text.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some(("enabled", value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
            && value == "true"
            && section != "DEFAULT"
        {
            let what = format!("a fail2ban jail for failed attempts: {section}");
            marks.push(file.mark(Some(number), Weight::Note, "denial-rule", what));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_for_denials_and_expiry_are_noted() {
        let text = "groups:\n  - name: g\n    rules:\n      - alert: Denied\n        expr: rate(http_401_total[5m]) > 1\n      - alert: CertificateExpires\n        expr: probe_ssl_earliest_cert_expiry - time() < 1\n      - alert: Slow\n        expr: latency > 1\n";
        let marks = marks(&File { name: "rules.yml", text }).unwrap().unwrap();
        let seen: Vec<(&str, Option<u32>)> = marks.iter().map(|mark| (mark.aspect.as_str(), mark.line)).collect();
        assert_eq!(seen, [("denial-rule", Some(4)), ("expiry-rule", Some(6))]);
    }

    #[test]
    fn an_enabled_jail_is_noted() {
        let text = "[DEFAULT]\nenabled = true\n[mcp]\nenabled = true\n";
        assert_eq!(marks(&File { name: "fail2ban/jail.local", text }).unwrap().unwrap().len(), 1);
    }
}
