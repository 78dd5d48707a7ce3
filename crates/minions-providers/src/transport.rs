//! What moves the bytes: the seam between the pure mapping here and a shell's network and clock.

use std::fmt;
use std::time::Duration;

/// Sends HTTP requests and waits. One per platform, in its shell.
///
/// Dropping a future of [`send`](Self::send), or a [`Body`], aborts the request.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait Transport {
    /// What responses bring their bytes in.
    type Body: Body;

    /// Whether requests come from a web page, which providers may refuse (CORS).
    const FROM_PAGE: bool = false;

    /// Sends the request and returns as soon as the response's status and headers are there. An HTTP error status is a
    /// response like any other.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Self::Body>, TransportError>;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The bytes of a response, pulled piece by piece as they arrive.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait Body {
    /// The next piece, of any length; `None` at the end.
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>>;
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is asked for.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// The headers; to be sent as they are, and no others that the platform does not add by itself.
    pub headers: Vec<(&'static str, String)>,
    /// The text to send; `None` with GET.
    pub body: Option<String>,
    /// The longest silence to put up with: before the response's head, and before each piece of its body.
    pub timeout: Duration,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// What is there.
    Get,
    /// An answer to what is sent.
    Post,
}

impl Method {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A response whose body is still to be read.
#[derive(Debug)]
pub struct HttpResponse<B> {
    /// The HTTP status.
    pub status: u16,
    /// The headers that the platform lets us see, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: B,
}

impl<B> HttpResponse<B> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Why no response, or no more of it, arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The network failed. In a browser this is the only sign of three different things, see [`crate::CloudModel`].
    #[error("{0}")]
    Network(String),
    /// The silence lasted longer than the request's timeout.
    #[error("no sign of life in time")]
    Timeout,
}

/// Shows where the request goes, not what it holds: the headers hold the key, the body the user's words.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
