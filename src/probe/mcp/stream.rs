//! HTTP+SSE (2024-11-05): one GET stays open and brings the answers; messages are posted to the endpoint it names.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::message::{self, Event};
use super::talk::{Answer, Talk};
use crate::evidence::Unseen;
use crate::evidence::http::Credential;
use crate::evidence::mcp::{Conversation, Era, Outcome, Reply, Session, Transcript};
use crate::probe::http::{Reading, Sender};

/// How long the stream may take to name its endpoint, which a server does at once.
const NAMING: Duration = Duration::from_secs(3);

pub(super) async fn converse(sender: Sender<'_>, asked: &Conversation) -> Result<Transcript, Unseen> {
    let mut talk = Talk::new(sender, asked);
    let stolen = asked.session == Session::Stolen;
    if stolen {
        talk.use_credential(Credential::Valid);
    }
    let request = talk.bare("GET", asked.path.clone()).header("Accept", "text/event-stream");
    let (feeding, chunks) = unbounded_channel();
    let stop = Notify::new();
    let reading = async {
        let told = AtomicUsize::new(0);
        let feeding = feeding;
        let tell = move |body: &[u8]| {
            let before = told.swap(body.len(), Ordering::Relaxed);
            // Fewer bytes than before: the request was refused, and sent again.
            let from = if before > body.len() { 0 } else { before };
            // Nobody listens any more: nothing more needs to be read.
            feeding.send(body.get(from..).unwrap_or_default().to_vec()).is_err()
        };
        let reading = Reading { enough: Some(&tell), stop: Some(&stop), ..Reading::default() };
        Box::pin(sender.read(&request, &reading)).await
    };
    let mut feed = Feed { chunks, pending: Vec::new(), events: Vec::new() };
    let talking = async {
        let talked = match feed.endpoint().await {
            None => None,
            Some(named) => Some(Box::pin(opened(&mut talk, feed, &named, stolen)).await),
        };
        stop.notify_one();
        talked
    };
    let (read, talked) = tokio::join!(reading, talking);
    match talked {
        Some(Ok(mut transcript)) => {
            // The stream is the opening that was let in; the answer to `initialize` came over it.
            if let Ok((exchange, _)) = read {
                transcript.opening.exchange = talk.scrubbed(exchange);
            }
            Ok(transcript)
        }
        Some(Err(unseen)) => Err(unseen),
        None => {
            let (exchange, _) = read?;
            let era = if exchange.is_denied() { Era::Denied } else { Era::NotMcp };
            let reply = Reply { exchange: talk.scrubbed(exchange), outcome: Outcome::Http };
            Ok(talk.blank(&Answer { reply, message: None, garbled: false }, era))
        }
    }
}

async fn opened(talk: &mut Talk<'_>, feed: Feed, named: &str, stolen: bool) -> Result<Transcript, Unseen> {
    let endpoint = talk.endpoint(named)?;
    talk.over(endpoint, feed);
    let opening = talk.initialize().await?;
    let recognised = opening.result().is_some_and(|result| result.get("protocolVersion").is_some());
    if recognised && !talk.asked.steps.is_empty() {
        talk.initialized().await;
    }
    if stolen {
        talk.take_over();
    }
    talk.transcript(opening, if recognised { Era::Sse } else { Era::NotMcp }).await
}

impl Talk<'_> {
    /// The path that the stream named, which must lie on the target's own origin; its session id is kept secret.
    fn endpoint(&self, named: &str) -> Result<String, Unseen> {
        let wrong = |why: &str| Unseen::Malformed(format!("the endpoint that the event stream names {why}"));
        let origin = self.base().ok_or_else(|| wrong("has no origin"))?;
        let url = origin.join(named).map_err(|_| wrong("is no address"))?;
        if url.origin() != origin.origin() {
            return Err(wrong("lies on another origin"));
        }
        for (_, value) in url.query_pairs() {
            self.hide(&value);
        }
        for segment in url.path_segments().into_iter().flatten() {
            if segment.len() >= 32 {
                self.hide(segment);
            }
        }
        Ok(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }
}

/// The events of the open stream as they come.
pub(super) struct Feed {
    chunks: UnboundedReceiver<Vec<u8>>,
    pending: Vec<u8>,
    events: Vec<Event>,
}

impl Feed {
    /// What the first `endpoint` event names; `None` where the stream ends or the time passes without one.
    async fn endpoint(&mut self) -> Option<String> {
        let named = async {
            loop {
                if let Some(at) = self.events.iter().position(|event| event.name == "endpoint") {
                    return Some(self.events.remove(at).data);
                }
                if !self.more().await {
                    return None;
                }
            }
        };
        tokio::time::timeout(NAMING, named).await.ok().flatten()
    }

    /// The answer to the request `id`.
    pub(super) async fn answer_to(&mut self, id: u64, within: Duration) -> Result<Value, Unseen> {
        let answered = async {
            loop {
                if let Some(answer) = self.events.iter().find_map(|event| message::answer_of(event, id)) {
                    self.events.clear();
                    return Ok(answer);
                }
                self.events.clear();
                if !self.more().await {
                    return Err(Unseen::Malformed("the event stream ended before the answer came".into()));
                }
            }
        };
        tokio::time::timeout(within, answered).await.unwrap_or_else(|_| {
            Err(Unseen::TimedOut(format!("no answer on the event stream in {} s", within.as_secs())))
        })
    }

    /// Takes in one more chunk; false at the end of the stream.
    async fn more(&mut self) -> bool {
        let Some(chunk) = self.chunks.recv().await else { return false };
        let from = self.pending.len().saturating_sub(3);
        self.pending.extend(chunk);
        if let Some(end) = message::last_blank_line(&self.pending, from) {
            let rest = self.pending.split_off(end);
            let complete = std::mem::replace(&mut self.pending, rest);
            self.events.extend(message::events(&String::from_utf8_lossy(&complete)));
        }
        true
    }
}
