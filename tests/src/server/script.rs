//! The steps of a script, as `POST /__script` takes them.

use serde::Deserialize;

/// One answer of the server.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// What happens.
    #[serde(flatten)]
    pub action: Action,
    /// Which requests it is for; without it, for the next one that no other step is for.
    pub when: Option<When>,
    /// How long to wait first.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether the answer has CORS headers.
    #[serde(default = "yes")]
    pub cors: bool,
}

/// What a request must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The text of its last message contains this.
    pub contains: String,
}

/// The kinds of answers; the table in [`super`] describes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in the module's header describes each")]
pub enum Action {
    Reply {
        content: String,
        #[serde(default = "stop")]
        finish_reason: String,
        #[serde(default = "piece_chars")]
        piece_chars: usize,
        #[serde(default)]
        piece_delay_ms: u64,
        #[serde(default = "yes")]
        usage: bool,
    },
    Error {
        status: u16,
        #[serde(default = "scripted")]
        message: String,
        code: Option<String>,
        retry_after: Option<u64>,
        #[serde(default)]
        echo_key: bool,
        after: Option<String>,
    },
    Disconnect {
        #[serde(default)]
        content: String,
        #[serde(default = "piece_chars")]
        piece_chars: usize,
    },
    Malformed,
    NonJson,
    Empty,
}

fn yes() -> bool {
    true
}

fn stop() -> String {
    "stop".to_owned()
}

fn scripted() -> String {
    "scripted error".to_owned()
}

fn piece_chars() -> usize {
    8
}
