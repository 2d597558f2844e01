//! No version older than TLS 1.2 is spoken, and no cipher suite that is broken.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{place, plain_http};
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::http::{Listener, Request};
use crate::evidence::repo::Lines;
use crate::evidence::tls::{ChosenAt, Greeted, Hello, Outcome, Strictness, Suites, Version, refuses};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Target};
use crate::tls::{configuration, suites};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsVersion {
    /// The oldest version that may be accepted.
    pub minimum: Version,
    /// How strict to be about cipher suites up to TLS 1.2.
    pub suites: Strictness,
}

impl Default for TlsVersion {
    fn default() -> Self {
        Self { minimum: Version::Tls12, suites: Strictness::Sane }
    }
}

impl Check for TlsVersion {
    const ABOUT: About = About {
        id: "tls-version",
        title: "TLS 1.2 or newer, and nothing older",
        statements: &["TLS-3"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Allow TLS 1.2 and 1.3 only, with Mozilla's intermediate suites; in nginx: `ssl_protocols TLSv1.2 \
                      TLSv1.3;`, in Apache `SSLProtocol -all +TLSv1.2 +TLSv1.3`, in HAProxy `ssl-min-ver TLSv1.2`.",
        references: &[
            "RFC 8996 (TLS 1.0 and 1.1 must not be used)",
            "RFC 7568 (SSL 3.0 must not be used)",
            "RFC 9325 section 3.1.1",
            "Mozilla Server Side TLS 6.0",
            "OWASP ASVS 5.0 12.1.1",
        ],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if target.deployment().is_ok_and(Deployment::is_https) {
            asks.push(Hello {}.into());
            asks.extend(target.deployment().ok().map(|deployment| Ask::from(page(deployment))));
            if self.suites != Strictness::Off {
                asks.push(self.weak_suites().into());
            }
        }
        if target.repository().is_ok() {
            asks.push(configured().into());
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        if let Some(verdict) = plain_http(target, deployment, evidence) {
            return verdict;
        }
        let mut verdict = Verdict::default();
        match evidence.of(&Hello {}) {
            Ok(greeting) => {
                let several = greeting.addresses.len() > 1;
                let answering = greeting.addresses.iter().any(|at| !is_absent(at));
                for at in &greeting.addresses {
                    if answering && is_absent(at) {
                        verdict.notes(format!("nothing listens on {}", at.address));
                    } else {
                        self.judge_address(at, &place(deployment, &at.address, several), &mut verdict);
                    }
                }
                if !greeting.left_out.is_empty() {
                    let left_out = greeting.left_out.join(", ");
                    verdict.not_seen(Unseen::Partial(format!("further addresses were not judged: {left_out}")));
                }
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        if self.suites != Strictness::Off {
            match evidence.of(&self.weak_suites()) {
                Ok(chosen) => {
                    let several = chosen.addresses.len() > 1;
                    let answering = chosen.addresses.iter().any(|at| at.last != Outcome::NotListening);
                    for at in &chosen.addresses {
                        if !answering || at.last != Outcome::NotListening {
                            judge_suites(at, &place(deployment, &at.address, several), &mut verdict);
                        }
                    }
                }
                Err(unseen) => verdict.not_seen(unseen),
            }
        }
        self.compare_with_repository(target, evidence, &mut verdict);
        note_http3(deployment, evidence, &mut verdict);
        verdict
    }
}

impl TlsVersion {
    fn weak_suites(&self) -> Suites {
        Suites { strictness: self.suites }
    }

    fn judge_address(&self, at: &Greeted, place: &Place, verdict: &mut Verdict) {
        let speaks_http = |(_, outcome): &(Version, Outcome)| *outcome == Outcome::PlainHttp;
        if !at.hellos.is_empty() && at.hellos.iter().all(speaks_http) {
            let what = "answers a TLS hello in plain HTTP: there is no TLS on the port that its URL names";
            verdict.finds(Finding::new(what, place.clone()).aspect("plain-http"));
            return;
        }
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        let mut unsure = false;
        let mut proven: BTreeSet<Version> = BTreeSet::new();
        for version in Version::ALL {
            let Some(outcome) = at.outcome(version) else {
                unsure = true;
                verdict.not_seen(Unseen::Partial(format!("{version} was not asked of {}", at.address)));
                continue;
            };
            let too_old = version < self.minimum;
            match outcome {
                Outcome::Accepted { suite } if too_old => {
                    proven.insert(version);
                    let what = format!("{version} is accepted (with {})", suites::name(*suite));
                    verdict.finds(Finding::new(what, place.clone()).aspect(version.word()));
                }
                Outcome::Accepted { suite } => {
                    accepted.push(version.to_string());
                    if !suites::has_forward_secrecy(*suite) {
                        let suite = suites::name(*suite);
                        verdict.notes(format!("{}: {version} chooses {suite}, without forward secrecy", at.address));
                    }
                }
                Outcome::Alert(number) if refuses(*number) => refused.push((version, outcome)),
                // To answer with another version is to refuse this one. A newer one than was offered is no answer of TLS.
                Outcome::Downgraded { to, .. } if *to < version => refused.push((version, outcome)),
                Outcome::Closed => refused.push((version, outcome)),
                // The versions that may be spoken need not all be; what they met is no fault.
                _ if !too_old => verdict.notes(format!("{}: {version}: {outcome}", at.address)),
                Outcome::Silent(_) => {
                    unsure = true;
                    verdict.not_seen(Unseen::TimedOut(format!("{}: {version}: {outcome}", at.address)));
                }
                Outcome::Reset => {
                    unsure = true;
                    verdict.not_seen(Unseen::NotComparable(format!(
                        "{}: {version}: {outcome}; a firewall on the way does so, too: look from beside the server",
                        at.address
                    )));
                }
                Outcome::Alert(_) | Outcome::Downgraded { .. } | Outcome::PlainHttp | Outcome::NotTls(_) => {
                    unsure = true;
                    verdict.not_seen(Unseen::NotComparable(format!("{}: {version}: {outcome}", at.address)));
                }
                Outcome::NotListening | Outcome::Unreachable(_) => {
                    unsure = true;
                    verdict.not_seen(Unseen::Unreachable(format!("{}: {version}: {outcome}", at.address)));
                }
            }
        }
        // An old version in answer to a newer hello is spoken, whatever its own hello met.
        for (asked, outcome) in &at.hellos {
            if let Outcome::Downgraded { to, suite } = outcome
                && *to < self.minimum
                && proven.insert(*to)
            {
                let what = format!("{to} is accepted (with {}, in answer to {asked})", suites::name(*suite));
                verdict.finds(Finding::new(what, place.clone()).aspect(to.word()));
            }
        }
        if accepted.is_empty() {
            verdict.not_seen(Unseen::NotComparable(format!(
                "{}: neither {} nor anything newer is accepted, so refusals prove nothing",
                at.address, self.minimum
            )));
            return;
        }
        match &at.control {
            Some(Outcome::Accepted { .. }) if !unsure => {
                let refused: Vec<String> =
                    refused.iter().map(|(version, outcome)| format!("{version} {outcome}")).collect();
                let refused = if refused.is_empty() { String::new() } else { format!("{}; ", refused.join(", ")) };
                verdict.holds(format!("{}: {refused}{} accepted after that", at.address, accepted.join(" and ")));
            }
            Some(Outcome::Accepted { .. }) => {}
            Some(other) => verdict.not_seen(Unseen::NotComparable(format!(
                "{}: the good hello after the refusals met this: {other}; they may be a firewall's",
                at.address
            ))),
            None => verdict.not_seen(Unseen::Partial(format!("{}: no good hello followed the refusals", at.address))),
        }
    }

    /// What the repository's server configuration states, held against what the server accepts.
    fn compare_with_repository(&self, target: &Target, evidence: &Evidence, verdict: &mut Verdict) {
        if target.repository().is_err() {
            return;
        }
        // The live server decides; what the repository says of it explains.
        let matches = match evidence.of(&configured()) {
            Ok(matches) => matches,
            Err(unseen) => {
                verdict.notes(format!("the repository's server configuration was not compared: {unseen}"));
                return;
            }
        };
        let spoken = evidence.of(&Hello {}).ok().and_then(|greeting| {
            let accepted = greeting.addresses.iter().flat_map(|at| &at.hellos);
            accepted.filter(|(_, outcome)| outcome.is_accepted()).map(|(version, _)| *version).min()
        });
        for line in &matches.lines {
            let Some(oldest) = configuration::oldest(&line.text) else { continue };
            let place = Place::file(&line.path, Some(line.line));
            let at = place.words();
            let at = at.data();
            match spoken {
                Some(spoken) if oldest < self.minimum && spoken < self.minimum => {
                    let what = format!("the configuration allows {oldest}");
                    verdict.finds(Finding::new(what, place).aspect("configured"));
                }
                Some(spoken) if oldest < self.minimum => verdict.notes(format!(
                    "{at} allows {oldest}, and the server accepts nothing before {spoken}: another configuration is \
                     deployed, or the TLS library forbids more"
                )),
                Some(spoken) if spoken < self.minimum => verdict.notes(format!(
                    "{at} allows nothing before {oldest}, and the server accepts {spoken}: another configuration is \
                     deployed"
                )),
                Some(spoken) if spoken < oldest => verdict.notes(format!(
                    "{at} allows nothing before {oldest}, and the server accepts {spoken}: another configuration is \
                     deployed, or it is another server's"
                )),
                None if oldest < self.minimum => verdict.notes(format!("{at} allows {oldest}")),
                Some(_) | None => {}
            }
        }
    }
}

/// The lines in which the repository states versions.
fn configured() -> Lines {
    Lines {
        globs: configuration::GLOBS.iter().map(|glob| (*glob).to_owned()).collect(),
        pattern: configuration::PATTERN.into(),
    }
}

/// Any answer of the deployment: it says where else the service is to be had.
fn page(deployment: &Deployment) -> Request {
    Request::get(deployment.representative())
}

/// HTTP/3 has its own TLS, over UDP, which no hello here reaches (RFC 9114 section 3.1.1, RFC 7838).
fn note_http3(deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
    let mut answers = evidence.exchanges().filter(|(request, _)| request.listener == Listener::Main).peekable();
    if answers.peek().is_none() {
        let why = evidence.of(&page(deployment)).err().unwrap_or(Unseen::NotAsked);
        verdict.notes(format!("whether HTTP/3 is offered beside it was not seen: {why}"));
    } else if answers.any(|(_, exchange)| exchange.all_headers("alt-svc").any(offers_http3)) {
        verdict.notes("HTTP/3 is advertised (Alt-Svc); its TLS was not judged, and QUIC has no version before 1.3");
    }
}

/// `h3=":443"; ma=86400`, and the drafts before it (`h3-29`).
fn offers_http3(value: &str) -> bool {
    value.split(',').any(|service| {
        let protocol = service.split('=').next().unwrap_or_default().trim();
        protocol == "h3" || protocol.starts_with("h3-")
    })
}

fn is_absent(at: &Greeted) -> bool {
    at.hellos.iter().all(|(_, outcome)| *outcome == Outcome::NotListening)
}

/// The Diffie-Hellman group that is too small (RFC 9325 section 4.3; CVE-2015-4000).
const SMALLEST_GROUP: u32 = 2048;

fn judge_suites(at: &ChosenAt, place: &Place, verdict: &mut Verdict) {
    for suite in &at.suites {
        let (name, kind) = (suites::name(*suite), suites::find(*suite).map_or(suites::Kind::Sound, |suite| suite.kind));
        let (severity, why) = match kind {
            suites::Kind::Null | suites::Kind::Anonymous | suites::Kind::Export => {
                (Severity::Critical, format!(" ({kind})"))
            }
            suites::Kind::Rc4 | suites::Kind::Des => (Severity::High, format!(" ({kind})")),
            suites::Kind::TripleDes => (Severity::Medium, format!(" ({kind})")),
            suites::Kind::Sound => (Severity::Low, ", which the policy's profile does not list".to_owned()),
        };
        let what = format!("the cipher suite {name} is accepted{why}");
        verdict.finds(Finding::new(what, place.clone()).of_severity(severity).aspect(format!("suite-{kind}")));
    }
    if let Some(bits) = at.group_bits.filter(|bits| *bits < SMALLEST_GROUP) {
        let what = format!("the Diffie-Hellman group has {bits} bits, under {SMALLEST_GROUP}");
        verdict.finds(Finding::new(what, place.clone()).of_severity(Severity::Medium).aspect("group"));
    }
    // Where the offer of Diffie-Hellman was refused with the rest, one ending tells both.
    let endings = std::iter::once(&at.last).chain(at.group.iter().filter(|group| **group != at.last));
    for ending in endings {
        let what = format!("{}: a hello with none but forbidden or Diffie-Hellman suites: {ending}", at.address);
        match ending {
            Outcome::Accepted { .. } | Outcome::Downgraded { .. } | Outcome::Closed => {}
            Outcome::Alert(number) if refuses(*number) => {}
            Outcome::Silent(_) => verdict.not_seen(Unseen::TimedOut(what)),
            Outcome::Alert(_)
            | Outcome::Reset
            | Outcome::PlainHttp
            | Outcome::NotTls(_)
            | Outcome::NotListening
            | Outcome::Unreachable(_) => verdict.not_seen(Unseen::NotComparable(what)),
        }
    }
    if matches!(at.group, Some(Outcome::Accepted { .. } | Outcome::Downgraded { .. })) && at.group_bits.is_none() {
        verdict.not_seen(Unseen::Partial(format!("{}: the size of the Diffie-Hellman group was not sent", at.address)));
    }
}

#[cfg(test)]
mod tests;
