//! How far an answer is read: an event stream need never end, so the reader says when it has enough.

use std::future::Future;

use tokio::sync::Notify;

/// Whether what was read so far is all that is wanted.
pub(crate) type Enough<'a> = dyn Fn(&[u8]) -> bool + Send + Sync + 'a;

/// How one answer is read. The default reads to its end, within the client's own deadlines and cap.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reading<'a> {
    /// Told everything read so far after each chunk; reading stops where it says true.
    pub(crate) enough: Option<&'a Enough<'a>>,
    /// Stops the reading from outside.
    pub(crate) stop: Option<&'a Notify>,
    /// Whether the request carries a secret beside the credential (a session id), so that it only goes to a server
    /// whose certificate holds.
    pub(crate) carries_secret: bool,
}

impl Reading<'_> {
    /// The next chunk, or none where the reading was stopped from outside.
    pub(super) async fn next<T>(&self, chunk: impl Future<Output = Option<T>>) -> Option<T> {
        match self.stop {
            None => chunk.await,
            Some(stop) => tokio::select! {
                chunk = chunk => chunk,
                () = stop.notified() => None,
            },
        }
    }

    /// Whether the caller says when it has enough.
    pub(super) fn is_steered(&self) -> bool {
        self.enough.is_some() || self.stop.is_some()
    }

    pub(super) fn is_enough(&self, read: &[u8]) -> bool {
        self.enough.is_some_and(|enough| enough(read))
    }
}
