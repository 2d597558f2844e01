//! Nobody gets more than so many requests served in a window, whatever the endpoint, the header or the connection.

mod tallies;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Finding, Place, Reserve, Severity, Verdict};
use crate::detect::refusal::{Answered, answered, retry_after};
use crate::evidence::api::{Description, OPERATIONS, endpoints};
use crate::evidence::http::{Credential, Exchange};
use crate::evidence::limit::{Aside, Bucket, Burst, Measured, Outcome, Subject, Varied};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::period::Period;
use crate::target::{Deployment, Target};
use tallies::{about, same, weigh_tallies};

/// The knobs of the item.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateLimit {
    /// Requests at most that one client address gets served in a window. MCP-4: 30.
    pub limit: u32,
    /// The window. MCP-4: one minute.
    pub window: Period,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { limit: 30, window: Period::seconds(60) }
    }
}

impl Check for RateLimit {
    const ABOUT: About = About {
        id: "rate-limit",
        title: "Rate limiting on every API endpoint",
        statements: &["MCP-4"],
        severity: Severity::High,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "Put one limiter before every API endpoint and before authentication, counting per client address \
                      as the connection shows it: at most 30 requests in 60 seconds, then 429 with Retry-After. Behind a \
                      proxy take the address from X-Forwarded-For only as far as your own proxy wrote it, and keep one \
                      count for all replicas.",
        references: &["RFC 6585 section 4", "RFC 9110 section 10.2.3", "OWASP API4:2023", "CWE-770"],
    };

    fn asks(&self, target: &Target, seen: &Evidence) -> Vec<Ask> {
        if target.deployment().is_err() {
            return Vec::new();
        }
        match Description::of(target) {
            // Which endpoints there are must be known first: one measurement serves them all.
            Some(description) if seen.of(&description) == Err(Unseen::NotAsked) => vec![description.into()],
            Some(_) | None => self.burst(target, seen).map(Ask::from).into_iter().collect(),
        }
    }

    fn reserves(&self, target: &Target) -> Vec<Reserve> {
        let Some(deployment) = Description::of(target).and(target.deployment().ok()) else { return Vec::new() };
        let sends = Burst::sends(deployment.endpoints.len() + OPERATIONS, self.limit.max(1));
        vec![Reserve { what: "the burst over the operations that the description lists".into(), asks: 1, sends }]
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let mut verdict = Verdict::default();
        let (known, unseen) = endpoints(target, evidence);
        for unseen in unseen {
            verdict.not_seen(unseen);
        }
        for endpoint in &known {
            if let Some(reason) = &endpoint.public {
                verdict.notes(format!("{endpoint} is declared public ({reason}) and was not measured"));
            }
        }
        let Some(burst) = self.burst(target, evidence) else {
            verdict.not_seen(Unseen::NoEvidence("no API endpoint is known that could be measured".into()));
            return verdict;
        };
        match evidence.of(&burst) {
            Ok(measured) => self.weigh(deployment, measured, &mut verdict),
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

impl RateLimit {
    /// The one measurement of all endpoints that are not declared public; `None` where there is none.
    fn burst(&self, target: &Target, seen: &Evidence) -> Option<Burst> {
        let subjects: Vec<Subject> = endpoints(target, seen)
            .0
            .iter()
            .filter(|endpoint| endpoint.public.is_none())
            .map(|endpoint| Subject::of(endpoint, target))
            .collect();
        (!subjects.is_empty()).then(|| Burst { subjects, limit: self.limit.max(1), window: self.window })
    }

    fn weigh(&self, deployment: &Deployment, measured: &Measured, verdict: &mut Verdict) {
        for bucket in &measured.buckets {
            self.weigh_bucket(deployment, bucket, verdict);
        }
        if let Some(main) = measured.buckets.first() {
            // Where the limit itself does not hold, being served shows nothing about what was varied.
            let holds = main.refusal.is_none() || !self.exceeds(main);
            let telling = |aside: &&Aside| holds || !matches!(aside.outcome, Outcome::Served { .. });
            for aside in measured.asides.iter().filter(telling) {
                self.weigh_aside(deployment, main, aside, verdict);
            }
            if main.refusal.is_some() && holds {
                weigh_tallies(main, measured, verdict);
            }
        }
        for (request, status) in &measured.given_away {
            let path = request.split(' ').nth(1).unwrap_or_default();
            let what = format!("{request} is refused with {status}, and the answer carries the data all the same");
            verdict.finds(Finding::new(what, Place::url(deployment.at(path))).aspect("given-away"));
        }
        for (subject, unseen) in &measured.unmeasured {
            verdict.not_seen(about(subject, unseen));
        }
        if let Some(exempt) = &deployment.exempt {
            let alike = measured.spot_checks.iter().filter(|(_, alike)| *alike).count();
            verdict.notes(format!(
                "the audit was exempted from the limit by the header {}, but for this measurement; {alike} of {} requests \
                 sent again without it were answered alike",
                exempt.header,
                measured.spot_checks.len()
            ));
            for (request, _) in measured.spot_checks.iter().filter(|(_, alike)| !alike) {
                verdict.not_seen(Unseen::NotComparable(format!(
                    "{request} is answered otherwise without the exemption header {}: what was seen with it is not what \
                     everyone gets",
                    exempt.header
                )));
            }
        }
    }

    fn weigh_bucket(&self, deployment: &Deployment, bucket: &Bucket, verdict: &mut Verdict) {
        let place = Place::url(deployment.at(&bucket.subject.path));
        let Bucket { request, sent, served, took, after, .. } = bucket;
        let allowed = format!("{} in {} are allowed", self.limit, self.window);
        let aspect = |word: &str| match bucket.credential {
            Credential::None => format!("{word}-anonymous"),
            Credential::Valid
            | Credential::Wrong
            | Credential::Mutated(_)
            | Credential::Leaked(_)
            | Credential::Dummy => word.to_owned(),
        };
        if matches!(bucket.status, 404 | 405 | 500..) {
            verdict.not_seen(Unseen::NotComparable(format!(
                "{request} answers {}: its limit says nothing about the endpoint",
                bucket.status
            )));
            return;
        }
        let Some(refusal) = &bucket.refusal else {
            let what = format!(
                "{served} of {sent} requests ({request}) were answered with {} in {took} ms and none refused, {allowed}",
                bucket.status
            );
            verdict.finds(Finding::new(what, place).aspect(aspect("no-limit")));
            return;
        };
        if self.exceeds(bucket) {
            let what = format!(
                "{served} requests ({request}) were served before the first refusal and up to {after} more in a window \
                 after one, {allowed}"
            );
            verdict.finds(Finding::new(what, place).aspect(aspect("limit")));
            return;
        }
        let window = u64::try_from(self.window.duration().as_millis()).unwrap_or(u64::MAX);
        if bucket.watched < window / 5 * 4 {
            verdict.not_seen(Unseen::Partial(format!(
                "{request} was watched for {} ms of the window of {}",
                bucket.watched, self.window
            )));
            return;
        }
        if bucket.recovered.is_none() && !bucket.steady && *served != self.limit {
            verdict.not_seen(Unseen::Partial(format!(
                "{request}: {served} were served before the first refusal, and none after it even when the window was \
                 over: earlier requests or a ban may have blurred the count"
            )));
            return;
        }
        // A window's boundary within the burst explains it, and so does a limiter that gives more to whoever rested.
        let sure = served.saturating_sub(bucket.uncounted);
        if sure > self.limit && !bucket.steady {
            match bucket.rested {
                Some(again) if again > self.limit => {
                    let what = format!(
                        "{served} requests ({request}) were served before the first refusal, and {again} at once after \
                         three idle windows, {allowed}"
                    );
                    verdict.finds(Finding::new(what, place).aspect(aspect("limit")));
                    return;
                }
                Some(again) => verdict.notes(format!(
                    "a window ended within the first {served} requests: {again} were served at once after a rest"
                )),
                None => {
                    verdict.not_seen(Unseen::Partial(format!(
                        "{request}: {served} were served before the first refusal, {allowed}; whether a window ended \
                         among them or as many are served after every rest was not seen"
                    )));
                    return;
                }
            }
        }
        self.weigh_refusal(bucket, refusal, place, &aspect("status"), verdict);
    }

    fn weigh_refusal(&self, bucket: &Bucket, refusal: &Exchange, place: Place, aspect: &str, verdict: &mut Verdict) {
        let Bucket { request, served, .. } = bucket;
        if refusal.status != 429 {
            match answered(refusal) {
                Answered::Firewall => verdict.not_seen(Unseen::Limited(format!(
                    "{request}: a firewall's page with {} stood in for the limiter after {served} requests",
                    refusal.status
                ))),
                // An overload comes and goes; a limiter refuses everything until its window is over.
                Answered::Shedder if bucket.steady || bucket.after > 0 => {
                    verdict.not_seen(Unseen::Limited(format!(
                        "{request}: {} came and went between served requests: an overload, or a limiter that does not \
                         answer 429",
                        refusal.status
                    )));
                }
                Answered::Service | Answered::Limiter | Answered::Shedder if bucket.recovered.is_some() => {
                    let what =
                        format!("the limit is enforced with {}, not with 429 ({request})", refusal.status);
                    verdict.finds(Finding::new(what, place).of_severity(Severity::Medium).aspect(aspect));
                }
                Answered::Service | Answered::Limiter | Answered::Shedder => verdict.not_seen(Unseen::Limited(format!(
                    "{request}: after {served} requests it answered {}, and never served again: overload or a limit",
                    refusal.status
                ))),
            }
            return;
        }
        let retry = retry_after(refusal).map(|wait| format!(", Retry-After {} s", wait.as_secs()));
        if retry.is_none() {
            verdict.notes(format!("the 429 of {request} says no Retry-After"));
        }
        let retry = retry.unwrap_or_default();
        match bucket.recovered {
            Some(recovered) => verdict.notes(format!("{request} was served again after {recovered} ms")),
            None => verdict.notes(format!("{request} was still refused two windows later")),
        }
        let make = if bucket.steady { "refilled steadily" } else { "within any window" };
        let lower = served.saturating_sub(bucket.uncounted);
        let limit = if lower == *served { served.to_string() } else { format!("{lower} to {served}") };
        verdict.holds(format!(
            "{request}: {limit} served, the next refused with 429{retry}; {} at most {make} after a refusal, of {} in {}",
            bucket.after, self.limit, self.window
        ));
    }

    /// Whether more was served than any limiter of the policy's limit would serve.
    fn exceeds(&self, bucket: &Bucket) -> bool {
        let window = u64::try_from(self.window.duration().as_millis()).unwrap_or(u64::MAX).max(1);
        let limit = u64::from(self.limit.max(1));
        let (served, after) = (u64::from(bucket.served), u64::from(bucket.after));
        if bucket.refusal.as_ref().is_some_and(|refusal| answered(refusal) == Answered::Shedder) {
            // An overload marks no window: the bound that holds wherever windows begin.
            after > 2 * limit || served > 2 * limit
        } else if bucket.steady {
            // What refilled during the burst is no part of the capacity; one or two requests fall on the edges.
            let refilled = limit.saturating_mul(bucket.took) / window;
            after > limit + 2 || served > limit + refilled + 2
        } else {
            // A fixed window may begin within the burst: then twice the limit is served, but only once.
            after > limit || served > 2 * limit
        }
    }

    fn weigh_aside(&self, deployment: &Deployment, main: &Bucket, aside: &Aside, verdict: &mut Verdict) {
        let place = || Place::url(deployment.at(&main.subject.path));
        let request = &main.request;
        match (&aside.varied, &aside.outcome) {
            (Varied::Spoofed(header), Outcome::Served { .. }) => {
                let what = format!("while {request} is refused, it is served with another address in {header}");
                verdict.finds(Finding::new(what, place()).aspect("spoofed-address"));
            }
            (Varied::Spoofed(header), Outcome::Refused) => {
                verdict.holds(format!("an invented client address is refused alike ({header})"));
            }
            (Varied::Spelled(path), Outcome::Served { status, .. }) => {
                if (200..300).contains(status) && (200..300).contains(&main.status) {
                    let what = format!("while {request} is refused, it is served as {path}");
                    verdict.finds(Finding::new(what, place()).aspect("spelling"));
                }
            }
            (Varied::Query(query), Outcome::Served { status, .. }) if same(main.status, *status) => {
                let what = format!("while {request} is refused, it is served with the query {query}");
                verdict.finds(Finding::new(what, place()).aspect("query"));
            }
            (Varied::Client(header), Outcome::Served { status, .. }) if same(main.status, *status) => {
                let what = format!("while {request} is refused, it is served with another {header}");
                verdict.finds(Finding::new(what, place()).aspect("client-header"));
            }
            (Varied::Query(what) | Varied::Client(what) | Varied::Method(what), Outcome::Served { status, .. }) => {
                verdict.notes(format!("while {request} is refused, {what} is answered {status}"));
            }
            (Varied::MadeUp, Outcome::Served { status, .. }) => {
                let what = format!(
                    "while {request} is refused, a made-up token is answered {status}: each token has a count of its own, \
                     so guessing is not limited"
                );
                verdict.finds(Finding::new(what, place()).aspect("per-token"));
            }
            (Varied::Address { address, same_family }, Outcome::Served { count, .. }) => {
                if *same_family && main.served + count > self.limit {
                    let what = format!(
                        "{address} counts apart: {count} more requests were served there after {} on the first address",
                        main.served
                    );
                    verdict.finds(Finding::new(what, Place::host(address)).aspect("address"));
                } else {
                    verdict.notes(format!("{address} counts apart from the host's first address"));
                }
            }
            (Varied::Address { address, .. }, Outcome::Refused) => {
                verdict.holds(format!("{address} shares the count"));
            }
            (Varied::Address { address, .. }, Outcome::Unclear(Unseen::Unreachable(why))) => {
                verdict.notes(format!("{address} could not be reached, so nothing is served there ({why})"));
            }
            (Varied::Source(address), Outcome::Served { .. }) => {
                verdict.notes(format!("counted per client address: {address} was served meanwhile"));
            }
            (Varied::Source(address), Outcome::Refused) => {
                verdict.notes(format!(
                    "{address} was refused meanwhile: one count for all clients (or for all behind one proxy), so one \
                     client can shut out the rest"
                ));
            }
            (Varied::Sibling { subject, stand_in: Some(request) }, Outcome::Refused) => {
                verdict.notes(format!("{subject} is never sent; {request} was refused in its place"));
            }
            (Varied::Sibling { subject, stand_in: Some(request) }, Outcome::Served { .. }) => {
                verdict.not_seen(Unseen::NotAllowed(format!("{subject} is never sent, and {request} counts apart")));
            }
            // Those that count apart have a bucket of their own, or are among the unmeasured; whether what is refused is
            // counted, too, the tallies say.
            (Varied::Sibling { stand_in: None, .. } | Varied::Anonymous, Outcome::Refused | Outcome::Served { .. })
            | (
                Varied::MadeUp | Varied::Spelled(_) | Varied::Query(_) | Varied::Client(_) | Varied::Method(_),
                Outcome::Refused,
            )
            | (Varied::Spelled(_) | Varied::Source(_), Outcome::Unclear(_)) => {}
            (Varied::Sibling { subject, .. }, Outcome::Unclear(unseen)) => verdict.not_seen(about(subject, unseen)),
            (
                Varied::Spoofed(_)
                | Varied::Anonymous
                | Varied::MadeUp
                | Varied::Address { .. }
                | Varied::Query(_)
                | Varied::Client(_)
                | Varied::Method(_),
                Outcome::Unclear(unseen),
            ) => {
                verdict.not_seen(unseen.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
