//! Every leaked secret has a dated record of what was done, and the deployment accepts none of them any more.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::incident_text::{self, Days};
use super::{earliest_day, extent, holds, key_of, latest_day, title, unread, whole};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::declared::Incident;
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::repo::{
    Confidence, EnvFilesAsk, EnvKind, Leak, Leaks, Lines, Matches, ScopeAsk, SecretsAsk, State,
};
use crate::evidence::token::TokenAsk;
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Endpoint, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct IncidentRecord {
    /// What is less sure needs no record: `low`, `medium` or `high`.
    pub minimum_confidence: Confidence,
    /// Globs of archives, LFS files, submodules and large files that somebody has looked at by hand.
    pub accept_unread: Vec<String>,
    /// Whether leaked secrets are tried, one request each, and where.
    pub verify_leaked: VerifyLeaked,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyLeaked {
    #[default]
    Never,
    /// On the target's own deployment, and nowhere else.
    OwnDeployment,
}

/// Leaked secrets that are tried at most: each is one request that must be denied.
const MOST_TRIED: usize = 5;

impl Check for IncidentRecord {
    const ABOUT: About = About {
        id: "incident-record",
        title: "Every leak was dealt with, and the record says how",
        statements: &["SEC-3", "SEC-5"],
        severity: Severity::High,
        decided_from: DecidedFrom::Repository,
        attestable: false,
        remediation: "Rotate the secret, update every system that used it, audit the logs since it leaked, and write down the days under `incidents:` in \
                      the policy (secret, on, rotated, updated, logs-audited) or in SECURITY-INCIDENTS.md.",
        references: &["https://csrc.nist.gov/pubs/sp/800/61/r3/final"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        if target.repository().is_err() {
            return Vec::new();
        }
        let mut asks = vec![scope().into(), secrets().into(), records().into(), env_files().into()];
        if target.deployment().is_ok_and(|deployment| deployment.token.is_some()) {
            asks.push(token().into());
        }
        if let Ok(leaks) = seen.of(&secrets())
            && let Some(endpoint) = self.tried_on(target)
        {
            let tried: Vec<&Leak> = self.leaked(leaks).filter(|leak| can_be_sent(leak)).take(MOST_TRIED).collect();
            if !tried.is_empty() {
                asks.extend([control(endpoint, Credential::None).into(), control(endpoint, Credential::Valid).into()]);
                asks.extend(tried.into_iter().map(|leak| Ask::from(with_leaked(endpoint, leak))));
            }
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Some(endpoint) = self.tried_on(target) else { return Vec::new() };
        let asks = u32::try_from(MOST_TRIED + 2).unwrap_or(u32::MAX);
        let each = control(endpoint, Credential::Valid).ceiling(target);
        vec![Reserve {
            what: format!("at most {MOST_TRIED} leaked secrets of the repository, each tried once on {endpoint}"),
            asks,
            sends: asks.saturating_mul(each),
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        if let Err(absent) = target.repository() {
            return Verdict::absent(absent);
        }
        let mut verdict = Verdict::default();
        match evidence.of(&scope()) {
            Ok(coverage) => {
                unread(coverage, &self.accept_unread, &mut verdict);
                whole(coverage, &mut verdict);
                if coverage.commits == 0 && coverage.files == 0 {
                    verdict.not_seen(Unseen::NoEvidence("the repository holds no commit and no file".into()));
                }
                verdict.notes(extent(coverage));
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        let leaks = match evidence.of(&secrets()) {
            Ok(leaks) => leaks,
            Err(unseen) => {
                verdict.not_seen(unseen);
                return verdict;
            }
        };
        let mut leaked = 0;
        for leak in self.leaked(leaks) {
            leaked += 1;
            let namesakes: BTreeSet<&str> = self
                .leaked(leaks)
                .filter(|other| other.name.is_some() && other.name == leak.name)
                .map(|other| other.fingerprint.as_str())
                .collect();
            recorded(leak, namesakes.len(), evidence, &mut verdict);
            self.accepted(leak, target, evidence, &mut verdict);
        }
        if leaked == 0 {
            verdict.holds("no leak was found: there is nothing to record");
        }
        if leaks.more > 0 {
            verdict.not_seen(Unseen::Partial(format!("{} more values than are recorded", leaks.more)));
        }
        verdict
    }
}

impl IncidentRecord {
    /// What was committed is a leak; what is only staged or in the work tree is not one yet.
    fn leaked<'a>(&self, leaks: &'a Leaks) -> impl Iterator<Item = &'a Leak> {
        let minimum = self.minimum_confidence;
        leaks.found.iter().filter(move |leak| {
            leak.confidence >= minimum
                && leak.sights.iter().filter(|sight| !sight.listed).any(|sight| match sight.state {
                    State::Head | State::History | State::Message | State::Name | State::Stash | State::Unreachable => {
                        true
                    }
                    State::Index | State::WorkTree | State::Ignored => false,
                })
        })
    }

    /// The endpoint on which leaked secrets are tried, if they may be.
    fn tried_on<'a>(&self, target: &'a Target) -> Option<&'a Endpoint> {
        match self.verify_leaked {
            VerifyLeaked::Never => None,
            VerifyLeaked::OwnDeployment => {
                let deployment = target.deployment().ok()?;
                deployment.endpoints.iter().find(|endpoint| {
                    endpoint.public.is_none()
                        && endpoint.method == "GET"
                        && endpoint.method_named
                        && !deployment.never.iter().any(|prefix| endpoint.path.starts_with(prefix.as_str()))
                })
            }
        }
    }

    fn accepted(&self, leak: &Leak, target: &Target, evidence: &Evidence, verdict: &mut Verdict) {
        let critical = |what: String| {
            Finding::new(what, place(leak)).aspect(format!("accepted {}", leak.rule)).of_severity(Severity::Critical)
        };
        if target.deployment().is_ok_and(|deployment| deployment.token.is_some()) {
            match evidence.of(&token()) {
                Ok(facts) if facts.fingerprint.as_deref() == Some(leak.fingerprint.as_str()) => {
                    verdict.finds(critical(format!("{} is the token in use", title(leak))));
                    return;
                }
                Ok(_) => {}
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        let Some(endpoint) = self.tried_on(target) else {
            if self.verify_leaked == VerifyLeaked::OwnDeployment {
                verdict.not_seen(Unseen::NotConfigured(
                    "leaked secrets cannot be tried: no protected `GET /path` is among the deployment's endpoints"
                        .into(),
                ));
            }
            return;
        };
        if !can_be_sent(leak) {
            verdict.notes(format!("{} was not tried: it is no bearer token", title(leak)));
            return;
        }
        let answers = [
            evidence.of(&with_leaked(endpoint, leak)),
            evidence.of(&control(endpoint, Credential::None)),
            evidence.of(&control(endpoint, Credential::Valid)),
        ];
        match answers {
            [Ok(leaked), Ok(without), Ok(valid)] => {
                match (leaked.is_success(), leaked.is_denied(), Exchange::is_denied(without), valid.is_success()) {
                    (true, _, true, _) => {
                        verdict.finds(critical(format!(
                            "{} is still accepted by {endpoint}: {}",
                            title(leak),
                            leaked.status
                        )));
                    }
                    (_, true, true, true) => {
                        verdict.holds(format!("{} is refused by {endpoint}: {}", title(leak), leaked.status));
                    }
                    _ => verdict.not_seen(Unseen::NotComparable(format!(
                        "{endpoint} does not tell credentials apart (leaked {}, none {}, valid {})",
                        leaked.status, without.status, valid.status
                    ))),
                }
            }
            [Err(unseen), ..] | [_, Err(unseen), _] | [.., Err(unseen)] => verdict.not_seen(unseen),
        }
    }
}

/// Only what may be a bearer token is sent as one.
fn can_be_sent(leak: &Leak) -> bool {
    leak.rule != "private-key" && leak.rule != "url-credentials" && leak.rule != "password-file"
}

fn place(leak: &Leak) -> Place {
    match leak.sights.first() {
        Some(sight) => match &sight.first {
            Some(first) if sight.state != State::Head => Place::commit(&first.id, &sight.path, sight.line),
            Some(_) | None => Place::file(&sight.path, sight.line),
        },
        None => Place::file("", None),
    }
}

fn recorded(leak: &Leak, namesakes: usize, evidence: &Evidence, verdict: &mut Verdict) {
    let finding =
        |what: String, aspect: &str| Finding::new(what, place(leak)).aspect(format!("{aspect} {}", leak.rule));
    let days = Days { first: leak.first_seen().map(earliest_day), last: latest_day(evidence.taken_at) };
    let mut whole = Whole::default();
    let mut missing: Option<Vec<&str>> = None;
    for incident in evidence.declared.incidents.iter().filter(|incident| names(&incident.secret, leak)) {
        let lacks = lacks(incident, days);
        if lacks.is_empty() {
            let told = format!("{}: recorded on {}, rotated, updated, logs audited", title(leak), incident.on);
            whole.take(told, incident.secret == leak.fingerprint);
        } else {
            missing = Some(lacks);
        }
    }
    let mut vague: Option<Vec<&str>> = None;
    match evidence.of(&records()) {
        Ok(matches) => {
            for block in blocks(matches).iter().filter(|block| block.names(leak)) {
                let lacks = incident_text::lacks(&block.text, days);
                if lacks.is_empty() {
                    whole.take(format!("{}: recorded in {}", title(leak), block.path), block.singles_out(leak));
                } else {
                    vague = Some(lacks);
                }
            }
            if whole.count == 0 && (matches.truncated || !matches.unread.is_empty()) {
                verdict.not_seen(Unseen::Partial("the incident records could not be read whole".into()));
            }
        }
        Err(unseen) if whole.count == 0 => verdict.not_seen(unseen),
        Err(_) => {}
    }
    if let Some(told) = whole.told {
        if whole.single || whole.count >= namesakes {
            verdict.holds(told);
        } else {
            verdict.not_seen(Unseen::NotComparable(format!(
                "{namesakes} different values leaked under the name of {}, and {} of the records that name it are whole: record each by its fingerprint ({})",
                title(leak),
                whole.count,
                leak.fingerprint
            )));
        }
        in_use(leak, evidence, verdict);
        return;
    }
    match (missing, vague) {
        (Some(lacks), _) => verdict
            .finds(finding(format!("the record of {} does not say: {}", title(leak), lacks.join(", ")), "incomplete")),
        // Prose may say it in words that are not known here.
        (None, Some(lacks)) => verdict.not_seen(Unseen::Partial(format!(
            "the record of {} does not plainly say: {} (under `incidents:` of the policy each has a key of its own)",
            title(leak),
            lacks.join(", ")
        ))),
        (None, None) => {
            let other_key = evidence.declared.incidents.iter().any(|incident| {
                key_of(&incident.secret)
                    .is_some_and(|key| key_of(&leak.fingerprint) != Some(key) && incident.secret.len() > 20)
            });
            if other_key {
                verdict.not_seen(Unseen::NotComparable(
                    "incidents are recorded under another fingerprint key; name the secret there, or use that key (`fingerprint-key`)".into(),
                ));
            } else {
                verdict.finds(finding(
                    format!("{} leaked ({}) and no incident record names it", title(leak), leak.fingerprint),
                    "unrecorded",
                ));
            }
        }
    }
}

/// The records of one leak that leave nothing out.
#[derive(Default)]
struct Whole {
    told: Option<String>,
    count: usize,
    /// Whether one of them means this value and no other of its name.
    single: bool,
}

impl Whole {
    fn take(&mut self, told: String, single: bool) {
        self.told.get_or_insert(told);
        self.count += 1;
        self.single |= single;
    }
}

/// A record that says "rotated" is contradicted by the value that still stands where values are used.
fn in_use(leak: &Leak, evidence: &Evidence, verdict: &mut Verdict) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    match evidence.of(&env_files()) {
        Ok(files) => used.extend(
            files
                .files
                .iter()
                .filter(|file| file.exists && matches!(file.kind, EnvKind::Real | EnvKind::Keys))
                .filter(|file| file.entries.iter().any(|entry| holds(entry, &leak.fingerprint)))
                .map(|file| file.path.as_str()),
        ),
        Err(unseen) => verdict.not_seen(unseen),
    }
    let mut stands: BTreeSet<&str> = BTreeSet::new();
    for sight in &leak.sights {
        match sight.state {
            State::Ignored | State::Head | State::Index | State::WorkTree => {
                stands.insert(&sight.path);
            }
            State::History | State::Message | State::Name | State::Stash | State::Unreachable => {}
        }
    }
    let list = |paths: &BTreeSet<&str>| paths.iter().copied().collect::<Vec<_>>().join(", ");
    if let Some(first) = used.first() {
        let what = format!("{} is recorded as rotated, and its value still stands in {}", title(leak), list(&used));
        verdict.finds(Finding::new(what, Place::file(*first, None)).aspect(format!("in use {}", leak.rule)));
    } else if !stands.is_empty() {
        verdict.not_seen(Unseen::Partial(format!(
            "{} is recorded as rotated, and its value still stands in {}: take it out there, so that it can be seen that nothing uses it",
            title(leak),
            list(&stands)
        )));
    }
}

/// A record names a secret by its name or its fingerprint.
fn names(secret: &str, leak: &Leak) -> bool {
    secret == leak.fingerprint || leak.name.as_deref() == Some(secret)
}

/// What SEC-5 asks for and the record does not say.
fn lacks(incident: &Incident, days: Days) -> Vec<&'static str> {
    let mut lacks = Vec::new();
    if incident.on > days.last {
        lacks.push("a day that has come");
    }
    match incident.rotated {
        // A rotation before the leak does not answer it.
        Some(rotated) if days.allow(rotated) => {}
        Some(_) => lacks.push("a rotation after the leak"),
        None => lacks.push("when it was rotated"),
    }
    if incident.updated.is_empty() {
        lacks.push("which systems were updated");
    }
    if incident.logs_audited.is_none_or(|audited| !days.allow(audited)) {
        lacks.push("when the logs were audited, after the leak");
    }
    lacks
}

/// One incident of a file: a section of a text, an item of a list, or the whole of a small file.
struct Block<'a> {
    path: &'a str,
    text: String,
}

fn blocks(matches: &Matches) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in &matches.lines {
        let begins = line.text.starts_with('#')
            || line.text.starts_with("- ") && !line.path.to_ascii_lowercase().ends_with(".md")
            || line.text == "---";
        match blocks.last_mut() {
            Some(block) if block.path == line.path && !begins => {
                block.text.push('\n');
                block.text.push_str(&line.text);
            }
            Some(_) | None => blocks.push(Block { path: &line.path, text: line.text.clone() }),
        }
    }
    blocks
}

impl Block<'_> {
    fn names(&self, leak: &Leak) -> bool {
        let word = |name: &str| {
            self.text
                .split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '-' | '.' | ':'))
                .any(|word| word.trim_matches([':', '.']) == name)
        };
        self.text.contains(&leak.fingerprint) || leak.name.as_deref().is_some_and(word)
    }

    /// Whether it means this value and no other of its name: by fingerprint, or by the file that it stood in.
    fn singles_out(&self, leak: &Leak) -> bool {
        self.text.contains(&leak.fingerprint)
            || leak.sights.iter().any(|sight| !sight.path.is_empty() && self.text.contains(&sight.path))
    }
}

/// How much of the history was read.
fn scope() -> ScopeAsk {
    ScopeAsk {}
}

/// What leaked.
fn secrets() -> SecretsAsk {
    SecretsAsk {}
}

/// The values in use: a leaked one may be among them.
fn env_files() -> EnvFilesAsk {
    EnvFilesAsk {}
}

/// The live token: a leaked one may be it.
fn token() -> TokenAsk {
    TokenAsk {}
}

/// The incident records of the repository.
fn records() -> Lines {
    Lines {
        globs: [
            "SECURITY-INCIDENTS.md",
            "SECURITY_INCIDENTS.md",
            "INCIDENTS.md",
            "**/incidents/*.{md,yaml,yml}",
            "incidents.{yaml,yml}",
        ]
        .map(Into::into)
        .to_vec(),
        pattern: r"\S".into(),
    }
}

/// A leaked secret, tried once.
fn with_leaked(endpoint: &Endpoint, leak: &Leak) -> Request {
    control(endpoint, Credential::Leaked(leak.fingerprint.clone()))
}

/// The same request with a credential whose answer is known.
fn control(endpoint: &Endpoint, credential: Credential) -> Request {
    Request::get(endpoint.path.clone()).with(credential)
}

#[cfg(test)]
#[path = "incident_record_tests.rs"]
mod tests;
