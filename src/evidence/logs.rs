//! Questions about who would notice: a canary in the log, denials on the metrics page, rules that are loaded.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::Listener;
use super::{Question, Unseen};
use crate::period::Period;
use crate::seen_as;
use crate::target::{LogSource, Target};

/// Whether calls that were already sent stand in the log: each carried a canary that nothing else carries.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Canary {
    pub sources: Vec<LogSource>,
    /// The canaries to wait for.
    pub canaries: Vec<String>,
    /// Others of the same calls, which help to tell their lines.
    pub beside: Vec<String>,
    /// How long a line may take to appear.
    pub deadline: Period,
}

/// Reads of a log store at most while waiting for a line.
pub const POLLS: u32 = 8;

/// How often a moment is looked for in which the counters stand still before the attempts.
pub const LOOKS: u32 = 4;

impl Question for Canary {
    seen_as!(Canary => Trace);

    fn ceiling(&self, _target: &Target) -> u32 {
        let stores = self.sources.iter().filter(|source| source_url(source).is_some()).count();
        u32::try_from(stores).unwrap_or(u32::MAX).saturating_mul(POLLS)
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        self.sources.iter().filter_map(source_url).map(place).collect()
    }

    fn describe(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        format!("{} canaries in the log ({})", self.canaries.len(), sources.join(", "))
    }
}

fn source_url(source: &LogSource) -> Option<&Url> {
    match source {
        LogSource::Loki { url, .. } | LogSource::Elasticsearch { url, .. } => Some(url),
        LogSource::File(_) | LogSource::Journald(_) | LogSource::Command(_) => None,
    }
}

/// `host:port` of a URL.
fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Trace {
    pub sources: Vec<SourceSeen>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SourceSeen {
    pub source: String,
    pub read: Result<LogRead, Unseen>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LogRead {
    /// The lines with a canary.
    pub lines: Vec<LogLine>,
    /// Lines that hold the valid token, half of it, or an encoding of it.
    pub token_lines: u32,
    /// Whether there was a token to look for.
    pub token_known: bool,
    /// Bytes that were looked through.
    pub bytes: u64,
    /// Why there may be lines of this run beyond them, if so: what was not found may still be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
}

/// One line of the log that holds a canary.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one line")]
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LogLine {
    pub canaries: Vec<String>,
    /// Masked, 400 characters at most.
    pub text: String,
    pub time: bool,
    pub address: bool,
    pub tool: bool,
    pub outcome: bool,
    /// Whether the outcome is that the call was admitted; `None` where it says neither, or both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<bool>,
}

/// Whether denied attempts move a counter, and which alert rules are loaded.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Watch {
    /// Where the attempts that must be denied go.
    pub method: String,
    pub path: String,
    /// Method and path of where they go instead, if the first is not denied there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<(String, String)>,
    /// So many attempts.
    pub attempts: u8,
    pub metrics: Option<Url>,
    pub counter: Option<String>,
    pub prometheus: Option<Url>,
    pub alertmanager: Option<Url>,
    pub loki: Option<Url>,
    /// How long the counter may take to move.
    pub deadline: Period,
}

impl Question for Watch {
    seen_as!(Watch => Watched);

    /// Each attempt with its requeue and retry; the metrics page twice a look before, and after; one read of each rule
    /// source.
    fn ceiling(&self, _target: &Target) -> u32 {
        let metrics = self.metrics.as_ref().map_or(0, |_| 4 * (u32::from(self.attempts) + 3) + 2 * LOOKS + POLLS);
        let rules = [&self.prometheus, &self.alertmanager, &self.loki].into_iter().flatten().count();
        metrics + u32::try_from(rules).unwrap_or(3)
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        let urls = [&self.metrics, &self.prometheus, &self.alertmanager, &self.loki];
        let main = self.metrics.as_ref().and_then(|_| Listener::Main.host(target));
        urls.into_iter().flatten().map(place).chain(main).collect()
    }

    fn describe(&self) -> String {
        format!(
            "whether {} denied attempts on {} {} move a counter, and which alert rules are loaded",
            self.attempts, self.method, self.path
        )
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Watched {
    /// Attempts that were denied: 401, 403, or a redirect.
    pub denied: u32,
    /// Why an attempt was not, if one was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_denied: Option<String>,
    /// The counters of denials before and after; `None` where no metrics page is named.
    pub counters: Option<Result<Vec<Counter>, Unseen>>,
    /// The alerting rules that Prometheus and Loki have loaded.
    pub prometheus: Option<Result<Vec<Rule>, Unseen>>,
    pub loki: Option<Result<Vec<Rule>, Unseen>>,
    /// The names of Alertmanager's receivers.
    pub receivers: Option<Result<Vec<String>, Unseen>>,
}

/// One series. Values stand as the page has them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Counter {
    pub series: String,
    /// `None` where the series was not there before the attempts.
    pub before: Option<String>,
    pub after: String,
    /// It rose before any attempt was sent: its rise shows nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restless: bool,
}

impl Counter {
    /// Whether it rose by at least these attempts, having stood still before them.
    pub fn counts(&self, attempts: u32) -> bool {
        let rise = rise(self.before.as_deref(), &self.after);
        !self.restless && attempts > 0 && rise.is_some_and(|rise| rise >= f64::from(attempts))
    }

    /// Whether it rose at all.
    pub fn moved(&self) -> bool {
        rise(self.before.as_deref(), &self.after).is_some_and(|rise| rise > 0.0)
    }
}

/// By how much a series rose; one that was not there before began at zero. `None` where a value is no number.
pub fn rise(before: Option<&str>, after: &str) -> Option<f64> {
    let number = |text: &str| text.parse::<f64>().ok();
    Some(number(after)? - before.map_or(Some(0.0), number)?)
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Rule {
    pub name: String,
    pub query: String,
}

/// Words that name a denied attempt in a counter, a rule or a query.
pub fn is_about_denials(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = [
        "denied",
        "denial",
        "unauthor",
        "unauthenticated",
        "forbidden",
        "auth_fail",
        "authfail",
        "authentication_fail",
        "login_fail",
        "failed_auth",
        "failed_login",
        "failedlogin",
        "failed attempt",
        "invalid_token",
        "invalid token",
        "bruteforce",
        "brute-force",
        "brute_force",
        "rejected",
    ];
    words.iter().any(|word| text.contains(word)) || STATUS.is_match(&text)
}

/// 401 and 403 as what a status is or a line holds; a port, a threshold or a negated matcher says nothing of denials.
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:code|status)\s*=[=~]?\s*["'`]?[^"'`,}]*(?:\b40[13]\b|\b4(?:xx|\.\.|\[0-9\]|\\d))|\|[=~]\s*["`][^"`]*\b40[13]\b"#,
    )
    .or_else(|_| Regex::new("401|403"))
    .unwrap_or_else(|_| unreachable!("a constant pattern compiles"))
});

/// Words that name the end of a certificate.
pub fn is_about_expiry(text: &str) -> bool {
    let text = text.to_lowercase();
    let certificate = ["cert", "ssl", "tls", "x509"].iter().any(|word| text.contains(word));
    certificate && ["expir", "not_after", "notafter", "earliest_cert"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_name_denials_only_as_a_status() {
        for text in [
            r#"rate(http_requests_total{code="401"}[5m]) > 1"#,
            r#"x{status_code=~"401|403"}"#,
            r#"x{response_code=~"4.."}"#,
            r#"{job="a"} |= "403""#,
        ] {
            assert!(is_about_denials(text), "{text}");
        }
        for text in [
            r#"x{code!~"401|403"}"#,
            r#"x{code!="401"}"#,
            "node_memory_bytes < 4030",
            r#"up{instance="10.0.0.1:8401"} == 0"#,
            r#"x{not="401"}"#,
        ] {
            assert!(!is_about_denials(text), "{text}");
        }
    }
}
