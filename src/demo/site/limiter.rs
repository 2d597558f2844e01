//! A fixed window a client address, from its first request on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Requests served in one window to one client.
pub(crate) const LIMIT: u32 = 30;

/// The window: seconds instead of a minute, so that the demo takes seconds; the demo's policy says so too.
pub(crate) const WINDOW: Duration = Duration::from_secs(2);

pub(super) struct Limiter {
    limit: u32,
    windows: Mutex<BTreeMap<String, (Instant, u32)>>,
}

impl Limiter {
    pub(super) fn of(limit: u32) -> Self {
        Self { limit, windows: Mutex::new(BTreeMap::new()) }
    }

    /// Counts one request of `client`; an error is the time until its window ends.
    pub(super) fn count(&self, client: &str) -> Result<(), Duration> {
        let now = Instant::now();
        // A broken lock refuses: the limiter fails closed.
        let Ok(mut windows) = self.windows.lock() else { return Err(WINDOW) };
        windows.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        let (since, count) = windows.entry(client.to_owned()).or_insert((now, 0));
        *count = count.saturating_add(1);
        if *count <= self.limit { Ok(()) } else { Err(WINDOW.saturating_sub(now.duration_since(*since))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirty_first_request_of_one_client_is_refused_and_another_client_is_served() {
        let limiter = Limiter::of(LIMIT);
        for _ in 0..30 {
            assert!(limiter.count("a").is_ok());
        }
        assert!(limiter.count("a").is_err_and(|left| left <= WINDOW));
        assert!(limiter.count("b").is_ok());
    }
}
