//! Accounts at providers as operators see them.

use std::time::Duration;

use coordination::{GuardLoad, LotLoad};
use engine::{AccountLoad, ModelLoad};
use provider::{Kind, MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::words;

/// An account that is to be added.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewAccountBody {
    /// The provider's name in the configuration.
    #[schema(example = "zsky")]
    pub(super) provider: String,
    /// Its own name there: letters, digits, `-` and `_`.
    #[schema(example = "second")]
    pub(super) name: String,
    /// The credential.
    pub(super) key: String,
    /// What an account of the configuration may have besides: `limits`, and what only its vendor
    /// knows (`plan`, `safety`, `tier`).
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(super) settings: Map<String, Value>,
}

/// An operator's hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldBody {
    /// Whether it takes no new work.
    pub(super) hold: bool,
}

/// How a key is replaced.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RotateBody {
    /// One that was made by hand; without it the provider makes one, where it can.
    pub(super) key: Option<String>,
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
    /// Whether it takes work: it is not on hold, and not left alone at everything that was asked of it
    /// lately because its provider fails.
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
    /// How it did lately at the models that were asked of it.
    models: Vec<ModelStandingDto>,
    /// Calls at the provider now.
    in_flight: u32,
    /// Calls that wait for their turn there.
    waiting: usize,
}

/// How an account did lately at one model, as this process has seen it; the last minutes weigh most.
#[derive(Serialize, ToSchema)]
struct ModelStandingDto {
    #[schema(example = "zekron/zekron-image-1")]
    model: String,
    /// Set while the model is left alone there because the provider fails.
    breaker: Option<BreakerDto>,
    /// Half of the work took no longer than so many seconds.
    p50_s: Option<f64>,
    /// All but a twentieth of it took no longer.
    p95_s: Option<f64>,
    /// The share of attempts that failed by the provider's fault, 0 to 1.
    error_share: Option<f64>,
    /// Attempts that these figures rest on, older ones counted as less.
    samples: u32,
}

/// An open breaker.
#[derive(Serialize, ToSchema)]
struct BreakerDto {
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When one request may try it; none while one does.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
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
            available: load.is_available(),
            hold: hold.map(|hold| HoldDto { reason: hold.reason.as_str(), until: hold.until }),
            warnings: load.warnings.clone(),
            balance_usd: load.balance,
            allowances: load.allowances.iter().map(AllowanceDto::from).collect(),
            limits: LimitsDto { concurrent: load.slots, in_window: load.calls_in_window },
            safety: load.safety.as_ref().map(SafetyDto::from),
            models: load.models.iter().map(|model| standing(&load.provider, model)).collect(),
            in_flight: load.in_flight,
            waiting: load.waiting,
        }
    }
}

fn standing(provider: &str, load: &ModelLoad) -> ModelStandingDto {
    let ModelLoad { model, open, seen, .. } = load;
    let known = seen.samples > 0;
    let took = |span: Duration| (known && !span.is_zero()).then_some(span.as_secs_f64());
    ModelStandingDto {
        model: format!("{provider}/{model}"),
        breaker: open.map(|open| BreakerDto { since: open.since, until: open.until }),
        p50_s: took(seen.p50),
        p95_s: took(seen.p95),
        error_share: known.then_some(seen.error_share),
        samples: seen.samples,
    }
}

/// An account of the configuration has no id of its own: it is made from its names.
pub(super) fn account_id(provider: &str, account: &str) -> String {
    let hash = blake3::hash(format!("{provider}/{account}").as_bytes()).to_hex();
    format!("acct_{}", &hash[..26])
}
