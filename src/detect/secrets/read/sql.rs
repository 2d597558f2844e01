//! SQL and dumps: rows under their columns' names, COPY blocks, passwords of roles.

use std::collections::HashMap;
use std::ops::Range;

use super::loose;
use crate::detect::secrets::name::{NameSays, name_says, words};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::value::is_stored_hash;
use crate::detect::secrets::weigh::{Pair, Scale};

/// Columns that name another column of their row, as tables of settings have them.
const NAME_COLUMNS: &[&str] = &[
    "name",
    "key",
    "option_name",
    "setting",
    "variable",
    "config_key",
    "meta_key",
    "param",
    "path",
    "code",
    "setting_name",
    "conf_key",
];
const VALUE_COLUMNS: &[&str] =
    &["value", "option_value", "val", "config_value", "meta_value", "setting_value", "conf_value", "content"];

pub(super) fn read(text: &str, scale: &mut Scale<'_>) {
    let mut tables: HashMap<String, Vec<String>> = HashMap::new();
    let mut at = 0;
    while at < text.len() {
        let end = line_end(text, at);
        let line = text.get(at..end).unwrap_or_default();
        let trimmed = line.trim_start();
        let upper: String = trimmed.chars().take(30).flat_map(char::to_uppercase).collect();
        if upper.starts_with("CREATE TABLE") {
            let (name, columns, next) = table(text, at);
            tables.insert(name, columns);
            at = next;
        } else if upper.starts_with("INSERT") || upper.starts_with("REPLACE INTO") {
            at = insert(text, at, &tables, scale);
        } else if upper.starts_with("COPY ") && line.contains('(') {
            at = copy(text, at, end + 1, scale);
        } else {
            roles(text, at..end, scale);
            // `:'name'` is a variable of psql.
            if !line.contains(" :'") && !line.contains(" :\"") {
                loose(Syntax::Config, text, at..end, scale);
            }
            at = end + 1;
        }
    }
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length)
}

fn bare(name: &str) -> String {
    name.trim()
        .trim_matches(['`', '"', '[', ']', '\''])
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .trim_matches(['`', '"', '[', ']'])
        .to_ascii_lowercase()
}

/// Name and columns of `CREATE TABLE`, one column a line as dumps write them, and the place behind it.
fn table(text: &str, at: usize) -> (String, Vec<String>, usize) {
    let rest = text.get(at..).unwrap_or_default();
    let open = rest.find('(').unwrap_or(rest.len());
    let name = rest.get(..open).unwrap_or_default().split_whitespace().last().map(bare).unwrap_or_default();
    let mut columns = Vec::new();
    let mut next = at + open + 1;
    let stop = rest.find(';').map_or(text.len(), |length| at + length + 1).min(at + 64 * 1024);
    for line in text.get(next..stop).unwrap_or_default().split(['\n', ',']) {
        let line = line.trim();
        let first = line.split_whitespace().next().unwrap_or_default();
        let keyword = ["PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FOREIGN", "CHECK", ")"];
        if first.is_empty()
            || keyword.iter().any(|word| first.to_ascii_uppercase().starts_with(word)) && !first.starts_with('`')
        {
            continue;
        }
        // `decimal(10,2)` leaves a rest that begins with a digit.
        if line.contains(' ') && !first.starts_with(|letter: char| letter.is_ascii_digit()) {
            columns.push(bare(first));
        }
    }
    next = next.max(stop);
    (name, columns, next)
}

/// `INSERT INTO t (a, b) VALUES ('x', 'y'), (…);`
fn insert(text: &str, at: usize, tables: &HashMap<String, Vec<String>>, scale: &mut Scale<'_>) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let upper: String = rest.chars().take(4000).map(|letter| letter.to_ascii_uppercase()).collect();
    let Some(values) = upper.find("VALUES") else {
        return line_end(text, at) + 1;
    };
    let head = rest.get(..values).unwrap_or_default();
    let (name, columns) = match head.find('(') {
        Some(open) => {
            let inside = head.get(open + 1..).unwrap_or_default().split(')').next().unwrap_or_default();
            (head.get(..open).unwrap_or_default(), inside.split(',').map(bare).collect())
        }
        None => (head, Vec::new()),
    };
    let table = name.split_whitespace().last().map(bare).unwrap_or_default();
    let columns = if columns.is_empty() { tables.get(&table).cloned().unwrap_or_default() } else { columns };
    let bytes = text.as_bytes();
    let mut index = at + values + 6;
    let mut row: Vec<(Range<usize>, bool)> = Vec::new();
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'(' => {
                row.clear();
                index += 1;
            }
            b')' => {
                weigh(text, &table, &columns, &row, scale);
                row.clear();
                index += 1;
            }
            b';' => return index + 1,
            b'\'' => {
                let end = closing(bytes, index + 1);
                row.push((index + 1..end, true));
                index = end + 1;
            }
            byte if byte.is_ascii_whitespace() || *byte == b',' => index += 1,
            _ => {
                let length = bytes
                    .get(index..)
                    .unwrap_or_default()
                    .iter()
                    .take_while(|byte| !matches!(byte, b',' | b')' | b'(' | b';' | b'\'' | b'\n'))
                    .count();
                // `N'text'`, `_binary 'text'`: the string follows.
                if bytes.get(index + length) != Some(&b'\'') {
                    row.push((index..index + length, false));
                }
                index += length.max(1);
            }
        }
    }
    text.len()
}

/// The quote that ends a string; `''` and `\'` are inside it.
fn closing(bytes: &[u8], at: usize) -> usize {
    let mut index = at;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 1,
            b'\'' if bytes.get(index + 1) == Some(&b'\'') => index += 1,
            b'\'' => return index,
            _ => {}
        }
        index += 1;
    }
    bytes.len()
}

fn weigh(text: &str, table: &str, columns: &[String], row: &[(Range<usize>, bool)], scale: &mut Scale<'_>) {
    let value = |index: usize| row.get(index).and_then(|(span, _)| text.get(span.clone())).unwrap_or_default();
    for (index, column) in columns.iter().enumerate() {
        let Some((span, true)) = row.get(index).cloned() else { continue };
        cell(text, column, span, scale);
    }
    let at = |list: &[&str]| columns.iter().position(|name| list.contains(&name.as_str()));
    if let (Some(name), Some(index)) = (at(NAME_COLUMNS), at(VALUE_COLUMNS))
        && let Some((span, true)) = row.get(index).cloned()
    {
        scale.pair(&Pair::new(value(name), table, text.get(span.clone()).unwrap_or_default(), span, true));
    }
}

/// One value under its column: a stored hash in a password's column is what a thief wants of a user table.
fn cell(text: &str, column: &str, span: Range<usize>, scale: &mut Scale<'_>) {
    let Some(value) = text.get(span.clone()) else { return };
    let words = words(column);
    let password = words.iter().any(|word| {
        matches!(word.as_str(), "password" | "passwd" | "pass" | "pwd" | "passwort" | "userpass" | "clave")
    }) && !words
        .iter()
        .any(|word| matches!(word.as_str(), "reset" | "expires" | "at" | "hint" | "changed" | "updated"));
    if password && is_stored_hash(value) {
        scale.pair(&Pair { store: true, ..Pair::new("password", "", value, span, true) });
    } else if name_says(column, "") != NameSays::No {
        scale.pair(&Pair::new(column, "", value, span, true));
    } else {
        super::inner(text, span, scale);
    }
}

/// `COPY t (a, b) FROM stdin;` and its rows, which tabs separate.
fn copy(text: &str, at: usize, rows: usize, scale: &mut Scale<'_>) -> usize {
    let head = text.get(at..rows.min(text.len())).unwrap_or_default();
    let inside = head.split('(').nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
    let table = head.split_whitespace().nth(1).map(bare).unwrap_or_default();
    let columns: Vec<String> = inside.split(',').map(bare).collect();
    let mut at = rows;
    while at < text.len() {
        let end = line_end(text, at);
        let line = text.get(at..end).unwrap_or_default();
        if line.starts_with("\\.") {
            return end + 1;
        }
        let mut field_at = at;
        let mut row = Vec::new();
        for field in line.split('\t') {
            row.push((field_at..field_at + field.trim_end_matches('\r').len(), field != "\\N"));
            field_at += field.len() + 1;
        }
        weigh(text, &table, &columns, &row, scale);
        at = end + 1;
    }
    text.len()
}

/// `CREATE ROLE … PASSWORD '…'`, `IDENTIFIED BY '…'`, `PASSWORD('…')`.
fn roles(text: &str, line: Range<usize>, scale: &mut Scale<'_>) {
    let content = text.get(line.clone()).unwrap_or_default();
    let upper = content.to_ascii_uppercase();
    for mark in [
        "PASSWORD ",
        "PASSWORD(",
        "PASSWORD = ",
        "IDENTIFIED BY ",
        "IDENTIFIED WITH MYSQL_NATIVE_PASSWORD BY ",
        "IDENTIFIED WITH CACHING_SHA2_PASSWORD BY ",
        "PASSWORD=",
    ] {
        let Some(found) = upper.find(mark) else { continue };
        let at = line.start + found + mark.len();
        let rest = text.get(at..line.end).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let Some(quote) = quote(rest.trim_start()) else { continue };
        let start = at + blank + quote.len();
        let Some(length) = text.get(start..line.end).and_then(|rest| rest.find(quote)) else { continue };
        let span = start..start + length;
        let value = text.get(span.clone()).unwrap_or_default();
        scale.pair(&Pair { store: true, ..Pair::new("password", "", value, span, true) });
        return;
    }
}

/// What a string begins and ends with: a quote, or the dollars of PostgreSQL, `$tag$`.
fn quote(rest: &str) -> Option<&str> {
    if rest.starts_with(['\'', '"']) {
        return rest.get(..1);
    }
    let tag = rest.strip_prefix('$')?;
    let length = tag.find('$')?;
    tag.get(..length)?.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some(())?;
    rest.get(..length + 2)
}
