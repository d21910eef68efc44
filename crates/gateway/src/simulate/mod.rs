//! The router on a virtual clock, by the routing protocol: JSON lines in, JSON lines out, no network
//! and no store. What is scarce is priced by `routing`; here a vendor's terms are kept count of.

mod account;
mod calendar;
mod messages;
mod offers;
mod plan;
mod prices;
mod router;
mod supply;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Write};

use self::{
    messages::{Message, Reply},
    router::Router,
};

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlayError {
    /// The other side is gone.
    #[error("the talk broke off: {0}")]
    Io(#[from] io::Error),
    /// A line that the protocol does not know.
    #[error("line {line} is not of the protocol: {error}")]
    Line { line: usize, error: serde_json::Error },
    /// Something came before the greeting.
    #[error("line {0}: the first message must be hello")]
    NoHello(usize),
}

/// Answers every line with one, until the end is said or the input ends.
pub(crate) fn play(input: impl BufRead, mut output: impl Write) -> Result<(), PlayError> {
    let mut router: Option<Router> = None;
    for (index, text) in input.lines().enumerate() {
        let line = index + 1;
        let message =
            serde_json::from_str(&text?).map_err(|error| PlayError::Line { line, error })?;
        let reply = match (message, &mut router) {
            (Message::End, _) => return Ok(()),
            (Message::Hello { config }, router) => {
                *router = Some(Router::new(&config));
                Reply { ready: Some(true), ..Reply::default() }
            }
            (message, Some(router)) => router.hear(message),
            (_, None) => return Err(PlayError::NoHello(line)),
        };
        serde_json::to_writer(&mut output, &reply).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}
