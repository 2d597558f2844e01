//! Limiters that refuse as a sound one does and still leave a way round: each fails, and its sound sibling passes.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{Incoming, Limiter, Make, TOKEN, judged, response, serve, target, world};
use crate::check::{Status, Verdict};
use crate::checks::access::rate_limit::RateLimit;
use crate::evidence::Ask;
use crate::evidence::http::{Credential, Request};
use crate::period::Period;

const LIMIT: u32 = 6;
const WINDOW: Duration = Duration::from_secs(1);
const ONE: &[&str] = &["GET /a"];
const TWO: &[&str] = &["GET /a", "GET /b"];

fn admits(request: &Incoming) -> bool {
    request.header("authorization") == Some(&format!("Bearer {TOKEN}"))
}

fn service(request: &Incoming) -> String {
    if admits(request) {
        response(200, &[], "{\"items\":[{\"id\":1,\"name\":\"anvil\"}]}")
    } else {
        response(401, &[("WWW-Authenticate", "Bearer".into())], "")
    }
}

fn refusal(wait: Duration) -> String {
    response(429, &[("Retry-After", wait.as_secs_f64().ceil().to_string())], "Too many requests")
}

/// A limiter that refuses everything once it is full, and fills up with what `counts` says.
fn filled_by(
    limit: u32,
    counts: impl Fn(&Incoming) -> bool + Send + Sync + 'static,
) -> impl Fn(&Incoming) -> String + Send + Sync + 'static {
    let limiter = Limiter::new(Make::FromFirst, limit, WINDOW);
    move |request| match limiter.full("") {
        Some(wait) => refusal(wait),
        None => {
            if counts(request) {
                let _ = limiter.take("");
            }
            service(request)
        }
    }
}

/// A limiter that counts by `key`, and lets through whatever has none.
fn keyed(
    key: impl Fn(&Incoming) -> Option<String> + Send + Sync + 'static,
) -> impl Fn(&Incoming) -> String + Send + Sync {
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    move |request| match key(request).map_or(Ok(()), |key| limiter.take(&key)) {
        Ok(()) => service(request),
        Err(wait) => refusal(wait),
    }
}

async fn verdict(
    answer: impl Fn(&Incoming) -> String + Send + Sync + 'static,
    endpoints: &[&str],
    beside: Vec<Ask>,
) -> Verdict {
    let address = serve(answer).await;
    let check = RateLimit { limit: LIMIT, window: Period::millis(1000) };
    judged(check, &target(&format!("http://{address}"), endpoints), &world(60), beside).await.0
}

/// What the other checks ask: so many with the valid token, and with a wrong one.
fn others(valid: u8, wrong: u8) -> Vec<Ask> {
    let of = |credential: Credential, count| {
        (0..count).map(move |nth| Ask::from(Request::get("/a").with(credential.clone()).again(nth)))
    };
    of(Credential::Valid, valid).chain(of(Credential::Wrong, wrong)).collect()
}

fn aspects(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

#[track_caller]
fn passes(verdict: &Verdict) {
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[track_caller]
fn fails(verdict: &Verdict, aspect: &str) {
    assert!(aspects(verdict).contains(&aspect), "{verdict:#?}");
}

#[tokio::test]
async fn a_limiter_that_counts_everything_passes_whatever_is_asked_beside() {
    for (limit, beside) in [(LIMIT, Vec::new()), (4, others(3, 7)), (LIMIT, others(9, 2))] {
        passes(&verdict(filled_by(limit, |_| true), TWO, beside).await);
    }
}

#[tokio::test]
async fn a_limiter_that_counts_only_failures_fails() {
    for (limit, beside) in [(LIMIT, others(2, 9)), (3, others(5, 9))] {
        fails(&verdict(filled_by(limit, |request| !admits(request)), TWO, beside).await, "limit");
    }
}

#[tokio::test]
async fn a_limiter_that_counts_only_successes_fails() {
    for (limit, beside) in [(LIMIT, Vec::new()), (4, Vec::new()), (4, others(9, 3))] {
        fails(&verdict(filled_by(limit, admits), ONE, beside).await, "limit");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_refused_and_not_counted_fails() {
    for limit in [LIMIT, 4] {
        fails(&verdict(filled_by(limit, |request| request.path.starts_with("/a")), TWO, Vec::new()).await, "limit");
    }
}

#[tokio::test]
async fn a_refusal_that_carries_the_data_fails() {
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let giving = move |request: &Incoming| match limiter.take("") {
        Ok(()) => service(request),
        Err(_) => service(request).replacen("200", "429", 1).replacen("401", "429", 1),
    };
    fails(&verdict(giving, ONE, Vec::new()).await, "given-away");
}

#[tokio::test]
async fn a_count_for_each_query_fails() {
    fails(&verdict(keyed(|request| Some(request.path.clone())), ONE, Vec::new()).await, "query");
    passes(&verdict(keyed(|_| Some(String::new())), ONE, Vec::new()).await);
}

#[tokio::test]
async fn a_count_for_each_client_header_fails() {
    for name in ["User-Agent", "Origin", "X-API-Key", "Cookie"] {
        let by = keyed(move |request| Some(request.header(name).unwrap_or_default().to_owned()));
        fails(&verdict(by, TWO, Vec::new()).await, "client-header");
    }
}

#[tokio::test]
async fn who_asks_for_a_stream_or_from_an_allowed_page_is_limited_too() {
    let streams = |request: &Incoming| request.header("accept").is_some_and(|kind| kind.contains("event-stream"));
    fails(
        &verdict(keyed(move |request| (!streams(request)).then(String::new)), ONE, Vec::new()).await,
        "client-header",
    );
    let paged = |request: &Incoming| request.header("origin").is_some();
    fails(&verdict(keyed(move |request| (!paged(request)).then(String::new)), ONE, Vec::new()).await, "client-header");
}

#[tokio::test]
async fn a_method_without_a_limit_fails_and_one_with_its_own_count_passes() {
    let free = keyed(|request| (request.method != "HEAD").then(String::new));
    fails(&verdict(free, ONE, Vec::new()).await, "no-limit");
    passes(&verdict(keyed(|request| Some(request.method.clone())), ONE, Vec::new()).await);
}

#[tokio::test]
async fn endpoints_without_a_limit_are_not_hidden_by_a_count_for_the_denied() {
    let shared = keyed(|request| match (admits(request), request.path.starts_with("/a")) {
        (false, _) => Some("denied".into()),
        (true, true) => Some("a".into()),
        (true, false) => None,
    });
    fails(&verdict(shared, TWO, others(1, 6)).await, "no-limit");
}

#[tokio::test]
async fn a_window_that_ends_within_a_slow_first_burst_is_no_fault_of_any_endpoint() {
    const BEFORE: u32 = 4;
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let earlier = Mutex::new(0);
    // The first ones still fall into the window that was under way, and take more than half of one.
    let straddled = move |request: &Incoming| {
        let mut earlier = earlier.lock().unwrap();
        if *earlier < BEFORE {
            *earlier += 1;
            std::thread::sleep(WINDOW * 6 / 10 / BEFORE);
            return service(request);
        }
        limiter.take("").map_or_else(refusal, |()| service(request))
    };
    let five = ["GET /a", "GET /b", "GET /c", "GET /d", "GET /e"];
    passes(&verdict(straddled, &five, others(9, 3)).await);
}

/// Capacity for two windows at once, refilled by one window's worth at the end of each.
#[tokio::test]
async fn more_for_whoever_rested_fails() {
    let state = Mutex::new((2 * LIMIT, Instant::now()));
    let generous = move |request: &Incoming| {
        let mut state = state.lock().unwrap();
        let (left, since) = *state;
        let ended = u32::try_from(since.elapsed().as_millis() / WINDOW.as_millis()).unwrap();
        let left = (left + ended * LIMIT).min(2 * LIMIT);
        let since = if left == 2 * LIMIT { Instant::now() } else { since + WINDOW * ended };
        *state = (left.saturating_sub(1), since);
        if left > 0 { service(request) } else { refusal(WINDOW) }
    };
    fails(&verdict(generous, ONE, Vec::new()).await, "limit");
}

/// Serves on connections of their own, so that the counter may be read before others have written it.
async fn slowly(reads_first: bool, beside: Vec<Ask>) -> Verdict {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limiter = Arc::new(Limiter::new(Make::FromFirst, LIMIT, WINDOW));
    tokio::spawn(async move {
        while let Ok((mut stream, peer)) = listener.accept().await {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let Ok(read) = stream.read(&mut buffer).await else { return };
                let head = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let mut words = head.split(' ').map(str::to_owned);
                let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let request = Incoming { peer: peer.ip(), method, path, head: head.clone() };
                let mut free = if reads_first { limiter.full("").is_none() } else { limiter.take("").is_ok() };
                tokio::time::sleep(Duration::from_millis(60)).await;
                if reads_first && free {
                    free = limiter.take("").is_ok() || free;
                }
                let answer = if free { service(&request) } else { refusal(WINDOW) };
                let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    let check = RateLimit { limit: LIMIT, window: Period::millis(1000) };
    judged(check, &target(&format!("http://{address}"), ONE), &world(60), beside).await.0
}

#[tokio::test]
async fn a_counter_that_is_read_before_it_is_written_fails() {
    for beside in [Vec::new(), others(9, 3)] {
        fails(&slowly(true, beside.clone()).await, "limit");
        passes(&slowly(false, beside).await);
    }
}
