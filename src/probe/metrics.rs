//! Sends attempts that must be denied and watches the counters; reads which alert rules are loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::http::Sender;
use super::logs::beneath;
use super::{Sink, World, fetch};
use crate::evidence::http::{Credential, Request};
use crate::evidence::logs::{Counter, LOOKS, POLLS, Rule, Watch, Watched, is_about_denials, rise};
use crate::evidence::{Ask, Unseen};
use crate::target::Target;

/// Bytes of a metrics page or a list of rules at most.
const CAP: usize = 4 * 1024 * 1024;

/// How long a counter must stand still before the attempts: a clock does not, nor does a count of the page's own readers.
const STILL: Duration = Duration::from_millis(1100);

/// The values of series, as the page has them.
type Samples = BTreeMap<String, String>;

pub(super) async fn answer(world: &World, target: &Target, asks: Vec<Watch>, sink: &Sink) {
    let watching = asks.into_iter().map(|ask| async move {
        let account = Ask::from(ask.clone());
        let watching = Watching { world, target, account: &account, ask: &ask };
        sink.put(&ask, Ok(watching.all().await));
    });
    futures_util::future::join_all(watching).await;
}

struct Watching<'a> {
    world: &'a World,
    target: &'a Target,
    account: &'a Ask,
    ask: &'a Watch,
}

impl Watching<'_> {
    async fn all(&self) -> Watched {
        let mut watched = Watched::default();
        if let Some(metrics) = &self.ask.metrics {
            let counters = self.counters(metrics, &mut watched).await;
            watched.counters = Some(counters);
        }
        if let Some(url) = &self.ask.prometheus {
            watched.prometheus = Some(self.prometheus(url).await);
        }
        if let Some(url) = &self.ask.loki {
            watched.loki = Some(self.loki(url).await);
        }
        if let Some(url) = &self.ask.alertmanager {
            watched.receivers = Some(self.receivers(url).await);
        }
        watched
    }

    async fn counters(&self, metrics: &url::Url, watched: &mut Watched) -> Result<Vec<Counter>, Unseen> {
        let (before, restless) = self.at_rest(metrics).await?;
        self.attempt(watched).await;
        let until = Instant::now() + self.ask.deadline.duration();
        let pause = (self.ask.deadline.duration() / POLLS).max(Duration::from_millis(100));
        let mut counters = Vec::new();
        for _ in 0..POLLS {
            counters = self
                .samples(metrics)
                .await?
                .into_iter()
                .map(|(series, after)| Counter {
                    restless: restless.contains(&series),
                    before: before.get(&series).cloned(),
                    series,
                    after,
                })
                .collect();
            if counters.iter().any(|counter| counter.counts(watched.denied)) || Instant::now() + pause > until {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Ok(counters)
    }

    /// Sends the attempts; where the first is not denied, they go to the other door, or carry no credential at all.
    async fn attempt(&self, watched: &mut Watched) {
        let sender = Sender { world: self.world, target: self.target, ask: self.account };
        let first = (self.ask.method.clone(), self.ask.path.clone());
        let doors = || std::iter::once(&first).chain(&self.ask.instead);
        let tries: Vec<_> = [Credential::Wrong, Credential::None]
            .into_iter()
            .flat_map(|with| doors().map(move |door| (door, with.clone())))
            .collect();
        for ((method, path), with) in tries {
            for nth in 0..self.ask.attempts {
                match sender.send(&attempt(method, path, with.clone()).again(nth)).await {
                    // Whoever is sent to a login page was denied as well.
                    Ok(exchange) if exchange.is_denied() || (300..400).contains(&exchange.status) => {
                        watched.denied += 1;
                    }
                    Ok(exchange) => watched.not_denied = Some(format!("{method} {path} answered {}", exchange.status)),
                    Err(unseen) => watched.not_denied = Some(format!("{method} {path}: {unseen}")),
                }
                if watched.denied == 0 {
                    break;
                }
            }
            if watched.denied > 0 {
                return;
            }
        }
    }

    /// The counters after a moment without attempts, and those that rose in it by themselves. Where something rose while
    /// others asked, another moment is looked at; where none was quiet, a rise by no more than they asked is theirs.
    async fn at_rest(&self, metrics: &url::Url) -> Result<(Samples, BTreeSet<String>), Unseen> {
        let mut look = 1;
        loop {
            let (first, asked) = (self.samples(metrics).await?, self.others());
            tokio::time::sleep(STILL).await;
            let (before, others) = (self.samples(metrics).await?, self.others() - asked);
            if others == 0 || first == before || look == LOOKS {
                let by_itself = |(series, after): &(&String, &String)| {
                    first.get(*series) != Some(after)
                        && rise(first.get(*series).map(String::as_str), after)
                            .is_none_or(|rise| rise > f64::from(others))
                };
                let restless = before.iter().filter(by_itself).map(|(series, _)| series.clone()).collect();
                return Ok((before, restless));
            }
            look += 1;
        }
    }

    fn others(&self) -> u32 {
        self.world.meter.requests_of_others(self.target, self.account)
    }

    /// The series of the named counter, or every series that names denials.
    async fn samples(&self, metrics: &url::Url) -> Result<Samples, Unseen> {
        let page = self.get(metrics).await?;
        Ok(samples(&page, self.ask.counter.as_deref()))
    }

    async fn get(&self, url: &url::Url) -> Result<String, Unseen> {
        let fetched = fetch::page(self.world, self.target, self.account, url, CAP).await?;
        if fetched.status != 200 {
            return Err(Unseen::Unreachable(format!("{url} answered {}", fetched.status)));
        }
        if !fetched.complete {
            return Err(Unseen::Partial(format!("the answer of {url} is over {} MiB", CAP >> 20)));
        }
        Ok(fetched.body)
    }

    async fn json(&self, url: &url::Url) -> Result<serde_json::Value, Unseen> {
        let text = self.get(url).await?;
        serde_json::from_str(&text).map_err(|error| Unseen::Malformed(format!("{url}: {error}")))
    }

    async fn prometheus(&self, url: &url::Url) -> Result<Vec<Rule>, Unseen> {
        let answer = self.json(&beneath(url, "api/v1/rules")).await?;
        rules_of(&answer).ok_or_else(|| Unseen::Malformed(format!("{url} lists no rule groups")))
    }

    /// Loki answers in the form of Prometheus at this path; its own form is YAML.
    async fn loki(&self, url: &url::Url) -> Result<Vec<Rule>, Unseen> {
        let answer = self.json(&beneath(url, "prometheus/api/v1/rules")).await?;
        rules_of(&answer).ok_or_else(|| Unseen::Malformed(format!("{url} lists no rule groups")))
    }

    /// The receivers that tell somebody. The list of receivers has names alone, so the configuration is read: a receiver
    /// without an integration (`null`, as many configurations have one) swallows its alerts.
    async fn receivers(&self, url: &url::Url) -> Result<Vec<String>, Unseen> {
        let answer = self.json(&beneath(url, "api/v2/status")).await?;
        let malformed = || Unseen::Malformed(format!("{url} does not show its configuration (api/v2/status)"));
        let text = answer.pointer("/config/original").and_then(serde_json::Value::as_str).ok_or_else(malformed)?;
        let configuration: serde_json::Value = serde_yaml::from_str(text).map_err(|_| malformed())?;
        Ok(telling(&configuration))
    }
}

/// A request that a guarded endpoint denies.
fn attempt(method: &str, path: &str, with: Credential) -> Request {
    let request = Request::new(method, path).with(with);
    if method != "POST" {
        return request;
    }
    request
        .header("accept", "application/json, text/event-stream")
        .json(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#)
}

/// The names of the receivers with at least one integration (`email_configs`, `webhook_configs`, ...).
fn telling(configuration: &serde_json::Value) -> Vec<String> {
    let tells = |receiver: &&serde_json::Value| {
        receiver.as_object().into_iter().flatten().any(|(key, value)| {
            key.ends_with("_configs") && value.as_array().is_some_and(|integrations| !integrations.is_empty())
        })
    };
    let mut reached = BTreeSet::new();
    led_to(configuration.get("route"), &mut reached);
    let receivers = configuration.get("receivers").and_then(serde_json::Value::as_array);
    receivers
        .into_iter()
        .flatten()
        .filter(tells)
        .filter_map(|receiver| receiver.get("name")?.as_str())
        .filter(|name| reached.contains(name))
        .map(|name| name.chars().take(100).collect())
        .collect()
}

/// The receivers that a route or one beneath it names.
fn led_to<'a>(route: Option<&'a serde_json::Value>, reached: &mut BTreeSet<&'a str>) {
    let Some(route) = route else { return };
    reached.extend(route.get("receiver").and_then(serde_json::Value::as_str));
    for child in route.get("routes").and_then(serde_json::Value::as_array).into_iter().flatten() {
        led_to(Some(child), reached);
    }
}

/// The Prometheus text format (version 0.0.4): `name{labels} value [timestamp]`.
fn samples(page: &str, counter: Option<&str>) -> Samples {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let end = line.rfind('}').map_or_else(|| line.find(' '), |brace| Some(brace + 1))?;
            let (series, rest) = line.split_at_checked(end)?;
            let value = rest.split_whitespace().next()?;
            let name = series.split_once('{').map_or(series, |(name, _)| name);
            let wanted = match counter {
                // OpenMetrics adds `_total` to the name of a counter.
                Some(counter) => name == counter || name.strip_suffix("_total") == Some(counter),
                None => is_about_denials(series) && !name.ends_with("_created") && !name.ends_with("_bucket"),
            };
            wanted.then(|| (series.chars().take(300).collect(), value.to_owned()))
        })
        .take(200)
        .collect()
}

fn rules_of(answer: &serde_json::Value) -> Option<Vec<Rule>> {
    let groups = answer.pointer("/data/groups")?.as_array()?;
    let text = |rule: &serde_json::Value, key: &str| {
        rule.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().chars().take(500).collect::<String>()
    };
    Some(
        groups
            .iter()
            .filter_map(|group| group.get("rules")?.as_array())
            .flatten()
            // A recording rule tells nobody anything.
            .filter(|rule| rule.get("type").and_then(serde_json::Value::as_str) == Some("alerting"))
            // A rule that cannot be evaluated never fires.
            .filter(|rule| rule.get("health").and_then(serde_json::Value::as_str) != Some("err"))
            .take(2_000)
            .map(|rule| Rule { name: text(rule, "name"), query: text(rule, "query") })
            .collect(),
    )
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_samples(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    samples(&text, None);
    if let Ok(answer) = serde_json::from_slice(bytes) {
        rules_of(&answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP denied_total x\n# TYPE denied_total counter\ndenied_total{why=\"a b\"} 3\n\
                        http_requests_total{code=\"401\"} 7 1700000000000\nhttp_requests_total{code=\"200\"} 9\nup 1\n";

    #[test]
    fn series_that_name_denials_are_found_without_a_name() {
        let seen = samples(PAGE, None);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen["http_requests_total{code=\"401\"}"], "7");
    }

    #[test]
    fn a_named_counter_is_the_only_one() {
        assert_eq!(samples(PAGE, Some("up")), BTreeMap::from([("up".to_owned(), "1".to_owned())]));
        assert_eq!(samples(PAGE, Some("denied")).len(), 1);
    }

    #[test]
    fn a_receiver_without_an_integration_tells_nobody() {
        let mut configuration = serde_json::json!({ "route": { "receiver": "null", "routes": [{ "receiver": "team" }] }, "receivers": [
            { "name": "null" },
            { "name": "empty", "webhook_configs": [] },
            { "name": "team", "email_configs": [{ "to": "team@example.com" }] },
        ] });
        assert_eq!(telling(&configuration), ["team"]);
        configuration["route"] = serde_json::json!({ "receiver": "null" });
        assert!(telling(&configuration).is_empty(), "no route leads to the team");
    }

    #[test]
    fn only_alerting_rules_are_rules() {
        let answer = serde_json::json!({ "data": { "groups": [{ "rules": [
            { "type": "alerting", "name": "Denied", "query": "rate(denied_total[5m]) > 1" },
            { "type": "alerting", "name": "Broken", "query": "rate(denied_total[5m]) > 1", "health": "err" },
            { "type": "recording", "name": "denied:rate", "query": "rate(denied_total[5m])" },
        ] }] } });
        let rules = rules_of(&answer).unwrap();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].name, "Denied");
    }
}
