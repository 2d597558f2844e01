//! What the prose of an incident record says was done: said and not denied, on a day that exists, and not before the leak.

use chrono::NaiveDate;

/// The days that may answer a leak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days {
    /// When it was first committed; earlier days speak of another leak.
    pub(super) first: Option<NaiveDate>,
    pub(super) last: NaiveDate,
}

impl Days {
    pub(super) fn allow(self, day: NaiveDate) -> bool {
        self.first.is_none_or(|first| day >= first) && day <= self.last
    }
}

/// What SEC-5 asks for and the text does not say.
pub(super) fn lacks(text: &str, days: Days) -> Vec<&'static str> {
    let clauses = clauses(text);
    let mut lacks = Vec::new();
    if !dates(text).any(|day| days.allow(day)) {
        lacks.push("a day (YYYY-MM-DD) that has come and is not before the leak");
    }
    for (deed, what) in [
        (Deed::Rotated, "when it was rotated"),
        (Deed::Updated, "which systems were updated"),
        (Deed::LogsAudited, "when the logs were audited"),
    ] {
        let said = clauses.iter().any(|clause| {
            let mut dated = dates(&clause.text).peekable();
            clause.says(deed) && (dated.peek().is_none() || dated.any(|day| days.allow(day)))
        });
        if !said {
            lacks.push(what);
        }
    }
    lacks
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deed {
    Rotated,
    Updated,
    LogsAudited,
}

/// A stretch of the text that affirms or denies as a whole.
struct Clause {
    text: String,
    words: Vec<String>,
    denied: bool,
}

/// Words that take back what follows them: `has not been rotated`, `to be rotated`, `once rotated`.
const DENY_BEFORE: &[&str] = &[
    "not", "no", "never", "nothing", "none", "nobody", "neither", "nor", "without", "cannot", "unable", "failed",
    "fail", "fails", "pending", "todo", "tbd", "will", "must", "should", "shall", "need", "needs", "plan", "plans",
    "planned", "be", "if", "once", "until", "unless", "yet", "still",
];
/// Words that take back what stands before them: `rotated: not yet`, `logs audited: pending`.
const DENY_AFTER: &[&str] = &[
    "not",
    "never",
    "pending",
    "todo",
    "tbd",
    "open",
    "outstanding",
    "yet",
    "later",
    "false",
    "tomorrow",
    "planned",
    "soon",
    "next",
];
/// Words that take back what stands before them where nothing follows: `logs audited: no`.
const DENY_AT_END: &[&str] = &["no", "none", "nothing", "nobody", "n", "na", "nil"];
/// What a `no` behind an audit of logs may be about: `logs audited: no misuse found`.
const OUTCOMES: &[&str] = &[
    "found",
    "seen",
    "misuse",
    "abuse",
    "access",
    "use",
    "suspicious",
    "sign",
    "signs",
    "trace",
    "traces",
    "anomaly",
    "anomalies",
    "evidence",
];

impl Clause {
    fn of(text: &str) -> Self {
        let words = text
            .to_lowercase()
            .replace('\u{2019}', "'")
            .split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        // A box that is not ticked, a question, and "not applicable" say nothing was done.
        let denied = text.contains("[ ]") || text.contains('?') || text.to_lowercase().contains("n/a");
        Self { text: text.to_owned(), words, denied }
    }

    /// Whether it is nothing but a no to what stands before it.
    fn is_denial(&self) -> bool {
        !self.words.is_empty()
            && self.words.iter().all(|word| {
                let word = word.as_str();
                DENY_AT_END.contains(&word) || DENY_AFTER.contains(&word) || DENY_BEFORE.contains(&word)
            })
    }

    fn says(&self, deed: Deed) -> bool {
        if self.denied {
            return false;
        }
        let has = |wanted: &[&str]| self.words.iter().position(|word| wanted.contains(&word.as_str()));
        let place = match deed {
            Deed::Rotated => has(&["rotated", "revoked", "replaced"]),
            Deed::Updated => has(&["updated", "deployed", "redeployed"]),
            Deed::LogsAudited => {
                has(&["logs", "log"]).and_then(|_| has(&["audited", "audit", "checked", "reviewed", "examined"]))
            }
        };
        place.is_some_and(|place| !self.is_taken_back(place))
    }

    fn is_taken_back(&self, place: usize) -> bool {
        let (before, after) = self.words.split_at_checked(place).unwrap_or_default();
        let after = after.get(1..).unwrap_or_default();
        let is_in = |list: &[&str], word: &String| list.contains(&word.as_str());
        before.iter().any(|word| is_in(DENY_BEFORE, word) || word.ends_with("n't"))
            || after.iter().any(|word| is_in(DENY_AFTER, word) || word.ends_with("n't"))
            || after.last().is_some_and(|word| is_in(DENY_AT_END, word))
            || after.first().is_some_and(|word| is_in(DENY_AT_END, word))
                && !after.iter().any(|word| is_in(OUTCOMES, word))
    }
}

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    for line in unwrapped(text) {
        let mut begin = 0;
        let mut parts = Vec::new();
        for (at, letter) in line.char_indices() {
            let end = at + letter.len_utf8();
            let breaks = match letter {
                ',' | ';' => true,
                // A full stop inside a number or a name ends nothing.
                '.' | '!' => {
                    line.get(end..).is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
                }
                _ => false,
            };
            if breaks {
                parts.push(line.get(begin..at).unwrap_or_default());
                begin = end;
            }
        }
        parts.push(line.get(begin..).unwrap_or_default());
        for part in parts.into_iter().flat_map(|part| part.split(" but ")).flat_map(|part| part.split(" however ")) {
            let clause = Clause::of(part);
            if let (true, Some(last)) = (clause.is_denial(), clauses.last_mut()) {
                last.denied = true;
            }
            clauses.push(clause);
        }
    }
    clauses
}

/// Lines, those of a wrapped sentence put together again.
fn unwrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let begin = line.trim_start();
        let is_key = |key: &str| {
            key.split_whitespace().count() <= 2
                && key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        };
        let is_entry = begin.split_once(':').is_some_and(|(key, _)| is_key(key));
        match lines.last_mut() {
            Some(last)
                if !last.starts_with('#')
                    && begin.starts_with(|letter: char| letter.is_lowercase() || letter.is_ascii_digit())
                    && !is_entry =>
            {
                last.push(' ');
                last.push_str(begin);
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// ISO 8601 calendar dates that exist.
fn dates(text: &str) -> impl Iterator<Item = NaiveDate> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).filter_map(move |at| {
        let day = text.get(at..at + 10)?;
        if is_digit(at.checked_sub(1))
            || is_digit(Some(at + 10))
            || !day.starts_with(|letter: char| letter.is_ascii_digit())
        {
            return None;
        }
        NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().filter(|known| known.to_string() == day)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(text: &str) -> usize {
        let days = Days { first: "2031-01-02".parse().ok(), last: "2031-06-01".parse().unwrap() };
        lacks(text, days).len()
    }

    #[test]
    fn a_record_that_says_it_all_lacks_nothing_however_it_is_written() {
        for text in [
            "## 2031-01-05\nDEPLOY_TOKEN leaked. It was rotated, updated everywhere, and the logs audited.",
            "- On: 2031-01-05\n- Rotated: 2031-01-05\n- Updated: all\n- Logs audited: 2031-01-06",
            "on: 2031-01-05\nrotated: 2031-01-05\nupdated: [production]\nlogs-audited: 2031-01-06",
            "2031-01-05: revoked; redeployed api. Logs checked: no misuse found.",
            "2031-01-05: the key was\nrotated and all systems were updated. We audited the logs of nginx.",
            "- [x] 2031-02-01 rotated\n- [x] updated\n- [x] logs audited",
        ] {
            assert_eq!(missing(text), 0, "{text}");
        }
    }

    #[test]
    fn a_record_that_denies_says_nothing() {
        for text in [
            "## 2031-01-05\nIt has not been rotated yet. Nothing was updated. Logs audited: no.",
            "2031-01-05 It was never\nrotated. updated: pending. Logs audited? no",
            "2031-01-05 rotated: not yet\nupdated: never\nlogs audited: tbd",
            "2031-01-05 to be rotated, will be updated, logs must be audited",
            "2031-01-05\n- [ ] rotated\n- [ ] updated\n- [ ] logs audited",
            "2031-01-05 wasn't rotated, wasn't updated, logs weren't audited",
        ] {
            assert_eq!(missing(text), 3, "{text}");
        }
        assert_eq!(missing("2031-01-05 rotated but the logs were not audited; updated"), 1);
    }

    #[test]
    fn a_day_before_the_leak_in_the_future_or_in_no_calendar_is_none() {
        for day in ["2019-01-01", "9999-99-99", "2031-02-30", "2032-01-01", "12031-01-05", "2031-01-051"] {
            assert_eq!(missing(&format!("## {day}\nrotated, updated, logs audited")), 1, "{day}");
        }
        // The day beside a deed counts for the deed.
        assert_eq!(missing("## 2031-01-05\nrotated on 2019-01-01, updated, logs audited"), 1);
    }
}
