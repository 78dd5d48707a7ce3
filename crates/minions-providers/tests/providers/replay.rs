//! A transport that plays one response and keeps the request.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use minions_providers::{Body, HttpRequest, HttpResponse, Transport, TransportError};

/// Plays the same response to every request.
#[derive(Debug, Default)]
pub struct Replay<const FROM_PAGE: bool> {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// The body's pieces.
    pub pieces: Vec<Vec<u8>>,
    pub requests: RefCell<Vec<HttpRequest>>,
}

impl<const FROM_PAGE: bool> Replay<FROM_PAGE> {
    /// A response whose body arrives in pieces of `size` bytes.
    pub fn new(status: u16, body: &[u8], size: usize) -> Self {
        let pieces = body.chunks(size.max(1)).map(<[u8]>::to_vec).collect();
        Self { status, pieces, ..Self::default() }
    }
}

impl<const FROM_PAGE: bool> Transport for Replay<FROM_PAGE> {
    type Body = Pieces;

    const FROM_PAGE: bool = FROM_PAGE;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Pieces>, TransportError> {
        self.requests.borrow_mut().push(request);
        let body = Pieces(self.pieces.clone().into());
        Ok(HttpResponse { status: self.status, headers: self.headers.clone(), body })
    }

    async fn sleep(&self, _: Duration) {}
}

/// What is left of a body.
pub struct Pieces(VecDeque<Vec<u8>>);

impl Body for Pieces {
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        self.0.pop_front().map(Ok)
    }
}

/// Runs a future that never waits.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a replay has nothing to wait for"),
    }
}
