//! Every provider over cassettes: what we ask, byte by byte, and what we make of each kind of answer.
//!
//! `tests/cassettes/<provider>/<scenario>.json` holds a conversation, the request that must come of it, a response, and
//! what must come of that. They are written by hand after the providers' public references; none is a recording. A file
//! that is added is played.

mod cassette;
mod cors;
mod documented;
mod effort;
mod garbage;
mod headers;
mod matrix;
mod models;
mod replay;
mod streams;
