//! What only this vendor's control port has: the balance of a key.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Zekron;
use crate::{
    control::{Outcome, bad_request, parse},
    keys::KeyId,
    money::Micros,
    server::Received,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceCommand {
    key: String,
    /// The balance to have.
    micros: Option<Micros>,
    /// What to add to it.
    add_micros: Option<Micros>,
}

pub(crate) fn answer(zekron: &Zekron, request: &Received) -> Option<Outcome> {
    let here = (&request.method, request.path.as_str()) == (&Method::POST, "/balance");
    here.then(|| set_balance(zekron, parse(request)?))
}

fn set_balance(zekron: &Zekron, command: BalanceCommand) -> Outcome {
    let key = KeyId::of(&command.key);
    let opening = zekron.settings().starting_balance_micros;
    let now = zekron.books.standing(&key, opening).balance_micros;
    let wanted = match (command.micros, command.add_micros) {
        (Some(micros), None) => micros,
        (None, Some(more)) => now.plus(more),
        _ => return Err(bad_request("give either `micros` or `add_micros`")),
    };
    let standing = zekron
        .books
        .set_balance(&key, wanted)
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(json!(standing))
}
