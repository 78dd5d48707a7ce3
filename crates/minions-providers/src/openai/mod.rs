//! OpenAI's chat completions, and every provider and local server that speaks the same wire.

mod request;
mod response;
mod stream;

use std::time::Duration;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse};

pub use request::JsonMode;

use crate::{ApiKey, Body, HttpRequest, HttpResponse, SseParser, Transport, error, retry};

/// A model behind the chat completions wire.
///
/// Sends the headers `Content-Type` and `Authorization` only: any further header makes several providers refuse calls
/// from a web page. A browser does not tell a page why a call failed before an answer could be read: no network, a
/// provider that allows no calls from pages (CORS), and an HTTP error without CORS headers look the same, and the error
/// says so.
///
/// A call that fails is repeated (408, 409, 429, 5xx, network, timeout), but never once a piece of the reply was handed
/// on: the same words would come twice.
#[derive(Clone, Debug)]
pub struct OpenAi<T> {
    /// Moves the bytes.
    pub transport: T,
    /// The address that `/chat/completions` is appended to, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name at the provider.
    pub model: String,
    /// The key; empty for servers that want none.
    pub api_key: ApiKey,
    /// How far the model can be held to JSON (`response_format`): unless set, to a schema at OpenAI's own address and
    /// to an object elsewhere. Requests that want JSON say so in words as well.
    pub json_mode: Option<JsonMode>,
    /// The longest silence to put up with.
    pub timeout: Duration,
    /// How often a failed call is repeated.
    pub max_retries: u32,
}

impl<T> OpenAi<T> {
    /// A model with JSON mode, two minutes of patience and two retries.
    pub fn new(transport: T, base_url: impl Into<String>, model: impl Into<String>, api_key: ApiKey) -> Self {
        let (base_url, model) = (base_url.into(), model.into());
        let timeout = Duration::from_secs(120);
        Self { transport, base_url, model, api_key, json_mode: None, timeout, max_retries: 2 }
    }
}

impl<T: Transport> ChatModel for OpenAi<T> {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        let http = self.http_request(request)?;
        let mut attempt = 0;
        loop {
            let mut delivered = false;
            let mut on_delta = |delta: &str| {
                delivered = true;
                on_delta(delta);
            };
            let failure = match self.attempt(http.clone(), request, &mut on_delta).await {
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

impl<T: Transport> OpenAi<T> {
    fn http_request(&self, request: &ChatRequest) -> Result<HttpRequest, ChatError> {
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(self.api_key.authorization()?.map(|value| ("Authorization", value)));
        Ok(HttpRequest {
            url: request::url(&self.base_url)?,
            headers,
            body: request::body(request, &self.model, &self.base_url, self.json_mode)?,
            timeout: self.timeout,
        })
    }

    async fn attempt(
        &self,
        http: HttpRequest,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse, Failure> {
        let key = &self.api_key;
        let sent = self.transport.send(http).await;
        let mut response = sent.map_err(|error| error::from_transport(error, false, self.timeout, key))?;
        if !(200..300).contains(&response.status) {
            // The status is what counts; a body that breaks off as well only costs the explanation.
            let body = self.collect(&mut response, Vec::new()).await.unwrap_or_default();
            let retry_after = response.header("retry-after").and_then(retry::parse_retry_after);
            let error = error::from_status(response.status, &body, retry_after, key);
            return Err(Failure { error, is_final: error::is_out_of_credit(&body) });
        }
        self.read(&mut response, request, on_delta).await.map_err(Failure::from)
    }

    /// Reads a reply, as a stream or as one JSON object: what its first byte shows, since servers that do not stream
    /// are not always right about the content type.
    async fn read(
        &self,
        response: &mut HttpResponse<T::Body>,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse, ChatError> {
        let mut start = Vec::new();
        while start.iter().all(u8::is_ascii_whitespace) {
            match self.next(response).await? {
                Some(piece) => start.extend(piece),
                None => break,
            }
        }
        if stream::is_stream(&start) {
            return self.read_stream(start, response, request, on_delta).await;
        }
        let body = self.collect(response, start).await?;
        let reply = response::parse(&body, &request.messages, &self.api_key)?;
        on_delta(&reply.content);
        Ok(reply)
    }

    async fn read_stream(
        &self,
        start: Vec<u8>,
        response: &mut HttpResponse<T::Body>,
        request: &ChatRequest,
        on_delta: &mut dyn FnMut(&str),
    ) -> Result<ChatResponse, ChatError> {
        let mut events = SseParser::default();
        let mut reply = stream::Reply::new(&self.api_key);
        let mut piece = start;
        loop {
            for data in events.push(&piece) {
                reply.push(&data, on_delta)?;
            }
            if reply.is_done() {
                break;
            }
            piece = match self.next(response).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // The text is complete; only the usage that follows it is lost.
                Err(_) if reply.is_complete() => break,
                Err(error) => return Err(error),
            };
        }
        if let Some(data) = events.finish() {
            reply.push(&data, on_delta)?;
        }
        reply.finish(&request.messages)
    }

    async fn collect(&self, response: &mut HttpResponse<T::Body>, start: Vec<u8>) -> Result<String, ChatError> {
        let mut bytes = start;
        while let Some(piece) = self.next(response).await? {
            bytes.extend(piece);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn next(&self, response: &mut HttpResponse<T::Body>) -> Result<Option<Vec<u8>>, ChatError> {
        let piece = response.body.next().await.transpose();
        piece.map_err(|error| error::from_transport(error, true, self.timeout, &self.api_key))
    }
}
