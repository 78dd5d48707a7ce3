//! The network of a native process, by `reqwest`.

use std::time::Duration;

use minions_providers::{Body, HttpRequest, HttpResponse, Method, Transport, TransportError};

/// Sends requests with `reqwest`.
pub struct HttpTransport {
    client: reqwest::Client,
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self { client: http_client() }
    }
}

/// A client that goes straight to its address, and follows nobody who sends it on: the question, and whatever header the key is
/// in, would go along.
///
/// # Panics
/// If the system's certificates cannot be read.
pub fn http_client() -> reqwest::Client {
    // Fails only if the process has chosen a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client with such settings can be built")
}

/// Whether an address is this machine's own.
pub fn is_this_machine(url: &str) -> bool {
    let host = reqwest::Url::parse(url.trim()).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = host.unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl Transport for HttpTransport {
    type Body = HttpBody;

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<HttpBody>, TransportError> {
        let mut builder = match request.method {
            Method::Get => self.client.get(request.url),
            Method::Post => self.client.post(request.url),
        };
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let sent = tokio::time::timeout(request.timeout, builder.send()).await;
        let response = sent.map_err(|_| TransportError::Timeout)?.map_err(network)?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
        Ok(HttpResponse { status, headers: headers.collect(), body: HttpBody { response, timeout: request.timeout } })
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The body of a response.
pub struct HttpBody {
    response: reqwest::Response,
    timeout: Duration,
}

impl Body for HttpBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, TransportError>> {
        match tokio::time::timeout(self.timeout, self.response.chunk()).await {
            Err(_) => Some(Err(TransportError::Timeout)),
            Ok(Err(error)) => Some(Err(network(error))),
            Ok(Ok(piece)) => piece.map(|bytes| Ok(bytes.to_vec())),
        }
    }
}

/// The error with its innermost cause, which is what tells a wrong port from a wrong name.
fn network(error: reqwest::Error) -> TransportError {
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    let cause = causes.last().map(|cause| format!(": {cause}")).unwrap_or_default();
    TransportError::Network(format!("{error}{cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_machine() {
        for url in ["http://localhost:11434/v1", "http://127.0.0.1:1/v1", "http://[::1]:8080/v1"] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["https://api.openai.com/v1", "http://localhost.example.com/", "http://127.0.0.1.nip.io", "", "x"] {
            assert!(!is_this_machine(url), "{url}");
        }
    }
}
