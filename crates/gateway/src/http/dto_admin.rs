//! Teams, keys and ledger entries as operators see them.

use coordination::{GuardLoad, LotLoad};
use engine::{AccountLoad, Key, LedgerEntry, Scope, Team};
use provider::{Kind, MicroUsd, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::fields::words;

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

/// A team, with the secret of its webhooks this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewTeamDto<'a> {
    #[serde(flatten)]
    facts: TeamDto<'a>,
    /// What signs its webhooks; it cannot be told again, only renewed.
    #[schema(example = "whsec_...")]
    webhook_secret: &'a str,
}

impl<'a> NewTeamDto<'a> {
    pub(super) fn new(team: &'a Team, webhook_secret: &'a str) -> Self {
        Self { facts: TeamDto::from(team), webhook_secret }
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

/// One credential at a provider, as it is now.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountDto {
    /// The same for as long as the configuration names it.
    #[schema(example = "acct_3f0c5b1e9a7d42688c1f0a9b7e")]
    id: String,
    /// `account`
    object: &'static str,
    provider: String,
    name: String,
    /// Whether it takes work.
    available: bool,
    /// Why it takes none, where it does not.
    hold: Option<HoldDto>,
    /// What is wrong with it though it takes work.
    warnings: Vec<String>,
    /// As the provider last told it.
    #[schema(value_type = Option<String>, example = "9.973300")]
    balance_usd: Option<MicroUsd>,
    /// Its prepaid units, a line for every limit.
    allowances: Vec<AllowanceDto>,
    /// The limits in use.
    limits: LimitsDto,
    /// How near it is to being suspended for rejected work, where its provider does that.
    safety: Option<SafetyDto>,
    /// Calls at the provider now.
    in_flight: u32,
    /// Calls that wait for their turn there.
    waiting: usize,
}

/// Prepaid units of one kind.
#[derive(Serialize, ToSchema)]
struct AllowanceDto {
    #[schema(value_type = String, example = "video")]
    kind: Kind,
    /// `day` or `month`, UTC.
    window: &'static str,
    limit: u32,
    /// Used, in flight, in doubt, and (of the month) used elsewhere with the same key.
    used: u32,
    remaining: u32,
    #[schema(value_type = String, format = DateTime)]
    resets_at: Timestamp,
    /// Spent this month on units past the allowance.
    #[schema(value_type = Option<String>)]
    overage_spent_usd: Option<MicroUsd>,
    /// What may still be spent on them, carried over from earlier months too.
    #[schema(value_type = Option<String>)]
    overage_left_usd: Option<MicroUsd>,
}

/// Limits in use.
#[derive(Serialize, ToSchema)]
struct LimitsDto {
    /// Jobs or requests at once.
    concurrent: Option<u32>,
    /// Requests counted within the longest sliding window.
    in_window: u32,
}

/// The record of rejections within the provider's window.
#[derive(Serialize, ToSchema)]
struct SafetyDto {
    attempts: u32,
    rejected: u32,
    in_flight: u32,
    /// Teams whose work it does not take for now.
    stopped_teams: Vec<StoppedTeamDto>,
}

/// A team that an account takes no work of.
#[derive(Serialize, ToSchema)]
struct StoppedTeamDto {
    team: String,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Why an account takes no work.
#[derive(Serialize, ToSchema)]
struct HoldDto {
    #[schema(schema_with = reason_schema)]
    reason: &'static str,
    /// When it ends, where it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

fn reason_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&["balance", "allowance", "credential", "suspended", "safety", "operator"])
}

impl From<&LotLoad> for AllowanceDto {
    fn from(lot: &LotLoad) -> Self {
        Self {
            kind: lot.kind,
            window: lot.window.as_str(),
            limit: lot.limit,
            used: lot.used,
            remaining: lot.remaining,
            resets_at: lot.resets_at,
            overage_spent_usd: lot.overage.as_ref().map(|overage| overage.spent),
            overage_left_usd: lot.overage.as_ref().map(|overage| overage.left),
        }
    }
}

impl From<&GuardLoad> for SafetyDto {
    fn from(load: &GuardLoad) -> Self {
        let stopped = |(team, until): &(String, Timestamp)| StoppedTeamDto {
            team: team.clone(),
            until: *until,
        };
        Self {
            attempts: load.attempts,
            rejected: load.rejected,
            in_flight: load.in_flight,
            stopped_teams: load.stopped_teams.iter().map(stopped).collect(),
        }
    }
}

impl From<&AccountLoad> for AccountDto {
    fn from(load: &AccountLoad) -> Self {
        let hold = load.hold.as_ref();
        Self {
            id: account_id(&load.provider, &load.account),
            object: "account",
            provider: load.provider.clone(),
            name: load.account.clone(),
            available: hold.is_none(),
            hold: hold.map(|hold| HoldDto { reason: hold.reason.as_str(), until: hold.until }),
            warnings: load.warnings.clone(),
            balance_usd: load.balance,
            allowances: load.allowances.iter().map(AllowanceDto::from).collect(),
            limits: LimitsDto { concurrent: load.slots, in_window: load.calls_in_window },
            safety: load.safety.as_ref().map(SafetyDto::from),
            in_flight: load.in_flight,
            waiting: load.waiting,
        }
    }
}

/// An account of the configuration has no id of its own: it is made from its names.
pub(super) fn account_id(provider: &str, account: &str) -> String {
    let hash = blake3::hash(format!("{provider}/{account}").as_bytes()).to_hex();
    format!("acct_{}", &hash[..26])
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
