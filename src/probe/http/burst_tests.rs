//! Limiters of every make, sound and broken: the sound pass, the broken fail, and what shows nothing passes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{Incoming, Limiter, Make, TOKEN, judged, response, serve, serve_on, target, world};
use crate::check::{Status, Verdict};
use crate::checks::access::rate_limit::RateLimit;
use crate::evidence::http::{Credential, Request};
use crate::evidence::limit::Burst;
use crate::evidence::{Ask, Unseen};
use crate::period::Period;

const LIMIT: u32 = 6;
const WINDOW: Duration = Duration::from_secs(1);

fn check() -> RateLimit {
    RateLimit { limit: LIMIT, window: Period::millis(1000) }
}

fn peer(request: &Incoming) -> String {
    request.peer.to_string()
}

/// A service behind the limiter, which counts by `key` and refuses with `status`.
fn limited(
    limiter: Limiter,
    status: u16,
    key: impl Fn(&Incoming) -> String + Send + Sync + 'static,
) -> impl Fn(&Incoming) -> String + Send + Sync + 'static {
    move |request| match limiter.take(&key(request)) {
        Ok(()) => service(request),
        Err(wait) => response(status, &[("Retry-After", wait.as_secs_f64().ceil().to_string())], "Too many requests"),
    }
}

fn service(request: &Incoming) -> String {
    if request.header("authorization") == Some(&format!("Bearer {TOKEN}")) {
        response(200, &[], "{\"items\":[]}")
    } else {
        response(401, &[("WWW-Authenticate", "Bearer".into())], "")
    }
}

async fn verdict(answer: impl Fn(&Incoming) -> String + Send + Sync + 'static, endpoints: &[&str]) -> Verdict {
    let address = serve(answer).await;
    judged(check(), &target(&format!("http://{address}"), endpoints), &world(60), Vec::new()).await.0
}

fn aspects(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|finding| finding.aspect.as_str()).collect()
}

const TWO: &[&str] = &["GET /api/items", "POST /api/items"];

#[tokio::test]
async fn a_window_from_the_first_request_passes() {
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, peer), TWO).await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(
        verdict.grounds().iter().any(|ground| ground.contains("6 served, the next refused with 429, Retry-After 1 s"))
    );
    assert!(verdict.grounds().iter().any(|ground| ground.contains("1 more endpoints share")));
    assert!(verdict.all_notes().iter().any(|note| note.contains("counted per client address")), "{verdict:#?}");
}

#[tokio::test]
async fn a_bare_path_is_measured_by_what_it_understands() {
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let verdict = verdict(
        move |request| match (limiter.take(""), request.method.as_str()) {
            (Err(_), _) => response(429, &[], ""),
            (Ok(()), "POST") => response(200, &[], "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"),
            (Ok(()), _) => response(405, &[], ""),
        },
        &["/mcp"],
    )
    .await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("server/discover on /mcp: 6 served")));
}

#[tokio::test]
async fn a_clock_aligned_window_passes_wherever_the_burst_falls() {
    for offset in [70, 460, 930] {
        let limiter = Limiter::new(Make::Aligned, LIMIT, WINDOW);
        let verdict = {
            tokio::time::sleep(Duration::from_millis(offset)).await;
            verdict(limited(limiter, 429, peer), TWO).await
        };
        assert_eq!(verdict.status(), Status::Pass, "{offset} {verdict:#?}");
    }
}

#[tokio::test]
async fn a_sliding_window_passes() {
    let verdict = verdict(limited(Limiter::new(Make::Sliding, LIMIT, WINDOW), 429, peer), TWO).await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[tokio::test]
async fn a_bucket_that_refills_at_the_limit_passes() {
    for burst in [2, LIMIT] {
        let verdict = verdict(limited(Limiter::new(Make::Bucket { burst }, LIMIT, WINDOW), 429, peer), &TWO[..1]).await;
        assert_eq!(verdict.status(), Status::Pass, "{burst} {verdict:#?}");
    }
}

/// Delays what is too fast, and refuses only what does not fit its queue, as nginx does without `nodelay`.
#[tokio::test]
async fn a_queue_that_slows_down_before_it_refuses_passes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The time at which the last place in the queue is served.
    let queue = Arc::new(std::sync::Mutex::new(Instant::now()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let turn = {
                    let mut last = queue.lock().unwrap();
                    let next = (*last).max(Instant::now()) + WINDOW / LIMIT;
                    let fits = next < Instant::now() + WINDOW * 4 / LIMIT;
                    if fits {
                        *last = next;
                    }
                    fits.then_some(next)
                };
                let answer = if let Some(turn) = turn {
                    tokio::time::sleep_until(turn.into()).await;
                    response(200, &[], "{}")
                } else {
                    response(429, &[], "")
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    let target = target(&format!("http://{address}"), &TWO[..1]);
    let verdict = judged(check(), &target, &world(60), Vec::new()).await.0;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[tokio::test]
async fn a_stricter_limit_passes() {
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, 4, WINDOW), 429, peer), TWO).await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
}

#[tokio::test]
async fn no_limit_fails() {
    let verdict = verdict(service, TWO).await;
    assert_eq!(aspects(&verdict), ["no-limit"], "{verdict:#?}");
    assert!(verdict.findings()[0].what.starts_with("13 of 13 requests (GET /api/items) were answered with 200"));
}

#[tokio::test]
async fn a_limit_of_one_more_fails_and_so_does_its_double() {
    for limit in [LIMIT + 1, 2 * LIMIT] {
        let verdict = verdict(limited(Limiter::new(Make::FromFirst, limit, WINDOW), 429, peer), &TWO[..1]).await;
        assert_eq!(aspects(&verdict), ["limit"], "{limit} {verdict:#?}");
    }
}

#[tokio::test]
async fn a_short_window_fails_though_it_refuses_as_early() {
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW / 5), 429, peer), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["limit"], "{verdict:#?}");
}

#[tokio::test]
async fn a_small_burst_with_a_high_rate_fails_though_it_refuses_earlier() {
    let verdict =
        verdict(limited(Limiter::new(Make::Bucket { burst: 3 }, 10 * LIMIT, WINDOW), 429, peer), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["limit"], "{verdict:#?}");
}

#[tokio::test]
async fn what_others_used_up_before_hides_no_larger_limit() {
    let limiter = Limiter::new(Make::FromFirst, 2 * LIMIT, WINDOW);
    for _ in 0..LIMIT + 2 {
        limiter.take("127.0.0.1").unwrap();
    }
    let verdict = verdict(limited(limiter, 429, peer), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["limit"], "{verdict:#?}");
}

#[tokio::test]
async fn another_status_than_429_is_a_finding_of_its_own() {
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 503, peer), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["status"], "{verdict:#?}");
}

#[tokio::test]
async fn a_claimed_address_that_opens_a_new_count_is_a_finding() {
    let by_claim = |request: &Incoming| request.header("x-forwarded-for").map_or_else(|| peer(request), str::to_owned);
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, by_claim), &TWO[..1]).await;
    // The second probe of the same claimed address is served from the same new count.
    assert_eq!(aspects(&verdict), ["spoofed-address"], "{verdict:#?}");
}

#[tokio::test]
async fn a_count_for_each_made_up_token_is_a_finding() {
    let valid = format!("Bearer {}", super::rig::TOKEN);
    let per_token = move |request: &Incoming| match request.header("authorization") {
        Some(token) if token != valid => token.to_owned(),
        Some(_) | None => peer(request),
    };
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, per_token), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["per-token"], "{verdict:#?}");
}

#[tokio::test]
async fn counts_per_path_are_measured_apart_and_pass() {
    let per_path = |request: &Incoming| request.path.split('?').next().unwrap().to_owned();
    let sound = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let verdict = verdict(limited(sound, 429, per_path), &["GET /a", "GET /b"]).await;
    // Every spelling has a count of its own, too, and is served where the plain path is refused.
    assert!(aspects(&verdict).iter().all(|aspect| *aspect == "spelling"), "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.starts_with("GET /b: 6 served")), "{verdict:#?}");
}

#[tokio::test]
async fn an_endpoint_beside_the_limiter_fails() {
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let inner = limited(limiter, 429, peer);
    let verdict = verdict(
        move |request| if request.path == "/b" { service(request) } else { inner(request) },
        &["GET /a", "GET /b"],
    )
    .await;
    assert_eq!(aspects(&verdict), ["no-limit"], "{verdict:#?}");
    assert!(verdict.findings()[0].place.words().data().ends_with("/b"));
}

#[tokio::test]
async fn a_limiter_behind_authentication_leaves_the_denied_unlimited() {
    let inner = limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, peer);
    let verdict = verdict(
        move |request| {
            if request.header("authorization").is_some() { inner(request) } else { response(401, &[], "") }
        },
        &TWO[..1],
    )
    .await;
    assert_eq!(aspects(&verdict), ["no-limit-anonymous"], "{verdict:#?}");
}

#[tokio::test]
async fn a_count_for_all_clients_passes_with_a_note() {
    let verdict = verdict(limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, |_| String::new()), TWO).await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.all_notes().iter().any(|note| note.contains("one count for all clients")));
}

#[tokio::test]
async fn refusing_everything_is_inconclusive_and_soon_given_up() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let address = serve(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        response(429, &[], "")
    })
    .await;
    let target = target(&format!("http://{address}"), TWO);
    let beside = (0..20).map(|n| Ask::from(Request::get(format!("/{n}")).with(Credential::Valid))).collect();
    let started = Instant::now();
    let (verdict, evidence) = judged(check(), &target, &world(60), beside).await;
    assert_eq!(verdict.status(), Status::Inconclusive);
    assert!(evidence.answers().values().all(|answer| matches!(answer, Err(Unseen::Limited(_)))), "{verdict:#?}");
    assert!(started.elapsed() < 5 * WINDOW, "{:?}", started.elapsed());
    assert!(asked.load(Ordering::Relaxed) <= 24, "{}", asked.load(Ordering::Relaxed));
}

#[tokio::test]
async fn nobody_there_is_inconclusive() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = target(&format!("http://{closed}"), TWO);
    assert_eq!(judged(check(), &target, &world(60), Vec::new()).await.0.status(), Status::Inconclusive);
}

#[tokio::test]
async fn no_question_is_blinded_by_the_traffic_of_others() {
    for make in [Make::FromFirst, Make::Aligned, Make::Sliding, Make::Bucket { burst: 4 }] {
        let limiter = Arc::new(Limiter::new(make, LIMIT, WINDOW));
        let refused = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&refused);
        let address = serve(move |request| {
            if limiter.take(&peer(request)).is_ok() {
                return service(request);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            response(429, &[], "")
        })
        .await;
        let mut target = target(&format!("http://{address}"), TWO);
        target.checks.insert("rate-limit".into(), serde_json::to_value(check()).unwrap());
        let asks: std::collections::BTreeSet<Ask> =
            (0..15).map(|n| Ask::from(Request::get(format!("/{n}")).with(Credential::Valid))).collect();
        let mut answers = std::collections::BTreeMap::new();
        world(60).answer(&target, asks, &mut answers).await;
        let blind: Vec<_> = answers.values().filter(|answer| answer.is_err()).collect();
        assert!(blind.is_empty(), "{blind:?}");
        let refused = refused.load(Ordering::Relaxed);
        assert!(refused <= 5, "{refused}");
    }
}

#[test]
fn the_ceiling_covers_a_burst_of_every_bucket() {
    assert!(Burst::sends(1, 30) >= 2 * (61 + 45 + 31 + 31));
}

#[tokio::test]
async fn replicas_behind_one_address_that_count_apart_fail() {
    let replicas = [0, 1].map(|_| Limiter::new(Make::FromFirst, LIMIT, WINDOW));
    let turn = AtomicU32::new(0);
    let verdict = verdict(
        move |request| {
            let turn = turn.fetch_add(1, Ordering::Relaxed) as usize % replicas.len();
            match replicas[turn].take(&peer(request)) {
                Ok(()) => service(request),
                Err(_) => response(429, &[], ""),
            }
        },
        &TWO[..1],
    )
    .await;
    assert_eq!(aspects(&verdict), ["limit"], "{verdict:#?}");
}

#[tokio::test]
async fn addresses_of_one_name_that_count_apart_fail() {
    let own_count = || limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, peer);
    let first = serve(own_count()).await;
    let second = serve_on(&format!("127.0.0.5:{}", first.port()), own_count()).await;
    let (target, world) = (target(&format!("http://{first}"), &TWO[..1]), world(60));
    super::client::resolve_for_test(&world, &target, vec![first, second]).await;
    let verdict = judged(check(), &target, &world, Vec::new()).await.0;
    assert_eq!(aspects(&verdict), ["address"], "{verdict:#?}");
}

#[tokio::test]
async fn an_outage_within_the_burst_shows_no_limit() {
    let served = AtomicU32::new(0);
    let verdict = verdict(
        move |request| {
            if served.fetch_add(1, Ordering::Relaxed) < 4 { service(request) } else { response(503, &[], "") }
        },
        &TWO[..1],
    )
    .await;
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[tokio::test]
async fn a_deployment_that_admits_nobody_still_needs_a_limit() {
    let verdict = verdict(|_| response(401, &[], ""), &TWO[..1]).await;
    assert_eq!(aspects(&verdict), ["no-limit"], "{verdict:#?}");
}

#[tokio::test]
async fn the_burst_begins_after_everything_else_of_its_round_and_counts_exactly() {
    let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
    let address = serve(limited(limiter, 429, peer)).await;
    let target = target(&format!("http://{address}"), TWO);
    let beside = (0..9).map(|n| Ask::from(Request::get(format!("/{n}")).with(Credential::Valid))).collect();
    let (verdict, evidence) = judged(check(), &target, &world(60), beside).await;
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("6 served")), "{verdict:#?}");
    assert_eq!(evidence.exchanges().count(), 9);
}

#[tokio::test]
async fn a_limit_that_is_used_up_when_the_audit_begins_is_waited_for() {
    for endpoints in [&TWO[..1], &["/api/items"]] {
        let limiter = Limiter::new(Make::FromFirst, LIMIT, WINDOW);
        while limiter.take("127.0.0.1").is_ok() {}
        let verdict = verdict(limited(limiter, 429, peer), endpoints).await;
        assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    }
}

#[tokio::test]
async fn max_requests_holds_for_the_burst() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let address = serve(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        service(request)
    })
    .await;
    let mut target = target(&format!("http://{address}"), TWO);
    target.deployment.as_mut().unwrap().limits.max_requests = Some(5);
    let verdict = judged(check(), &target, &world(60), Vec::new()).await.0;
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
    assert_eq!(sent.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_costly_endpoint_gets_no_burst_and_one_request() {
    let costly = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&costly);
    let inner = limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, peer);
    let address = serve(move |request| {
        if request.path == "/report" {
            counted.fetch_add(1, Ordering::Relaxed);
            return service(request);
        }
        inner(request)
    })
    .await;
    let mut target = target(&format!("http://{address}"), &["GET /report", "GET /a"]);
    target.deployment.as_mut().unwrap().costly = vec!["/report".into()];
    let verdict = judged(check(), &target, &world(60), Vec::new()).await.0;
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
    assert!(costly.load(Ordering::Relaxed) <= 2);
}

#[tokio::test]
async fn a_replica_that_is_down_is_no_limiter() {
    let inner = limited(Limiter::new(Make::FromFirst, LIMIT, WINDOW), 429, peer);
    let turn = AtomicU32::new(0);
    let verdict = verdict(
        move |request| {
            if turn.fetch_add(1, Ordering::Relaxed) % 3 == 1 { response(503, &[], "") } else { inner(request) }
        },
        &TWO[..1],
    )
    .await;
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}
