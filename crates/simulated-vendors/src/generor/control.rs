//! What only this vendor's control port has: what the shop and the support would do.

use std::io;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Generor,
    entries::{Account, Entry},
    service::is_accepted,
    settings::{Purses, Tier},
};
use crate::{
    control::{Outcome, bad_request, parse},
    keys::KeyId,
    server::Received,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditsCommand {
    key: String,
    /// What the account is to have, all of it paid.
    total: Option<u64>,
    /// What to add to the paid ones.
    add: Option<u64>,
    /// Under which type it stands among the transactions.
    #[serde(rename = "type", default = "purchase")]
    kind: String,
}

fn purchase() -> String {
    "purchase".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierCommand {
    key: String,
    tier: Tier,
}

pub(crate) fn answer(generor: &Generor, request: &Received) -> Option<Outcome> {
    match (&request.method, request.path.as_str()) {
        (&Method::POST, "/credits") => {
            Some(parse(request).and_then(|command| set_credits(generor, &command)))
        }
        (&Method::POST, "/tier") => {
            Some(parse(request).and_then(|command| set_tier(generor, &command)))
        }
        _ => None,
    }
}

fn set_credits(generor: &Generor, command: &CreditsCommand) -> Outcome {
    let user_id = user(generor, &command.key)?;
    let now_ms = generor.stage.clock.now_ms();
    let mut books = generor.books.lock();
    let purses = books.accounts.get(&user_id).map(|account| account.purses).unwrap_or_default();
    let left = match (command.total, command.add) {
        (Some(paid), None) => Purses { paid, free: 0, earned: 0 },
        (None, Some(more)) => Purses { paid: purses.paid.saturating_add(more), ..purses },
        _ => return Err(bad_request("give either `total` or `add`")),
    };
    books.move_credits(user_id, &command.kind, left, now_ms).map_err(|error| broken(&error))?;
    Ok(books.accounts.get(&user_id).map_or(Value::Null, standing))
}

fn set_tier(generor: &Generor, command: &TierCommand) -> Outcome {
    let user_id = user(generor, &command.key)?;
    let mut books = generor.books.lock();
    let entry = Entry::Tier { user_id, tier: command.tier };
    books.write(entry).map_err(|error| broken(&error))?;
    Ok(books.accounts.get(&user_id).map_or(Value::Null, standing))
}

/// Whose that key is; an account is opened where it is the first to ask.
fn user(generor: &Generor, presented: &str) -> Result<u64, (StatusCode, String)> {
    let (settings, key) = (generor.settings(), KeyId::of(presented));
    let mut books = generor.books.lock();
    if books.key(&key.hash).is_none() && is_accepted(presented, &settings) {
        let now_ms = generor.stage.clock.now_ms();
        books.join(&key, presented, settings.opening, now_ms).map_err(|error| broken(&error))?;
    }
    let known = books.key(&key.hash).map(|row| row.user_id);
    known.ok_or_else(|| bad_request("the vendor does not accept that key"))
}

fn broken(error: &io::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The books as the control port shows them.
pub(crate) fn books(generor: &Generor, since: u64) -> Map<String, Value> {
    let books = generor.books.lock();
    let charges: Vec<_> = books.charges.iter().filter(|charge| charge.id > since).collect();
    let keys: Vec<_> = books.accounts.values().map(standing).collect();
    let generations = books.generations.values().map(|record| {
        let generation = &record.generation;
        json!({
            "generation": generation.id,
            "user_id": generation.user_id,
            "key": generation.key,
            "status": record.status(),
            "order": generation.order,
            "creations": generation.creations,
            "credits_estimated": generation.estimated,
            "submitted_at_ms": generation.begun_at_ms,
        })
    });
    Map::from_iter([
        ("charges".to_owned(), json!(charges)),
        ("generations".to_owned(), generations.collect()),
        ("keys".to_owned(), json!(keys)),
    ])
}

fn standing(account: &Account) -> Value {
    json!({
        "key": account.fingerprint,
        "account": account.account,
        "user_id": account.user_id,
        "credits": account.purses.total(),
        "purses": account.purses,
        "reserved": account.reserved,
        "spent": account.spent,
        "charges": account.charges,
        "tier": account.tier,
    })
}
