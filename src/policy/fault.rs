//! What is wrong with a policy as written: where, with a caret, and what would be right.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::report::escape;

/// A stretch of the source: line and column count from 1, the length in characters.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

/// One fault, ready to be shown.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    pub file: String,
    pub span: Span,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub right: String,
    /// The line of the source, escaped, without what must not be shown.
    pub excerpt: String,
    /// Where the caret stands in `excerpt` (0: no caret).
    caret: (usize, usize),
}

/// How much of the line may be shown: a literal secret in a policy is refused, and not repeated on a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Show {
    All,
    /// Neither the span nor what follows it.
    UpToSpan,
    /// The span, and nothing that follows it.
    UpToSpanEnd,
}

/// Characters of a line that are shown at most.
const EXCERPT: usize = 160;

impl Fault {
    pub fn new(
        source: &str,
        file: &str,
        span: Span,
        what: impl Into<String>,
        right: impl Into<String>,
        show: Show,
    ) -> Self {
        let line = masked(source.lines().nth(span.line.saturating_sub(1) as usize).unwrap_or_default());
        let column = span.column.saturating_sub(1) as usize;
        let before: String = line.chars().take(column).collect();
        let marked: String = line.chars().skip(column).take(span.length as usize).collect();
        let after: String = line.chars().skip(column + span.length as usize).collect();
        let (marked, after) = match show {
            Show::All => (escape::terminal(&marked), escape::terminal(&after)),
            Show::UpToSpan => ("[hidden]".to_owned(), String::new()),
            Show::UpToSpanEnd => (escape::terminal(&marked), if after.is_empty() { after } else { " …".to_owned() }),
        };
        let before = escape::terminal(&before);
        let (start, width) = (before.chars().count(), marked.chars().count().max(1));
        let excerpt = escape::bounded(&format!("{before}{marked}{after}"), EXCERPT);
        let caret = if start < EXCERPT { (start, width.min(EXCERPT - start)) } else { (0, 0) };
        let what = without_tokens(&what.into());
        Self { file: file.to_owned(), span, what, right: right.into(), excerpt, caret }
    }

    /// A fault of the whole document, which no line shows.
    pub fn whole(file: &str, what: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            span: Span::default(),
            what: what.into(),
            right: right.into(),
            excerpt: String::new(),
            caret: (0, 0),
        }
    }
}

impl Fault {
    /// The place alone: what a policy that nobody named says may be a line of a file that is not its writer's to show.
    #[must_use]
    pub fn untold(&self) -> Self {
        Self {
            file: self.file.clone(),
            span: self.span,
            what: "there is a fault here; what a policy says that was found is not repeated".into(),
            right: "--policy FILE names the policy, and shows its faults".into(),
            excerpt: "[hidden]".into(),
            caret: (0, 0),
        }
    }
}

/// The line with dots in place of whatever stands as a literal behind a word for a secret: a fault elsewhere on the
/// line must not repeat it.
fn masked(line: &str) -> String {
    let mut shown = line.to_owned();
    for literal in LITERAL.captures_iter(line).filter_map(|captures| captures.get(1)) {
        let dots = "·".repeat(literal.as_str().chars().count());
        shown = shown.replace(literal.as_str(), &dots);
    }
    without_tokens(&shown)
}

/// A token of a known form gives itself away wherever it stands.
fn without_tokens(text: &str) -> String {
    let mut shown = text.to_owned();
    for hit in crate::detect::secrets::detect_tokens(text.as_bytes()) {
        if let Some(token) = text.get(hit.span) {
            shown = shown.replace(token, &"·".repeat(token.chars().count()));
        }
    }
    shown
}

static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)[\w-]*(?:token|secret|passw|authorization|bearer|cookie|key|credential|value)[\w-]*["']?\s*:\s*([^\s{\[,}\]][^,}\]]*)"#,
    )
    .or_else(|_| Regex::new("(.+)"))
    .unwrap_or_else(|_| unreachable!("a constant pattern compiles"))
});

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = escape::terminal(&self.what);
        let right = escape::terminal(&self.right);
        if self.span.line == 0 {
            writeln!(f, "{}: {what}", self.file)?;
            return if right.is_empty() { Ok(()) } else { writeln!(f, "  = {right}") };
        }
        writeln!(f, "{}:{}:{}: {what}", self.file, self.span.line, self.span.column)?;
        let number = self.span.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, " {margin} |")?;
        writeln!(f, " {number} | {}", self.excerpt)?;
        let (start, width) = self.caret;
        if width == 0 {
            return writeln!(f, " {margin} | {right}");
        }
        writeln!(f, "{}", format!(" {margin} | {}{} {right}", " ".repeat(start), "^".repeat(width)).trim_end())
    }
}

/// Everything that is wrong with one policy.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            write!(f, "{fault}")?;
        }
        match self.0.len() {
            1 => write!(f, "the policy has 1 fault"),
            many => write!(f, "the policy has {many} faults"),
        }
    }
}

impl std::error::Error for Faults {}
