//! Clients can trust the certificate: its chain leads to a root, it bears the right name, and nothing in it is weak.

mod revoked;
mod staple;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shown, chain, chains, plain_http};
use crate::certificate::{Certificate, Signature};
use crate::check::{About, Check, DecidedFrom, Finding, Reserve, Severity, Status, Verdict};
use crate::evidence::history::Earlier;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateTrust {
    /// Whether every certificate of the path is looked up on the revocation list that it names, over HTTP, or asked for at its
    /// OCSP responder where it names none, or the list cannot be had.
    pub revocation: bool,
}

impl Check for CertificateTrust {
    const ABOUT: About = About {
        id: "certificate-trust",
        title: "The certificate is trusted, for the right name, and sound",
        statements: &["TLS-4", "TLS-7"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Send the server's own certificate first and every intermediate after it (`fullchain.pem`), for a \
                      name in its subject alternative names, with a key of RSA 2048 or P-256 at least, signed with \
                      SHA-256; where the root is private, name it as the target's `ca:`.",
        references: &[
            "RFC 5280 section 6",
            "RFC 9525 (names)",
            "CA/Browser Forum Baseline Requirements 6.1.5, 7.1 and ballot SC-081v3",
            "CWE-295",
            "OWASP ASVS 5.0 12.2.2",
        ],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Some(deployment) = target.deployment().ok().filter(|deployment| deployment.is_https()) else {
            return Vec::new();
        };
        let mut asks = vec![chain(), Earlier {}.into()];
        if let (true, Ok(chains)) = (self.revocation, chains(deployment, seen)) {
            asks.extend(chains.shown.iter().flat_map(|shown| revoked::asks(shown, seen)).map(Ask::from));
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        if !self.revocation || target.deployment().is_err() {
            return Vec::new();
        }
        let what = "the revocation lists and responders that the certificates of the path name".into();
        vec![Reserve { what, asks: revoked::MOST, sends: revoked::MOST }]
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
        let chains = match chains(deployment, evidence) {
            Ok(chains) => chains,
            Err(unseen) => {
                verdict.not_seen(unseen);
                return verdict;
            }
        };
        for unseen in chains.unseen {
            verdict.not_seen(unseen);
        }
        for note in chains.notes {
            verdict.notes(note);
        }
        for shown in &chains.shown {
            for fault in &shown.assessment.faults {
                verdict.finds(Finding::new(&fault.what, shown.place.clone()).aspect(fault.aspect));
            }
            let stapled = staple::judge(shown, evidence.taken_at, &mut verdict);
            for unknown in &shown.assessment.unknown {
                verdict.not_seen(Unseen::NotComparable(format!("{}{unknown}", shown.addresses)));
            }
            for note in &shown.assessment.notes {
                verdict.notes(format!("{}{note}", shown.addresses));
            }
            if shown.assessment.faults.is_empty()
                && stapled
                && let Some(grounds) = grounds(shown, deployment, chains.roots)
            {
                verdict.holds(grounds);
            }
        }
        if self.revocation {
            chains.shown.iter().for_each(|shown| revoked::judge(shown, evidence, &mut verdict));
        } else if chains.roots != "the target's own" && !chains.shown.is_empty() {
            verdict.notes("whether the certificate was revoked was not asked (`revocation: true` asks)");
        }
        note_earlier(evidence, &mut verdict);
        verdict
    }
}

/// Each certificate of the path that builds, with its issuer; a root vouches for itself.
fn issued(shown: &Shown) -> impl Iterator<Item = (&Certificate, &Certificate)> {
    shown.assessment.path.iter().flat_map(|path| path.windows(2)).map(|pair| (&pair[0], &pair[1]))
}

/// What trust rests on, in one line.
fn grounds(shown: &Shown, deployment: &Deployment, kind: &str) -> Option<String> {
    let path = shown.assessment.path.as_ref()?;
    let (leaf, root) = (path.first()?, path.last()?);
    let signature = match &leaf.signature {
        Signature::Sound(name) | Signature::Broken(name) => *name,
        Signature::Unknown(oid) => oid,
    };
    let names: Vec<String> = path.iter().map(|certificate| format!("`{}`", certificate.subject)).collect();
    Some(format!(
        "{}{} leads to {kind} root `{}` and is for {}; {} key, signed with {signature}",
        shown.addresses,
        names.get(..names.len().saturating_sub(1).max(1))?.join(" by "),
        root.subject,
        deployment.host(),
        leaf.key
    ))
}

/// That validation is tested regularly (TLS-7) shows in the earlier runs.
fn note_earlier(evidence: &Evidence, verdict: &mut Verdict) {
    let Ok(earlier) = evidence.of(&Earlier {}) else {
        verdict.notes("no earlier run is on record that tested the certificate, too");
        return;
    };
    let decided = |status: Option<&Status>| matches!(status, Some(Status::Pass | Status::Fail | Status::Waived));
    let tested: Vec<_> =
        earlier.runs.iter().filter(|past| decided(past.statuses.get(CertificateTrust::ABOUT.id))).collect();
    match tested.last() {
        Some(last) => verdict.notes(format!(
            "{} earlier run{} tested it too, the last one on {}",
            tested.len(),
            if tested.len() == 1 { "" } else { "s" },
            last.finished.date_naive()
        )),
        None => verdict.notes("no earlier run is on record that tested the certificate, too"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::made::{Made, now};
    use crate::check::Place;
    use crate::checks::tls::testing::{evidence, presented, target};
    use crate::evidence::tls::{Chain, Presented};

    fn judge(evidence: &Evidence) -> Verdict {
        CertificateTrust::default().judge(&target("https://mcp.example.com"), evidence)
    }

    #[test]
    fn a_sound_chain_holds_and_says_on_what() {
        let made = Made::default().make();
        let verdict = judge(&evidence(&[made.leaf, made.intermediate], &made.root));
        assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
        assert_eq!(
            verdict.grounds(),
            ["`mcp.example.com` by `Test Intermediate` leads to the target's own root `Test Root` and is for \
              mcp.example.com; P-256 key, signed with ECDSA with SHA-256"]
        );
    }

    #[test]
    fn a_fault_is_a_finding_at_the_host() {
        let made = Made::default().make();
        let verdict = judge(&evidence(&[made.leaf], &made.root));
        assert_eq!(verdict.findings()[0].aspect, "missing-issuer");
        assert_eq!(verdict.findings()[0].place, Place::host("mcp.example.com:443"));
    }

    #[test]
    fn a_bad_chain_on_one_of_two_addresses_fails_and_an_unseen_one_is_no_pass() {
        let (good, bad) = (Made::default().make(), Made::default().make());
        let whole = presented(&[good.leaf, good.intermediate], &good.root);
        let mut other = presented(&[bad.leaf, bad.intermediate], &good.root).addresses.remove(0);
        other.address = "192.0.2.8:443".into();
        let both = Presented { addresses: vec![whole.addresses[0].clone(), other.clone()], ..whole.clone() };
        let verdict = judge(&Evidence::at(now()).with(Chain {}, both));
        assert_eq!(verdict.findings()[0].place, Place::host("mcp.example.com [192.0.2.8]:443"));
        other.chain = Err(Unseen::TimedOut("192.0.2.8:443".into()));
        let half = Presented { addresses: vec![whole.addresses[0].clone(), other], ..whole };
        assert_eq!(judge(&Evidence::at(now()).with(Chain {}, half)).status(), Status::Inconclusive);
    }

    #[test]
    fn no_chain_is_no_pass() {
        assert_eq!(judge(&Evidence::at(now())).status(), Status::Inconclusive);
        let none = Presented::default();
        assert_eq!(judge(&Evidence::at(now()).with(Chain {}, none)).status(), Status::Inconclusive);
    }
}
