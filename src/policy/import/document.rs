//! A written policy, taken apart: every piece of it that says something, with its line, and none lost.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::html;

/// One piece of the document that stands by itself: a heading, a paragraph, the text of a list item, a table's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub kind: Kind,
    /// The headings above it, outermost first, as plain text.
    pub headings: Vec<String>,
    /// The list items that it stands in, and the paragraph that leads the list in (`…, please:`).
    pub lead: Vec<String>,
    /// What a reader reads, character by character, with where each stands in the source.
    pub characters: Vec<Character>,
    /// Where it stands in the source, markup included.
    pub range: Range<usize>,
    pub tick: Option<Tick>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Heading,
    Prose,
    Item,
    /// A table's row, its cells separated by `: `; the header apart, since it names the columns.
    Row,
    RowHeader,
    /// Code, front matter, link definitions and comments: quoted, and never read as a rule.
    Code,
    Metadata,
    Definition,
    Comment,
}

/// A checkbox of a task list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tick {
    pub checked: bool,
    /// The byte between the brackets.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Character {
    pub character: char,
    pub start: usize,
    pub end: usize,
    /// Inside a code span, where a full stop ends no sentence.
    pub code: bool,
}

impl Block {
    pub fn text(&self) -> String {
        self.characters.iter().map(|character| character.character).collect()
    }
}

/// Every block of the document, in its order.
pub fn blocks(source: &str) -> Vec<Block> {
    // A byte order mark would hide the first heading; offsets stay those of the source.
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let base = source.len() - body.len();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_GFM
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let parser = Parser::new_ext(body, options);
    let mut walk = Walk {
        body,
        base,
        blocks: Vec::new(),
        headings: Vec::new(),
        lists: Vec::new(),
        items: Vec::new(),
        lead: None,
        open: None,
        raw: None,
    };
    for (event, range) in parser.into_offset_iter() {
        walk.event(event, range);
    }
    walk.flush();
    let mut blocks = walk.blocks;
    let rest = rest(source, &blocks);
    blocks.extend(rest);
    blocks.sort_by_key(|block| block.range.start);
    blocks
}

/// What the parser read away, such as the definitions of links: somebody wrote it all the same. Lines of bare tags say
/// nothing.
fn rest(source: &str, blocks: &[Block]) -> Vec<Block> {
    let mut starts: Vec<(usize, usize)> = blocks.iter().map(|block| (block.range.start, block.range.end)).collect();
    starts.sort_unstable();
    let mut found = Vec::new();
    let mut begins = 0;
    for line in source.split_inclusive('\n') {
        let range = begins..begins + line.len();
        begins = range.end;
        let seen = starts.iter().take_while(|(start, _)| *start < range.end).any(|(_, end)| *end > range.start);
        if seen || !html::says_something(line) {
            continue;
        }
        found.push(Block {
            kind: Kind::Definition,
            headings: Vec::new(),
            lead: Vec::new(),
            characters: Vec::new(),
            range,
            tick: None,
        });
    }
    found
}

/// A block under construction.
struct Open {
    kind: Kind,
    level: Option<HeadingLevel>,
    characters: Vec<Character>,
    range: Option<Range<usize>>,
    tick: Option<Tick>,
}

struct Walk<'a> {
    body: &'a str,
    base: usize,
    blocks: Vec<Block>,
    headings: Vec<(u8, String)>,
    /// The paragraph that led each open list in.
    lists: Vec<Option<String>>,
    /// The text of each open list item.
    items: Vec<String>,
    /// The last paragraph, where a list may follow it.
    lead: Option<String>,
    open: Option<Open>,
    /// A block that is taken as it stands: code, HTML, front matter.
    raw: Option<(Kind, Range<usize>)>,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) if self.raw.is_none() => self.text(&text, &range, false),
            Event::Code(text) => self.text(&text, &range, true),
            Event::SoftBreak => self.text(" ", &range, false),
            Event::HardBreak => self.text("\n", &range, false),
            Event::InlineHtml(html) => {
                let shown = if html.to_ascii_lowercase().starts_with("<br") { "\n" } else { "" };
                self.text(shown, &range, false);
            }
            Event::TaskListMarker(checked) => {
                let at =
                    self.body.get(range.clone()).and_then(|marker| marker.find('[')).map(|at| range.start + at + 1);
                if let (Some(at), open) = (at, self.opened(Kind::Item)) {
                    open.tick = Some(Tick { checked, at });
                }
            }
            Event::Text(_)
            | Event::Html(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::Rule => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.lead = None;
                self.opened(Kind::Heading).level = Some(level);
            }
            Tag::Paragraph => self.flush_kept_tick(),
            Tag::DefinitionListTitle => {
                self.flush();
                self.lead = None;
            }
            // What is defined leads its definitions in, as an item leads in those below it.
            Tag::DefinitionListDefinition => {
                self.flush();
                let lead = self.lead.clone();
                self.lists.push(lead);
                self.items.push(String::new());
            }
            Tag::List(_) => {
                self.flush();
                let lead = self.lead.take();
                self.lists.push(lead);
            }
            Tag::Item => {
                self.flush();
                self.items.push(String::new());
            }
            Tag::TableHead => {
                self.flush();
                self.opened(Kind::RowHeader).range = Some(range);
            }
            Tag::TableRow => {
                self.flush();
                self.opened(Kind::Row).range = Some(range);
            }
            Tag::TableCell => {
                let open = self.opened(Kind::Row);
                if !open.characters.is_empty() {
                    for character in [':', ' '] {
                        open.characters.push(Character { character, start: range.start, end: range.start, code: true });
                    }
                }
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                // An indented block's range leaves out its first indentation, which nobody misses.
                let _ = matches!(kind, CodeBlockKind::Indented);
                self.raw = Some((Kind::Code, range));
            }
            Tag::HtmlBlock => {
                self.flush();
                self.raw = Some((Kind::Prose, range));
            }
            Tag::MetadataBlock(_) => {
                self.flush();
                self.raw = Some((Kind::Metadata, range));
            }
            Tag::BlockQuote(_) | Tag::FootnoteDefinition(_) | Tag::DefinitionList | Tag::Table(_) => self.flush(),
            Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::Image { .. } => self.widen(&range),
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Item => {
                self.flush();
                self.items.pop();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.lead = None;
            }
            // A quotation speaks for itself.
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.lead = None;
            }
            TagEnd::DefinitionListDefinition => {
                self.flush();
                self.items.pop();
                self.lists.pop();
            }
            TagEnd::CodeBlock | TagEnd::MetadataBlock(_) => {
                if let Some((kind, range)) = self.raw.take() {
                    self.push_raw(kind, range);
                }
            }
            TagEnd::HtmlBlock => {
                if let Some((_, range)) = self.raw.take() {
                    self.html(range);
                }
            }
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow => self.flush(),
            TagEnd::TableCell => {}
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image => self.widen(&range),
        }
    }

    fn opened(&mut self, kind: Kind) -> &mut Open {
        self.open.get_or_insert_with(|| Open { kind, level: None, characters: Vec::new(), range: None, tick: None })
    }

    fn text(&mut self, text: &str, range: &Range<usize>, code: bool) {
        let kind = if self.items.is_empty() { Kind::Prose } else { Kind::Item };
        let base = self.base;
        // What the parser decoded (entities, escapes, code spans) stands at its whole range.
        let exact = self.body.get(range.clone()) == Some(text);
        let open = self.opened(kind);
        for (at, character) in text.char_indices() {
            let (start, end) = if exact {
                (range.start + at, range.start + at + character.len_utf8())
            } else {
                (range.start, range.end)
            };
            open.characters.push(Character { character, start: start + base, end: end + base, code });
        }
        self.widen(range);
    }

    fn widen(&mut self, range: &Range<usize>) {
        let kind = if self.items.is_empty() { Kind::Prose } else { Kind::Item };
        let open = self.opened(kind);
        if !matches!(open.kind, Kind::Row | Kind::RowHeader) {
            open.range = Some(match open.range.take() {
                Some(known) => known.start.min(range.start)..known.end.max(range.end),
                None => range.clone(),
            });
        }
    }

    /// A loose item's checkbox comes before its paragraph; they belong together.
    fn flush_kept_tick(&mut self) {
        let tick = self.open.as_ref().filter(|open| open.characters.is_empty()).and_then(|open| open.tick);
        if tick.is_some() {
            return;
        }
        self.flush();
    }

    fn flush(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Some(range) = open.range else { return };
        let text: String = open.characters.iter().map(|character| character.character).collect();
        if let Some(level) = open.level {
            self.heading(level as u8, text.trim());
        }
        let headings = self.headings.iter().map(|(_, text)| text.clone()).collect();
        let mut lead: Vec<String> = self.lists.iter().flatten().cloned().collect();
        lead.extend(self.items.iter().filter(|item| !item.is_empty()).cloned());
        if let Some(item) = self.items.last_mut() {
            if item.is_empty() {
                text.trim().clone_into(item);
            }
        } else if open.kind == Kind::Prose {
            self.lead = Some(text.trim().to_owned());
        }
        self.blocks.push(Block {
            kind: open.kind,
            headings,
            lead,
            characters: open.characters,
            range: range.start + self.base..range.end + self.base,
            tick: open.tick.map(|tick| Tick { at: tick.at + self.base, ..tick }),
        });
    }

    fn heading(&mut self, level: u8, text: &str) {
        self.headings.retain(|(known, _)| *known < level);
        self.headings.push((level, text.to_owned()));
    }

    fn push_raw(&mut self, kind: Kind, range: Range<usize>) {
        let headings = self.headings.iter().map(|(_, text)| text.clone()).collect();
        let range = range.start + self.base..range.end + self.base;
        self.blocks.push(Block { kind, headings, lead: Vec::new(), characters: Vec::new(), range, tick: None });
    }

    fn html(&mut self, range: Range<usize>) {
        let Some(source) = self.body.get(range.clone()) else { return };
        for piece in html::pieces(source, range.start + self.base) {
            if let Some(level) = piece.heading {
                let text: String = piece.characters.iter().map(|character| character.character).collect();
                self.heading(level, text.trim());
            }
            let kind = match (piece.comment, piece.heading, piece.shape) {
                (true, _, _) => Kind::Comment,
                (false, Some(_), _) => Kind::Heading,
                (false, None, Some(html::Shape::Header)) => Kind::RowHeader,
                (false, None, Some(html::Shape::Row)) => Kind::Row,
                (false, None, Some(html::Shape::Item)) => Kind::Item,
                (false, None, None) => Kind::Prose,
            };
            self.blocks.push(Block {
                kind,
                headings: self.headings.iter().map(|(_, text)| text.clone()).collect(),
                lead: Vec::new(),
                characters: piece.characters,
                range: piece.range,
                tick: None,
            });
        }
    }
}

#[cfg(test)]
mod tests;
