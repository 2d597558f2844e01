//! Text from outside is written only by naming the sink: what an answer, a repository, a policy or a stored report says
//! has no `Display`, so that a format which forgets to escape it does not compile.
//!
//! What is put together of such text is such text again (`words!`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::escape;
use crate::check::Place;

/// Text that somebody else chose. Serialised it is itself: JSON escapes it by [`super::json::pretty`].
#[derive(Clone, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// The text as it is: to compare, to look up, to hash, to store. Never for a sink; `tests/architecture.rs` has the
    /// places where it is used.
    pub fn data(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// At most so many characters, the cut marked.
    #[must_use]
    pub fn bounded(&self, most: usize) -> Self {
        Self(escape::bounded(&self.0, most))
    }

    /// For a terminal, and for whatever reads lines: one line, with nothing that is obeyed, reorders or hides.
    pub fn terminal(&self) -> String {
        escape::terminal(&self.0)
    }

    /// For a terminal whose lines a build server may read for commands of its own.
    pub fn log(&self) -> String {
        escape::log(&self.0)
    }

    /// For XML: between tags or in a quoted attribute.
    pub fn xml(&self) -> String {
        escape::xml(&self.0)
    }

    /// For Markdown that a forge renders.
    pub fn markdown(&self) -> String {
        escape::markdown(&self.0)
    }

    /// For a list item of somebody's own Markdown document.
    pub fn document(&self) -> String {
        escape::document(&self.0)
    }

    /// A whole cell of a CSV file, quotation marks included.
    pub fn csv(&self) -> String {
        escape::csv(&self.0)
    }

    /// The value of a Prometheus label, without its quotation marks.
    pub fn label(&self) -> String {
        escape::label(&self.0)
    }

    /// A message of SARIF, where brackets and braces have a meaning.
    pub fn message(&self) -> String {
        escape::message(&self.0)
    }

    /// A path as a relative URI that stays below the root.
    pub fn relative_uri(&self) -> String {
        escape::relative_uri(&self.0)
    }

    /// Several as one, with `separator` in between.
    #[must_use]
    pub fn joined<'a>(all: impl IntoIterator<Item = &'a Self>, separator: &str) -> Self {
        Self(all.into_iter().map(Self::data).collect::<Vec<_>>().join(separator))
    }
}

/// For HTML, by way of maud: escaped for the page, and harmless to whoever copies it into a terminal.
impl maud::Render for Untrusted {
    fn render_to(&self, out: &mut String) {
        maud::Render::render_to(self.terminal().as_str(), out);
    }
}

/// As a `str` shows itself: control characters and those of no width are escaped.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&String> for Untrusted {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl PartialEq<str> for Untrusted {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Untrusted {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<String> for Untrusted {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

/// What can stand in `words!`: text from outside, a place, and whatever shows itself.
pub trait Part {
    fn part(&self) -> String;
}

impl Part for Untrusted {
    fn part(&self) -> String {
        self.0.clone()
    }
}

impl Part for &Untrusted {
    fn part(&self) -> String {
        self.0.clone()
    }
}

impl Part for Place {
    fn part(&self) -> String {
        self.words().0
    }
}

impl<T: fmt::Display + ?Sized> Part for T {
    fn part(&self) -> String {
        self.to_string()
    }
}

/// As `format!`, of text from outside; what comes of it is text from outside.
macro_rules! words {
    ($form:literal $(, $part:expr)* $(,)?) => {
        $crate::report::untrusted::Untrusted::from(format!($form $(, $crate::report::untrusted::Part::part(&$part))*))
    };
}
pub(crate) use words;

impl Place {
    /// The place as people read it.
    pub fn words(&self) -> Untrusted {
        let (head, line) = match self {
            Self::Url { url } => return url.clone(),
            Self::Host { host } => return host.clone(),
            Self::Commit { commit, file, line } => {
                let commit = commit.data();
                (words!("{} in {}", file, commit.get(..12).unwrap_or(commit)), line)
            }
            Self::File { file, line } => (file.clone(), line),
            Self::Policy { policy, line } => (policy.clone(), line),
        };
        match line {
            Some(line) => words!("{}:{}", head, line),
            None => head,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::escape::is_unsafe;

    /// C0, C1, bidirectional, zero width, tags, line and paragraph separators, and the marks of every sink.
    const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{7f}\0\r\n\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{2028}\u{e0041}\
                           <b onclick='x'>&\"=1+1|::error::x ##[group] [a](b){c} `x` @all #1\u{61c}\u{fe0f}";

    #[test]
    fn every_way_out_is_one_line_without_anything_that_reorders_hides_or_is_obeyed() {
        let text = Untrusted::from(HOSTILE);
        let html = maud::Render::render(&text).into_string();
        for (sink, shown) in [
            ("terminal", text.terminal()),
            ("log", text.log()),
            ("xml", text.xml()),
            ("markdown", text.markdown()),
            ("document", text.document()),
            ("csv", text.csv()),
            ("label", text.label()),
            ("message", text.message()),
            ("relative_uri", text.relative_uri()),
            ("html", html.clone()),
            ("json", crate::report::json::pretty(&text).unwrap().trim_end().to_owned()),
        ] {
            assert!(!shown.chars().any(is_unsafe), "{sink}: {shown:?}");
        }
        for shown in [html, text.xml(), text.markdown(), text.document()] {
            assert!(!shown.contains("<b"), "{shown}");
        }
        assert!(!text.log().contains("##["), "{}", text.log());
        assert!(text.csv().starts_with('"') && text.csv().ends_with('"'), "{}", text.csv());
    }

    #[test]
    fn what_is_put_together_of_it_is_it_again() {
        let place = Place::commit("0123456789abcdef0123", "a\u{202e}b", Some(7));
        let text = words!("{} at {}, {} days", Untrusted::from("x\u{1b}"), place, 3);
        assert_eq!(text.terminal(), "x\\u{1b} at a\\u{202e}b in 0123456789ab:7, 3 days");
        assert_eq!(Untrusted::joined(&["a".into(), "b".into()], "; "), "a; b");
    }
}
