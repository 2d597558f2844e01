//! Failed attempts become visible to someone: a counter moves, and a rule that watches it is loaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::logs::{Counter, Rule, Watch, Watched, is_about_denials, is_about_expiry};
use crate::evidence::manifest::{Manifests, Subject};
use crate::evidence::mcp;
use crate::evidence::{Ask, Evidence, Unseen};
use crate::period::Period;
use crate::target::{Deployment, Target};

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Monitoring {
    /// Attempts that must be denied, sent to see a counter move.
    pub attempts: u8,
    /// How long the counter may take to move.
    pub deadline: Period,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { attempts: 3, deadline: Period::seconds(5) }
    }
}

impl Check for Monitoring {
    const ABOUT: About = About {
        id: "monitoring",
        title: "Failed attempts and ending certificates are watched",
        statements: &["LLM-3", "TLS-6", "OPS-1"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Both,
        attestable: true,
        remediation: "Count denied requests, load an alert rule on that counter and one on the certificate's end, and name \
                      both under `monitoring: { metrics, counter, prometheus }`.",
        references: &["OWASP A09:2025", "CWE-778", "https://prometheus.io/docs/prometheus/latest/querying/api/#rules"],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let watch = target.deployment().ok().and_then(|deployment| self.watch(target, deployment)).map(Ask::from);
        let rules = target.repository().is_ok().then(|| Ask::from(rules()));
        watch.into_iter().chain(rules).collect()
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        if target.repository().is_ok() {
            match evidence.of(&rules()) {
                // A rule that stands in a file is loaded nowhere yet: it decides nothing.
                Ok(found) => {
                    for mark in &found.marks {
                        verdict.notes(format!("{}: {}", Place::file(mark.file.clone(), mark.line), mark.what));
                    }
                }
                Err(unseen) => verdict.notes(format!("alert rules in the repository: {unseen}")),
            }
        }
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) if absent.is_out_of_scope() => {
                return Verdict::not_applicable(absent.to_string());
            }
            Err(absent) => {
                verdict.not_seen(Unseen::NotNamed(absent.to_string()));
                return verdict;
            }
        };
        let Some(watch) = self.watch(target, deployment) else {
            verdict.not_seen(Unseen::NotConfigured(
                "nothing named that would show denied attempts: give `monitoring: { metrics, counter, prometheus }`, or an \
                 attestation"
                    .into(),
            ));
            return verdict;
        };
        match evidence.of(&watch) {
            Ok(watched) => {
                judge_counters(&watch, watched, &mut verdict);
                judge_rules(&watch, watched, deployment, &mut verdict);
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

impl Monitoring {
    fn watch(&self, target: &Target, deployment: &Deployment) -> Option<Watch> {
        let monitoring = deployment.monitoring.as_ref()?;
        let sources = [&monitoring.metrics, &monitoring.prometheus, &monitoring.alertmanager, &monitoring.loki];
        if sources.iter().all(|source| source.is_none()) {
            return None;
        }
        let guarded =
            deployment.endpoints.iter().filter(|endpoint| endpoint.method == "GET" && endpoint.public.is_none());
        let mut doors = (mcp::candidates(target).into_iter().take(1).map(|path| ("POST".to_owned(), path)))
            .chain(guarded.map(|endpoint| (endpoint.method.clone(), endpoint.path.clone())));
        let (method, path) = doors.next().unwrap_or_else(|| ("GET".to_owned(), "/".to_owned()));
        Some(Watch {
            method,
            path,
            instead: doors.next(),
            attempts: self.attempts,
            metrics: monitoring.metrics.clone(),
            counter: monitoring.counter.clone(),
            prometheus: monitoring.prometheus.clone(),
            alertmanager: monitoring.alertmanager.clone(),
            loki: monitoring.loki.clone(),
            deadline: self.deadline,
        })
    }
}

fn rules() -> Manifests {
    Manifests { about: Subject::Alerts }
}

fn judge_counters(watch: &Watch, watched: &Watched, verdict: &mut Verdict) {
    let (counters, place) = match (&watched.counters, &watch.metrics) {
        (Some(Ok(counters)), Some(metrics)) => (counters, Place::url(metrics.to_string())),
        (Some(Err(unseen)), _) => {
            verdict.not_seen(unseen.clone());
            return;
        }
        (Some(Ok(_)) | None, _) => {
            verdict.not_seen(Unseen::NotConfigured(
                "no metrics page named on which denied attempts would show (`monitoring: { metrics }`)".into(),
            ));
            return;
        }
    };
    if let Some(moved) = counters.iter().find(|counter| counter.counts(watched.denied)) {
        let Counter { series, before, after, .. } = moved;
        let before = before.as_deref().unwrap_or("nothing");
        verdict.holds(format!("{series} rose from {before} to {after} over {} denied attempts", watched.denied));
        return;
    }
    if watched.denied == 0 {
        let why = watched.not_denied.as_deref().unwrap_or("none was sent");
        verdict.not_seen(Unseen::NotComparable(format!("no attempt was denied ({why}), so no counter had to move")));
        return;
    }
    if let Some(Counter { series, before, after, restless }) = counters.iter().find(|counter| counter.moved()) {
        let before = before.as_deref().unwrap_or("nothing");
        let why = if *restless { ", and rises by itself" } else { "" };
        verdict.not_seen(Unseen::NotComparable(format!(
            "{series} rose from {before} to {after} over {} denied attempts{why}: that does not show that it counts them",
            watched.denied
        )));
        return;
    }
    let (aspect, what) = match (counters.first(), &watch.counter) {
        (Some(counter), _) => (
            "counter-stands-still",
            format!("{} stood at {} through {} denied attempts", counter.series, counter.after, watched.denied),
        ),
        (None, Some(name)) => ("no-counter", format!("the counter {name} is not on the metrics page")),
        (None, None) => ("no-counter", "no counter of denied attempts is on the metrics page".to_owned()),
    };
    verdict.finds(Finding::new(what, place).aspect(aspect));
}

fn judge_rules(watch: &Watch, watched: &Watched, deployment: &Deployment, verdict: &mut Verdict) {
    let mut loaded: Vec<&Rule> = Vec::new();
    let mut read = Vec::new();
    let mut blind = false;
    for (answer, url) in [(&watched.prometheus, &watch.prometheus), (&watched.loki, &watch.loki)] {
        match (answer, url) {
            (Some(Ok(rules)), Some(url)) => {
                loaded.extend(rules);
                read.push(url.to_string());
            }
            (Some(Err(unseen)), _) => {
                blind = true;
                verdict.not_seen(unseen.clone());
            }
            (Some(Ok(_)) | None, _) => {}
        }
    }
    if read.is_empty() {
        if !blind {
            verdict.not_seen(Unseen::NotConfigured(
                "no rule source named: a counter that nobody watches tells nobody (`monitoring: { prometheus }` or `loki`)"
                    .into(),
            ));
        }
    } else {
        let counter = watch.counter.as_deref();
        let about = |rule: &&&Rule| {
            counter.is_some_and(|counter| rule.query.contains(counter))
                || is_about_denials(&format!("{} {}", rule.name, rule.query))
        };
        let expiry = |rule: &&&Rule| is_about_expiry(&format!("{} {}", rule.name, rule.query));
        let place = || Place::url(read.join(", "));
        match loaded.iter().find(about) {
            Some(rule) => verdict.holds(format!("the rule {} watches denied attempts", rule.name)),
            None if blind => {}
            None => verdict.finds(
                Finding::new(format!("none of {} loaded rules watches denied attempts", loaded.len()), place())
                    .aspect("no-denial-rule"),
            ),
        }
        match loaded.iter().find(expiry) {
            Some(rule) => verdict.holds(format!("the rule {} watches the certificate's end", rule.name)),
            None if blind || !deployment.is_https() => {}
            None => verdict.finds(
                Finding::new(format!("none of {} loaded rules watches the certificate's end", loaded.len()), place())
                    .aspect("no-expiry-rule"),
            ),
        }
    }
    match &watched.receivers {
        Some(Ok(receivers)) if receivers.is_empty() => {
            let place = Place::url(watch.alertmanager.as_ref().map_or_else(String::new, ToString::to_string));
            verdict.finds(
                Finding::new("Alertmanager has no receiver with an integration: alerts reach nobody", place)
                    .aspect("no-receiver"),
            );
        }
        Some(Ok(receivers)) => verdict.holds(format!("Alertmanager tells {}", receivers.join(", "))),
        Some(Err(unseen)) => verdict.not_seen(unseen.clone()),
        None => {}
    }
}

#[cfg(test)]
mod tests;
