//! HTML inside a written policy: its texts without the tags, comments apart.

use std::ops::Range;

use super::document::Character;

/// One run of text between block-level tags.
pub(super) struct Piece {
    pub(super) characters: Vec<Character>,
    pub(super) range: Range<usize>,
    pub(super) comment: bool,
    pub(super) heading: Option<u8>,
    pub(super) shape: Option<Shape>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// The cells of a table's header, as one.
    Header,
    /// The cells of a row, as one.
    Row,
    Item,
}

/// Tags that a reader sees as a break.
const BREAKS: [&str; 22] = [
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "table",
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "details",
    "summary",
    "section",
    "blockquote",
    "pre",
    "hr",
    "dt",
    "dd",
];

/// The texts of one stretch of HTML that begins at byte `base` of the document.
pub(super) fn pieces(source: &str, base: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut open: Vec<Character> = Vec::new();
    let mut heading = None;
    let mut shape = None;
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("<!--") {
            let end = rest.find("-->").map_or(rest.len(), |end| end + 3);
            close(&mut pieces, &mut open, heading, shape);
            let inner = rest.get(4..end.saturating_sub(3).max(4)).unwrap_or_default();
            let characters = spelt(inner, base + at + 4);
            pieces.push(Piece {
                characters,
                range: base + at..base + at + end,
                comment: true,
                heading: None,
                shape: None,
            });
            at += end;
        } else if let Some(tag) = tag(rest) {
            let name = tag.trim_start_matches(['<', '/']).split(|c: char| !c.is_ascii_alphanumeric()).next();
            let name = name.unwrap_or_default().to_ascii_lowercase();
            if BREAKS.contains(&name.as_str()) {
                close(&mut pieces, &mut open, heading, shape);
                shape = match name.as_str() {
                    "li" if !tag.starts_with("</") => Some(Shape::Item),
                    "tr" | "table" | "li" | "ul" | "ol" => None,
                    _ => shape,
                };
                let level = name.strip_prefix('h').and_then(|level| level.parse().ok());
                heading = if tag.starts_with("</") { None } else { level };
            }
            if matches!(name.as_str(), "td" | "th") && !tag.starts_with("</") {
                shape = match (name.as_str(), shape) {
                    ("th", None | Some(Shape::Header)) => Some(Shape::Header),
                    (_, _) => Some(Shape::Row),
                };
                if open.iter().any(|character| !character.character.is_whitespace()) {
                    for character in [':', ' '] {
                        open.push(Character { character, start: base + at, end: base + at, code: true });
                    }
                }
            }
            at += tag.len();
        } else {
            let (length, character) = entity(rest)
                .or_else(|| rest.chars().next().map(|character| (character.len_utf8(), character)))
                .unwrap_or((1, ' '));
            let character = if character == '\n' || character == '\r' { ' ' } else { character };
            open.push(Character { character, start: base + at, end: base + at + length, code: false });
            at += length;
        }
    }
    close(&mut pieces, &mut open, heading, shape);
    pieces
}

/// Whether a line has words beside its tags.
pub(super) fn says_something(line: &str) -> bool {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = tag(rest).map_or(first.len_utf8(), str::len);
        if length == first.len_utf8() && first.is_alphanumeric() {
            return true;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

fn spelt(text: &str, base: usize) -> Vec<Character> {
    text.char_indices()
        .map(|(at, character)| Character {
            character: if character == '\n' || character == '\r' { ' ' } else { character },
            start: base + at,
            end: base + at + character.len_utf8(),
            code: false,
        })
        .collect()
}

fn close(pieces: &mut Vec<Piece>, open: &mut Vec<Character>, heading: Option<u8>, shape: Option<Shape>) {
    let mut characters = std::mem::take(open);
    while characters.last().is_some_and(|last| last.character.is_whitespace()) {
        characters.pop();
    }
    let blank = characters.iter().take_while(|first| first.character.is_whitespace()).count();
    characters.drain(..blank);
    if let (Some(first), Some(last)) = (characters.first(), characters.last()) {
        let range = first.start..last.end;
        pieces.push(Piece { characters, range, comment: false, heading, shape });
    }
}

/// A tag at the beginning of the text, up to its `>`; a lone `<` is text.
fn tag(rest: &str) -> Option<&str> {
    let second = rest.strip_prefix('<')?.chars().next()?;
    if !(second.is_ascii_alphabetic() || matches!(second, '/' | '!' | '?')) {
        return None;
    }
    rest.find('>').and_then(|end| rest.get(..=end))
}

fn entity(rest: &str) -> Option<(usize, char)> {
    let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\''), ("&nbsp;", ' ')];
    known.iter().find(|(name, _)| rest.starts_with(name)).map(|(name, character)| (name.len(), *character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_without_their_tags_and_comments_apart() {
        let rows =
            "<table><tr><th>Protocol</th><th>Rule</th></tr><tr><td>TLS</td><td>1.2 or newer</td></tr></table><li>x";
        let shapes: Vec<(String, Option<Shape>)> = pieces(rows, 0)
            .into_iter()
            .map(|piece| (piece.characters.iter().map(|c| c.character).collect(), piece.shape))
            .collect();
        assert_eq!(
            shapes,
            [
                ("Protocol: Rule".to_owned(), Some(Shape::Header)),
                ("TLS: 1.2 or newer".to_owned(), Some(Shape::Row)),
                ("x".to_owned(), Some(Shape::Item)),
            ]
        );
        let source = "<h2>Keys</h2>\n<ul><li>Never &lt;b&gt; <b>commit</b> keys.</li></ul><!-- to do -->";
        let seen: Vec<(String, bool, Option<u8>)> = pieces(source, 0)
            .into_iter()
            .map(|piece| (piece.characters.iter().map(|c| c.character).collect(), piece.comment, piece.heading))
            .collect();
        assert_eq!(
            seen,
            [
                ("Keys".to_owned(), false, Some(2)),
                ("Never <b> commit keys.".to_owned(), false, None),
                (" to do ".to_owned(), true, None)
            ]
        );
    }

    #[test]
    fn broken_html_ends() {
        for source in ["<", "<!--", "<p", "a < b", "&", "<!-->", "<!-- -", "é<é>"] {
            let _ = pieces(source, 0);
        }
    }
}
