//! Text of another form inside source text: here-documents and strings over many lines, whose lines are assignments without quotes.

/// How far back their beginning is looked for. What decides about a value stands near it: the search of histories relies on it.
const FARTHEST: usize = 400;

/// Whether the place stands in a string that began on a line before.
pub(super) fn is_inside(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(FARTHEST)..at).unwrap_or_default();
    let Some(above) = before.iter().rposition(|byte| *byte == b'\n').and_then(|end| before.get(..end)) else {
        return false;
    };
    let lines: Vec<&[u8]> = above.split(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate().rev() {
        if let Some(mark) = here_document(line) {
            let below = lines.get(index + 1..).unwrap_or_default();
            if !below.iter().any(|line| closes(line, mark)) {
                return true;
            }
        }
        if let Some(opened) = quotes(line) {
            return opened;
        }
    }
    false
}

/// The word that ends the document which this line opens: `<<'END'`, `<<~YAML`, `<<<INI`, `<<-EOS`.
fn here_document(line: &[u8]) -> Option<&[u8]> {
    let at = line.windows(2).position(|pair| pair == b"<<")?;
    // `1<<SHIFT`
    if at
        .checked_sub(1)
        .and_then(|before| line.get(before))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b')')
    {
        return None;
    }
    let rest = line.get(at + 2..)?;
    let signs = rest.iter().take(3).take_while(|byte| b"<-~\"'`".contains(byte)).count();
    let rest = rest.get(signs..)?;
    let length =
        rest.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_').count();
    let begins = rest.first().is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    (begins && length >= 2).then(|| rest.get(..length))?
}

fn closes(line: &[u8], mark: &[u8]) -> bool {
    line.trim_ascii().strip_prefix(mark).is_some_and(|rest| rest.iter().all(|byte| b";,).".contains(byte)))
}

/// Whether the last quotes of many lines on this one open (`= """`) or close; nothing if there are none.
fn quotes(line: &[u8]) -> Option<bool> {
    let triple = line.windows(3).rposition(|three| three == b"\"\"\"" || three == b"'''");
    let (at, length) = match triple {
        Some(at) => (at, 3),
        None => (line.iter().rposition(|byte| *byte == b'`')?, 1),
    };
    // One that opened on the same line is closed by this one.
    let mark = line.get(at..at + length)?;
    let marks = line.windows(length).filter(|window| *window == mark).count();
    let head = line.get(..at)?.trim_ascii_end();
    let head = head.strip_suffix(b"f").or_else(|| head.strip_suffix(b"r")).unwrap_or(head).trim_ascii_end();
    let assigned = head.last().is_some_and(|byte| b"=(,[{:>+".contains(byte)) || head.ends_with(b"return");
    Some(assigned && marks == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> bool {
        is_inside(text.as_bytes(), text.len())
    }

    #[test]
    fn lines_of_strings_are_told_from_lines_of_code() {
        for text in [
            "my $c = <<'END';\n",
            "x = <<~YAML\n  a: b\n  ",
            "$c = <<<INI\n",
            "t = \"\"\"\n",
            "String t = \"\"\"\n  a=b\n",
            "const e = `\n",
            "f(f'''\n",
        ] {
            assert!(inside(text), "{text}");
        }
        for text in [
            "a = 1\n",
            "x = <<~YAML\n  a: b\nYAML\n",
            "$c = <<<INI\nINI;\n",
            "t = \"\"\"\n x\n\"\"\"\n",
            "let a = `x`;\n",
            "const e = `\n a\n`;\n",
            "std::cout << PASSWORD;\nA\n",
            "\"\"\"Docs.\"\"\"\n",
            "",
        ] {
            assert!(!inside(text), "{text}");
        }
    }
}
