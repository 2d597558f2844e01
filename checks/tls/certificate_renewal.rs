//! Certificates are renewed by a machine: it was seen to happen, or the repository shows what does it.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate_expiry::span;
use super::{Shown, chain, chains, plain_http};
use crate::certificate::Certificate;
use crate::check::{About, Check, DecidedFrom, Finding, Severity, Verdict};
use crate::evidence::history::Earlier;
use crate::evidence::repo::Lines;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Deployment, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateRenewal {}

impl Check for CertificateRenewal {
    const ABOUT: About = About {
        id: "certificate-renewal",
        title: "Certificates are renewed automatically",
        statements: &["TLS-5"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Both,
        attestable: true,
        remediation: "Let an ACME client renew the certificate at a third of its lifetime: certbot with its timer, Caddy, \
                      acme.sh from cron, cert-manager, Traefik; keep its configuration in the repository.",
        references: &["RFC 8555 (ACME)", "RFC 9773 (ACME renewal information)", "CA/Browser Forum ballot SC-081v3"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if target.deployment().is_ok_and(Deployment::is_https) {
            asks.extend([chain(), Earlier {}.into()]);
            if target.repository().is_ok() {
                asks.extend([clients().into(), caddy().into()]);
            }
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        // A repository alone renews nothing: without a live certificate there is no renewal to speak of.
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
        let automation = automation(target, evidence, &mut verdict);
        for shown in &chains.shown {
            judge_chain(shown, automation.as_deref(), evidence, &mut verdict);
        }
        verdict
    }
}

fn judge_chain(shown: &Shown, automation: Option<&str>, evidence: &Evidence, verdict: &mut Verdict) {
    let Some(leaf) = &shown.assessment.leaf else {
        verdict.not_seen(Unseen::Malformed(format!("{}the certificate cannot be read", shown.addresses)));
        return;
    };
    let (lifetime, remaining) = (leaf.lifetime(), leaf.not_after - evidence.taken_at);
    let left = format!("{} of {} remain", span(remaining), span(lifetime));
    if remaining < TimeDelta::zero() {
        let what = format!("`{}` expired on {} without being renewed", leaf.subject, leaf.not_after.date_naive());
        verdict.finds(Finding::new(what, shown.place.clone()).aspect("expired"));
    } else if let Some(seen) = seen(leaf, evidence) {
        verdict.holds(format!("{}{seen}; {left}", shown.addresses));
    } else if let (Some(automation), true) = (automation, leaf.is_self_issued()) {
        verdict.not_seen(Unseen::NoEvidence(format!(
            "{}{automation}, but the certificate is self-signed: that client did not get it",
            shown.addresses
        )));
    } else if let Some(automation) = automation {
        // Clients renew at a third of the lifetime (Let's Encrypt's advice); a tenth of that is their slack.
        if remaining >= lifetime * 3 / 10 {
            verdict.holds(format!("{}{automation}, and {left}", shown.addresses));
        } else {
            verdict.not_seen(Unseen::NoEvidence(format!(
                "{}{automation}, but only {left}: it should have renewed by now",
                shown.addresses
            )));
        }
    } else {
        verdict.not_seen(Unseen::NoEvidence(format!(
            "{}no renewal was seen yet (no earlier run with another certificate), and no ACME client is in the repository; \
             issued by `{}`, {left}",
            shown.addresses, leaf.issuer
        )));
    }
}

/// Another certificate for the same name in an earlier run.
fn seen(leaf: &Certificate, evidence: &Evidence) -> Option<String> {
    let earlier = evidence.of(&Earlier {}).ok()?;
    let (past, serial) = earlier.fact("certificate-serial").rfind(|(_, serial)| *serial != leaf.serial)?;
    // An older certificate put back is no renewal.
    let before =
        past.facts.get("certificate-not-before").and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    if before.is_some_and(|before| before >= leaf.not_before) {
        return None;
    }
    Some(format!(
        "renewed since the run of {}: serial {} then, {} (of {}) now",
        past.finished.date_naive(),
        short(serial),
        short(&leaf.serial),
        leaf.not_before.date_naive()
    ))
}

fn short(serial: &str) -> String {
    serial.chars().take(12).collect()
}

/// The repository's evidence of a client that renews, with its first place.
fn automation(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Option<String> {
    if let Err(absent) = target.repository() {
        if !absent.is_out_of_scope() {
            verdict.notes(format!("no ACME client was looked for: {absent}"));
        }
        return None;
    }
    let mut found = None;
    match evidence.of(&clients()) {
        Ok(matches) => {
            found = matches.lines.iter().find(|line| !is_comment(&line.text)).map(|line| (line, "an ACME client"));
        }
        Err(unseen) => verdict.notes(format!("the repository was not searched for ACME clients: {unseen}")),
    }
    if let (None, Ok(matches)) = (found, evidence.of(&caddy())) {
        let off = |text: &str| text.contains("auto_https") || text.trim_start().starts_with("tls ");
        if !matches.lines.iter().any(|line| off(&line.text)) {
            found =
                matches.lines.iter().find(|line| !is_comment(&line.text)).map(|line| (line, "Caddy's automatic HTTPS"));
        }
    }
    found.map(|(line, what)| format!("{what} is set up at {}:{}", line.path, line.line))
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('#') || text.starts_with("//")
}

/// What starts an ACME client over and over, or a service that renews by itself.
fn clients() -> Lines {
    const GLOBS: &[&str] = &[
        "*.y*ml",
        "*.timer",
        "*.service",
        "*.tf",
        "*.toml",
        "*.conf",
        "*.sh",
        "*crontab*",
        "**/cron.*/**",
        "**/cron/**",
        "Dockerfile*",
        "*.go",
        "*.nix",
        "Makefile",
    ];
    const PATTERN: &str = concat!(
        r"certbot\b.*\brenew|certbot(-renew)?\.timer|image:\s*\S*certbot/|",
        r"acme\.sh\b.*--(cron|renew)|image:\s*\S*neilpang/acme\.sh|acme-companion|letsencrypt-nginx-proxy-companion|",
        r"\blego\b.*\brenew|dehydrated\s+(-c\b|--cron)|",
        r"cert-manager\.io/|certificatesResolvers|certificatesresolvers|certresolver|certResolver|",
        r"autocert\.Manager|certmagic\.|security\.acme\.|",
        r"aws_acm_certificate|google_compute_managed_ssl_certificate|kind:\s*ManagedCertificate",
    );
    Lines { globs: GLOBS.iter().map(|glob| (*glob).to_owned()).collect(), pattern: PATTERN.into() }
}

/// The sites of a Caddyfile, which have certificates of their own unless it says otherwise.
fn caddy() -> Lines {
    Lines {
        globs: vec!["Caddyfile*".into()],
        pattern: r"^\s*(https://)?([a-z0-9*-]+\.)+[a-z]{2,}\b[^{]*\{\s*$|auto_https\s+(off|disable_certs)|^\s*tls\s"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::certificate::made::{Made, lives, now};
    use crate::check::Status;
    use crate::checks::tls::testing::{evidence, target};
    use crate::evidence::history::{Past, Runs};
    use crate::evidence::repo::{Line, Matches};
    use crate::target::Repository;

    fn judged(until: i64, earlier: &str, line: Option<&str>) -> Verdict {
        let made = Made::leaf(move |leaf| lives(leaf, until - 90, until)).make();
        let mut target = target("https://mcp.example.com");
        target.repository = Some(Repository::at("."));
        let line = line.map(|text| Line { path: "deploy/tls.yml".into(), line: 7, text: text.into() });
        let serial =
            if earlier == "same" { Certificate::of_der(&made.leaf).unwrap().serial } else { earlier.to_owned() };
        let past = Past {
            id: "a".into(),
            finished: now() - TimeDelta::days(40),
            complete: true,
            scheduled: true,
            facts: BTreeMap::from([("certificate-serial".to_owned(), serial)]),
            statuses: BTreeMap::new(),
        };
        let evidence = evidence(&[made.leaf, made.intermediate], &made.root)
            .with(Earlier {}, Runs { runs: vec![past] })
            .with(clients(), Matches { lines: line.into_iter().collect(), files: 1, ..Matches::default() })
            .with(caddy(), Matches::default());
        CertificateRenewal::default().judge(&target, &evidence)
    }

    #[test]
    fn a_renewal_that_was_seen_or_is_set_up_holds_and_nothing_else() {
        let certbot = Some("ExecStart=/usr/bin/certbot -q renew");
        for (until, earlier, line, status) in [
            (60, "0102", None, Status::Pass),
            (60, "same", certbot, Status::Pass),
            (60, "same", None, Status::Inconclusive),
            (60, "same", Some("# certbot renew"), Status::Inconclusive),
            (10, "same", certbot, Status::Inconclusive),
            (-1, "0102", certbot, Status::Fail),
        ] {
            let verdict = judged(until, earlier, line);
            assert_eq!(verdict.status(), status, "{until} {earlier} {line:?}: {verdict:?}");
        }
    }

    #[test]
    fn the_patterns_find_what_renews_and_not_what_merely_asks_once() {
        let clients = regex::Regex::new(&clients().pattern).unwrap();
        for line in [
            "0 3 * * * certbot renew --quiet",
            "    image: certbot/certbot:v4",
            "apiVersion: cert-manager.io/v1",
            "      - traefik.http.routers.mcp.tls.certresolver=le",
            "acme.sh --cron --home /acme",
        ] {
            assert!(clients.is_match(line), "{line}");
        }
        assert!(!clients.is_match("certbot certonly --standalone -d mcp.example.com"));
        let caddy = regex::Regex::new(&caddy().pattern).unwrap();
        assert!(caddy.is_match("mcp.example.com {"));
        assert!(!caddy.is_match("reverse_proxy localhost:3000 {"));
    }
}
