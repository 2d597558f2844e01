//! Looks for canaries in the deployment's log, wherever the policy says it is kept.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use regex::Regex;

use super::{Sink, World, fetch};
use crate::evidence::logs::{Canary, LogLine, LogRead, POLLS, SourceSeen, Trace};
use crate::evidence::{Ask, Unseen};
use crate::target::{LogSource, Target};

/// Bytes at the end of a log that are looked through.
const TAIL: usize = 8 * 1024 * 1024;
/// Lines that Loki gives at most in one answer as it ships (`max_entries_limit_per_query`).
const LOKI_LINES: usize = 5_000;
/// Documents that Elasticsearch gives at most in one answer as it ships (`index.max_result_window`).
const ELASTICSEARCH_HITS: usize = 10_000;
/// How far the clocks of the deployment and of the log store may be behind this machine's.
const SKEW: chrono::TimeDelta = chrono::TimeDelta::minutes(5);
/// Characters of a line that are kept.
const LINE: usize = 400;

pub(super) async fn answer(world: &World, target: &Target, asks: Vec<Canary>, sink: &Sink) {
    let looking = asks.into_iter().map(|ask| async move {
        let sources = ask.sources.iter().map(|source| async {
            let read = look(world, target, &ask, source).await;
            SourceSeen { source: source.to_string(), read }
        });
        let sources = futures_util::future::join_all(sources).await;
        sink.put(&ask, Ok(Trace { sources }));
    });
    futures_util::future::join_all(looking).await;
}

/// Reads until every canary is there or the deadline is over.
async fn look(world: &World, target: &Target, ask: &Canary, source: &LogSource) -> Result<LogRead, Unseen> {
    let account = Ask::from(ask.clone());
    let token = match target.deployment.as_ref().and_then(|deployment| deployment.token.as_ref()) {
        Some(_) => world.vault.token(target).await.ok(),
        None => None,
    };
    let needles = token.as_ref().map(|token| needles(token.expose())).unwrap_or_default();
    let until = Instant::now() + ask.deadline.duration();
    let pause = (ask.deadline.duration() / POLLS).max(Duration::from_millis(200));
    loop {
        let Lines { text, cut } = read(world, target, &account, source).await?;
        let canaries: Vec<String> = ask.canaries.iter().chain(&ask.beside).cloned().collect();
        let found = search(&text, &canaries, &needles);
        let all = ask.canaries.iter().all(|canary| found.lines.iter().any(|line| line.canaries.contains(canary)));
        if all || Instant::now() + pause > until {
            let lines = found.lines.into_iter().map(|line| LogLine { text: world.vault.masked(&line.text), ..line });
            let lines = lines.map(|line| LogLine { text: line.text.chars().take(LINE).collect(), ..line }).collect();
            return Ok(LogRead { lines, cut, ..found });
        }
        tokio::time::sleep(pause).await;
    }
}

/// What was read of a log.
struct Lines {
    text: String,
    /// Why there may be more of this run.
    cut: Option<String>,
}

impl Lines {
    fn whole(text: String) -> Self {
        Self { text, cut: None }
    }
}

async fn read(world: &World, target: &Target, account: &Ask, source: &LogSource) -> Result<Lines, Unseen> {
    let begun = world.run().taken_at - SKEW;
    match source {
        LogSource::File(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || tail(&path).map(Lines::whole))
                .await
                .unwrap_or_else(|error| Err(Unseen::Bug(format!("the log could not be read: {error}"))))
        }
        LogSource::Journald(unit) => {
            let since = format!("@{}", begun.timestamp());
            let arguments = ["--unit", unit, "--since", &since, "--output", "short-iso", "--no-pager", "--quiet"];
            output("journalctl", &arguments.map(str::to_owned)).await.map(Lines::whole)
        }
        LogSource::Command(argv) => match argv.as_slice() {
            [program, arguments @ ..] => output(program, arguments).await.map(Lines::whole),
            [] => Err(Unseen::NotConfigured("the log command is empty".into())),
        },
        LogSource::Loki { url, query } => {
            let mut url = beneath(url, "loki/api/v1/query_range");
            url.query_pairs_mut()
                .append_pair("query", query)
                .append_pair("start", &begun.timestamp_nanos_opt().unwrap_or(0).to_string())
                .append_pair("limit", &LOKI_LINES.to_string())
                .append_pair("direction", "backward");
            let answer = store(world, target, account, &url).await?;
            Ok(newest(&loki_lines(&answer)?, LOKI_LINES, source))
        }
        LogSource::Elasticsearch { url, index } => {
            let mut url = beneath(url, &format!("{index}/_search"));
            url.query_pairs_mut()
                .append_pair("size", &ELASTICSEARCH_HITS.to_string())
                .append_pair("sort", "@timestamp:desc")
                .append_pair("q", &format!("@timestamp:[\"{}\" TO *]", begun.format("%Y-%m-%dT%H:%M:%SZ")));
            let answer = store(world, target, account, &url).await?;
            Ok(newest(&elasticsearch_lines(&answer)?, ELASTICSEARCH_HITS, source))
        }
    }
}

/// A store that gave as many lines as it may has more.
fn newest(lines: &[String], most: usize, source: &LogSource) -> Lines {
    let cut = (lines.len() >= most).then(|| {
        format!(
            "{source} gave its newest {most} lines, and there are more of this run: name a query that selects fewer"
        )
    });
    Lines { text: lines.join("\n"), cut }
}

/// `path` below the URL's own path.
pub(super) fn beneath(url: &url::Url, path: &str) -> url::Url {
    let mut url = url.clone();
    url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
    url
}

async fn store(world: &World, target: &Target, account: &Ask, url: &url::Url) -> Result<serde_json::Value, Unseen> {
    let fetched = fetch::page(world, target, account, url, TAIL).await?;
    if fetched.status != 200 {
        return Err(Unseen::Unreachable(format!("{} answered {}", fetch::place(url), fetched.status)));
    }
    if !fetched.complete {
        return Err(Unseen::Partial(format!("the answer of {} is over {} MiB", fetch::place(url), TAIL >> 20)));
    }
    serde_json::from_str(&fetched.body).map_err(|error| Unseen::Malformed(format!("{}: {error}", fetch::place(url))))
}

/// Loki keeps the time beside the line (nanoseconds); it is put before it. An answer of another shape is no empty log.
fn loki_lines(answer: &serde_json::Value) -> Result<Vec<String>, Unseen> {
    let streams = answer
        .pointer("/data/result")
        .and_then(serde_json::Value::as_array)
        .ok_or_else(|| Unseen::Malformed("the answer has no `data.result`, so it is not Loki's".into()))?;
    let mut lines = Vec::new();
    for value in streams.iter().filter_map(|stream| stream.get("values")?.as_array()).flatten() {
        if let (Some(time), Some(line)) = (value.get(0).and_then(|t| t.as_str()), value.get(1).and_then(|l| l.as_str()))
        {
            let time = time.parse().ok().map(chrono::DateTime::from_timestamp_nanos).map(|time| time.to_rfc3339());
            lines.push(format!("{} {}", time.unwrap_or_default(), line.replace('\n', " ")));
        }
    }
    Ok(lines)
}

/// The documents of Elasticsearch (or OpenSearch), one a line.
fn elasticsearch_lines(answer: &serde_json::Value) -> Result<Vec<String>, Unseen> {
    let hits = answer
        .pointer("/hits/hits")
        .and_then(serde_json::Value::as_array)
        .ok_or_else(|| Unseen::Malformed("the answer has no `hits.hits`, so it is not Elasticsearch's".into()))?;
    // Shards that failed or timed out keep their lines to themselves.
    let failed = answer.pointer("/_shards/failed").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if failed > 0 || answer.get("timed_out").and_then(serde_json::Value::as_bool) == Some(true) {
        return Err(Unseen::Partial(format!("Elasticsearch did not search every shard ({failed} failed)")));
    }
    Ok(hits.iter().filter_map(|hit| hit.get("_source")).map(ToString::to_string).collect())
}

fn tail(path: &Path) -> Result<String, Unseen> {
    let failed = |error: std::io::Error| Unseen::Unreachable(format!("the log {}: {error}", path.display()));
    // A FIFO or a device would block for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Unseen::NotConfigured(format!("the log {} is no regular file", path.display())));
    }
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL as u64))).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(TAIL as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn output(program: &str, arguments: &[String]) -> Result<String, Unseen> {
    let running = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let failed = |why: String| Unseen::Unreachable(format!("the log command {program}: {why}"));
    let output = tokio::time::timeout(Duration::from_secs(10), running)
        .await
        .map_err(|_| Unseen::TimedOut(format!("the log command {program}: no end in 10 s")))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let from = output.stdout.len().saturating_sub(TAIL);
    Ok(String::from_utf8_lossy(output.stdout.get(from..).unwrap_or_default()).into_owned())
}

/// The token, every half of it, and what its usual encodings have of it wherever it stands in what was encoded.
fn needles(token: &str) -> Vec<String> {
    let mut needles = vec![token.to_owned(), token.bytes().map(|byte| format!("{byte:02x}")).collect()];
    needles.push(needles.last().map(|hex| hex.to_uppercase()).unwrap_or_default());
    for before in 0..3_usize {
        // Three ways in which the groups of three bytes may fall; the characters that its neighbours share are left out.
        let padded = [" ".repeat(before).as_bytes(), token.as_bytes()].concat();
        let standard = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
        let own = standard.get((8 * before).div_ceil(6)..padded.len() * 8 / 6).unwrap_or_default().to_owned();
        needles.extend([own.replace('+', "-").replace('/', "_"), own]);
    }
    let half = (token.len() / 2).max(12);
    let starts = token.char_indices().map(|(at, _)| at);
    needles.extend(starts.filter_map(|at| token.get(at..at + half)).map(str::to_owned));
    // A token of a few characters stands in any text.
    needles.retain(|needle| needle.len() >= 8);
    needles.sort_unstable();
    needles.dedup();
    needles
}

fn search(text: &str, canaries: &[String], needles: &[String]) -> LogRead {
    let mut found = LogRead { token_known: !needles.is_empty(), bytes: text.len() as u64, ..LogRead::default() };
    let token = aho_corasick::AhoCorasick::new(needles).ok();
    for line in text.lines() {
        if token.as_ref().is_some_and(|token| token.is_match(line)) {
            found.token_lines += 1;
        }
        let held: Vec<String> = canaries.iter().filter(|canary| line.contains(canary.as_str())).cloned().collect();
        if held.is_empty() || found.lines.len() >= 64 {
            continue;
        }
        // The canary itself must not pass for a time, an address or an outcome.
        let rest = held.iter().fold(line.to_owned(), |rest, canary| rest.replace(canary.as_str(), "CANARY"));
        found.lines.push(LogLine {
            canaries: held,
            text: line.to_owned(),
            time: TIME.is_match(&rest),
            address: ADDRESS.is_match(&rest),
            tool: TOOL.is_match(&rest),
            outcome: OUTCOME.is_match(&rest),
            admitted: match (ADMITTED.is_match(&rest), KEPT_OUT.is_match(&rest)) {
                (true, false) => Some(true),
                (false, true) => Some(false),
                (true, true) | (false, false) => None,
            },
        });
    }
    found
}

#[expect(clippy::unwrap_used, reason = "constant patterns; a test uses each of them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// RFC 3339 and its relatives, the common log format, syslog, and seconds or milliseconds since 1970.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\b1[6-9]\d{8}(\d{3}|\.\d+)?\b",
    )
});
/// An IPv4 address, or something with enough colons to be an IPv6 one (and no time of day).
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(^|[^\d.])(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}($|[^\d.])|(?i)::1\b|::ffff:|\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}\b",
    )
});
/// The canary where a tool or a method is named, or any tool by its key.
static TOOL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)"?(tool|tool_?name|mcp_?name|name)"?\s*[:=]\s*"?[\w./-]+|tools/call"#));
/// An HTTP status, or a word for how it ended.
static OUTCOME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)"?(status(_?code)?|code|http_status)"?\s*[:=]\s*"?[1-5]\d\d\b|" [1-5]\d\d \d|\b(denied|refused|rejected|unauthori[sz]ed|forbidden|allowed|granted|accepted|succe(ss|eded)|failed|failure|error)\b"#,
    )
});
/// Of these, what says that a call was let in, and that it was not.
static ADMITTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)"?(status(_?code)?|code|http_status)"?\s*[:=]\s*"?2\d\d\b|" 2\d\d \d|\b(allowed|granted|accepted|succe(ss|eded))\b"#,
    )
});
static KEPT_OUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)"?(status(_?code)?|code|http_status)"?\s*[:=]\s*"?[345]\d\d\b|" [345]\d\d \d|\b(denied|refused|rejected|unauthori[sz]ed|forbidden|failed|failure|error|not (allowed|granted|accepted))\b"#,
    )
});

#[cfg(test)]
mod tests;
