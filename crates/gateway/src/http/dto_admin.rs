//! Teams, keys and ledger entries as operators see them.

use engine::{Key, LedgerEntry, Scope, Team};
use provider::{MicroUsd, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A team.
#[derive(Serialize, ToSchema)]
pub(super) struct TeamDto<'a> {
    #[schema(example = "team_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `team`
    object: &'static str,
    name: &'a str,
    /// Models and aliases it may ask for; empty means all.
    models: &'a [String],
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a Team> for TeamDto<'a> {
    fn from(team: &'a Team) -> Self {
        Self {
            id: &team.id,
            object: "team",
            name: &team.name,
            models: &team.models,
            created_at: team.created_at,
            revoked_at: team.revoked_at,
        }
    }
}

/// A key, without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyDto<'a> {
    #[schema(example = "key_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `key`
    object: &'static str,
    team_id: &'a str,
    name: &'a str,
    /// The first characters, to tell keys apart.
    prefix: &'a str,
    /// `generate` and `read`
    #[schema(value_type = Vec<String>)]
    scopes: &'a [Scope],
    /// Models and aliases it may ask for; empty means all of the team's.
    models: &'a [String],
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a Key> for KeyDto<'a> {
    fn from(key: &'a Key) -> Self {
        Self {
            id: &key.id,
            object: "key",
            team_id: &key.team,
            name: &key.name,
            prefix: &key.prefix,
            scopes: &key.scopes,
            models: &key.models,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key, with its text this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewKeyDto<'a> {
    #[serde(flatten)]
    facts: KeyDto<'a>,
    /// The key itself; it cannot be told again.
    #[schema(example = "atl_...")]
    key: &'a str,
}

impl<'a> NewKeyDto<'a> {
    pub(super) fn new(key: &'a Key, text: &'a str) -> Self {
        Self { facts: KeyDto::from(key), key: text }
    }
}

/// One side of a booking.
#[derive(Serialize, ToSchema)]
pub(super) struct LedgerDto<'a> {
    id: String,
    /// What belongs together; its entries add up to zero.
    transaction: &'a str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `team:ID` or `provider:NAME/ACCOUNT`
    account: &'a str,
    /// Signed.
    #[schema(value_type = String, example = "0.026700")]
    amount_usd: MicroUsd,
    kind: &'a str,
    team: &'a str,
    key: &'a str,
    provider: &'a str,
    /// `provider/model`
    model: &'a str,
    generation: &'a str,
}

impl<'a> From<&'a LedgerEntry> for LedgerDto<'a> {
    fn from(entry: &'a LedgerEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            transaction: &entry.transaction,
            at: entry.at,
            account: &entry.account,
            amount_usd: entry.amount,
            kind: &entry.kind,
            team: &entry.team,
            key: &entry.key,
            provider: &entry.provider,
            model: &entry.model,
            generation: &entry.generation,
        }
    }
}
