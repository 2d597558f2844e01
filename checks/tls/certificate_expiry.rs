//! No certificate of the path is about to expire, measured by its own lifetime.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{chain, chains, plain_http};
use crate::certificate::Certificate;
use crate::check::{About, Check, DecidedFrom, Finding, Severity, Verdict};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::period::Period;
use crate::target::{Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateExpiry {
    /// Less than a sixth of the lifetime fails, and this is the most that a sixth may be.
    pub fail_under: Period,
    /// Less than a third of the lifetime is a note, and this is the most that a third may be.
    pub note_under: Period,
}

impl Default for CertificateExpiry {
    fn default() -> Self {
        Self { fail_under: Period::days(14), note_under: Period::days(30) }
    }
}

impl Check for CertificateExpiry {
    const ABOUT: About = About {
        id: "certificate-expiry",
        title: "No certificate is about to expire",
        statements: &["TLS-6"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Renew the certificate now, and let an ACME client (certbot, Caddy, cert-manager) do it from then on, \
                      at a third of the lifetime; have an alert on the days that remain.",
        references: &[
            "RFC 5280 section 4.1.2.5",
            "CA/Browser Forum ballot SC-081v3 (47 days from 2029)",
            "Let's Encrypt: renew when a third of the lifetime remains",
            "CWE-298",
        ],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        if target.deployment().is_ok_and(Deployment::is_https) { vec![chain()] } else { Vec::new() }
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
        let at = evidence.taken_at;
        for shown in &chains.shown {
            let path = shown.assessment.path.as_ref().unwrap_or(&shown.assessment.reached);
            let mut sound = Vec::new();
            for (index, certificate) in path.iter().enumerate() {
                match self.weigh(certificate, at) {
                    Remains::Enough => sound.push(in_short(certificate, at)),
                    Remains::Little => {
                        sound.push(in_short(certificate, at));
                        verdict.notes(format!("under a third of its lifetime remains: {}", in_short(certificate, at)));
                    }
                    Remains::TooLittle(what) => {
                        let aspect = if index == 0 { "leaf" } else { "authority" };
                        verdict.finds(Finding::new(what, shown.place.clone()).aspect(aspect));
                    }
                }
            }
            if sound.is_empty() && path.is_empty() {
                verdict.not_seen(Unseen::Malformed(format!("{}the certificate cannot be read", shown.addresses)));
            } else if shown.assessment.path.is_none() && !path.last().is_some_and(Certificate::is_self_issued) {
                verdict.not_seen(Unseen::Partial(format!(
                    "{}the chain does not lead to a root (certificate-trust says why), so the dates of its missing part \
                     are unknown",
                    shown.addresses
                )));
            } else if !sound.is_empty() {
                verdict.holds(format!("{}{}", shown.addresses, sound.join("; ")));
            }
        }
        verdict
    }
}

/// How much of a certificate's lifetime remains.
enum Remains {
    Enough,
    Little,
    /// The fault, in words.
    TooLittle(String),
}

impl CertificateExpiry {
    fn weigh(&self, certificate: &Certificate, at: DateTime<Utc>) -> Remains {
        let lifetime = certificate.lifetime();
        let remaining = certificate.not_after - at;
        let name = &certificate.subject;
        if remaining < TimeDelta::zero() {
            return Remains::TooLittle(format!("`{name}` expired on {}", certificate.not_after.date_naive()));
        }
        if at < certificate.not_before {
            return Remains::TooLittle(format!("`{name}` is valid only from {}", certificate.not_before.date_naive()));
        }
        let fails = (lifetime / 6).min(self.fail_under.delta());
        if remaining < fails {
            return Remains::TooLittle(format!(
                "`{name}` expires on {}: {} of {} remain, under {}",
                certificate.not_after.date_naive(),
                span(remaining),
                span(lifetime),
                span(fails)
            ));
        }
        if remaining < (lifetime / 3).min(self.note_under.delta()) { Remains::Little } else { Remains::Enough }
    }
}

fn in_short(certificate: &Certificate, at: DateTime<Utc>) -> String {
    format!(
        "`{}` until {} ({} of {} remain)",
        certificate.subject,
        certificate.not_after.date_naive(),
        span(certificate.not_after - at),
        span(certificate.lifetime())
    )
}

/// Days, or hours where there are but few.
pub(super) fn span(span: TimeDelta) -> String {
    if span < TimeDelta::days(3) { format!("{} h", span.num_hours()) } else { format!("{} days", span.num_days()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::made::{Made, lives};
    use crate::check::Status;
    use crate::checks::tls::testing::{evidence, target};

    /// The verdict on a leaf that lives from so many days ago to so many days ahead.
    fn verdict(from: i64, until: i64) -> Verdict {
        let made = Made::leaf(move |leaf| lives(leaf, from, until)).make();
        let evidence = evidence(&[made.leaf, made.intermediate], &made.root);
        CertificateExpiry::default().judge(&target("https://mcp.example.com"), &evidence)
    }

    #[test]
    fn what_remains_is_measured_by_the_lifetime() {
        for (from, until, status, notes) in [
            (-30, 60, Status::Pass, 0),
            // A third of 90 days is 30, a sixth is 15, at most 14.
            (-62, 28, Status::Pass, 1),
            (-77, 13, Status::Fail, 0),
            // A six-day certificate is fresh with five days to go.
            (-1, 5, Status::Pass, 0),
            // A year's certificate notes at 30 days and fails at 14, not at 61.
            (-335, 30, Status::Pass, 0),
            (-345, 20, Status::Pass, 1),
            (-352, 13, Status::Fail, 0),
            (-91, -1, Status::Fail, 0),
            (1, 91, Status::Fail, 0),
        ] {
            let verdict = verdict(from, until);
            assert_eq!(verdict.status(), status, "{from}..{until}: {verdict:?}");
            assert_eq!(verdict.all_notes().len(), notes, "{from}..{until}: {verdict:?}");
        }
    }

    #[test]
    fn an_intermediate_that_expires_soon_fails_though_the_leaf_is_fresh() {
        let made = Made::intermediate(|authority| lives(authority, -700, 10)).make();
        let evidence = evidence(&[made.leaf, made.intermediate], &made.root);
        let verdict = CertificateExpiry::default().judge(&target("https://mcp.example.com"), &evidence);
        assert_eq!(verdict.status(), Status::Fail);
        assert!(verdict.findings()[0].what.starts_with("`Test Intermediate` expires on"), "{verdict:?}");
    }

    #[test]
    fn a_chain_with_a_missing_link_is_no_pass() {
        let made = Made::default().make();
        let evidence = evidence(&[made.leaf], &made.root);
        let verdict = CertificateExpiry::default().judge(&target("https://mcp.example.com"), &evidence);
        assert_eq!(verdict.status(), Status::Inconclusive);
    }

    #[test]
    fn nothing_at_all_is_no_pass() {
        let nothing = Evidence::at(crate::certificate::made::now());
        let verdict = CertificateExpiry::default().judge(&target("https://mcp.example.com"), &nothing);
        assert_eq!(verdict.status(), Status::Inconclusive);
    }
}
