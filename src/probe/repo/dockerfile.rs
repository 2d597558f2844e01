//! What the instructions of a Dockerfile copy from the build's context.

use std::collections::HashMap;

/// One `COPY` or `ADD` of files of the context.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Copy {
    pub(super) line: u32,
    /// `COPY` or `ADD`.
    pub(super) instruction: String,
    /// Paths below the context, cleaned; empty for the context itself. `None`: it depends on the build.
    pub(super) sources: Vec<Option<String>>,
    /// Patterns of `--exclude`.
    pub(super) excludes: Vec<String>,
}

/// The copying instructions, in order.
pub(super) fn copies(text: &str) -> Vec<Copy> {
    let mut variables: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    for (line, text) in instructions(text) {
        let (word, rest) = split(&text);
        let (word, rest) = if word.eq_ignore_ascii_case("onbuild") { split(rest) } else { (word, rest) };
        match word.to_ascii_uppercase().as_str() {
            "ARG" | "ENV" => declare(rest, &mut variables),
            instruction @ ("COPY" | "ADD") => found.extend(copy(line, instruction, rest, &variables)),
            _ => {}
        }
    }
    found
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// Each instruction on one line, with the number of its first: continued lines are joined, comments and here-documents
/// left out (Dockerfile reference, "Format", "escape", "Here-Documents").
fn instructions(text: &str) -> Vec<(u32, String)> {
    let escape = if text.lines().take_while(|line| line.trim_start().starts_with('#')).any(is_escape_directive) {
        '`'
    } else {
        '\\'
    };
    let lines: Vec<(u32, &str)> = (1..).zip(text.trim_start_matches('\u{feff}').lines()).collect();
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let mut at = 0;
    while let Some((number, line)) = lines.get(at).copied() {
        at += 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (begin, mut whole) = open.take().unwrap_or((number, String::new()));
        if let Some(part) = line.strip_suffix(escape) {
            whole.push_str(part);
            whole.push(' ');
            open = Some((begin, whole));
            continue;
        }
        whole.push_str(line);
        for end in whole.split_whitespace().filter_map(here_document) {
            let rest = lines.get(at..).unwrap_or_default();
            // One that never ends is none, and hides nothing.
            if let Some(length) = rest.iter().position(|(_, line)| line.trim() == end) {
                at += length + 1;
            }
        }
        found.push((begin, whole));
    }
    found.extend(open);
    found
}

fn is_escape_directive(line: &str) -> bool {
    let words: String = line.split_whitespace().collect();
    words.eq_ignore_ascii_case("#escape=`")
}

/// The word that ends a here-document.
fn here_document(word: &str) -> Option<&str> {
    let end = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
    let end = end.trim_start_matches('-').trim_matches(['"', '\'']);
    (!end.is_empty() && end.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')))
        .then_some(end)
}

/// `ARG S=.`, `ENV A=b C=d`, `ENV A b`.
fn declare(rest: &str, variables: &mut HashMap<String, String>) {
    let unquoted = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    if !rest.split_whitespace().next().unwrap_or_default().contains('=') {
        let (name, value) = split(rest);
        if !value.is_empty() {
            variables.insert(name.to_owned(), unquoted(value));
        }
        return;
    }
    for (name, value) in rest.split_whitespace().filter_map(|word| word.split_once('=')) {
        let value = expand(&unquoted(value), variables);
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    }
}

fn copy(line: u32, instruction: &str, rest: &str, variables: &HashMap<String, String>) -> Option<Copy> {
    let mut rest = rest;
    let mut excludes = Vec::new();
    while rest.starts_with("--") {
        let (flag, after) = split(rest);
        if flag.starts_with("--from=") {
            // Another stage or image, not the context.
            return None;
        }
        excludes.extend(flag.strip_prefix("--exclude=").map(str::to_owned));
        rest = after;
    }
    let words: Vec<String> = match serde_json::from_str(rest) {
        Ok(words) => words,
        Err(_) => rest.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect(),
    };
    let (_, sources) = words.split_last()?;
    let sources: Vec<Option<String>> = sources
        .iter()
        .filter(|source| !source.starts_with("<<") && !source.contains("://"))
        .map(|source| expand(source, variables).map(|source| cleaned(&source)))
        .collect();
    (!sources.is_empty()).then(|| Copy { line, instruction: instruction.to_owned(), sources, excludes })
}

/// With the variables' values; `None` where one has none.
fn expand(text: &str, variables: &HashMap<String, String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, default, after) = if let Some(inner) = after.strip_prefix('{') {
            let (inner, after) = inner.split_once('}')?;
            match inner.split_once(":-").or_else(|| inner.split_once('-')) {
                Some((name, default)) => (name, Some(default), after),
                None => (inner, None, after),
            }
        } else {
            let end =
                after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(after.len());
            (after.get(..end)?, None, after.get(end..)?)
        };
        match (variables.get(name), default) {
            (Some(value), _) => expanded.push_str(value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => return None,
        }
        rest = after;
    }
    expanded.push_str(rest);
    Some(expanded)
}

/// Without `.`, `..` and outer slashes: nothing leads out of the context.
pub(super) fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<Option<String>> {
        copies(text).into_iter().flat_map(|copy| copy.sources).collect()
    }

    #[test]
    fn every_way_to_copy_the_context_is_seen() {
        for text in [
            "COPY . /app",
            "copy ./ /app",
            "COPY \\\n  # a comment\n  . /app",
            "# escape=`\nCOPY `\n . /app",
            "COPY [\".\",\"/app\"]",
            "COPY [ \".\", \"/app\" ]",
            "ARG S=.\nCOPY $S /app",
            "ENV S .\nCOPY ${S} /app",
            "COPY ${S:-.} /app",
            "ONBUILD COPY . /app",
            "COPY . /app/--from=x/",
            "COPY --chown=1:1 --link a/.. /app",
            "RUN echo $((1<<2))\nCOPY . /app",
            "RUN cat <<EOF\nno end\nCOPY . /app",
            "ADD . /app",
        ] {
            assert_eq!(sources(text), [Some(String::new())], "{text}");
        }
        assert_eq!(sources("ARG S\nCOPY $S /app"), [None]);
    }

    #[test]
    fn what_copies_nothing_of_the_context_is_not_seen() {
        for text in [
            "COPY --from=build . /app",
            "# COPY . /app",
            "RUN cat <<EOF\nCOPY . /app\nEOF",
            "COPY <<EOF /file\nCOPY . /app\nEOF",
            "ADD https://a.test/x /app",
            "RUN cp . /app",
        ] {
            assert!(sources(text).is_empty(), "{text}");
        }
        assert_eq!(copies("COPY --exclude=.env* . /app")[0].excludes, [".env*"]);
    }
}
