//! A written security policy becomes a policy.yaml: every sentence of it is bound to the checks that judge it, with the
//! knobs taken from the text, or listed as not covered, and none is lost.

pub mod detect;
pub mod document;
mod html;
pub mod language;
pub mod quantity;
pub mod rules;
pub mod sentence;
pub mod write;

use std::ops::Range;
use std::sync::LazyLock;

use document::{Block, Kind, Tick};
use language::Clause;
use quantity::Knob;
use regex::Regex;

use crate::report::checklist::BOXES;

/// Everything that a document says.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The first heading.
    pub title: Option<String>,
    pub items: Vec<Item>,
}

/// One sentence, and what answers for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Counts from 1.
    pub line: u32,
    /// As it stands in the document, on one line.
    pub quote: String,
    pub kind: Kind,
    /// The headings above it.
    pub headings: Vec<String>,
    pub bound: Vec<Bound>,
    /// Why nothing is bound; empty where something is.
    pub why_not: &'static str,
    /// The block's checkbox, if it has one.
    pub tick: Option<Tick>,
    /// Where the whole block stands.
    pub block: Range<usize>,
}

/// A check that answers for a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub check: &'static str,
    pub knobs: Vec<Knob>,
}

impl Imported {
    pub fn bound(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.bound.is_empty())
    }

    pub fn not_covered(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.bound.is_empty())
    }

    /// The checkboxes of the document: the text beside each, and the checks that tick it.
    pub fn boxes(&self) -> Vec<(Tick, u32, String, Vec<&'static str>)> {
        let mut boxes: Vec<(Tick, u32, String, Vec<&'static str>)> = Vec::new();
        for item in &self.items {
            let Some(tick) = item.tick else { continue };
            let checks = item.bound.iter().map(|bound| bound.check);
            match boxes.last_mut().filter(|(known, ..)| *known == tick) {
                Some((_, _, text, known)) => {
                    text.push(' ');
                    text.push_str(&item.quote);
                    known.extend(checks);
                }
                None => boxes.push((tick, item.line, item.quote.clone(), checks.collect())),
            }
        }
        for (_, _, text, checks) in &mut boxes {
            // A box of the built-in policy is ticked by what ticks it there.
            if let Some(known) = BOXES.iter().find(|known| letters(known.text) == letters(text)) {
                *checks = known.checks.to_vec();
            }
            let mut seen = Vec::new();
            checks.retain(|check| {
                !seen.contains(check) && {
                    seen.push(check);
                    true
                }
            });
        }
        boxes
    }
}

/// Reads a document.
pub fn import(source: &str) -> Imported {
    let starts: Vec<usize> = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line = |at: usize| u32::try_from(starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX);
    let blocks = document::blocks(source);
    let title = blocks.iter().find(|block| block.kind == Kind::Heading).map(|block| block.text().trim().to_owned());
    let mut items = Vec::new();
    let mut before = String::new();
    let mut under: Option<&Block> = None;
    for block in &blocks {
        // `Rotate them …`: in a list, what they are stands in the item above.
        if under.is_none_or(|above| {
            above.kind != Kind::Item || block.kind != Kind::Item || above.headings != block.headings
        }) {
            before.clear();
        }
        under = Some(block);
        for sentence in sentence::sentences(block, source) {
            let raw = source.get(sentence.range.clone()).unwrap_or_default();
            let blank = raw.len() - raw.trim_start().len();
            let quote = one_line(raw);
            if quote.is_empty() {
                continue;
            }
            let (bound, why_not) = answer(block, &before, &sentence.text);
            before.clone_from(&sentence.text);
            items.push(Item {
                line: line(sentence.range.start + blank),
                quote,
                kind: block.kind,
                headings: block.headings.clone(),
                bound,
                why_not,
                tick: block.tick,
                block: block.range.clone(),
            });
        }
    }
    Imported { title: title.filter(|title| !title.is_empty()), items }
}

static REFERS_BACK: LazyLock<Regex> =
    LazyLock::new(|| language::pattern(r"^\W*(they|these|those|it|this|them|sie|diese[rs]?|dies)\b"));
static REFERS: LazyLock<Regex> = LazyLock::new(|| language::pattern(r"\b(them|they|it)\b"));

/// `What never happens`, `DON'T`, `The following is forbidden:`: what stands beneath is what must not be.
static FORBIDS_BENEATH: LazyLock<Regex> = LazyLock::new(|| {
    language::pattern(
        r"^\W*(what |things? (we |that )?|we |you )?(must |shall |should )?(never|don'?ts?|do not|not|no-?gos?|forbidden|prohibited|not allowed|verboten\w*|untersagt\w*|nicht erlaubt)( (happens|do|to do|allowed|permitted|be done|list))?\W*$|\b(is|are|ist|sind|remains?|bleib\w*) (strictly )?(forbidden|prohibited|not allowed|not permitted|never acceptable|verboten|untersagt|nicht erlaubt|unzulässig)\W*$|\b(must|shall|may|do|should|darf|dürfen) (not|never|nicht|niemals)\W*$",
    )
});
static HAS_NEGATION: LazyLock<Regex> =
    LazyLock::new(|| language::pattern(r"\b(never|not|no|cannot|without|nie|niemals|nicht|kein\w*)\b|n't\b"));
/// An item that is only a quantity says what its parent asks: `How often they change` - `every 45 days`.
static QUANTITY: LazyLock<Regex> = LazyLock::new(|| {
    language::pattern(
        r"\d|\b(daily|weekly|monthly|quarterly|annually|yearly|every|täglich|wöchentlich|monatlich|jährlich|vierteljährlich|halbjährlich)\b",
    )
});
/// Words of such an item, and of its parent, at most.
const SHORT: usize = 9;

fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The sentence on one line, without the marks that continue a quotation.
fn one_line(raw: &str) -> String {
    let lines: Vec<String> = raw
        .trim()
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let line = line.trim();
            let line = if number > 0 { line.trim_start_matches(['>', ' ']) } else { line };
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

/// What answers for a sentence, or why nothing does.
fn answer(block: &Block, before: &str, text: &str) -> (Vec<Bound>, &'static str) {
    let why_not = match block.kind {
        Kind::Code => Some("code"),
        Kind::Metadata => Some("front matter"),
        Kind::Definition => Some("markup"),
        Kind::Comment => Some("a comment"),
        Kind::RowHeader => Some("a table's header"),
        Kind::Heading if !Clause::of(text).is_rule_by_itself() => Some("a heading"),
        Kind::Heading | Kind::Prose | Kind::Item | Kind::Row => None,
    };
    let nearest = block.lead.last().or_else(|| block.headings.last()).filter(|_| block.kind != Kind::Heading);
    let forbidden = nearest.is_some_and(|nearest| FORBIDS_BENEATH.is_match(&plain(nearest)))
        && !HAS_NEGATION.is_match(&plain(text));
    let meant = if forbidden { format!("never {text}") } else { text.to_owned() };
    if let Some(why_not) = why_not.or_else(|| language::lays_down_nothing(&meant, &block.headings)) {
        return (Vec::new(), why_not);
    }
    // A paragraph of prose is about what it says; an item or a row also about what it stands under.
    let headings = block.headings.iter().rev().take(2).rev();
    // What is only planned, past or not required leads nothing in, unless it says so with a colon.
    let leads = block.lead.iter().filter(|lead| lead.trim_end().ends_with(':') || !language::is_no_rule_now(lead));
    let mut context: String = headings.chain(leads).cloned().collect::<Vec<_>>().join(" / ");
    // `They shall be replaced …`: who they are stands in the sentence before.
    if REFERS_BACK.is_match(&text.to_lowercase()) {
        before.clone_into(&mut context);
    } else if REFERS.is_match(&text.to_lowercase()) {
        context.push_str(" / ");
        context.push_str(before);
    }
    let clauses: Vec<Clause> = language::clauses(text)
        .into_iter()
        .map(|clause| if forbidden { Clause::of(&format!("never {}", clause.text.trim_start())) } else { clause })
        .collect();
    let (mut bound, partial) = bind(&clauses, text, context.clone());
    let short = |text: &str| text.split_whitespace().count() <= SHORT;
    if let Some(parent) = block.lead.last().filter(|parent| bound.is_empty() && short(parent) && short(text))
        && QUANTITY.is_match(&text.to_lowercase())
    {
        // `How often` asks, and explains nothing.
        let asked = plain(parent).replace("how often", "how");
        let whole = format!("{}: {text}", asked.trim_end_matches([':', ' ']));
        if language::lays_down_nothing(&whole, &[]).is_none() {
            bound = bind(&language::clauses(&whole), text, context).0;
        }
    }
    let why_not = match (bound.is_empty(), partial) {
        (false, _) => "",
        (true, true) => "a limit for some endpoints only, and the check holds all of them to one",
        (true, false) => "no check judges it",
    };
    (bound, why_not)
}

/// Lower case, with one kind of apostrophe.
fn plain(text: &str) -> String {
    text.to_lowercase().replace(['’', '‘'], "'")
}

/// The checks that the clauses are bound to, and whether one of them is a limit for some endpoints only.
fn bind(clauses: &[Clause], text: &str, mut context: String) -> (Vec<Bound>, bool) {
    let mut bound: Vec<Bound> = Vec::new();
    let mut partial = false;
    for clause in clauses {
        for check in rules::checks(clause, &context.to_lowercase()) {
            if check == "rate-limit" && rules::is_partial_limit(clause) {
                partial = true;
                continue;
            }
            let unread = check == "tls-version" && !rules::names_a_readable_version(clause);
            if unread {
                continue;
            }
            let knobs = quantity::knobs(check, clause, text);
            match bound.iter_mut().find(|known| known.check == check) {
                Some(known) => {
                    for knob in knobs {
                        if !known.knobs.iter().any(|set| set.name == knob.name) {
                            known.knobs.push(knob);
                        }
                    }
                }
                None => bound.push(Bound { check, knobs }),
            }
        }
        context.push_str(" / ");
        context.push_str(&clause.text);
    }
    (bound, partial)
}

#[cfg(test)]
mod tests;
