//! One conversation: requests go out, answers are found, sessions are kept out of everything recorded.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::message::{self, LEGACY, MODERN, Watch};
use super::stream::Feed;
use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Exchange, Request};
use crate::evidence::mcp::{Conversation, Era, Outcome, PAGES, Reply, Session, Step, TOOLS, Tool, Transcript};
use crate::probe::http::{Reading, Sender};
use crate::probe::secret::MASKED;

/// The header that carries a session id (2025-03-26 to 2025-11-25).
const SESSION: &str = "mcp-session-id";
/// A shorter session id is masked in its own header only: masking it everywhere could hide ordinary text.
const SHORTEST_HIDDEN: usize = 16;
/// How long a client waits for an answer on an event stream, once its request was accepted.
const ANSWER: Duration = Duration::from_secs(5);
/// Characters of a tool's description that are kept.
const DESCRIPTION: usize = 8 * 1024;
/// Bytes of a tool's schema that are kept, as JSON.
const SCHEMA: usize = 64 * 1024;

/// One answer: as recorded, and its message as parsed, unmasked.
pub(super) struct Answer {
    pub(super) reply: Reply,
    pub(super) message: Option<Value>,
    /// Whether it was served as what a message comes in, and holds none: no telling what it would have been.
    pub(super) garbled: bool,
}

impl Answer {
    pub(super) fn result(&self) -> Option<&Value> {
        self.message.as_ref()?.get("result")
    }
}

pub(super) struct Talk<'a> {
    sender: Sender<'a>,
    pub(super) asked: &'a Conversation,
    credential: Credential,
    /// As asked; none while a session is opened that is to be stolen.
    origin: Option<String>,
    next_id: u64,
    modern: bool,
    /// The version that the server settled on, once `initialize` was answered.
    version: Option<String>,
    session: Option<String>,
    /// Whether the server gave the session, rather than we made it up.
    opened: bool,
    /// Where messages go, and where answers come, on HTTP+SSE.
    stream: Option<(String, Feed)>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(sender: Sender<'a>, asked: &'a Conversation) -> Self {
        Self {
            sender,
            asked,
            credential: asked.credential.clone(),
            origin: if asked.session == Session::Stolen { None } else { asked.origin.clone() },
            next_id: 0,
            modern: false,
            version: None,
            session: None,
            opened: false,
            stream: None,
        }
    }

    pub(super) fn speak_modern(&mut self) {
        self.modern = true;
    }

    /// From now on as asked, in the session that the valid token opened.
    pub(super) fn take_over(&mut self) {
        self.use_credential(self.asked.credential.clone());
        self.origin.clone_from(&self.asked.origin);
    }

    pub(super) fn use_credential(&mut self, credential: Credential) {
        self.credential = credential;
    }

    /// Messages go to `endpoint` from now on, and answers come from `feed`.
    pub(super) fn over(&mut self, endpoint: String, feed: Feed) {
        self.stream = Some((endpoint, feed));
        self.opened = true;
    }

    /// A session id of the usual form that no server gave: the run's seed, twice.
    pub(super) fn forge_session(&mut self) {
        let seed = self.sender.world.run().seed;
        let text = format!("{seed:016x}{:016x}", seed.rotate_left(29) ^ 0x5741_5445_5254_4947);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        self.session =
            Some(format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)));
        self.version = Some(LEGACY.into());
    }

    pub(super) async fn initialize(&mut self) -> Result<Answer, Unseen> {
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": self.client(),
        });
        let answer = self.ask("initialize", params, None).await?;
        if let Some(version) = answer.result().and_then(|result| result.get("protocolVersion")).and_then(Value::as_str)
        {
            self.version = Some(version.chars().take(32).collect());
        }
        Ok(answer)
    }

    /// The notification that ends the opening. Nothing answers it, and nothing depends on how it is received.
    pub(super) async fn initialized(&mut self) {
        let body = message::request(None, "notifications/initialized", &json!({}));
        let request = self.post(body, "notifications/initialized", None);
        let reading = Reading { enough: Some(&|_: &[u8]| true), carries_secret: self.opened, ..Reading::default() };
        let _ = Box::pin(self.sender.read(&request, &reading)).await;
    }

    /// The protocol's own close of a session that this conversation opened.
    pub(super) async fn close(&mut self, credential: Credential) {
        if !self.opened || self.session.is_none() {
            return;
        }
        let mut request = self.bare("DELETE", self.asked.path.clone());
        request.credential = credential;
        if self.asked.session == Session::Stolen {
            request.origin = None;
        }
        let reading = Reading { carries_secret: true, ..Reading::default() };
        let _ = Box::pin(self.sender.read(&request, &reading)).await;
    }

    /// One request and its answer. `name` is what the request is about, where the protocol wants it in a header.
    pub(super) async fn ask(&mut self, method: &str, mut params: Value, name: Option<&str>) -> Result<Answer, Unseen> {
        self.next_id += 1;
        let id = self.next_id;
        if self.modern
            && let Some(params) = params.as_object_mut()
        {
            params.insert(
                "_meta".into(),
                json!({
                    "io.modelcontextprotocol/protocolVersion": MODERN,
                    "io.modelcontextprotocol/clientInfo": self.client(),
                    "io.modelcontextprotocol/clientCapabilities": {},
                }),
            );
        }
        let request = self.post(message::request(Some(id), method, &params), method, name);
        let watch = Watch::for_answer_to(id);
        let enough = |body: &[u8]| watch.is_in(body);
        let reading = Reading { enough: Some(&enough), carries_secret: self.opened, ..Reading::default() };
        // Boxed: the state of one send is large, and conversations nest it deeply.
        let (exchange, body) = Box::pin(self.sender.read(&request, &reading)).await?;
        if matches!(exchange.status, 429 | 502..=504) {
            return Err(Unseen::Limited(format!("{method} was answered with {}", exchange.status)));
        }
        let mut found = message::answer_in(&body, id);
        if found.is_none()
            && exchange.is_success()
            && let Some((_, feed)) = &mut self.stream
        {
            found = Some(feed.answer_to(id, ANSWER).await?);
        }
        self.keep_session(&exchange);
        let garbled = found.is_none() && exchange.is_success() && message::is_garbled(&exchange, &body);
        let reply = Reply { outcome: self.outcome(found.as_ref()), exchange: self.scrubbed(exchange) };
        Ok(Answer { reply, message: found, garbled })
    }

    pub(super) async fn call(&mut self, tool: &str, arguments: &str) -> Result<Answer, Unseen> {
        let arguments: Value = serde_json::from_str(arguments)
            .map_err(|error| Unseen::Bug(format!("the arguments of {tool} are no JSON: {error}")))?;
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }), Some(tool)).await
    }

    /// What the opening showed, and then every step.
    pub(super) async fn transcript(&mut self, opening: Answer, era: Era) -> Result<Transcript, Unseen> {
        let mut transcript = self.blank(&opening, if opening.reply.exchange.is_denied() { Era::Denied } else { era });
        let wanted = match self.asked.session {
            Session::Own => transcript.era.is_mcp(),
            Session::Regardless => transcript.era.is_mcp() || transcript.era == Era::Denied,
            Session::Stolen if self.asked.steps.is_empty() => false,
            Session::Stolen if !transcript.era.is_mcp() => {
                transcript.unseen.push(Unseen::NotComparable("the valid token opens no session here".into()));
                false
            }
            Session::Stolen if !self.opened => {
                transcript.unseen.push(Unseen::NotComparable("the server opens no session".into()));
                false
            }
            Session::Stolen => true,
            Session::Forged => false,
        };
        if wanted {
            self.steps(&mut transcript).await;
        }
        Ok(transcript)
    }

    pub(super) fn blank(&self, opening: &Answer, era: Era) -> Transcript {
        Transcript {
            era,
            opening: opening.reply.clone(),
            session: self.opened,
            server: opening.result().and_then(|result| self.server_of(result)),
            listing: None,
            tools: Vec::new(),
            tools_complete: false,
            further: Vec::new(),
            further_unseen: None,
            calls: Vec::new(),
            unseen: Vec::new(),
        }
    }

    async fn steps(&mut self, transcript: &mut Transcript) {
        let asked = self.asked;
        for step in &asked.steps {
            let done = match step {
                Step::ListTools => self.list(transcript).await,
                Step::Call { tool, arguments } => {
                    self.call(tool, arguments).await.map(|answer| transcript.calls.push(answer.reply))
                }
            };
            if let Err(unseen) = done {
                transcript.unseen.push(unseen);
                return;
            }
        }
    }

    /// Every page of `tools/list`, up to a cap.
    async fn list(&mut self, transcript: &mut Transcript) -> Result<(), Unseen> {
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let answer = self.ask("tools/list", params, None).await?;
            transcript.listing = Some(answer.reply.clone());
            let Some(result) = answer.result() else { return Ok(()) };
            let Some(tools) = result.get("tools").and_then(Value::as_array) else {
                return Err(Unseen::Malformed("the answer to tools/list has no list of tools".into()));
            };
            for tool in tools {
                if transcript.tools.len() >= TOOLS {
                    return Err(Unseen::Partial(format!("more than {TOOLS} tools are listed")));
                }
                transcript.tools.push(self.tool(tool)?);
            }
            match result.get("nextCursor").and_then(Value::as_str) {
                None | Some("") => {
                    transcript.tools_complete = true;
                    return Ok(());
                }
                Some(next) if cursor.as_deref() == Some(next) => {
                    return Err(Unseen::Malformed("tools/list gives the same page again and again".into()));
                }
                Some(next) => cursor = Some(next.to_owned()),
            }
        }
        Err(Unseen::Partial(format!("tools/list has more than {PAGES} pages")))
    }

    fn tool(&self, listed: &Value) -> Result<Tool, Unseen> {
        let Some(name) = listed.get("name").and_then(Value::as_str) else {
            return Err(Unseen::Malformed("tools/list names a tool without a name".into()));
        };
        let name = self.shown(name, 256);
        let description = listed.get("description").and_then(Value::as_str).unwrap_or_default();
        let schema = listed.get("inputSchema").cloned().unwrap_or(Value::Null);
        if description.chars().count() > DESCRIPTION || schema.to_string().len() > SCHEMA {
            return Err(Unseen::Partial(format!(
                "the description or the schema of the tool {name} is too long to keep"
            )));
        }
        Ok(Tool {
            sha256: message::tool_hash(description, &schema),
            // 2025-06-18 and later: `title`; before, and still allowed, in the annotations.
            title: self.shown(
                listed
                    .get("title")
                    .or_else(|| listed.pointer("/annotations/title"))
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
                256,
            ),
            description: self.shown(description, DESCRIPTION),
            input_schema: self.masked(schema),
            annotations: self.masked(listed.get("annotations").cloned().unwrap_or(Value::Null)),
            name,
        })
    }

    /// The target's own URL.
    pub(super) fn base(&self) -> Option<url::Url> {
        self.sender.target.deployment.as_ref().map(|deployment| deployment.url.clone())
    }

    fn client(&self) -> Value {
        let name = self.asked.client_name.as_deref().unwrap_or(env!("CARGO_PKG_NAME"));
        json!({ "name": name, "version": env!("CARGO_PKG_VERSION") })
    }

    fn post(&self, body: String, method: &str, name: Option<&str>) -> Request {
        let path = self.stream.as_ref().map_or_else(|| self.asked.path.clone(), |(endpoint, _)| endpoint.clone());
        // Both transports want both types accepted (2025-03-26, sending messages).
        let mut request = self.bare("POST", path).json(body).header("Accept", "application/json, text/event-stream");
        if self.modern {
            request = request.header("MCP-Protocol-Version", MODERN).header("Mcp-Method", method);
            if let Some(name) = name {
                request = request.header("Mcp-Name", header_value(name));
            }
        }
        request
    }

    pub(super) fn bare(&self, method: &str, path: String) -> Request {
        let mut request = Request::new(method, path).with(self.credential.clone());
        request.origin.clone_from(&self.origin);
        if let Some(version) = &self.version {
            request = request.header("MCP-Protocol-Version", version);
        }
        if let Some(session) = &self.session {
            request = request.header("Mcp-Session-Id", session);
        }
        request
    }

    fn keep_session(&mut self, exchange: &Exchange) {
        if self.modern || self.session.is_some() || !exchange.is_success() {
            return;
        }
        let Some(session) = exchange.header(SESSION) else { return };
        self.hide(session);
        self.session = Some(session.to_owned());
        self.opened = true;
    }

    /// From now on masked in everything recorded.
    pub(super) fn hide(&self, session: &str) {
        if session.len() >= SHORTEST_HIDDEN {
            self.sender.world.vault.hide(session);
        }
    }

    /// The exchange without the session id, which was not yet known as a secret when it was recorded.
    pub(super) fn scrubbed(&self, mut exchange: Exchange) -> Exchange {
        for (name, value) in &mut exchange.headers {
            *value = if name == SESSION { MASKED.into() } else { self.sender.world.vault.masked(value) };
        }
        exchange.body.text = self.sender.world.vault.masked(&exchange.body.text);
        exchange
    }

    fn outcome(&self, message: Option<&Value>) -> Outcome {
        let Some(message) = message else { return Outcome::Http };
        if let Some(error) = message.get("error") {
            return Outcome::RpcError {
                code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
                message: self.shown(error.get("message").and_then(Value::as_str).unwrap_or_default(), 512),
            };
        }
        let Some(result) = message.get("result") else { return Outcome::Http };
        if result.get("isError") == Some(&Value::Bool(true)) {
            let texts = result.get("content").and_then(Value::as_array).into_iter().flatten();
            let text: Vec<&str> = texts.filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            return Outcome::ToolError { text: self.shown(&text.join("\n"), 4096) };
        }
        Outcome::Result
    }

    fn server_of(&self, result: &Value) -> Option<String> {
        let info = result.get("serverInfo").or_else(|| result.pointer("/_meta/io.modelcontextprotocol~1serverInfo"))?;
        let name = info.get("name").and_then(Value::as_str)?;
        let version = info.get("version").and_then(Value::as_str).unwrap_or_default();
        Some(self.shown(format!("{name} {version}").trim_end(), 200))
    }

    /// `text`, masked and bounded.
    fn shown(&self, text: &str, most: usize) -> String {
        self.sender.world.vault.masked(text).chars().take(most).collect()
    }

    fn masked(&self, value: Value) -> Value {
        let vault = &self.sender.world.vault;
        match value {
            Value::String(text) => Value::String(vault.masked(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.masked(item)).collect()),
            Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(key, value)| (vault.masked(&key), self.masked(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

/// A name as the headers of 2026-07-28 carry it: plain where it can be, else in base64.
fn header_value(name: &str) -> String {
    let plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && name.trim() == name;
    if plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}
