//! Looks for secrets in every blob once. What a blob shares with the one it is built on is not searched again.
//!
//! In program text and prose nothing decides about a value but its own line and what stands near it. There a blob's
//! secrets are those that its base has in unchanged surroundings, and those that a search around the changes finds.
//! Structured files (JSON, YAML, XML, ...) are searched whole.

use std::borrow::Cow;
use std::collections::HashMap;

use gix::bstr::ByteSlice as _;
use gix::objs::Kind;

use super::Budget;
use super::content::{self, Content, LARGEST};
use super::delta::{self, Copied};
use super::env::{self, Assignments};
use super::history::{Caught, catch};
use super::numbers::Store;
use super::pack::{Course, Passing, Visit};
use super::parallel::each;
use super::survey::{LOOSE, Survey, families};
use crate::detect::secrets;
use crate::detect::secrets::Spot;
use crate::detect::secrets::gitleaks::Rules;
use crate::probe::fingerprint::Key;

/// Bytes within which what decides about a value stands, its own line apart. The farthest that a rule looks are the 400
/// bytes of a comment before and the words of a key's armour, which has a rule of its own here.
const REACH: usize = 512;

/// Blocks that begin so may be longer than [`REACH`].
const ARMOUR: &[u8] = b"PRIVATE KEY";

/// A blob that has something to say.
pub(super) struct Blob {
    pub(super) content: Content,
    pub(super) oversize: bool,
    pub(super) caught: Vec<Caught>,
    pub(super) env: Option<Assignments>,
}

/// What was found in all blobs.
#[derive(Default)]
pub(super) struct Search {
    /// By number.
    pub(super) blobs: HashMap<u32, Blob>,
    pub(super) count: u32,
    pub(super) bytes: u64,
    pub(super) binaries: u32,
    pub(super) media: u32,
    /// Objects that were read, those over the limit too.
    pub(super) read: usize,
    pub(super) cut_short: bool,
}

impl Search {
    pub(super) fn of(store: &Store, survey: &Survey, key: &Key, rules: Option<&Rules>, budget: &Budget) -> Self {
        let families = families(store, |kind| kind == Kind::Blob);
        let course = Course { packs: &store.packs, families: &families, budget };
        let fresh = || Searcher { store, survey, key, rules, search: Self::default() };
        let (mut parts, mut cut_short) = course.walk(fresh);
        if !survey.loose_blobs.is_empty() {
            let (more, cut) = each(survey.loose_blobs.len(), LOOSE, budget, fresh, |searcher, number| {
                if let Some(place) = survey.loose_blobs.get(number) {
                    searcher.loose(*place);
                }
            });
            parts.extend(more);
            cut_short |= cut;
        }
        let mut search = Self { cut_short, ..Self::default() };
        for part in parts {
            search.add(part.search);
        }
        search
    }

    fn add(&mut self, part: Self) {
        self.blobs.extend(part.blobs);
        self.count += part.count;
        self.bytes += part.bytes;
        self.binaries += part.binaries;
        self.media += part.media;
        self.read += part.read;
    }
}

struct Searcher<'a> {
    store: &'a Store,
    survey: &'a Survey,
    key: &'a Key,
    rules: Option<&'a Rules>,
    search: Search,
}

/// How a blob is searched; two of one class are searched alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    /// A value's own line and its surroundings decide.
    Near(secrets::Reading),
    Tokens,
    /// The form of the file decides.
    Whole,
}

/// What is remembered of a blob while others are built on it.
pub(super) struct Searched {
    class: Class,
    length: usize,
    armour: bool,
    caught: Vec<Caught>,
    /// Where literals stand in what was searched whole.
    spots: Vec<Spot>,
}

impl Searched {
    fn nothing(length: usize) -> Self {
        Self { class: Class::Whole, length, armour: false, caught: Vec::new(), spots: Vec::new() }
    }
}

impl Searcher<'_> {
    fn loose(&mut self, place: usize) {
        let Some((store, id)) = self.store.loose.get(place) else { return };
        let Some(number) = self.store.numbers.present(id) else { return };
        match store.try_header(id) {
            Ok(Some((size, _))) if size > LARGEST => self.oversize(number),
            Ok(Some(_)) => {
                let mut buffer = Vec::new();
                if let Ok(Some(object)) = store.try_find(id, &mut buffer) {
                    self.blob(Some(number), number, object.data, None);
                }
            }
            Ok(None) | Err(_) => {}
        }
    }

    fn oversize(&mut self, number: u32) {
        self.search.read += 1;
        let blob = Blob { content: Content::Binary, oversize: true, caught: Vec::new(), env: None };
        self.search.blobs.insert(number, blob);
    }

    /// `number` is given where the blob was not met before; its name is the one of `named` in any case.
    fn blob(&mut self, number: Option<u32>, named: u32, data: &[u8], base: Option<(&Searched, &[Copied])>) -> Searched {
        if data.len() as u64 > LARGEST {
            if let Some(number) = number {
                self.oversize(number);
            }
            return Searched::nothing(data.len());
        }
        let names = &self.survey.names;
        let called = self.survey.called.best.get(&named).copied();
        let others = self.survey.called.others.get(&named).map(Vec::as_slice).unwrap_or_default();
        let name = called.map_or(Cow::Borrowed(""), |name| names.bytes(name).to_str_lossy());
        let content = content::kind(&name, data);
        // The user's own rules may look as far as they like.
        let class = if others.is_empty() && self.rules.is_none() { class(&name, content, data) } else { Class::Whole };
        let by_base = base
            .filter(|(base, _)| class != Class::Whole && base.class == class)
            .and_then(|(base, copies)| near(&name, data, base, copies, self.key));
        let mut searched = by_base.unwrap_or_else(|| self.whole(&name, content, class, data, base));
        for other in others {
            let more = self.whole(&names.text(*other), content, class, data, None);
            add(&mut searched.caught, more.caught);
        }
        let Some(number) = number else { return searched };
        self.search.read += 1;
        self.search.count += 1;
        self.search.bytes += data.len() as u64;
        match content {
            Content::Binary => self.search.binaries += 1,
            Content::Media => self.search.media += 1,
            Content::Text
            | Content::Tar
            | Content::Archive
            | Content::KeyContainer
            | Content::LfsPointer
            | Content::Encrypted => {}
        }
        let special = matches!(content, Content::Archive | Content::KeyContainer | Content::LfsPointer);
        let is_env = called.into_iter().chain(others.iter().copied()).any(|name| names.is_env(name));
        if !searched.caught.is_empty() || special || is_env {
            let env = is_env.then(|| {
                let text = secrets::widen(data).map_or(Cow::Borrowed(data), Cow::Owned);
                env::assignments(content, &text, self.key)
            });
            let blob = Blob { content, oversize: false, caught: searched.caught.clone(), env };
            self.search.blobs.insert(number, blob);
        }
        searched
    }
}

impl Searcher<'_> {
    fn whole(
        &self,
        name: &str,
        content: Content,
        class: Class,
        data: &[u8],
        base: Option<(&Searched, &[Copied])>,
    ) -> Searched {
        let mut spots = Vec::new();
        let caught = if content == Content::Text && content::is_plain(data) {
            spots = match base {
                Some((base, copies)) if !base.spots.is_empty() => secrets::spots_by(data, &base.spots, copies),
                Some(_) | None => secrets::spots(data),
            };
            let reading = match class {
                Class::Near(reading) => reading,
                Class::Tokens | Class::Whole => secrets::Reading::of(name, data),
            };
            catch(&secrets::detect_at(&spots, reading, name, data, self.rules), data, self.key)
        } else {
            let read = content::search(name, content, data, self.rules);
            catch(&read.hits, &read.text, self.key)
        };
        // What is searched around its changes never asks for them again.
        if class != Class::Whole {
            spots.clear();
        }
        let armour = class != Class::Whole && has_armour(data);
        Searched { class, length: data.len(), armour, caught, spots }
    }
}

impl Visit for Searcher<'_> {
    type State = Searched;

    fn visit(&mut self, passing: &Passing<'_, Searched>) -> Searched {
        let number = self.store.number(passing.pack, passing.position);
        let named = number.or_else(|| self.store.any_number(passing.pack, passing.position)).unwrap_or(u32::MAX);
        self.blob(number, named, passing.data, passing.base)
    }

    // What is not read is missing from the count of what is.
    fn unreadable(&mut self, _: usize, _: u32) {}
}

fn class(name: &str, content: Content, data: &[u8]) -> Class {
    match content {
        Content::Binary | Content::Media if content::hides_nothing(data) => Class::Tokens,
        // UTF-16 is searched as other bytes than those of the delta.
        Content::Text if !content::is_plain(data) => Class::Whole,
        Content::Text => {
            let reading = secrets::Reading::of(name, data);
            if reading.is_local() { Class::Near(reading) } else { Class::Whole }
        }
        Content::Binary
        | Content::Media
        | Content::Tar
        | Content::Archive
        | Content::KeyContainer
        | Content::LfsPointer
        | Content::Encrypted => Class::Whole,
    }
}

/// Adds what stands at other places.
fn add(caught: &mut Vec<Caught>, more: Vec<Caught>) {
    for new in more {
        let (start, end) = (new.hit.span.start, new.hit.span.end);
        if !caught.iter().any(|known| known.hit.span.start < end && start < known.hit.span.end) {
            caught.push(new);
        }
    }
    caught.sort_by_key(|found| found.hit.span.start);
}

fn has_armour(data: &[u8]) -> bool {
    data.find(ARMOUR).is_some()
}

/// What the base has in unchanged surroundings, and what is found around the changes. `None`: it must be searched whole.
fn near(name: &str, data: &[u8], base: &Searched, copies: &[Copied], key: &Key) -> Option<Searched> {
    if base.armour {
        return None;
    }
    let changed = delta::changed(data, copies, base.length, REACH);
    let bytes: usize = changed.iter().map(|part| part.len() + 2 * REACH).sum();
    if bytes > data.len() / 2 {
        return None;
    }
    let mut caught = Vec::new();
    for part in &changed {
        // Around the part stands what decides about what is found in it.
        let start = delta::line_start(data, part.start.saturating_sub(REACH));
        let end = delta::line_end(data, part.end.saturating_add(REACH));
        let window = data.get(start..end)?;
        if has_armour(window) {
            return None;
        }
        let hits = match base.class {
            Class::Near(reading) => secrets::detect_as(reading, name, window, None),
            Class::Tokens => secrets::detect_tokens(window),
            Class::Whole => return None,
        };
        for mut found in catch(&hits, window, key) {
            found.hit.span = found.hit.span.start + start..found.hit.span.end + start;
            if part.contains(&found.hit.span.start) {
                caught.push(found);
            }
        }
    }
    for known in &base.caught {
        let span = &known.hit.span;
        for copied in
            copies.iter().filter(|copied| copied.from <= span.start && span.end <= copied.from + copied.length)
        {
            let start = span.start - copied.from + copied.at;
            if changed.iter().any(|part| part.contains(&start)) {
                continue;
            }
            let mut kept = known.clone();
            kept.hit.span = start..start + span.len();
            caught.push(kept);
        }
    }
    caught.sort_by_key(|found| found.hit.span.start);
    let (mut at, mut line) = (0, 1);
    for found in &mut caught {
        let before = data.get(at..found.hit.span.start).unwrap_or_default();
        line += u32::try_from(before.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX);
        at = at.max(found.hit.span.start);
        found.hit.line = line;
    }
    Some(Searched { class: base.class, length: data.len(), armour: false, caught, spots: Vec::new() })
}
