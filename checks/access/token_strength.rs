//! The deployment's token is long and shows no sign of weakness; that it is random, one sample cannot prove.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::mcp::{self, Conversation};
use crate::evidence::repo::{EnvFiles, EnvFilesAsk, EnvKind, Leaks, SecretsAsk};
use crate::evidence::token::{JwtFacts, Sign, TokenAsk, TokenFacts};
use crate::evidence::{Ask, Evidence, Seen, Unseen};
use crate::target::{Deployment, Endpoint, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenStrength {
    /// Characters at least.
    pub min_length: u32,
    /// Bits at least that guessing must take, after what is predictable was taken away.
    pub min_bits: u32,
    /// Whether a JSON Web Token must name its audience.
    pub require_audience: bool,
}

impl Default for TokenStrength {
    fn default() -> Self {
        // MCP-2: 32 characters. OWASP Session Management: 64 bits of entropy at least.
        Self { min_length: 32, min_bits: 64, require_audience: false }
    }
}

impl Check for TokenStrength {
    const ABOUT: About = About {
        id: "token-strength",
        title: "The token is strong and random",
        statements: &["MCP-2"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Make a new token from a cryptographic random source (for example `openssl rand -base64 32`), of at least 32 \
                      characters, keep it out of the repository, and replace the old one everywhere it is used.",
        references: &[
            "https://cwe.mitre.org/data/definitions/330.html",
            "https://cwe.mitre.org/data/definitions/521.html",
            "https://www.rfc-editor.org/rfc/rfc8725",
        ],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        if target.deployment().is_err() {
            return Vec::new();
        }
        let mut asks = vec![token().into()];
        asks.extend(controls(target));
        asks.extend(readable(target).filter(|control| is_doubted(seen, control)).into_iter().flat_map(once_more));
        if target.repository().is_ok() {
            asks.extend([Ask::from(secrets()), Ask::from(env_files())]);
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Some(control) = readable(target) else { return Vec::new() };
        let asks = once_more(control);
        vec![Reserve {
            what: "a control once more, where a wrong token is let in".into(),
            asks: u32::try_from(asks.len()).unwrap_or(u32::MAX),
            sends: asks.iter().map(|ask| ask.ceiling(target)).fold(0, u32::saturating_add),
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut verdict = Verdict::default();
        match evidence.of(&token()) {
            Err(unseen) => verdict.not_seen(unseen),
            Ok(facts) => {
                match &facts.jwt {
                    Some(jwt) => self.judge_jwt(&mut verdict, deployment, evidence, jwt),
                    None => self.judge_value(&mut verdict, deployment, facts),
                }
                judge_repository(&mut verdict, target, evidence, facts);
                match admitted(evidence) {
                    Ok(grounds) => verdict.holds(grounds),
                    Err(unseen) => verdict.not_seen(unseen),
                }
            }
        }
        verdict
    }
}

impl TokenStrength {
    fn judge_value(&self, verdict: &mut Verdict, deployment: &Deployment, facts: &TokenFacts) {
        let mut weak = |aspect: &str, what: String| verdict.finds(finding(deployment, aspect, what));
        if facts.length < self.min_length {
            weak("length", format!("the token has {} characters, {} are the least", facts.length, self.min_length));
        }
        for sign in &facts.signs {
            let (aspect, what) = match sign {
                Sign::Repetition => match facts.period {
                    Some(period) => ("repetition", format!("the token repeats a piece of {period} characters")),
                    None => ("repetition", "the token is made of runs of one character".to_owned()),
                },
                Sign::Sequence => ("sequence", "the token is made of sequences such as 0123 or abcd".to_owned()),
                Sign::Placeholder => ("placeholder", "the token holds a placeholder such as changeme".to_owned()),
                Sign::Words => ("words", "the token is made of common words".to_owned()),
                Sign::FewCharacters => {
                    ("few-characters", format!("the token has only {} different characters", facts.distinct))
                }
            };
            weak(aspect, what);
        }
        if facts.bits < self.min_bits {
            weak(
                "bits",
                format!("guessing the token takes at most {} bits, {} are the least", facts.bits, self.min_bits),
            );
        }
        verdict.holds(format!(
            "no sign of weakness in {} characters ({} different ones, {} of them predictable, at most {} bits); one sample cannot \
             prove randomness",
            facts.length, facts.distinct, facts.predictable, facts.bits
        ));
    }

    fn judge_jwt(&self, verdict: &mut Verdict, deployment: &Deployment, evidence: &Evidence, jwt: &JwtFacts) {
        let now = evidence.taken_at.timestamp();
        if jwt.algorithm.eq_ignore_ascii_case("none") || !jwt.signed {
            let what = format!("the token is a JWT without a signature (algorithm {})", jwt.algorithm);
            verdict.finds(finding(deployment, "jwt-unsigned", what).of_severity(Severity::Critical));
        }
        if jwt.weak_key {
            let what =
                format!("the token is a JWT signed ({}) with a key from a short list of known ones", jwt.algorithm);
            verdict.finds(finding(deployment, "jwt-weak-key", what).of_severity(Severity::Critical));
        }
        match jwt.expires {
            None => {
                let what = "the token is a JWT that never expires (no `exp`)";
                verdict.finds(finding(deployment, "jwt-no-expiry", what).of_severity(Severity::Medium));
            }
            Some(expires) if expires <= now => verdict.notes("the token is a JWT that has expired"),
            Some(expires) => {
                let days = (expires - jwt.issued.unwrap_or(now)) / 86_400;
                if days > 90 {
                    verdict.notes(format!("the token is a JWT that lives for {days} days"));
                }
            }
        }
        if !jwt.has_audience {
            let what = "the token is a JWT that names no audience (`aud`)";
            if self.require_audience {
                verdict.finds(finding(deployment, "jwt-no-audience", what).of_severity(Severity::Medium));
            } else {
                verdict.notes(what);
            }
        }
        verdict.holds(format!(
            "the token is a JWT ({}), signed, and with none of the known weak keys; how strong its key is cannot be seen from it",
            jwt.algorithm
        ));
    }
}

/// What shows that the deployment asks for this very token: one question with it and without.
fn controls(target: &Target) -> Vec<Ask> {
    if let Some(request) = readable(target) {
        return vec![request.clone().into(), request.with(Credential::Valid).into()];
    }
    let Some(path) = mcp::candidates(target).into_iter().next() else { return Vec::new() };
    let conversation = Conversation::standard(target, path);
    vec![conversation.clone().into(), conversation.with(Credential::None).into()]
}

/// An endpoint that can be read, asked without a credential.
fn readable(target: &Target) -> Option<Request> {
    let is_readable =
        |endpoint: &&Endpoint| endpoint.method == "GET" && endpoint.method_named && endpoint.public.is_none();
    let endpoint = target.deployment().ok()?.endpoints.iter().find(is_readable)?;
    Some(Request::get(&endpoint.path))
}

/// Whether another token than the valid one was let in where the control was seen: a guard that is wrong, or none at all.
fn is_doubted(seen: &Evidence, control: &Request) -> bool {
    seen.exchanges().any(|(request, exchange)| {
        let another = match &request.credential {
            Credential::Wrong | Credential::Mutated(_) => true,
            Credential::None | Credential::Valid | Credential::Leaked(_) | Credential::Dummy => false,
        };
        another && exchange.is_success() && (&request.method, &request.path) == (&control.method, &control.path)
    })
}

/// The control again: twice without the token, so that a server that answers by turns is caught at it.
fn once_more(control: Request) -> Vec<Ask> {
    let valid = control.clone().with(Credential::Valid).again(1);
    vec![control.clone().again(1).into(), control.again(2).into(), valid.into()]
}

/// One request that is let in at one time and denied at another: such a server shows by no answer what it asks for.
fn answers_by_turns(evidence: &Evidence) -> Result<(), Unseen> {
    let mut seen: BTreeMap<Request, (bool, bool)> = BTreeMap::new();
    // That other tokens are let in, too, is another item's fault.
    let own = |request: &Request| matches!(request.credential, Credential::None | Credential::Valid);
    for (request, exchange) in evidence.exchanges().filter(|(request, _)| own(request)) {
        let mut same = request.clone().again(0);
        // An origin may be a reason to refuse who has the token, and none to let in who has not.
        if same.credential == Credential::None {
            same.origin = None;
        }
        let (admitted, denied) = seen.entry(same).or_default();
        *admitted |= exchange.is_success();
        *denied |= exchange.is_denied();
    }
    match seen.into_iter().find(|(_, by_turns)| *by_turns == (true, true)) {
        None => Ok(()),
        Some((request, _)) => Err(Unseen::NotComparable(format!(
            "{} {} with {} is let in at one time and denied at another",
            request.method, request.path, request.credential
        ))),
    }
}

/// Whether anything of the run shows that the token opens what is closed without it: how strong a token is that nothing
/// asks for decides nothing.
fn admitted(evidence: &Evidence) -> Result<String, Unseen> {
    answers_by_turns(evidence)?;
    for (request, exchange) in evidence.exchanges() {
        if request.credential == Credential::Valid && exchange.is_success() {
            let without = request.clone().with(Credential::None);
            if evidence.of(&without).is_ok_and(Exchange::is_denied) {
                return Ok(format!("{} {} is closed without the token and open with it", request.method, request.path));
            }
        }
    }
    let conversations = || {
        evidence.answers().iter().filter_map(|(ask, answer)| match (ask, answer) {
            (Ask::Mcp(conversation), Ok(Seen::Mcp(transcript))) => Some((conversation, transcript)),
            _ => None,
        })
    };
    for (with, _) in conversations()
        .filter(|(conversation, transcript)| conversation.credential == Credential::Valid && transcript.era.is_mcp())
    {
        let closed = conversations().any(|(conversation, transcript)| {
            conversation.path == with.path
                && conversation.credential == Credential::None
                && transcript.opening.exchange.is_denied()
        });
        if closed {
            return Ok(format!("MCP on {} is closed without the token and open with it", with.path));
        }
    }
    Err(Unseen::NotComparable(
        "nothing shows that the deployment asks for this very token: no endpoint was closed without it and open with it"
            .into(),
    ))
}

/// The token must not lie where others can read it.
fn judge_repository(verdict: &mut Verdict, target: &Target, evidence: &Evidence, facts: &TokenFacts) {
    match target.repository() {
        Err(absent) if absent.is_out_of_scope() => return,
        Err(_) => {
            verdict.notes("no repository named: whether the token is in one was not looked at");
            return;
        }
        Ok(_) => {}
    }
    let Some(fingerprint) = &facts.fingerprint else {
        verdict.not_seen(Unseen::NotComparable("the token has no fingerprint to look for in the repository".into()));
        return;
    };
    match evidence.of(&secrets()) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(leaks) => in_history(verdict, leaks, fingerprint),
    }
    match evidence.of(&env_files()) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(files) => in_examples(verdict, files, fingerprint),
    }
}

fn in_history(verdict: &mut Verdict, leaks: &Leaks, fingerprint: &str) {
    if !is_of_key(fingerprint, &leaks.key) {
        verdict.not_seen(Unseen::NotComparable("the repository's fingerprints were made with another key".into()));
        return;
    }
    for leak in leaks.found.iter().filter(|leak| leak.fingerprint == fingerprint) {
        for sight in leak.sights.iter().filter(|sight| sight.state.is_shared()) {
            let place = match &sight.first {
                Some(commit) => Place::commit(&commit.id, &sight.path, sight.line),
                None => Place::file(&sight.path, sight.line),
            };
            let what = format!("the deployment's own token is in the repository, {}", sight.state.describe());
            verdict.finds(Finding::new(what, place).aspect("in-repository").of_severity(Severity::Critical));
        }
    }
    if leaks.more > 0 {
        verdict.not_seen(Unseen::Partial(format!("{} more secrets in the repository than are recorded", leaks.more)));
    } else {
        verdict.holds("the token is none of the secrets found in the repository");
    }
}

fn in_examples(verdict: &mut Verdict, files: &EnvFiles, fingerprint: &str) {
    for file in files.files.iter().filter(|file| file.kind == EnvKind::Example) {
        for entry in file.entries.iter().filter(|entry| entry.fingerprint.as_deref() == Some(fingerprint)) {
            let what = format!("the deployment's own token is the example value of {}", entry.name);
            let place = Place::file(&file.path, Some(entry.line));
            verdict.finds(Finding::new(what, place).aspect("in-example").of_severity(Severity::Critical));
        }
    }
}

fn is_of_key(fingerprint: &str, key: &str) -> bool {
    fingerprint.split_once(':').is_some_and(|(made_with, _)| made_with == key)
}

fn finding(deployment: &Deployment, aspect: &str, what: impl Into<String>) -> Finding {
    Finding::new(what, Place::url(deployment.origin())).aspect(aspect)
}

fn token() -> TokenAsk {
    TokenAsk {}
}

fn secrets() -> SecretsAsk {
    SecretsAsk {}
}

fn env_files() -> EnvFilesAsk {
    EnvFilesAsk {}
}

#[cfg(test)]
mod tests;
