//! Where one sentence ends and the next begins, and how each stands in the source.

use std::ops::Range;

use super::document::{Block, Character, Kind};

/// One sentence of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// What a reader reads.
    pub text: String,
    /// Where it stands in the source, markup included.
    pub range: Range<usize>,
}

/// Words before a full stop that ends no sentence, in English and German.
const ABBREVIATIONS: [&str; 35] = [
    "e.g", "i.e", "eg", "ie", "etc", "vs", "cf", "approx", "incl", "inkl", "resp", "no", "nr", "art", "abs", "sec",
    "fig", "mr", "mrs", "dr", "inc", "ltd", "z.b", "z. b", "d.h", "d. h", "bzw", "usw", "ggf", "ca", "u.a", "s.o",
    "evtl", "st", "mind",
];

/// The sentences of a block, in order; together they are the whole block.
pub fn sentences(block: &Block, source: &str) -> Vec<Sentence> {
    let whole = || Sentence { text: block.text().trim().to_owned(), range: block.range.clone() };
    match block.kind {
        Kind::Row
        | Kind::RowHeader
        | Kind::Code
        | Kind::Metadata
        | Kind::Definition
        | Kind::Comment
        | Kind::Heading => {
            return vec![whole()];
        }
        Kind::Prose | Kind::Item => {}
    }
    let characters = &block.characters;
    let mut sentences: Vec<Sentence> = Vec::new();
    let mut from = 0;
    let mut begins = block.range.start;
    for end in ends(characters) {
        let text: String = characters.iter().take(end).skip(from).map(|character| character.character).collect();
        let Some(last) = characters.get(end.saturating_sub(1)) else { continue };
        let next = characters.iter().skip(end).find(|character| !character.character.is_whitespace());
        let stops = match next {
            // Closing markup belongs to the sentence that it closes: it ends at the blank between the two.
            Some(next) if next.start >= last.end => source
                .get(last.end..next.start)
                .and_then(|between| between.find(char::is_whitespace))
                .map_or(next.start, |blank| last.end + blank),
            Some(_) | None => block.range.end,
        };
        if !text.trim().is_empty() {
            sentences.push(Sentence { text: text.trim().to_owned(), range: begins..stops });
            begins = stops;
        }
        from = end;
    }
    match sentences.last_mut() {
        Some(last) => last.range.end = block.range.end,
        None if source.get(block.range.clone()).is_some_and(|raw| !raw.trim().is_empty()) => sentences.push(whole()),
        None => {}
    }
    sentences
}

/// How many characters each sentence and those before it have.
fn ends(characters: &[Character]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut from = 0;
    for (at, character) in characters.iter().enumerate() {
        if character.character == '\n' || is_end(characters, from, at) {
            ends.push(at + 1);
            from = at + 1;
        }
    }
    ends.push(characters.len());
    ends
}

/// Whether the sentence that began at `from` ends with the character at `at`.
fn is_end(characters: &[Character], from: usize, at: usize) -> bool {
    let letter = |at: usize| characters.get(at).map(|character| character.character);
    if characters.get(at).is_none_or(|character| character.code) {
        return false;
    }
    // The end is the last of the closing marks: `…done.")` ends after the bracket.
    let is_stop = |character: char| matches!(character, '.' | '!' | '?' | '…' | '。' | '！' | '？');
    let is_closing = |character: char| matches!(character, '"' | '\'' | ')' | ']' | '”' | '’' | '»' | '“');
    let mut stop = at;
    while letter(stop).is_some_and(is_closing) && stop > from {
        stop -= 1;
    }
    let Some(mark) = letter(stop).filter(|character| is_stop(*character)) else { return false };
    if letter(at + 1).is_some_and(|next| is_stop(next) || is_closing(next)) {
        return false;
    }
    if matches!(mark, '。' | '！' | '？') {
        return true;
    }
    if !letter(at + 1).is_some_and(char::is_whitespace) {
        return false;
    }
    let Some(next) = characters.iter().skip(at + 1).find(|character| !character.character.is_whitespace()) else {
        return false;
    };
    if !next.code && (next.character.is_lowercase() || matches!(next.character, ',' | ';' | ':' | ')' | '&')) {
        return false;
    }
    mark != '.' || !abbreviates(characters, from, stop)
}

fn abbreviates(characters: &[Character], from: usize, stop: usize) -> bool {
    let before: String = characters.iter().take(stop).skip(from).map(|character| character.character).collect();
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default().trim_start_matches(['(', '"', '\'', '[']);
    let lower = word.to_lowercase();
    // `1.` and `a)` number a sentence and end none; neither does an initial.
    let numbers = before.trim() == word && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    let two = before.trim_end().to_lowercase();
    numbers || initial || ABBREVIATIONS.contains(&lower.as_str()) || two.ends_with("z. b") || two.ends_with("d. h")
}

#[cfg(test)]
mod tests {
    use super::super::document::blocks;
    use super::*;

    fn split(source: &str) -> Vec<String> {
        blocks(source)
            .iter()
            .flat_map(|block| sentences(block, source))
            .map(|sentence| source.get(sentence.range).unwrap().trim().to_owned())
            .collect()
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        assert_eq!(split("Use TLS 1.2. Never 1.1!"), ["Use TLS 1.2.", "Never 1.1!"]);
        assert_eq!(
            split("Keys, e.g. API keys, rotate. See `a. B` too."),
            ["Keys, e.g. API keys, rotate.", "See `a. B` too."]
        );
        assert_eq!(
            split("**Rotate.** Then *log it.* Done (really.) Next"),
            ["**Rotate.**", "Then *log it.*", "Done (really.)", "Next"]
        );
        assert_eq!(
            split("Schlüssel, z. B. Token, wechseln. Jährlich."),
            ["Schlüssel, z. B. Token, wechseln.", "Jährlich."]
        );
        assert_eq!(
            split("Store in `.env`. And [read.](https://a.test/b) More"),
            ["Store in `.env`.", "And [read.](https://a.test/b)", "More"]
        );
        assert_eq!(split("Is it? Yes… Maybe"), ["Is it?", "Yes…", "Maybe"]);
        assert_eq!(split("> One\n> line. Two\n> lines."), ["One\n> line.", "Two\n> lines."]);
    }

    #[test]
    fn a_version_or_an_abbreviation_ends_none() {
        assert_eq!(split("Version 1.2.3 of node.js vs. Deno is used").len(), 1);
        assert_eq!(split("We use Ollama, LocalAI, etc. on port 1.").len(), 1);
    }
}
