//! `atelier simulate`: the router on a virtual clock.

use std::io::{stdin, stdout};

use super::failure::Failure;
use crate::simulate;

/// Talks the routing protocol on standard input and output until it is told to end.
pub(super) fn run() -> Result<(), Failure> {
    simulate::play(stdin().lock(), stdout().lock())
        .map_err(|error| Failure::failed(error.to_string()))
}
