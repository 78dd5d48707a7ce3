//! A model behind any of the wires: how a call goes, whatever is spoken.

use std::time::Duration;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, Message, TokenCounter};
use serde_json::Value;

use crate::preset::Preset;
use crate::presets::COMPATIBLE;
use crate::reply::Reply;
use crate::secrets::Secrets;
use crate::wire::{Framing, Settings, Wire};
use crate::{
    ApiKey, Body, HttpRequest, HttpResponse, JsonMode, Method, NdjsonParser, ReasoningEffort, SseParser, Transport,
    TransportError, address, error, lines, retry,
};

/// The most bytes of an error's body that are looked at.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A model of a provider or of a local server.
///
/// Sends only the headers that [`Preset::header_names`] lists: any further one makes several providers refuse calls from a
/// web page. A browser does not tell a page why a call failed before an answer could be read: no network, a provider that
/// allows no calls from pages (CORS), and an HTTP error without CORS headers look the same, and the error says so.
///
/// A call that fails is repeated (408, 409, 429, 5xx, network, timeout), but never once a piece of the reply was handed
/// on: the same words would come twice.
#[derive(Clone, Debug)]
pub struct CloudModel<T> {
    /// Moves the bytes.
    pub transport: T,
    /// How the provider wants to be asked.
    pub preset: Preset,
    /// Where it is, if not where the preset says: a proxy, another region.
    pub base_url: String,
    /// The model's name at the provider.
    pub model: String,
    /// The key; empty for servers that want none.
    pub api_key: ApiKey,
    /// How far the model can be held to JSON, if not as far as the preset says.
    pub json_mode: Option<JsonMode>,
    /// How much the model is to think, if not as much as it does unasked.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Counts what the provider does not tell.
    pub token_counter: TokenCounter,
    /// The longest silence to put up with.
    pub timeout: Duration,
    /// How often a failed call is repeated.
    pub max_retries: u32,
}

impl<T> CloudModel<T> {
    /// A model of this provider, with two minutes of patience and two retries.
    pub fn new(transport: T, preset: &Preset, model: impl Into<String>, api_key: ApiKey) -> Self {
        Self {
            transport,
            preset: *preset,
            base_url: preset.base_url.to_owned(),
            model: model.into(),
            api_key,
            json_mode: None,
            reasoning_effort: None,
            token_counter: TokenCounter::default(),
            timeout: Duration::from_secs(120),
            max_retries: 2,
        }
    }

    /// The same at an address: of the provider that is there, or of any server with OpenAI's wire.
    pub fn at(transport: T, base_url: impl Into<String>, model: impl Into<String>, api_key: ApiKey) -> Self {
        let base_url = base_url.into();
        let preset = Preset::at(&base_url).unwrap_or(&COMPATIBLE);
        Self { base_url, ..Self::new(transport, preset, model, api_key) }
    }
}

impl<T: Transport> ChatModel for CloudModel<T> {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        let http = self.chat_request(request)?;
        let mut attempt = 0;
        loop {
            let mut delivered = false;
            let mut on_delta = |delta: &str| {
                delivered = true;
                on_delta(delta);
            };
            let failure = match self.attempt(http.clone(), &request.messages, &mut on_delta).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let delay = retry::delay(&failure.error, attempt);
            match delay {
                Some(delay) if attempt < self.max_retries && !delivered && !failure.is_final => {
                    self.transport.sleep(delay).await;
                    attempt += 1;
                }
                _ => return Err(failure.error),
            }
        }
    }
}

impl<T: Transport> CloudModel<T> {
    /// The names of the provider's models, as it lists them.
    ///
    /// # Errors
    /// If the provider has no list, or refuses, or cannot be reached.
    pub async fn models(&self) -> Result<Vec<String>, ChatError> {
        if !self.preset.lists_models {
            let message = format!("{} does not list its models: see its documentation", self.preset.name);
            return Err(ChatError::InvalidRequest(message));
        }
        let http = self.http_request(Method::Get, self.wire().models_path, None)?;
        let mut response = self.send(http, &[]).await.map_err(|failure| failure.error)?;
        let body = self.collect(&mut response, Vec::new(), lines::MAX_EVENT_BYTES, &[]).await?;
        let body = body.ok_or_else(error::too_long)?;
        let list: Option<Value> = serde_json::from_str(&body).ok();
        let models = list.as_ref().map(self.wire().models).filter(|models| !models.is_empty());
        models.ok_or_else(|| {
            let words = self.secrets(&[]).hide(&body);
            ChatError::BadReply(format!("it is no list of models; check the base URL; it answered: {words}"))
        })
    }

    fn chat_request(&self, request: &ChatRequest) -> Result<HttpRequest, ChatError> {
        let model = self.model.trim();
        if model.is_empty() {
            return Err(ChatError::InvalidRequest("the model's name is empty: choose a model".to_owned()));
        }
        if !request.tools.is_empty() || request.messages.iter().any(Message::is_about_tools) {
            let message = "tools are the local engine's: this package asks no provider for calls";
            return Err(ChatError::InvalidRequest(message.to_owned()));
        }
        let json_mode = self.json_mode.unwrap_or(self.preset.json_mode);
        let settings = Settings { model, json_mode, effort: self.reasoning_effort, dialect: self.preset.dialect() };
        let body = (self.wire().body)(request, &settings)?;
        self.http_request(Method::Post, &(self.wire().chat_path)(model), Some(body))
    }

    fn http_request(&self, method: Method, path: &str, body: Option<String>) -> Result<HttpRequest, ChatError> {
        let mut headers = Vec::new();
        if body.is_some() {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        let (name, prefix) = self.preset.auth.header();
        headers.extend(self.api_key.header(prefix)?.map(|value| (name, value)));
        headers.extend(self.preset.fixed_headers(T::FROM_PAGE).map(|(name, value)| (name, value.to_owned())));
        Ok(HttpRequest { method, url: address::join(&self.base_url, path)?, headers, body, timeout: self.timeout })
    }

    async fn attempt(
        &self,
        http: HttpRequest,
        messages: &[Message],
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse, Failure> {
        let mut response = self.send(http, messages).await?;
        self.read(&mut response, messages, on_delta).await.map_err(Failure::from)
    }

    /// The response, if its status is a success.
    async fn send(&self, http: HttpRequest, messages: &[Message]) -> Result<HttpResponse<T::Body>, Failure> {
        let sent = self.transport.send(http).await;
        let mut response = sent.map_err(|error| self.transport_error(error, false, messages))?;
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        // The status is what counts; a body that breaks off as well, or does not end, only costs the explanation.
        let body = self.collect(&mut response, Vec::new(), MAX_ERROR_BYTES, messages).await;
        let body = body.ok().flatten().unwrap_or_default();
        let retry_after = retry::asked_in_headers(&response);
        let secrets = self.secrets(messages);
        let error = error::from_status(response.status, &body, retry_after, self.wire().not_found, secrets);
        Err(Failure { error, is_final: error::is_out_of_credit(&body) })
    }

    /// Reads a reply, as a stream or as one JSON object: what its first byte shows, since servers that do not stream
    /// are not always right about the content type.
    async fn read(
        &self,
        response: &mut HttpResponse<T::Body>,
        messages: &[Message],
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse, ChatError> {
        let mut start = Vec::new();
        while start.iter().all(u8::is_ascii_whitespace) && start.len() < MAX_ERROR_BYTES {
            match self.next(response, messages).await? {
                Some(piece) => start.extend(piece),
                None => break,
            }
        }
        let mut reply = Reply::new(self.wire(), self.secrets(messages));
        let parser = match self.wire().framing {
            Framing::Ndjson => Some(Parser::Ndjson(NdjsonParser::default())),
            Framing::Sse if begins_an_event(&start) => Some(Parser::Sse(SseParser::default())),
            Framing::Sse => None,
        };
        if let Some(parser) = parser {
            self.read_stream(parser, start, response, messages, &mut reply, on_delta).await?;
        } else {
            let body = self.collect(response, start, lines::MAX_EVENT_BYTES, messages).await?;
            reply.whole(&body.ok_or_else(error::too_long)?, on_delta)?;
        }
        reply.finish(messages, &self.token_counter)
    }

    async fn read_stream(
        &self,
        mut parser: Parser,
        start: Vec<u8>,
        response: &mut HttpResponse<T::Body>,
        messages: &[Message],
        reply: &mut Reply<'_>,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<(), ChatError> {
        let mut piece = start;
        loop {
            for data in parser.push(&piece) {
                reply.push(&data, on_delta)?;
            }
            if reply.is_done() {
                return Ok(());
            }
            if parser.is_too_long() {
                return Err(error::too_long());
            }
            piece = match self.next(response, messages).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // The text is complete; only the usage that follows it is lost.
                Err(_) if reply.is_complete() => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        match parser.finish() {
            Some(data) => reply.push(&data, on_delta),
            None => Ok(()),
        }
    }

    /// The body's text; `None` if it is longer than `limit`.
    async fn collect(
        &self,
        response: &mut HttpResponse<T::Body>,
        start: Vec<u8>,
        limit: usize,
        messages: &[Message],
    ) -> Result<Option<String>, ChatError> {
        let mut bytes = start;
        while let Some(piece) = self.next(response, messages).await? {
            bytes.extend(piece);
            if bytes.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn next(
        &self,
        response: &mut HttpResponse<T::Body>,
        messages: &[Message],
    ) -> Result<Option<Vec<u8>>, ChatError> {
        let piece = response.body.next().await.transpose();
        piece.map_err(|error| self.transport_error(error, true, messages))
    }

    fn transport_error(&self, error: TransportError, started: bool, messages: &[Message]) -> ChatError {
        let advice = if T::FROM_PAGE { self.preset.cors.advice() } else { String::new() };
        error::from_transport(error, started, self.timeout, &advice, self.secrets(messages))
    }

    fn wire(&self) -> &'static Wire {
        self.preset.wire.wire()
    }

    fn secrets<'a>(&'a self, messages: &'a [Message]) -> Secrets<'a> {
        Secrets { key: &self.api_key, messages }
    }
}

/// Why one attempt failed.
struct Failure {
    error: ChatError,
    /// Waiting would not help, although the error is of a kind where it often does.
    is_final: bool,
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        Self { error, is_final: false }
    }
}

/// What cuts a stream into pieces.
enum Parser {
    Sse(SseParser),
    Ndjson(NdjsonParser),
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        match self {
            Self::Sse(parser) => parser.push(bytes),
            Self::Ndjson(parser) => parser.push(bytes),
        }
    }

    fn finish(&mut self) -> Option<String> {
        match self {
            Self::Sse(parser) => parser.finish(),
            Self::Ndjson(parser) => parser.finish(),
        }
    }

    fn is_too_long(&self) -> bool {
        match self {
            Self::Sse(parser) => parser.is_too_long(),
            Self::Ndjson(parser) => parser.is_too_long(),
        }
    }
}

/// Whether bytes start a stream of server-sent events: with a field's name, a comment or a byte order mark.
fn begins_an_event(start: &[u8]) -> bool {
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    // data, event, id, retry, a comment, a byte order mark
    matches!(first, Some(b'd' | b'e' | b'i' | b'r' | b':' | 0xef))
}
