//! The browser's network and clock: [`Transport`] over `fetch`, with the body read as it arrives.
//!
//! web-sys rather than gloo-net, which panics on an exception or a header that it did not expect: here both come from
//! outside.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use js_sys::{IteratorNext, Promise, Uint8Array};
use minions_providers::{Body, HttpRequest, HttpResponse, Transport, TransportError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCredentials, RequestInit,
    RequestRedirect, Response,
};

use crate::js::message;

#[wasm_bindgen]
extern "C" {
    /// The global one, whether this is a page or a worker.
    #[wasm_bindgen(js_name = fetch)]
    fn fetch(request: &Request) -> Promise;
}

/// The network as the browser gives it.
pub(crate) struct Fetch;

impl Transport for Fetch {
    type Body = FetchBody;

    const FROM_PAGE: bool = true;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<FetchBody>, TransportError> {
        let abort = AbortOnDrop(AbortController::new().map_err(network)?);
        let timeout = request.timeout;
        let promise = fetch(&to_fetch(&request, &abort).map_err(network)?);
        let response: Response = within(timeout, promise).await?.dyn_into().map_err(network)?;
        let reader = response.body().map(|body| body.get_reader().unchecked_into());
        Ok(HttpResponse {
            status: response.status(),
            headers: entries(&response.headers()),
            body: FetchBody { reader, timeout, _abort: abort },
        })
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

/// A response's body. Dropping it aborts the request.
pub(crate) struct FetchBody {
    /// `None` if the response has no body.
    reader: Option<ReadableStreamDefaultReader>,
    timeout: Duration,
    _abort: AbortOnDrop,
}

impl Body for FetchBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        let piece = within(self.timeout, self.reader.as_ref()?.read()).await;
        let piece: IteratorNext = match piece {
            Ok(piece) => piece.unchecked_into(),
            Err(error) => return Some(Err(error)),
        };
        (!piece.done()).then(|| Ok(Uint8Array::new(&piece.value()).to_vec()))
    }
}

/// Aborts a request that is no longer wanted; one that is complete is not affected.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits at least `duration`, and lets the worker handle its messages meanwhile.
pub(crate) async fn sleep(duration: Duration) {
    // Beyond 2^31 - 1 ms (24 days) a browser's timer would fire at once.
    let millis = i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    TimeoutFuture::new(millis.unsigned_abs()).await;
}

fn to_fetch(request: &HttpRequest, abort: &AbortOnDrop) -> Result<Request, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.append(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    // No provider redirects its API. Whoever did would be sent the question, and whatever header the key is in.
    init.set_redirect(RequestRedirect::Error);
    init.set_headers(&headers);
    if let Some(body) = &request.body {
        init.set_body(&body.as_str().into());
    }
    // The key is the only credential, and where the page lives is nobody's business.
    init.set_credentials(RequestCredentials::Omit);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(Some(&abort.0.signal()));
    Request::new_with_str_and_init(&request.url, &init)
}

/// The headers that the browser shows.
fn entries(headers: &Headers) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    // `Headers` has no `forEach` in web-sys, but it has `Map`'s; names come in lower case.
    headers.unchecked_ref::<js_sys::Map>().for_each(&mut |value, name| {
        if let (Some(name), Some(value)) = (name.as_string(), value.as_string()) {
            entries.push((name, value));
        }
    });
    entries
}

/// What the promise resolves to, if that happens in time.
async fn within(timeout: Duration, promise: Promise) -> Result<JsValue, TransportError> {
    let mut result = pin!(JsFuture::from(promise));
    let mut too_late = pin!(sleep(timeout));
    poll_fn(|cx| {
        if let Poll::Ready(result) = result.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(network));
        }
        too_late.as_mut().poll(cx).map(|()| Err(TransportError::Timeout))
    })
    .await
}

fn network(exception: JsValue) -> TransportError {
    TransportError::Network(message(&exception))
}
