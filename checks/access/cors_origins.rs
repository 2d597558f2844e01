//! No origin but the allowed ones is granted by CORS, and an MCP endpoint refuses every other one with 403.

mod court;
mod subjects;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origins::{EVIL, OTHER_EVIL, hostile};
use crate::check::{About, Check, DecidedFrom, Reserve, Severity, Verdict};
use crate::evidence::api::Description;
use crate::evidence::http::{Credential, Exchange, Free, Listener, Request};
use crate::evidence::mcp::{self, Conversation, EraAsked, Step};
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::Target;
use court::Court;
use subjects::{listings, probe};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CorsOrigins {
    /// Endpoints of the OpenAPI description that are asked about at most.
    pub endpoints: u32,
}

impl Default for CorsOrigins {
    fn default() -> Self {
        Self { endpoints: 200 }
    }
}

impl Check for CorsOrigins {
    const ABOUT: About = About {
        id: "cors-origins",
        title: "CORS allows authorised origins only",
        statements: &["MCP-5", "MCP-6"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Compare the Origin header as a whole with a fixed list (no prefix, suffix or pattern), send Access-Control-Allow-Origin for members only and never `*` or `null`, send `Vary: Origin`, also on errors. On an MCP endpoint answer any other Origin with 403.",
        references: &[
            "Fetch standard, CORS protocol",
            "MCP specification 2025-11-25, Transports, Security Warning",
            "CWE-942",
            "OWASP ASVS 5.0 3.4.2",
        ],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let mut asks: Vec<Ask> = Description::of(target).map(Ask::from).into_iter().collect();
        asks.extend(mcp::candidates(target).into_iter().map(|path| Conversation::standard(target, path).into()));
        let subjects = self.subjects(target, seen);
        asks.extend(subjects.requests(target).into_iter().map(Ask::from));
        asks.extend(subjects.conversations(target, deployment).into_iter().map(|(ask, _)| Ask::from(ask)));
        asks.extend(subjects.older(target).into_iter().map(Ask::from));
        asks.extend(listings(target, seen, &subjects).into_iter().map(Ask::from));
        // Whether an answer that names the foreign origin reflects it or happens to be fixed.
        if let Some(first) = &subjects.representative
            && seen.of(&probe(target, first, Some(EVIL))).is_ok_and(|answer| grants(answer) == [EVIL])
        {
            asks.push(probe(target, first, Some(OTHER_EVIL)).into());
        }
        asks
    }

    /// The derived origins may be asked beside any credential and query, where what is granted depends on neither.
    fn leaves_free(&self, target: &Target, ask: &Ask) -> Free {
        let allowed = |origin: &String| {
            target.deployment().is_ok_and(|deployment| deployment.origins.iter().flatten().any(|one| one == origin))
        };
        match ask {
            Ask::Http(Request { method, origin: Some(origin), credential, .. }) if !allowed(origin) => {
                // The foreign origin is seen beside the valid token itself, wherever that may read.
                let fixed = method == "GET" && *credential == Credential::Valid;
                let sentinel = matches!(origin.as_str(), EVIL | OTHER_EVIL);
                let rest = !(fixed && sentinel) && method != "OPTIONS" && *credential != Credential::None;
                Free { rest, ..Free::default() }
            }
            _ => Free::default(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Ok(deployment) = target.deployment() else { return Vec::new() };
        let each = Request::get("/").ceiling(target);
        let every = u32::try_from(hostile(deployment).len()).unwrap_or(u32::MAX).saturating_add(8);
        let servers = u32::try_from(mcp::candidates(target).len()).unwrap_or(u32::MAX);
        let mut reserves = vec![Reserve { what: "telling reflection from a fixed value".into(), asks: 1, sends: each }];
        if Description::of(target).is_some() {
            let asks = self.endpoints.saturating_mul(4).saturating_add(every);
            reserves.push(Reserve {
                what: "hostile origins on the endpoints of the OpenAPI description".into(),
                asks,
                sends: asks.saturating_mul(each),
            });
        }
        if servers > 0 {
            let asks = servers.saturating_mul(every.saturating_add(2));
            let conversation =
                Conversation { era: EraAsked::Legacy, steps: Vec::new(), ..Conversation::standard(target, "/") };
            reserves.push(Reserve {
                what: "hostile origins on what turns out to be MCP, or not".into(),
                asks,
                sends: asks.saturating_mul(conversation.ceiling(target).max(each)),
            });
            let listing = Conversation { steps: vec![Step::ListTools], ..conversation };
            reserves.push(Reserve {
                what: "a hostile origin that lists the tools of each MCP server, in each era".into(),
                asks: servers.saturating_mul(2),
                sends: servers.saturating_mul(2).saturating_mul(listing.ceiling(target)),
            });
        }
        reserves
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut verdict = Verdict::default();
        let subjects = self.subjects(target, evidence);
        for unseen in &subjects.unseen {
            verdict.not_seen(unseen.clone());
        }
        if subjects.ordinary.is_empty() && subjects.servers.is_empty() {
            verdict.not_seen(Unseen::NoEvidence("no endpoint is known: name some under `endpoints:`".into()));
        }
        let reflects = evidence.exchanges().any(|(_, answer)| grants(answer) == [OTHER_EVIL]);
        let mut court =
            Court { target, deployment, verdict, reflects, aspects: BTreeSet::new(), granted: BTreeSet::new() };
        let own: BTreeSet<&str> = subjects.ordinary.iter().map(|endpoint| endpoint.path.as_str()).collect();
        // Endpoints first: a fault of the whole deployment is told at its endpoints, not at a path that does not exist.
        // The foreign origin first: where it is granted, the derived ones tell nothing more.
        for (known, foreign) in [(true, true), (true, false), (false, true), (false, false)] {
            for (request, answer) in evidence.exchanges() {
                let is_foreign = request.origin.as_deref() == Some(EVIL);
                if request.listener == Listener::Main
                    && own.contains(request.path.as_str()) == known
                    && is_foreign == foreign
                {
                    court.weigh(request.origin.as_deref(), answer, &request.path, known);
                }
            }
        }
        court.servers(&subjects, evidence);
        court.older(&subjects, evidence);
        court.listings(&subjects, evidence);
        court.limited(evidence);
        court.ordinary(&subjects, evidence);
        court.verdict
    }
}

/// What the answer grants, as it says it.
fn grants(answer: &Exchange) -> Vec<&str> {
    answer.all_headers("access-control-allow-origin").map(str::trim).collect()
}

#[cfg(test)]
mod tests;
