//! What adds up over all places: each secret once, with every place it was seen at.

use std::collections::{BTreeMap, BTreeSet};

use super::env::{self, Assignments};
use super::folder::Walked;
use super::history::Caught;
use super::rules::OwnRules;
use super::{Scan, bounded};
use crate::detect::secrets;
use crate::evidence::repo::{CommitMark, Coverage, EnvFile, EnvFiles, Gap, GapKind, Leak, Leaks, Sight, State};
use crate::probe::fingerprint::Key;
use crate::probe::secret::Secret;

/// Leaks and places that are recorded at most; more are counted.
const MOST_LEAKS: usize = 1000;
const MOST_SIGHTS: usize = 50;
const MOST_PATHS: usize = 5000;
/// Stands for the paths beyond [`MOST_PATHS`]; no file has this name.
const MORE: &str = "(more than are listed)";
/// Characters of a path that are recorded.
pub(super) const LONGEST_PATH: usize = 1000;

pub(super) struct Sum<'a> {
    pub(super) key: &'a Key,
    pub(super) rules: Option<&'a OwnRules>,
    /// By fingerprint and rule.
    leaks: BTreeMap<(String, &'static str), Leak>,
    values: BTreeMap<String, Secret>,
    pub(super) gaps: BTreeMap<(GapKind, String), Gap>,
    /// The paths of all gaps.
    unread: BTreeSet<(GapKind, String)>,
    pub(super) coverage: Coverage,
    /// By their own paths.
    pub(super) env: BTreeMap<String, EnvFile>,
}

/// Where a secret was seen.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) path: &'a str,
    pub(super) state: State,
    pub(super) first: Option<&'a CommitMark>,
    pub(super) removed: Option<&'a CommitMark>,
}

impl<'a> Seen<'a> {
    pub(super) fn at(path: &'a str, state: State) -> Self {
        Self { path, state, first: None, removed: None }
    }
}

impl<'a> Sum<'a> {
    pub(super) fn new(key: &'a Key, rules: Option<&'a OwnRules>) -> Self {
        Self {
            key,
            rules,
            leaks: BTreeMap::new(),
            values: BTreeMap::new(),
            gaps: BTreeMap::new(),
            unread: BTreeSet::new(),
            coverage: Coverage::default(),
            env: BTreeMap::new(),
        }
    }

    pub(super) fn gap(&mut self, kind: GapKind, what: &str, mend: &str, path: Option<&str>) {
        let gap = self.gaps.entry((kind, what.into())).or_insert_with(|| Gap {
            kind,
            what: what.into(),
            mend: mend.into(),
            paths: Vec::new(),
        });
        let Some(path) = path.map(|path| shown(path, 300)) else { return };
        if gap.paths.len() <= MOST_PATHS && self.unread.insert((kind, path.clone())) {
            // Only a glob for everything accepts what is not listed.
            gap.paths.push(if gap.paths.len() < MOST_PATHS { path } else { MORE.into() });
        }
    }

    pub(super) fn sight(&mut self, caught: &Caught, seen: Seen<'_>) {
        let Seen { path, state, first, removed } = seen;
        let listed = match self.rules.map(|own| &own.rules) {
            None => false,
            // A rule of the user's that is for other paths.
            Some(rules) => match rules.at(path, &caught.hit) {
                None => return,
                Some(listed) => listed || first.is_some_and(|first| rules.allows_commit(&first.id)),
            },
        };
        let confidence = secrets::at_path(&caught.hit, path);
        if let Some(value) = &caught.value {
            self.values.entry(caught.fingerprint.clone()).or_insert_with(|| value.clone());
        }
        let leak = self.leaks.entry((caught.fingerprint.clone(), caught.hit.rule)).or_insert_with(|| Leak {
            rule: caught.hit.rule.into(),
            what: caught.hit.what.clone(),
            confidence,
            name: caught.hit.name.clone(),
            fingerprint: caught.fingerprint.clone(),
            hint: caught.hit.hint.clone(),
            sights: Vec::new(),
        });
        leak.confidence = leak.confidence.max(confidence);
        leak.name = leak.name.take().or_else(|| caught.hit.name.clone());
        let sight = Sight {
            state,
            path: shown(path, LONGEST_PATH),
            line: Some(caught.hit.line),
            first: first.cloned(),
            removed: removed.cloned(),
            allowed: caught.hit.allowed,
            listed,
        };
        // One place a path: versions of a file that all hold the secret are one sight, from the first to the last.
        let is_same = |known: &&mut Sight| {
            known.path == sight.path && (known.state == State::Message) == (sight.state == State::Message)
        };
        if let Some(known) = leak.sights.iter_mut().find(is_same) {
            merge(known, sight);
        } else if leak.sights.len() < MOST_SIGHTS {
            leak.sights.push(sight);
        } else if let Some(least) = leak.sights.iter_mut().max_by_key(|known| known.state)
            && sight.state < least.state
        {
            *least = sight;
        }
    }

    pub(super) fn env_file(&mut self, path: &str, assignments: &Assignments, current: bool) -> &mut EnvFile {
        // Known by its own path: two files may be named after two secrets.
        let file = self.env.entry(path.to_owned()).or_insert_with(|| EnvFile {
            kind: env::kind(path, assignments),
            environment: env::environment(path),
            path: shown(path, LONGEST_PATH),
            exists: false,
            tracked: false,
            ignored: None,
            first: None,
            in_head: false,
            mode: None,
            unread: None,
            entries: assignments.entries.clone(),
        });
        if current {
            file.kind = env::kind(path, assignments);
            file.entries.clone_from(&assignments.entries);
        }
        if assignments.cut {
            file.unread = Some(format!("more than {} assignments; those after them were not read", env::MOST_ENTRIES));
        }
        file
    }

    /// Folders that are repositories of their own and no submodules: the next `git add` would take them.
    pub(super) fn nested(&mut self, walked: &Walked) {
        let submodules: Vec<String> = self
            .gaps
            .values()
            .filter(|gap| gap.kind == GapKind::Submodules)
            .flat_map(|gap| gap.paths.clone())
            .collect();
        for (name, ignored) in &walked.nested {
            if *ignored {
                let what =
                    format!("the ignored folder {} is a repository of its own and was not entered", shown(name, 300));
                self.coverage.notes.push(what);
            } else if !submodules.contains(&shown(name, 300)) {
                self.gap(
                    GapKind::Submodules,
                    "folders that are repositories of their own were not read",
                    "audit each by itself, then ignore it or list it under `accept-unread`",
                    Some(name),
                );
            }
        }
    }

    pub(super) fn finish(mut self, env: EnvFiles) -> Scan {
        self.coverage.gaps = self.gaps.into_values().collect();
        let mut found: Vec<Leak> = self.leaks.into_values().collect();
        let allowed = found.iter().flat_map(|leak| &leak.sights).filter(|sight| sight.allowed).count();
        for leak in &mut found {
            leak.sights.sort();
        }
        // The surest first, so that a bound cuts the least; then by place, never by the key's order.
        found.sort_by(|a, b| {
            b.confidence.cmp(&a.confidence).then_with(|| a.sights.cmp(&b.sights)).then_with(|| a.rule.cmp(&b.rule))
        });
        let more = u32::try_from(found.len().saturating_sub(MOST_LEAKS)).unwrap_or(u32::MAX);
        found.truncate(MOST_LEAKS);
        let own = self.rules.map(|own| own.digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        let leaks = Leaks {
            rules: own.map_or_else(secrets::rules, |own| format!("{}+{own}", secrets::rules())),
            key: self.key.id().into(),
            found,
            more,
            allowances: u32::try_from(allowed).unwrap_or(u32::MAX),
            notes: self.rules.map(|own| own.rules.notes().to_vec()).unwrap_or_default(),
        };
        Scan { coverage: self.coverage, leaks, env, values: self.values.into_iter().collect() }
    }
}

fn merge(known: &mut Sight, new: Sight) {
    if new.state < known.state {
        known.state = new.state;
        known.line = new.line;
    }
    known.allowed &= new.allowed;
    known.listed &= new.listed;
    known.first = match (known.first.take(), new.first) {
        (Some(old), Some(new)) => Some(if new.when < old.when { new } else { old }),
        (old, new) => old.or(new),
    };
    known.removed = match (known.removed.take(), new.removed) {
        (Some(old), Some(new)) => Some(if new.when >= old.when { new } else { old }),
        (old, new) => old.or(new),
    };
    if known.state == State::Head {
        known.removed = None;
    }
}

/// A path as it may be recorded: some are named after the secret that they hold.
pub(super) fn shown(path: &str, characters: usize) -> String {
    let mut text = String::with_capacity(path.len());
    let mut at = 0;
    for hit in secrets::detect_tokens(path.as_bytes()) {
        let (Some(before), true) = (path.get(at..hit.span.start), path.is_char_boundary(hit.span.end)) else {
            return "[masked]".into();
        };
        text.push_str(before);
        text.push_str("[masked]");
        at = hit.span.end;
    }
    text.push_str(path.get(at..).unwrap_or_default());
    bounded(&text, characters)
}
