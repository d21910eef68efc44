//! The one HTTP client of all adapters.
//!
//! An adapter says what it wants ([`Request`]) and, by the constructor it picks, what a second
//! sending would cost: [`Request::paid`] or [`Request::read`]. Everything that must be the same for
//! every vendor happens here and nowhere else:
//!
//! * **Deadlines per phase** ([`Deadlines`]): connecting, the first byte of the answer, the pause
//!   between two pieces of its body, and all of it.
//! * **Limits**: a small one for JSON, a large one for outputs; no body is ever collected beyond.
//! * **Status to kind** in one function ([`status_error`]), and transport errors to the one question
//!   that matters for money: can the vendor have done the work?
//! * **Redaction**: no header value, query or path reaches an error, a `Debug` or a log; a vendor's
//!   own words are cut short and cleared of the credential ([`redact()`]).
//! * **Streaming**: [`Response::take_base64`] lifts one large base64 member out of a JSON answer
//!   while it arrives, at about the cost of copying it; [`Response::take_long_base64`] does so where a
//!   vendor does not say which member it is.
//!
//! It never retries. The one repetition that exists below it is safe: hyper sends a request anew
//! when a pooled connection turns out to be closed *before anything was written*; then nothing was
//! sent. reqwest's own retry policy is switched off, as are redirects for calls with a credential
//! and proxies from the environment.
mod base;
mod base64_stream;
mod client;
mod error;
mod json_stream;
pub mod lenient;
mod reach;
mod redact;
mod request;
mod response;

pub use base::{Base, BaseError};
pub use client::{BuildError, Client, Deadlines, Settings};
pub use error::{json_shape, sink_error, status_error, unreadable};
pub use reach::is_public;
pub use redact::redact;
pub use request::{Effect, Request};
pub use response::{Extracted, Response, Taken};
