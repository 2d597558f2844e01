//! Terraform: security-group and firewall rules that open an LLM server's port to everybody.

use std::sync::LazyLock;

use regex::Regex;

use super::File;
use crate::evidence::catalogue;
use crate::evidence::manifest::{Mark, Weight};
use crate::target::Reach;

pub(super) fn is(name: &str) -> bool {
    super::has_extension(name, "tf")
}

#[expect(clippy::unwrap_used, reason = "constant patterns; tests use each of them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static ANYBODY: LazyLock<Regex> = LazyLock::new(|| pattern(r#""(0\.0\.0\.0/0|::/0|\*|Internet|Any)""#));
static PAIR: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?m)^\s*(\w+)\s*=\s*"?([^"\n]*)"?"#));
static RANGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(\d{1,5})(?:\s*-\s*(\d{1,5}))?\b"));

pub(super) fn marks(file: &File<'_>) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (line, header, body) in blocks(file.text, 1) {
        let header = header.replace('"', " ");
        let words: Vec<&str> = header.split_whitespace().collect();
        let ["resource", kind, ..] = words.as_slice() else { continue };
        match *kind {
            "aws_security_group" | "aws_default_security_group" => {
                for (at, inner, rule) in blocks(&body, line) {
                    if inner.trim() == "ingress" {
                        marks.extend(amazon(file, at, &rule));
                    }
                }
            }
            "aws_security_group_rule" if value(&body, "type").as_deref() == Some("ingress") => {
                marks.extend(amazon(file, line, &body));
            }
            "aws_vpc_security_group_ingress_rule" => marks.extend(amazon(file, line, &body)),
            "google_compute_firewall" if value(&body, "direction").as_deref() != Some("EGRESS") => {
                let open = value(&body, "source_ranges").is_some_and(|_| ANYBODY.is_match(&body));
                for (at, inner, rule) in blocks(&body, line) {
                    if open && inner.trim() == "allow" {
                        marks.extend(listed(file, at, &assigned(&rule, "ports")));
                    }
                }
            }
            "azurerm_network_security_rule"
                if value(&body, "direction").as_deref() == Some("Inbound")
                    && value(&body, "access").as_deref() == Some("Allow")
                    && ANYBODY.is_match(&assigned(&body, "source_address_prefix")) =>
            {
                let range = assigned(&body, "destination_port_range");
                if range.contains('*') {
                    marks.extend(opened(file, Some(line), 0, u16::MAX));
                } else {
                    marks.extend(listed(file, line, &range));
                }
            }
            _ => {}
        }
    }
    marks
}

fn amazon(file: &File<'_>, line: u32, rule: &str) -> Option<Mark> {
    if !ANYBODY.is_match(rule) {
        return None;
    }
    let port = |key: &str| value(rule, key).and_then(|text| text.trim().parse::<i64>().ok());
    let every = matches!(value(rule, "protocol").or_else(|| value(rule, "ip_protocol")).as_deref(), Some("-1" | "all"));
    let (low, high) = match (port("from_port"), port("to_port")) {
        _ if every => (0, u16::MAX),
        (Some(low), Some(high)) => (u16::try_from(low.max(0)).ok()?, u16::try_from(high.max(0)).ok()?),
        (_, _) => return None,
    };
    opened(file, Some(line), low, high)
}

fn listed(file: &File<'_>, line: u32, ranges: &str) -> Vec<Mark> {
    RANGE
        .captures_iter(ranges)
        .filter_map(|range| {
            let low = range.get(1)?.as_str().parse().ok()?;
            let high = range.get(2).map_or(Some(low), |high| high.as_str().parse().ok())?;
            opened(file, Some(line), low, high)
        })
        .collect()
}

/// The mark for a rule that opens these ports to everybody, if an LLM server uses one of them.
pub(super) fn opened(file: &File<'_>, line: Option<u32>, low: u16, high: u16) -> Option<Mark> {
    let ports = if low == high { format!("port {low}") } else { format!("the ports {low} to {high}") };
    let named = (low..=high).find_map(catalogue::by_telling_port);
    if let Some(product) = named {
        let what = format!("everybody may connect to {ports}, {}'s among them", product.product);
        return Some(file.published(line, Weight::Fault, Reach::Public, what));
    }
    let shared =
        catalogue::ports().into_iter().find(|port| (low..=high).contains(port) && !matches!(port, 80 | 443))?;
    let what = format!("everybody may connect to {ports}; {shared} is the default of LLM servers, too");
    Some(file.published(line, Weight::Note, Reach::Public, what))
}

/// The blocks at the top of `text`: first line, header, body. Braces inside strings are rare enough in these
/// resources to be counted as they stand.
fn blocks(text: &str, first: u32) -> Vec<(u32, String, String)> {
    let mut blocks = Vec::new();
    let (mut depth, mut start, mut header, mut body) = (0i32, 0, String::new(), String::new());
    for (number, line) in (first..).zip(text.lines()) {
        let code = line.split(" #").next().unwrap_or(line);
        if code.trim_start().starts_with('#') || code.trim_start().starts_with("//") {
            continue;
        }
        for character in code.chars() {
            match character {
                '{' => {
                    if depth == 0 {
                        start = number;
                        body.clear();
                    } else {
                        body.push('{');
                    }
                    depth += 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        blocks.push((start, header.trim().to_owned(), std::mem::take(&mut body)));
                        header.clear();
                    } else {
                        body.push('}');
                    }
                }
                character if depth == 0 => header.push(character),
                character => body.push(character),
            }
        }
        if depth == 0 {
            header.clear();
        } else {
            body.push('\n');
        }
    }
    blocks
}

fn value(body: &str, key: &str) -> Option<String> {
    let found = PAIR.captures_iter(body).find(|pair| pair.get(1).is_some_and(|name| name.as_str() == key))?;
    Some(found.get(2)?.as_str().trim().to_owned())
}

/// Everything assigned to keys that begin with `key`, lists over one line included.
fn assigned(body: &str, key: &str) -> String {
    body.lines()
        .filter(|line| line.trim_start().starts_with(key))
        .collect::<Vec<_>>()
        .join("\n")
        .split_once('=')
        .map_or_else(String::new, |(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Mark> {
        marks(&File { name: "main.tf", text })
    }

    #[test]
    fn an_open_security_group_is_a_fault_with_its_line() {
        let marks = read(
            "resource \"aws_security_group\" \"llm\" {\n  name = \"llm\"\n  ingress {\n    from_port   = 11434\n    to_port     = 11434\n    protocol    = \"tcp\"\n    cidr_blocks = [\"0.0.0.0/0\"]\n  }\n}\n",
        );
        assert_eq!((marks.len(), marks[0].weight, marks[0].line), (1, Weight::Fault, Some(3)));
    }

    #[test]
    fn google_and_azure_rules_are_read() {
        let google = read(
            "resource \"google_compute_firewall\" \"x\" {\n  allow {\n    protocol = \"tcp\"\n    ports    = [\"22\", \"11000-12000\"]\n  }\n  source_ranges = [\"0.0.0.0/0\"]\n}\n",
        );
        assert_eq!((google.len(), google[0].weight), (1, Weight::Fault));
        let azure = read(
            "resource \"azurerm_network_security_rule\" \"x\" {\n  direction = \"Inbound\"\n  access = \"Allow\"\n  destination_port_range = \"*\"\n  source_address_prefix = \"*\"\n}\n",
        );
        assert_eq!((azure.len(), azure[0].weight), (1, Weight::Fault));
    }

    #[test]
    fn private_ranges_and_web_ports_are_nothing() {
        assert_eq!(
            read(
                "resource \"aws_security_group_rule\" \"a\" {\n  type = \"ingress\"\n  from_port = 11434\n  to_port = 11434\n  cidr_blocks = [\"10.0.0.0/8\"]\n}\n"
            ),
            []
        );
        assert_eq!(
            read(
                "resource \"aws_security_group_rule\" \"a\" {\n  type = \"ingress\"\n  from_port = 443\n  to_port = 443\n  cidr_blocks = [\"0.0.0.0/0\"]\n}\n"
            ),
            []
        );
    }
}
