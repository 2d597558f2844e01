//! Tables of text: a column whose head names a secret holds one a row.

use crate::detect::secrets::name::{NameSays, name_says};
use crate::detect::secrets::weigh::{Pair, Scale};

pub(super) fn read(text: &str, scale: &mut Scale<'_>) {
    let Some(head) = text.lines().next() else { return };
    let separator =
        ['\t', ';', ','].into_iter().max_by_key(|separator| head.matches(*separator).count()).unwrap_or(',');
    let names: Vec<&str> = head.split(separator).map(|name| name.trim().trim_matches('"')).collect();
    let secret = |name: &&str| name_says(name, "") > NameSays::Maybe;
    if names.len() < 2 || !names.iter().any(secret) {
        return;
    }
    let mut at = head.len() + 1;
    for line in text.get(at..).unwrap_or_default().split('\n') {
        let mut field_at = at;
        for (index, field) in fields(line, separator).into_iter().enumerate() {
            let value = field.trim();
            let inside = value.trim_matches('"');
            let start = field_at + field.find(inside).unwrap_or(0);
            if let Some(name) = names.get(index).filter(|name| secret(name)) {
                let span = start..start + inside.len();
                scale.pair(&Pair { store: true, ..Pair::new(name, "", inside, span, true) });
            }
            field_at += field.len() + separator.len_utf8();
        }
        at += line.len() + 1;
    }
}

/// Fields of a row; a separator in quotes separates nothing.
fn fields(line: &str, separator: char) -> Vec<&str> {
    let (mut fields, mut start, mut quoted) = (Vec::new(), 0, false);
    for (index, letter) in line.char_indices() {
        if letter == '"' {
            quoted = !quoted;
        } else if letter == separator && !quoted {
            fields.push(line.get(start..index).unwrap_or_default());
            start = index + letter.len_utf8();
        }
    }
    fields.push(line.get(start..).unwrap_or_default());
    fields
}
