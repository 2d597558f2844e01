//! Conversations with MCP servers, in every protocol era: which one a server speaks, what it lists, how it answers calls.
//!
//! The newest era is tried first (2026-07-28, `server/discover`); an answer that is not of that era means an older one:
//! `initialize` with sessions, then HTTP+SSE. A 401 or 403 tells no era. Session ids are secrets: they stay in memory.

mod message;
mod stream;
mod talk;
#[cfg(test)]
mod tests;

use futures_util::StreamExt as _;

use crate::evidence::http::Credential;
use crate::evidence::mcp::{Conversation, Era, EraAsked, Session, Step, Tool, Transcript};
use crate::evidence::{Ask, Unseen};
use crate::probe::http::Sender;
use crate::probe::{Sink, World};
use crate::target::Target;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use message::fuzz_message;
pub(crate) use message::tool_hash;
use talk::{Answer, Talk};

/// Answers every conversation of a round.
pub(super) async fn answer(world: &World, target: &Target, asked: Vec<Conversation>, sink: &Sink) {
    futures_util::stream::iter(asked)
        .for_each_concurrent(4, |asked| async move {
            let ask = Ask::from(asked.clone());
            let sender = Sender { world, target, ask: &ask };
            sink.put(&asked, Box::pin(converse(sender, &asked)).await);
        })
        .await;
}

async fn converse(sender: Sender<'_>, asked: &Conversation) -> Result<Transcript, Unseen> {
    if asked.session == Session::Forged {
        return forged(Talk::new(sender, asked)).await;
    }
    match asked.era {
        EraAsked::Modern => Box::pin(modern(Talk::new(sender, asked))).await,
        EraAsked::Legacy => Box::pin(legacy(Talk::new(sender, asked))).await,
        EraAsked::Sse => Box::pin(stream::converse(sender, asked)).await,
        EraAsked::Any => any(sender, asked).await,
    }
}

/// Every era in turn until one is recognised.
async fn any(sender: Sender<'_>, asked: &Conversation) -> Result<Transcript, Unseen> {
    let mut modern = Box::pin(modern(Talk::new(sender, asked))).await;
    if let Ok(transcript) = &mut modern
        && transcript.era.is_mcp()
    {
        if asked.steps == [Step::ListTools] {
            list_further(sender, asked, transcript).await;
        }
        return modern;
    }
    // A refusal by the limiter is the same in every era, and a host that is not there has none.
    if let Err(Unseen::Limited(_) | Unseen::Unreachable(_) | Unseen::NotAllowed(_) | Unseen::NotConfigured(_)) = &modern
    {
        return modern;
    }
    let legacy = Box::pin(legacy(Talk::new(sender, asked))).await?;
    match legacy.era {
        Era::Modern | Era::Legacy | Era::Sse | Era::Denied => return Ok(legacy),
        Era::NotMcp => {}
    }
    if let Ok(transcript) = modern
        && transcript.era == Era::Denied
    {
        return Ok(transcript);
    }
    // 2025-03-26, backwards compatibility: a 4xx to `initialize` is the sign to look for the older transport.
    if !(400..500).contains(&legacy.opening.exchange.status) {
        return Ok(legacy);
    }
    match Box::pin(stream::converse(sender, asked)).await {
        Ok(transcript) if transcript.era.is_mcp() => Ok(transcript),
        Ok(_) => Ok(legacy),
        Err(unseen) => Err(unseen),
    }
}

/// What `initialize` leads to on a server that was recognised without: it may list other tools there.
async fn list_further(sender: Sender<'_>, asked: &Conversation, transcript: &mut Transcript) {
    match Box::pin(legacy(Talk::new(sender, asked))).await {
        Ok(older) if older.era.is_mcp() => {
            let known = |tool: &Tool| transcript.tools.iter().any(|known| known == tool);
            transcript.further = older.tools.iter().filter(|tool| !known(tool)).cloned().collect();
            if !older.tools_complete {
                let why = Unseen::NotComparable("initialize is answered, tools/list after it is not".into());
                transcript.further_unseen = Some(older.unseen.first().cloned().unwrap_or(why));
            }
        }
        Ok(_) => {}
        Err(unseen) => transcript.further_unseen = Some(unseen),
    }
}

async fn modern(mut talk: Talk<'_>) -> Result<Transcript, Unseen> {
    talk.speak_modern();
    let opening = talk.ask("server/discover", serde_json::json!({}), None).await?;
    let recognised = opening.result().is_some_and(|result| result.get("supportedVersions").is_some())
        || opening.message.as_ref().is_some_and(message::is_modern_error);
    talk.transcript(opening, if recognised { Era::Modern } else { Era::NotMcp }).await
}

async fn legacy(mut talk: Talk<'_>) -> Result<Transcript, Unseen> {
    let stolen = talk.asked.session == Session::Stolen;
    if stolen {
        talk.use_credential(Credential::Valid);
    }
    let opening = talk.initialize().await?;
    let recognised = opening.result().is_some_and(|result| result.get("protocolVersion").is_some());
    if opening.garbled {
        return Err(Unseen::Malformed(format!(
            "{} answered initialize with {} and what should be a message, and cannot be read",
            talk.asked.path, opening.reply.exchange.status
        )));
    }
    if recognised && !talk.asked.steps.is_empty() {
        talk.initialized().await;
    }
    if stolen {
        talk.take_over();
    }
    let transcript = talk.transcript(opening, if recognised { Era::Legacy } else { Era::NotMcp }).await;
    talk.close(if stolen { Credential::Valid } else { talk.asked.credential.clone() }).await;
    transcript
}

/// No opening: the first step, with a session id that no server gave.
async fn forged(mut talk: Talk<'_>) -> Result<Transcript, Unseen> {
    talk.forge_session();
    let first = match talk.asked.steps.first() {
        Some(Step::Call { tool, arguments }) => talk.call(tool, arguments).await?,
        Some(Step::ListTools) | None => talk.ask("tools/list", serde_json::json!({}), None).await?,
    };
    let era = if first.message.is_some() { Era::Legacy } else { Era::NotMcp };
    Ok(talk.blank(&first, if first.is_denied() { Era::Denied } else { era }))
}

impl Answer {
    /// Refused for want of a credential, by status.
    fn is_denied(&self) -> bool {
        self.reply.exchange.is_denied()
    }
}
