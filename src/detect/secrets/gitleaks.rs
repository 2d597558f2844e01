//! The user's own rules and allowlists, read from a `.gitleaks.toml` that the policy names. They come on top of our own rules,
//! which always run; what an allowlist covers is marked, not lost.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::shape::entropy;
use super::{Hit, bounded};
use crate::evidence::repo::Confidence;

/// Larger files are no rule sets.
const LARGEST: usize = 4 * 1024 * 1024;
const MOST_RULES: usize = 2000;
/// Bytes that one compiled expression may take; stock rules need up to two megabytes.
const REGEX_SIZE: usize = 8 * 1024 * 1024;
/// Findings of one rule in one text; a rule that finds more is no rule.
const MOST_FINDINGS: usize = 500;

/// Why a file of rules cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}{}: {what}", rule.as_ref().map(|rule| format!(", rule {rule}")).unwrap_or_default())]
pub struct Fault {
    /// Counted from 1.
    pub line: u32,
    /// The id of the rule, where the fault is in one.
    pub rule: Option<String>,
    /// What was expected, and what was found.
    pub what: String,
}

/// The rules and allowlists of one file.
#[derive(Debug)]
pub struct Rules {
    list: Vec<Rule>,
    allowlists: Vec<Allowlist>,
    /// Keywords of all rules, and the rule that each belongs to.
    keywords: Option<AhoCorasick>,
    owners: Vec<usize>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    id: String,
    description: String,
    regex: Option<Regex>,
    path: Option<Regex>,
    group: usize,
    entropy: f64,
    /// Without keywords a rule is tried on every text.
    always: bool,
    allowlists: Vec<Allowlist>,
}

#[derive(Debug)]
struct Allowlist {
    all: bool,
    commits: Vec<String>,
    paths: Vec<Regex>,
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
    /// Ids of the rules that it is for; none: all.
    rules: Vec<String>,
}

/// What an allowlist's expressions are held against.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

impl Rules {
    /// Reads the text of a `.gitleaks.toml`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LARGEST {
            let what = format!("expected at most {LARGEST} bytes, found {}", text.len());
            return Err(Fault { line: 1, rule: None, what });
        }
        let written: File = toml::from_str(text).map_err(|error| Fault {
            line: line(text, error.span().map_or(0, |span| span.start)),
            rule: None,
            what: error.message().to_owned(),
        })?;
        if written.rules.len() > MOST_RULES {
            let what = format!("expected at most {MOST_RULES} rules, found {}", written.rules.len());
            return Err(Fault { line: 1, rule: None, what });
        }
        let reader = Reader { text };
        let mut rules = Vec::new();
        let (mut words, mut owners) = (Vec::new(), Vec::new());
        for (index, rule) in written.rules.into_iter().enumerate() {
            for word in &rule.keywords {
                words.push(word.to_lowercase());
                owners.push(index);
            }
            rules.push(reader.rule(rule)?);
        }
        let mut allowlists = Vec::new();
        for list in written.allowlist.into_iter().chain(written.allowlists) {
            allowlists.push(reader.allowlist(list, None)?);
        }
        let keywords = AhoCorasick::builder().ascii_case_insensitive(true).build(&words).map_err(|error| Fault {
            line: 1,
            rule: None,
            what: format!("the keywords cannot be searched for: {error}"),
        })?;
        let mut notes = Vec::new();
        let own = rules.iter().flat_map(|rule: &Rule| &rule.allowlists);
        let unmet = own.chain(&allowlists).filter(|list| {
            list.all && !list.paths.is_empty() && !(list.regexes.is_empty() && list.stopwords.is_empty())
        });
        let unmet = unmet.count();
        if unmet > 0 {
            notes.push(format!(
                "{unmet} allowlists that ask for a path and for something else (AND) cover nothing here"
            ));
        }
        if rules.iter().any(|rule| rule.regex.is_none()) {
            notes.push("rules of a path alone are held against the index and the work tree, not the history".into());
        }
        if let Some(extend) = written.extend {
            if extend.path.is_some() || extend.url.is_some() {
                notes.push(
                    "`extend.path` and `extend.url` are not followed: name that file in the policy itself".into(),
                );
            }
            if !extend.disabled_rules.is_empty() {
                notes.push("`extend.disabledRules` names rules of another tool; our own rules stay on".into());
            }
        }
        Ok(Self { list: rules, allowlists, keywords: Some(keywords).filter(|_| !words.is_empty()), owners, notes })
    }

    /// What the file says that has no effect here.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether a commit is allowed as a whole.
    pub fn allows_commit(&self, id: &str) -> bool {
        self.allowlists.iter().any(|list| {
            !list.all && list.rules.is_empty() && list.commits.iter().any(|commit| commit.eq_ignore_ascii_case(id))
        })
    }

    /// What the expressions find in `text`, wherever it stands; [`Self::at`] says what of it counts at a path.
    pub(super) fn find(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let mut wanted: Vec<bool> = self.list.iter().map(|rule| rule.always).collect();
        if let Some(keywords) = &self.keywords {
            for found in keywords.find_overlapping_iter(text) {
                if let Some(wanted) = self.owners.get(found.pattern().as_usize()).and_then(|rule| wanted.get_mut(*rule))
                {
                    *wanted = true;
                }
            }
        }
        for (rule, _) in self.list.iter().zip(wanted).filter(|(_, wanted)| *wanted) {
            rule.find(text, hits);
        }
    }

    /// Marks what an allowlist of the whole file covers, paths apart.
    pub(super) fn mark(&self, text: &[u8], hit: &mut Hit) {
        let value = text.get(hit.span.clone()).unwrap_or_default();
        let whole = line_around(text, &hit.span);
        hit.listed |= self.allowlists.iter().any(|list| list.is_for(hit) && list.covers(value, value, whole));
    }

    /// Whether a finding counts at this path (`None`: its rule is for other paths), and whether an allowlist covers it there.
    pub fn at(&self, path: &str, hit: &Hit) -> Option<bool> {
        let rule = (hit.rule == RULE)
            .then(|| {
                self.list.iter().find(|rule| hit.what.strip_prefix(&rule.id).is_some_and(|rest| rest.starts_with(": ")))
            })
            .flatten();
        if rule.and_then(|rule| rule.path.as_ref()).is_some_and(|regex| !regex.is_match(path.as_bytes())) {
            return None;
        }
        let own = rule.map(|rule| rule.allowlists.as_slice()).unwrap_or_default().iter();
        let lists = own.chain(self.allowlists.iter().filter(|list| list.is_for(hit)));
        Some(hit.listed || lists.into_iter().any(|list| list.covers_path(path)))
    }

    /// Rules of a path alone: the file itself should not be there.
    pub fn named(&self, path: &str) -> Vec<Hit> {
        self.list
            .iter()
            .filter(|rule| {
                rule.regex.is_none() && rule.path.as_ref().is_some_and(|regex| regex.is_match(path.as_bytes()))
            })
            .map(|rule| {
                let hint = "a file of this name".into();
                Hit { line: 1, ..Hit::new(RULE, rule.what(), Confidence::Medium, 0..0, hint) }
            })
            .collect()
    }
}

/// The id of our one rule that stands for all of the user's.
const RULE: &str = "gitleaks-rule";

impl Rule {
    fn what(&self) -> String {
        format!("{}: {}", self.id, self.description)
    }

    fn find(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let Some(regex) = &self.regex else { return };
        for found in regex.captures_iter(text).take(MOST_FINDINGS) {
            let Some(whole) = found.get(0) else { continue };
            let secret = if self.group > 0 {
                found.get(self.group)
            } else {
                found.iter().skip(1).flatten().find(|group| !group.is_empty())
            };
            let secret = secret.unwrap_or(whole);
            let value = secret.as_bytes();
            if value.is_empty() || self.entropy > 0.0 && entropy(&String::from_utf8_lossy(value)) <= self.entropy {
                continue;
            }
            let span = secret.range();
            let line = line_around(text, &span);
            let listed = self.allowlists.iter().any(|list| list.covers(value, whole.as_bytes(), line));
            let hint = format!("{} characters", String::from_utf8_lossy(value).chars().count());
            hits.push(Hit { listed, ..Hit::new(RULE, self.what(), Confidence::Medium, span, hint) });
        }
    }
}

impl Allowlist {
    /// Whether the list is for the rule of this finding.
    fn is_for(&self, hit: &Hit) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|id| hit.what.starts_with(&format!("{id}: ")))
    }

    fn covers(&self, secret: &[u8], whole: &[u8], line: &[u8]) -> bool {
        let target = match self.target {
            Target::Secret => secret,
            Target::Match => whole,
            Target::Line => line,
        };
        let lower = String::from_utf8_lossy(secret).to_lowercase();
        let mut answers = Vec::new();
        if !self.regexes.is_empty() {
            answers.push(self.regexes.iter().any(|regex| regex.is_match(target)));
        }
        if !self.stopwords.is_empty() {
            answers.push(self.stopwords.iter().any(|word| lower.contains(word)));
        }
        // One text has many paths and commits: a list that asks for one of them, too, is not met here.
        if self.all && !(self.commits.is_empty() && self.paths.is_empty()) {
            answers.push(false);
        }
        if self.all { !answers.is_empty() && answers.iter().all(|answer| *answer) } else { answers.contains(&true) }
    }

    fn covers_path(&self, path: &str) -> bool {
        let alone = !self.all || self.regexes.is_empty() && self.stopwords.is_empty() && self.commits.is_empty();
        alone && self.paths.iter().any(|regex| regex.is_match(path.as_bytes()))
    }
}

fn line_around<'t>(text: &'t [u8], span: &std::ops::Range<usize>) -> &'t [u8] {
    let before = text.get(..span.start).unwrap_or_default();
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |index| index + 1)
        .max(span.start.saturating_sub(2000));
    let rest = text.get(span.end..text.len().min(span.end + 2000)).unwrap_or_default();
    let end = span.end + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    text.get(start..end).unwrap_or_default()
}

fn line(text: &str, at: usize) -> u32 {
    super::line_at(text.as_bytes().get(..at).unwrap_or_default()) + 1
}

/// As written; keys that have no effect on what is found (title, tags, …) are passed over.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rules: Vec<WrittenRule>,
    allowlist: Option<WrittenList>,
    #[serde(default)]
    allowlists: Vec<WrittenList>,
    extend: Option<Extend>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extend {
    path: Option<String>,
    url: Option<String>,
    #[serde(default)]
    disabled_rules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRule {
    id: Spanned<String>,
    #[serde(default)]
    description: String,
    regex: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    allowlist: Option<WrittenList>,
    #[serde(default)]
    allowlists: Vec<WrittenList>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenList {
    condition: Option<String>,
    #[serde(default)]
    commits: Vec<String>,
    #[serde(default)]
    paths: Vec<Spanned<String>>,
    #[serde(default)]
    regexes: Vec<Spanned<String>>,
    #[serde(default)]
    regex_target: Target,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    target_rules: Vec<String>,
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn rule(&self, written: WrittenRule) -> Result<Rule, Fault> {
        let at = line(self.text, written.id.span().start);
        let id = bounded(written.id.get_ref(), 100);
        let fault = |what: String| Fault { line: at, rule: Some(id.clone()), what };
        let regex = written.regex.map(|regex| self.regex(&regex, Some(&id))).transpose()?;
        let path = written.path.map(|path| self.regex(&path, Some(&id))).transpose()?;
        let Some(groups) = regex.as_ref().map(Regex::captures_len).or(path.as_ref().map(|_| 1)) else {
            return Err(fault("expected `regex` or `path`, found neither".into()));
        };
        if written.secret_group >= groups {
            let what = format!("expected secretGroup under {groups}, found {}", written.secret_group);
            return Err(fault(what));
        }
        let mut allowlists = Vec::new();
        for list in written.allowlist.into_iter().chain(written.allowlists) {
            allowlists.push(self.allowlist(list, Some(&id))?);
        }
        Ok(Rule {
            description: bounded(&written.description, 200),
            regex,
            path,
            group: written.secret_group,
            entropy: written.entropy,
            always: written.keywords.is_empty(),
            allowlists,
            id,
        })
    }

    fn allowlist(&self, written: WrittenList, rule: Option<&str>) -> Result<Allowlist, Fault> {
        let all = match written.condition.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("OR" | "||" | "") => false,
            Some("AND" | "&&") => true,
            Some(other) => {
                let what = format!("expected condition OR or AND, found {}", bounded(other, 40));
                return Err(Fault { line: 1, rule: rule.map(str::to_owned), what });
            }
        };
        let compiled = |list: &[Spanned<String>]| -> Result<Vec<Regex>, Fault> {
            list.iter().map(|regex| self.regex(regex, rule)).collect()
        };
        Ok(Allowlist {
            all,
            commits: written.commits,
            paths: compiled(&written.paths)?,
            regexes: compiled(&written.regexes)?,
            target: written.regex_target,
            stopwords: written.stopwords.iter().map(|word| word.to_lowercase()).collect(),
            rules: written.target_rules,
        })
    }

    fn regex(&self, written: &Spanned<String>, rule: Option<&str>) -> Result<Regex, Fault> {
        RegexBuilder::new(written.get_ref()).size_limit(REGEX_SIZE).build().map_err(|error| Fault {
            line: line(self.text, written.span().start),
            rule: rule.map(str::to_owned),
            what: bounded(&format!("expected a regular expression of bounded size: {error}"), 400),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::detect_with;
    use super::*;

    const RULES: &str = r#"
title = "ours"
[extend]
useDefault = true
disabledRules = ["generic-api-key"]
[[rules]]
id = "badge"
description = "number of a badge"
regex = '''badge[ =:]+([A-Z]{2}\d{6})'''
keywords = ["badge"]
[[rules.allowlists]]
stopwords = ["zz000"]
[[rules]]
id = "mixed"
description = "a mixed value"
regex = '''mixed=(\w+)-(\w+)'''
secretGroup = 2
entropy = 2.0
path = '''\.cfg$'''
[[rules]]
id = "kdbx"
description = "a password database"
path = '''\.kdbx$'''
[allowlist]
paths = ['''^vendor/''']
commits = ["0123456789abcdef0123456789abcdef01234567"]
regexTarget = "line"
regexes = ['''allowed here''']
"#;

    fn found(path: &str, text: &str) -> Vec<(String, bool, String)> {
        let rules = Rules::parse(RULES).unwrap();
        detect_with(path, text.as_bytes(), Some(&rules))
            .into_iter()
            .chain(rules.named(path))
            .filter_map(|hit| Some((rules.at(path, &hit)?, hit)))
            .map(|(listed, hit)| (hit.what.split(':').next().unwrap().to_owned(), listed, text[hit.span].to_owned()))
            .collect()
    }

    #[test]
    fn a_rule_finds_its_group_where_keyword_path_and_entropy_agree() {
        assert_eq!(found("a.txt", "badge: AB123456\n"), [("badge".into(), false, "AB123456".into())]);
        assert_eq!(found("a.cfg", "mixed=left-a1b2c3\n"), [("mixed".into(), false, "a1b2c3".into())]);
        assert_eq!(found("a.txt", "mixed=left-a1b2c3\n"), []);
        assert_eq!(found("a.cfg", "mixed=left-aaaa\n"), []);
        assert_eq!(found("store.kdbx", "x").len(), 1);
    }

    #[test]
    fn what_an_allowlist_covers_is_marked_and_not_lost() {
        assert!(found("a.txt", "badge: ZZ000456\n")[0].1);
        assert!(found("vendor/a.txt", "badge: AB123456\n")[0].1);
        assert!(found("a.txt", "badge: AB123456 allowed here\n")[0].1);
        let rules = Rules::parse(RULES).unwrap();
        assert!(rules.allows_commit("0123456789ABCDEF0123456789abcdef01234567"));
        assert!(!rules.allows_commit("1123456789abcdef0123456789abcdef01234567"));
        assert_eq!(rules.notes().len(), 2);
    }

    #[test]
    fn faults_name_line_and_rule() {
        let fault = |text: &str| Rules::parse(text).unwrap_err();
        let broken = fault("[[rules]]\nid = \"a\"\nregex = '''(''' \n");
        assert_eq!((broken.line, broken.rule.as_deref()), (3, Some("a")));
        assert_eq!(fault("[[rules]]\nid = \"a\"\n").line, 2);
        assert_eq!(fault("[[rules]]\nid = \"a\"\nregex = '''x'''\nsecretGroup = 1\n").rule.as_deref(), Some("a"));
        assert_eq!(fault("title = \"x\"\n[[rules\n").line, 2);
        let huge = fault("[[rules]]\nid = \"big\"\nregex = '''(\\w{1000}){1000}'''\n");
        assert!(huge.to_string().starts_with("line 3, rule big: "), "{huge}");
        assert_eq!(fault("[allowlist]\ncondition = \"XOR\"\n").rule, None);
    }
}
