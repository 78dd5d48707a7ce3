//! Reading a provider's answer, on any wire: no panic, and no error that holds the key.

#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use minions_chat::{ChatModel, ChatRequest, Message};
use minions_providers::{ApiKey, Body, CloudModel, HttpRequest, HttpResponse, Preset, Transport, TransportError};

const KEY: &str = "sk-very-secret-0123456789";

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (wire, size, answer) = input;
    let wires = ["openai", "anthropic", "gemini", "ollama"];
    let preset = Preset::named(wires[usize::from(wire) % wires.len()]).expect("a preset");
    // The upper bits of the first byte say whether it is a success.
    let status = if wire < 128 { 200 } else { 400 };
    let pieces = answer.chunks(usize::from(size).max(1)).map(<[u8]>::to_vec).collect();
    let mut model = CloudModel::new(Answer { status, pieces }, preset, "m", ApiKey::new(KEY));
    model.max_retries = 0;
    let request = ChatRequest::new(vec![Message::user("Who?")]);
    let mut ignore = |_: &str| {};
    let mut call = pin!(model.chat(&request, &mut ignore));
    let Poll::Ready(result) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there is nothing to wait for");
    };
    if let Err(error) = result {
        assert!(!format!("{error} {error:?}").contains(KEY));
    }
});

struct Answer {
    status: u16,
    pieces: Vec<Vec<u8>>,
}

impl Transport for Answer {
    type Body = Pieces;

    async fn send(&self, _: HttpRequest) -> Result<HttpResponse<Pieces>, TransportError> {
        Ok(HttpResponse { status: self.status, headers: Vec::new(), body: Pieces(self.pieces.clone().into_iter()) })
    }

    async fn sleep(&self, _: Duration) {}
}

struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl Body for Pieces {
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        self.0.next().map(Ok)
    }
}
