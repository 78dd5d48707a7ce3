//! A transport without a network: prepared responses, and a clock that only writes down.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use minions_providers::{Body, HttpRequest, HttpResponse, Transport, TransportError};

/// Gives prepared responses, in order, and remembers the requests and the waits.
#[derive(Default)]
pub struct FakeTransport {
    responses: RefCell<VecDeque<FakeResponse>>,
    requests: RefCell<Vec<HttpRequest>>,
    sleeps: RefCell<Vec<Duration>>,
}

/// One prepared response.
#[derive(Clone, Debug)]
pub enum FakeResponse {
    /// A response.
    Http {
        /// The HTTP status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body's pieces; an error ends it.
        body: VecDeque<Result<Vec<u8>, TransportError>>,
    },
    /// None.
    Error(TransportError),
}

impl FakeResponse {
    /// A response whose body arrives in one piece.
    pub fn whole(status: u16, body: &str) -> Self {
        Self::pieces(status, body, body.len().max(1))
    }

    /// A response whose body arrives in pieces of `size` bytes.
    pub fn pieces(status: u16, body: &str, size: usize) -> Self {
        let body = body.as_bytes().chunks(size).map(|piece| Ok(piece.to_vec())).collect();
        Self::Http { status, headers: Vec::new(), body }
    }

    /// The same response with one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same response, but its body ends in an error.
    #[must_use]
    pub fn cut(mut self, error: TransportError) -> Self {
        if let Self::Http { body, .. } = &mut self {
            body.push_back(Err(error));
        }
        self
    }
}

impl FakeTransport {
    /// A transport that gives these responses.
    pub fn new(responses: impl IntoIterator<Item = FakeResponse>) -> Self {
        Self { responses: RefCell::new(responses.into_iter().collect()), ..Self::default() }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.borrow().clone()
    }

    /// The waits so far.
    pub fn sleeps(&self) -> Vec<Duration> {
        self.sleeps.borrow().clone()
    }
}

impl Transport for FakeTransport {
    type Body = FakeBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<FakeBody>, TransportError> {
        self.requests.borrow_mut().push(request);
        match self.responses.borrow_mut().pop_front() {
            Some(FakeResponse::Http { status, headers, body }) => {
                Ok(HttpResponse { status, headers, body: FakeBody(body) })
            }
            Some(FakeResponse::Error(error)) => Err(error),
            None => panic!("no response is left for request {}", self.requests.borrow().len()),
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.sleeps.borrow_mut().push(duration);
    }
}

/// The body of a [`FakeResponse`].
pub struct FakeBody(VecDeque<Result<Vec<u8>, TransportError>>);

impl Body for FakeBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        self.0.pop_front()
    }
}
