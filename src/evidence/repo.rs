//! Questions about the repository. Nothing here ever holds a secret: values appear as keyed fingerprints and hints.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::{Environment, Extent, Target};

/// What of the repository can be read, and what was read in this run.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ScopeAsk {}

/// The proof of scope: what a statement about "the whole history" rests on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Coverage {
    /// How much was in question; less than the whole only if the command line asked for less.
    #[serde(default)]
    pub extent: Extent,
    /// False for a plain folder: only files were read.
    pub git: bool,
    pub bare: bool,
    /// `sha1` or `sha256`; empty without git.
    pub object_hash: String,
    /// Refs, `HEAD` and the stash included.
    pub refs: u32,
    pub commits: u32,
    pub tags: u32,
    pub trees: u32,
    /// Unique blobs, each read once.
    pub blobs: u32,
    /// Bytes of blobs, inflated.
    pub bytes: u64,
    /// Entries of the index.
    pub index_entries: u32,
    /// Files of the work tree that were read.
    pub files: u32,
    /// What was not read; any of these denies a pass that rests on the whole history.
    pub gaps: Vec<Gap>,
    /// What was not read and decides nothing (images), or was read by token formats alone (other binaries).
    pub notes: Vec<String>,
}

/// A part that was not read.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Gap {
    pub kind: GapKind,
    /// The fact, lower case: `the clone is shallow (3 commits have no parents here)`.
    pub what: String,
    /// The command or act that mends it.
    pub mend: String,
    /// The files concerned, where there are any (bounded).
    pub paths: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// The path is no git repository: it has no history to read.
    NoGit,
    Shallow,
    /// A promisor remote: blobs are fetched when needed.
    PartialClone,
    /// Objects that are referred to and not there, or damaged.
    MissingObjects,
    LfsPointers,
    Submodules,
    /// Compressed archives; their contents were not read.
    Archives,
    /// Key containers under a password (PKCS#12, JKS, KeePass).
    KeyContainers,
    /// Blobs or files over the size limit.
    OverSize,
    /// Files that could not be opened, or are no regular files.
    Unreadable,
    /// A bound of the walk (depth, count, time) was met.
    OverBudget,
}

impl Question for ScopeAsk {
    seen_as!(Scope => Coverage);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "what of the repository can be read".into()
    }
}

/// Secrets in the work tree, the index, the whole history, and what no ref reaches any more.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SecretsAsk {}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Leaks {
    /// Identifies the rules: SHA-256 (hex, 16 digits) of their text and version, and of the user's own.
    pub rules: String,
    /// What the user's own rules say that has no effect, or why they cannot be used.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The id of the key of all fingerprints here.
    pub key: String,
    pub found: Vec<Leak>,
    /// Findings beyond the bound of what is recorded.
    pub more: u32,
    /// Places whose line carries an inline allowance (`gitleaks:allow` and the like); shown, not honoured unless the policy
    /// says.
    pub allowances: u32,
}

/// One secret value under one rule, in every place where it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Leak {
    /// The rule's stable id: `github-token`, `password`, `private-key`.
    pub rule: String,
    /// What it is, for people: `GitHub personal access token`.
    pub what: String,
    pub confidence: Confidence,
    /// The name that it is assigned to, where it has one.
    pub name: Option<String>,
    /// `KEYID:HEX`.
    pub fingerprint: String,
    /// Length and the public part of the format, nothing of the value itself.
    pub hint: String,
    pub sights: Vec<Sight>,
}

impl Leak {
    /// The worst place: what is in `HEAD` outranks what is in history.
    pub fn state(&self) -> Option<State> {
        self.sights.iter().map(|sight| sight.state).min()
    }

    /// The first day on which history shows it.
    pub fn first_seen(&self) -> Option<DateTime<Utc>> {
        self.sights.iter().filter_map(|sight| sight.first.as_ref().map(|commit| commit.when)).min()
    }

    /// Whether it was ever given to git, or would be by the next `git add`.
    pub fn is_committed(&self) -> bool {
        self.sights.iter().any(|sight| sight.state.is_shared())
    }
}

/// One place of a secret.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Sight {
    pub state: State,
    /// Relative to the repository; bytes that are no UTF-8 are replaced. Empty for messages.
    pub path: String,
    pub line: Option<u32>,
    /// The first commit that has it (the commit or tag itself for messages).
    pub first: Option<CommitMark>,
    /// The last commit that took it away, where one did.
    pub removed: Option<CommitMark>,
    /// Whether the line carries an inline allowance.
    pub allowed: bool,
    /// Whether an allowlist of the `.gitleaks.toml` that the policy names covers it.
    #[serde(default)]
    pub listed: bool,
}

/// A commit and when it was made, never by whom.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct CommitMark {
    pub id: String,
    pub when: DateTime<Utc>,
}

/// Where a secret stands, worst first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In the tree of `HEAD`.
    Head,
    /// Staged, not committed.
    Index,
    /// In a commit that a ref reaches, not in `HEAD` any more.
    History,
    /// In the message of a commit or a tag, or in one of its headers.
    Message,
    /// In the name of a file or a ref.
    Name,
    /// In the stash.
    Stash,
    /// In an object that no ref reaches.
    Unreachable,
    /// In a file of the work tree that git does not ignore, not committed yet: the next `git add` takes it.
    WorkTree,
    /// In a file that git ignores: where secrets belong.
    Ignored,
}

impl State {
    /// Whether others have it, had it, or are one `git add` away from it.
    pub fn is_shared(self) -> bool {
        match self {
            Self::Head
            | Self::Index
            | Self::History
            | Self::Message
            | Self::Name
            | Self::Stash
            | Self::Unreachable
            | Self::WorkTree => true,
            Self::Ignored => false,
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::Head => "in HEAD",
            Self::Index => "staged in the index",
            Self::History => "in history only",
            Self::Message => "in a commit or tag message",
            Self::Name => "in the name of a file or a ref",
            Self::Stash => "in the stash",
            Self::Unreachable => "in an unreachable object",
            Self::WorkTree => "in the work tree, not committed and not ignored",
            Self::Ignored => "in an ignored file",
        }
    }
}

/// How sure the detector is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Could be one; the name or the value alone says so.
    Low,
    /// Name and value agree.
    #[default]
    Medium,
    /// The provider's own format, a private key, or a credential in a URL.
    High,
}

impl Question for SecretsAsk {
    seen_as!(Secrets => Leaks);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "secrets in the work tree, the index and the whole history".into()
    }
}

/// Every `.env*` file: in the work tree (ignored ones too), the index, and history; and what images and packages ship.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct EnvFilesAsk {}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvFiles {
    /// False for a plain folder: nothing is known of tracking and ignoring.
    pub git: bool,
    /// The id of the key of all fingerprints here.
    pub key: String,
    pub files: Vec<EnvFile>,
    /// Ways in which an image or a package would carry an env file.
    pub shipped: Vec<Shipping>,
    /// What of images and packages cannot be told from the files alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipping_gaps: Vec<String>,
    /// Directories walked; zero means that nothing was looked at.
    pub directories: u32,
    /// Why the look is not complete, where it is not.
    pub gaps: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvFile {
    pub path: String,
    pub kind: EnvKind,
    /// By its name (`.env.production`), where that says one.
    pub environment: Option<Environment>,
    /// In the work tree now.
    pub exists: bool,
    /// In the index.
    pub tracked: bool,
    /// The rule that ignores it, or that would if it were not tracked.
    pub ignored: Option<IgnoreRule>,
    /// The first commit that has a file of this path, where one does.
    pub first: Option<CommitMark>,
    /// In the tree of `HEAD`.
    pub in_head: bool,
    /// Unix permission bits; `None` where unknown.
    pub mode: Option<u32>,
    /// Why it could not be read, where it could not (a symlink, a FIFO, over the size limit).
    pub unread: Option<String>,
    /// Its assignments, of the work tree or else of the index or the last commit that had it.
    pub entries: Vec<EnvEntry>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvKind {
    /// Holds, or is meant to hold, real values.
    Real,
    /// `.example`, `.sample`, `.template`, `.dist`: documents the names.
    Example,
    /// `.env.vault`, or a file in which sops, dotenvx or git-crypt have encrypted the values.
    Encrypted,
    /// `.env.keys` of dotenvx: the keys to the encrypted ones.
    Keys,
}

/// One assignment of an env file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvEntry {
    pub name: String,
    pub line: u32,
    pub value: ValueKind,
    /// Of the value, where it is [`ValueKind::Secret`].
    pub fingerprint: Option<String>,
    /// Of what the value wraps: the password of a connection URL, the token behind `Bearer`, what base64 or
    /// hexadecimal stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<String>,
}

/// What a value looks like, by itself and with its name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    Empty,
    /// `changeme`, `<your key>`, `xxxx`.
    Placeholder,
    /// `${OTHER}`, `op://…`, `vault:…`.
    Reference,
    Ciphertext,
    /// A port, a flag, a plain URL, a name.
    Plain,
    Secret,
}

/// A rule that makes git ignore a path.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IgnoreRule {
    /// The file that holds it, relative to the repository where it lies inside.
    pub file: String,
    pub line: u32,
    pub pattern: String,
    /// A tracked `.gitignore` of the tree, which teammates have too.
    pub shared: bool,
}

/// A way in which an env file leaves with an image or a package.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Shipping {
    /// `Dockerfile`, `package.json`.
    pub file: String,
    pub line: u32,
    /// The env file that it takes along.
    pub env_file: String,
    /// How: `COPY . without a .dockerignore rule`.
    pub how: String,
}

impl Question for EnvFilesAsk {
    seen_as!(EnvFiles => EnvFiles);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        ".env files: tracked, ignored, in history, shipped".into()
    }
}

/// Whether git's own matcher ignores these names, existing or not, by rules that the repository shares.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IgnoredAsk {
    /// Paths relative to the root of the repository.
    pub names: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ignored {
    /// In the order of the names asked.
    pub names: Vec<Covered>,
    /// The `.gitignore` files of the tree, tracked or not.
    pub files: Vec<GitignoreFile>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Covered {
    pub name: String,
    /// The deciding rule that ignores it.
    pub by: Option<IgnoreRule>,
    /// The deciding `!` rule that takes it out again.
    pub negated: Option<IgnoreRule>,
    /// A file of this name is tracked, so that no rule has any effect on it.
    pub tracked: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct GitignoreFile {
    pub path: String,
    pub tracked: bool,
}

impl Question for IgnoredAsk {
    seen_as!(Ignored => Ignored);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        format!("whether git ignores {}", self.names.join(", "))
    }
}

/// Lines of files that match a pattern: files of the work tree that git tracks (all files where it is no repository;
/// the tree of `HEAD` in a bare one).
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Lines {
    /// Which files: globs on the path relative to the root, `/`-separated, compared without case; `**/*.yml`. A glob
    /// without `/` is held against the file's name alone.
    pub globs: Vec<String>,
    /// A regular expression (the `regex` crate's syntax) held against each line by itself.
    pub pattern: String,
}

/// The lines found. Text is masked for secrets and cut to 400 characters.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Matches {
    /// Sorted by path and line; at most 2000.
    pub lines: Vec<Line>,
    /// Files whose path fits a glob and whose lines were read; zero means that there was nothing to look at.
    pub files: u32,
    /// Files that fit but could not be read whole (too large, no text, a symlink out of the root), with the reason.
    pub unread: Vec<String>,
    /// More lines matched than are recorded.
    pub truncated: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Line {
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    pub text: String,
}

impl Question for Lines {
    seen_as!(Lines => Matches);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        format!("lines of {} that match `{}`", self.globs.join(", "), self.pattern)
    }
}
