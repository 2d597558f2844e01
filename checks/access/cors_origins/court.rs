//! The answers, weighed by what they grant to whom.

use std::collections::BTreeSet;

use super::grants;
use super::subjects::{Subjects, allowed, listings, probe, spoken_before};
use crate::check::{Finding, Place, Severity, Verdict};
use crate::checks::access::origins::{EVIL, Kind, hostile};
use crate::evidence::api;
use crate::evidence::http::Exchange;
use crate::evidence::mcp::{Era, EraAsked, Outcome, Session};
use crate::evidence::{Evidence, Seen, Unseen};
use crate::target::{Deployment, Endpoint, Target};

pub(super) struct Court<'a> {
    pub(super) target: &'a Target,
    pub(super) deployment: &'a Deployment,
    pub(super) verdict: Verdict,
    /// Two foreign origins were granted alike.
    pub(super) reflects: bool,
    /// What was found at an endpoint already.
    pub(super) aspects: BTreeSet<String>,
    pub(super) granted: BTreeSet<String>,
}

impl Court<'_> {
    /// Judges what one answer grants to the origin that asked.
    pub(super) fn weigh(&mut self, origin: Option<&str>, answer: &Exchange, path: &str, known: bool) {
        let granted = grants(answer);
        let credentials = answer.header("access-control-allow-credentials").is_some_and(|flag| flag.trim() == "true");
        let listed = |value: &str| {
            value == self.deployment.origin()
                || self.deployment.origins.iter().flatten().any(|allowed| allowed == value)
        };
        let worse = if credentials { Severity::Critical } else { Severity::High };
        let on = format!("on a {} answer", answer.status);
        let (what, aspect, severity) = match granted.as_slice() {
            [] => return,
            [one] if !one.contains(',') => match *one {
                "*" if path.starts_with("/.well-known/") => {
                    return self.verdict.notes(format!("{path} is public metadata and may be read from any origin"));
                }
                "*" if self.target.is_excused() => {
                    return self.verdict.notes("the wildcard origin is excused: development, loopback only");
                }
                "*" => {
                    (format!("any origin is granted: Access-Control-Allow-Origin: * {on}"), "wildcard", Severity::High)
                }
                "null" if origin == Some("null") && self.aspects.contains(Kind::Foreign.word()) => return,
                "null" => (format!("the origin `null` is granted {on}: {}", Kind::Null.meaning()), "null", worse),
                value if listed(value) => {
                    self.granted.insert(value.to_owned());
                    return;
                }
                value if origin == Some(value) => {
                    let hostile = hostile(self.deployment).into_iter().find(|hostile| hostile.origin == value);
                    let kind = hostile.map_or(Kind::Foreign, |hostile| hostile.kind);
                    // Where any origin is reflected, every other one is too: told once.
                    if kind != Kind::Foreign && self.aspects.contains(Kind::Foreign.word()) {
                        return;
                    }
                    let meaning = match kind {
                        Kind::Foreign if self.reflects => "any origin is reflected",
                        other => other.meaning(),
                    };
                    (format!("the origin {value} is granted {on}: {meaning}"), kind.word(), worse)
                }
                value if self.deployment.origins.is_some() => {
                    (format!("an origin that is not listed is granted {on}: {}", bounded(value)), "unlisted", worse)
                }
                value => {
                    return self.verdict.notes(format!(
                        "{} is granted; say under `origins:` whether it is authorised",
                        bounded(value)
                    ));
                }
            },
            _ => (
                format!("several origins in one answer, which browsers refuse: {}", bounded(&granted.join(", "))),
                "multiple",
                Severity::Medium,
            ),
        };
        if !known && self.aspects.contains(aspect) {
            return;
        }
        let place = Place::url(self.deployment.at(path.split('?').next().unwrap_or(path)));
        let told = self.verdict.findings().iter().any(|finding| finding.aspect == aspect && finding.place == place);
        if told {
            return;
        }
        self.aspects.insert(aspect.to_owned());
        let with = if credentials && severity == Severity::Critical { ", with credentials" } else { "" };
        self.verdict.finds(Finding::new(format!("{what}{with}"), place).aspect(aspect).of_severity(severity));
    }

    /// MCP: a hostile Origin must be refused with 403, whatever the token, against DNS rebinding.
    pub(super) fn servers(&mut self, subjects: &Subjects, evidence: &Evidence) {
        let mut refused = 0;
        let mut open: BTreeSet<String> = BTreeSet::new();
        for (conversation, hostile) in subjects.conversations(self.target, self.deployment) {
            let transcript = match evidence.of(&conversation) {
                Ok(transcript) => transcript,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            };
            let answer = &transcript.opening.exchange;
            self.weigh(Some(&hostile.origin), answer, &conversation.path, true);
            if transcript.era.is_mcp() || answer.is_success() {
                // Told once a server where any foreign origin is accepted.
                if hostile.kind == Kind::Foreign || !open.contains(&conversation.path) {
                    self.verdict.finds(
                        Finding::new(
                            format!(
                                "the MCP endpoint serves the origin {} instead of refusing it with 403",
                                hostile.origin
                            ),
                            Place::url(self.deployment.at(&conversation.path)),
                        )
                        .aspect(format!("mcp-{}", hostile.kind.word())),
                    );
                }
                if hostile.kind == Kind::Foreign {
                    open.insert(conversation.path.clone());
                }
                continue;
            }
            match answer.status {
                403 => refused += 1,
                401 => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers 401 to the valid token when it comes with an Origin",
                    conversation.path
                ))),
                status @ 400..=499 => {
                    refused += 1;
                    self.verdict
                        .notes(format!("{} refuses a hostile Origin with {status}, not 403", conversation.path));
                }
                status => self.verdict.not_seen(Unseen::NotComparable(format!(
                    "{} answers {status} to a hostile Origin",
                    conversation.path
                ))),
            }
        }
        if refused > 0 {
            self.verdict.holds(format!(
                "{} at the opening on {} MCP endpoint(s)",
                counted(refused, "hostile origin refused", "hostile origins refused"),
                subjects.servers.len()
            ));
        }
    }

    pub(super) fn older(&mut self, subjects: &Subjects, evidence: &Evidence) {
        for (path, _) in subjects.servers.iter().filter(|(_, era)| *era == EraAsked::Modern) {
            match evidence.of(&spoken_before(self.target, path, None)) {
                Ok(control) if control.era == Era::Legacy => {}
                Ok(_) => continue,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            }
            match evidence.of(&spoken_before(self.target, path, Some(EVIL))) {
                Err(unseen) => self.verdict.not_seen(unseen),
                Ok(hostile) => {
                    self.weigh(Some(EVIL), &hostile.opening.exchange, path, true);
                    if hostile.era.is_mcp() || hostile.opening.exchange.is_success() {
                        let what = format!(
                            "the MCP endpoint serves the origin {EVIL} to `initialize` instead of refusing it with 403"
                        );
                        self.verdict
                            .finds(Finding::new(what, Place::url(self.deployment.at(path))).aspect("mcp-legacy"));
                    }
                }
            }
        }
    }

    /// An Origin that is checked at the opening alone is checked for nobody who leaves the opening out.
    pub(super) fn listings(&mut self, subjects: &Subjects, evidence: &Evidence) {
        let mut refused = 0;
        for conversation in listings(self.target, evidence, subjects) {
            let transcript = match evidence.of(&conversation) {
                Ok(transcript) => transcript,
                Err(unseen) => {
                    self.verdict.not_seen(unseen);
                    continue;
                }
            };
            let stolen = conversation.session == Session::Stolen;
            // Told already: the opening itself took the foreign origin.
            if !stolen && (transcript.era.is_mcp() || transcript.opening.exchange.is_success()) {
                continue;
            }
            let path = &conversation.path;
            let unclear =
                |why: String| Unseen::NotComparable(format!("tools/list on {path} from a hostile Origin {why}"));
            let Some(listing) = &transcript.listing else {
                let why = transcript.unseen.first().map_or_else(|| "was not answered".into(), ToString::to_string);
                self.verdict.not_seen(unclear(format!("shows nothing: {why}")));
                continue;
            };
            self.weigh(Some(EVIL), &listing.exchange, path, true);
            let status = listing.exchange.status;
            match (status, &listing.outcome) {
                (200..=299, Outcome::Result) => {
                    let what = format!(
                        "the MCP endpoint lists its tools to the origin {EVIL} ({status}), though it refuses the opening"
                    );
                    let aspect = if stolen { "mcp-listing-session" } else { "mcp-listing" };
                    self.verdict.finds(Finding::new(what, Place::url(self.deployment.at(path))).aspect(aspect));
                }
                // 400 and 404 may ask for a session that a refused opening did not give, which is no more.
                (400..=499, _) if status != 401 => refused += 1,
                _ => self.verdict.not_seen(unclear(format!("answers {status}, which shows no refusal of the Origin"))),
            }
        }
        if refused > 0 {
            self.verdict.holds(format!(
                "{} at tools/list on {} MCP endpoint(s), too; calls were not tried",
                counted(refused, "hostile origin refused", "hostile origins refused"),
                subjects.servers.len()
            ));
        }
    }

    /// What the limiter's own refusals grant.
    pub(super) fn limited(&mut self, evidence: &Evidence) {
        for answer in evidence.answers().values() {
            let Ok(Seen::Burst(measured)) = answer else { continue };
            for bucket in &measured.buckets {
                if let Some(refusal) = &bucket.refusal {
                    self.weigh(None, refusal, &bucket.subject.path, true);
                }
            }
            for refused in &measured.limited {
                let path = &refused.request.path;
                self.weigh(refused.request.origin.as_deref(), &refused.exchange, path, true);
            }
        }
    }

    pub(super) fn ordinary(&mut self, subjects: &Subjects, evidence: &Evidence) {
        let requests = subjects.requests(self.target);
        let mut answered = 0;
        for request in &requests {
            match evidence.of(request) {
                Ok(_) => answered += 1,
                Err(unseen) => self.verdict.not_seen(unseen),
            }
        }
        let Some(first) = &subjects.representative else { return };
        self.controls(first, evidence);
        self.vary(first, evidence);
        for origin in allowed(self.deployment) {
            let answer = evidence.of(&probe(self.target, first, Some(origin)));
            if answer.is_ok_and(|answer| grants(answer) != [origin]) {
                self.verdict.notes(format!("the allowed origin {origin} is not granted on {first}"));
            }
        }
        if answered == 0 {
            return;
        }
        let hostile = hostile(self.deployment).len();
        let endpoints = counted(subjects.ordinary.len(), "endpoint", "endpoints");
        let others = if subjects.ordinary.len() > 1 { ", and the foreign one and `null` to the others" } else { "" };
        if self.granted.is_empty() {
            self.verdict.holds(format!(
                "no answer of {answered} on {endpoints} grants any origin; {hostile} hostile ones were sent to {first}{others}"
            ));
        } else {
            let granted: Vec<&str> = self.granted.iter().map(String::as_str).collect();
            self.verdict.holds(format!(
                "{hostile} hostile origins were sent to {first}{others}, {answered} answers seen on {endpoints}; granted: {} alone",
                granted.join(", ")
            ));
        }
        if self.deployment.origins.is_none() {
            self.verdict.notes("the authorised origins are not declared (`origins:`); only hostile ones were judged");
        }
    }

    /// Denials, redirects and catch-all pages say nothing about what the service itself grants.
    pub(super) fn controls(&mut self, first: &Endpoint, evidence: &Evidence) {
        if let Ok(control) = evidence.of(&probe(self.target, first, None))
            && (control.is_denied() || matches!(control.status, 300..=399 | 404 | 500..))
        {
            self.verdict.not_seen(Unseen::NotComparable(format!(
                "{first} answers {} to the request that it should admit",
                control.status
            )));
        }
        let absent = api::absent(self.target).from_origin(EVIL);
        if evidence.of(&absent).is_ok_and(Exchange::is_success) {
            self.verdict.not_seen(Unseen::NotComparable(
                "a path that does not exist is answered like any other: errors were not seen".into(),
            ));
        }
    }

    /// An answer that differs by origin must say so to caches, also where it grants nothing.
    pub(super) fn vary(&mut self, first: &Endpoint, evidence: &Evidence) {
        let Some(origin) = allowed(self.deployment).next() else { return };
        let asked = [Some(origin), Some(EVIL), None];
        let answers: Vec<&Exchange> = asked
            .into_iter()
            .filter_map(|origin| evidence.of(&probe(self.target, first, origin)).ok())
            .filter(|answer| answer.is_success())
            .collect();
        let differs =
            answers.iter().any(|answer| grants(answer) != answers.first().map_or(Vec::new(), |one| grants(one)));
        if !differs {
            return;
        }
        let silent = |answer: &&&Exchange| {
            !answer.all_headers("vary").flat_map(|value| value.split(',')).any(|part| {
                let part = part.trim();
                part == "*" || part.eq_ignore_ascii_case("origin")
            })
        };
        // Without a word on caching, caches may keep a success by their own rules (RFC 9111 section 4.2.2).
        let kept = |answer: &Exchange| {
            !answer.all_headers("cache-control").any(|value| {
                let value = value.to_ascii_lowercase();
                value.contains("no-store") || value.contains("no-cache")
            })
        };
        let Some(answer) = answers.iter().find(silent) else { return };
        let what = "the answer differs by origin and carries no `Vary: Origin`";
        if kept(answer) {
            let place = Place::url(self.deployment.at(&first.path));
            self.verdict.finds(
                Finding::new(format!("{what}, though caches may keep it"), place)
                    .aspect("vary")
                    .of_severity(Severity::Low),
            );
        } else {
            self.verdict.notes(format!("{what} ({first})"));
        }
    }
}

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().take(120).collect()
}
