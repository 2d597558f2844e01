//! Nothing is served, and no credential taken, over plain HTTP; in the repository no client sends one there.

mod clients;
mod listener;
mod manner;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Reserve, Severity, Verdict};
use crate::evidence::http::Listener;
use crate::evidence::{Ask, Evidence, Question as _};
use crate::period::Period;
use crate::target::{Absent, Deployment, Target};
use clients::{in_code, in_configuration};
use listener::{in_clear, others, own_url, plain, posted, secure, under_forged_host, with_dummy};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpsEnforced {
    /// Strict-Transport-Security shorter than this is noted.
    pub hsts: Period,
}

impl Default for HttpsEnforced {
    fn default() -> Self {
        // A year, as the preload list asks.
        Self { hsts: Period::days(365) }
    }
}

impl Check for HttpsEnforced {
    const ABOUT: About = About {
        id: "https-enforced",
        title: "Production is HTTPS, always",
        statements: &["TLS-1", "TLS-2"],
        severity: Severity::High,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Close the plain-HTTP port, or let it answer nothing but one 308 to a fixed https:// host with the same path and query. Never serve, and never read a credential, over plain HTTP; give clients https:// addresses.",
        references: &["RFC 9110 section 15.4.9", "RFC 6797", "CWE-319", "OWASP ASVS 5.0 12.2.1"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if let Ok(deployment) = target.deployment() {
            asks.push(secure(deployment).into());
            if deployment.is_https() {
                let bare =
                    [plain(deployment), with_dummy(deployment), under_forged_host(deployment), in_clear(deployment)];
                asks.extend(bare.map(Ask::from));
                if seen.of(&plain(deployment)).is_ok() {
                    asks.extend(others(deployment).into_iter().chain(posted(target, deployment)).map(Ask::from));
                }
            }
        }
        if target.repository().is_ok() {
            asks.extend([in_code(), in_configuration()].map(Ask::from));
        }
        asks
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let others = (target.deployment().ok().filter(|deployment| deployment.is_https()))
            .map(|deployment| [others(deployment), posted(target, deployment)].concat())
            .unwrap_or_default();
        if others.is_empty() {
            return Vec::new();
        }
        vec![Reserve {
            what: "the other endpoints over plain HTTP, where something answers there".into(),
            asks: u32::try_from(others.len()).unwrap_or(u32::MAX),
            sends: others.iter().map(|request| request.ceiling(target)).fold(0, u32::saturating_add),
        }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = match target.deployment() {
            Err(absent) if absent.is_out_of_scope() && target.repository().is_err() => return Verdict::absent(absent),
            Err(absent) if absent.is_out_of_scope() => Verdict::default(),
            Err(absent) => Verdict::absent(absent),
            Ok(deployment) if deployment.is_https() => {
                let mut verdict = Verdict::default();
                listener::judge(target, deployment, evidence, &mut verdict);
                listener::judge_own_port(target, deployment, evidence, &mut verdict);
                self.strict_transport(deployment, evidence, &mut verdict);
                verdict
            }
            Ok(_) if target.is_excused() => {
                Verdict::not_applicable("plain HTTP is excused: development, and every address is loopback")
            }
            Ok(deployment) => {
                let mut verdict = Verdict::default();
                own_url(target, deployment, evidence, &mut verdict);
                verdict
            }
        };
        match target.repository() {
            Ok(_) => clients::judge(evidence, &mut verdict),
            Err(Absent::NoRepository) => verdict.notes("no repository named: clients were not looked at"),
            Err(Absent::RepositoryOutOfScope | Absent::NoDeployment | Absent::DeploymentOutOfScope) => {}
        }
        verdict
    }
}

impl HttpsEnforced {
    /// HSTS is worth notes only: it protects browsers, and these are API clients.
    fn strict_transport(&self, deployment: &Deployment, evidence: &Evidence, verdict: &mut Verdict) {
        let host = deployment.host();
        if host.parse::<std::net::IpAddr>().is_ok() {
            // RFC 6797 section 8.1.1: user agents ignore it on address hosts.
            return verdict.notes("no Strict-Transport-Security is expected: browsers ignore it on addresses");
        }
        let answers = || evidence.exchanges().filter(|(request, _)| request.listener == Listener::Main);
        if answers().next().is_none() {
            return;
        }
        let age = |value: &str| -> Option<u64> {
            let directive = value.split(';').map(str::trim).find_map(|part| part.strip_prefix("max-age="))?;
            directive.trim_matches('"').parse().ok()
        };
        let least = answers().filter_map(|(_, seen)| age(seen.header("strict-transport-security")?)).min();
        match least {
            None => verdict.notes(format!("no Strict-Transport-Security on the answers of {host}")),
            Some(seconds) if seconds < self.hsts.duration().as_secs() => {
                verdict.notes(format!("Strict-Transport-Security lasts {seconds} s only, less than {}", self.hsts));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
