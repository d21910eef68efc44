//! Teams, keys and operators as operators see them.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use engine::{Key, Scope, Team};
use provider::Timestamp;
use records::{Role, User};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    dto_rules::{BudgetsDto, LimitsDto, TeamRoutingDto},
    dto_standing::StandingDto,
    fields::words,
};

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
    /// What it may spend; `null`: without limit.
    budget: Option<BudgetsDto>,
    /// How fast it may ask.
    limits: LimitsDto,
    /// Its share of scarce slots beside other teams'; `null` is 1.
    weight: Option<u32>,
    /// How its requests are routed where they do not say it themselves.
    routing: TeamRoutingDto,
    /// Where its days, weeks and months begin; `null` is UTC.
    time_zone: Option<&'a str>,
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
            budget: BudgetsDto::of(&team.rules.budgets),
            limits: LimitsDto::from(&team.rules.limits),
            weight: team.rules.weight,
            routing: TeamRoutingDto::from(&team.rules.routing),
            time_zone: team.rules.time_zone.as_deref(),
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

/// A team and how its budgets stand.
#[derive(Serialize, ToSchema)]
pub(super) struct OneTeamDto<'a> {
    #[serde(flatten)]
    facts: TeamDto<'a>,
    /// Each of its budgets, the tightest first; `null` for who may not read money.
    standing: Option<Vec<StandingDto>>,
}

impl<'a> OneTeamDto<'a> {
    pub(super) fn new(team: &'a Team, standing: Option<Vec<StandingDto>>) -> Self {
        Self { facts: TeamDto::from(team), standing }
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
    /// What it may spend of the team's; `null`: as much as the team.
    budget: Option<BudgetsDto>,
    /// How fast it may ask, beside the team's limits.
    limits: LimitsDto,
    /// The networks that it may be used from; empty means all.
    allowed_ips: &'a [String],
    /// The operator's own words.
    metadata: &'a BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
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
            budget: BudgetsDto::of(&key.rules.budgets),
            limits: LimitsDto::from(&key.rules.limits),
            allowed_ips: &key.networks,
            metadata: &key.metadata,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
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

/// A key and how its budgets stand.
#[derive(Serialize, ToSchema)]
pub(super) struct OneKeyDto<'a> {
    #[serde(flatten)]
    facts: KeyDto<'a>,
    /// Each of its budgets and its team's, the tightest first; `null` for who may not read money.
    standing: Option<Vec<StandingDto>>,
}

impl<'a> OneKeyDto<'a> {
    pub(super) fn new(key: &'a Key, standing: Option<Vec<StandingDto>>) -> Self {
        Self { facts: KeyDto::from(key), standing }
    }
}

/// An operator, without the text of their key.
#[derive(Serialize, ToSchema)]
pub(super) struct UserDto<'a> {
    #[schema(example = "usr_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `user`
    object: &'static str,
    name: &'a str,
    #[schema(schema_with = role_schema)]
    role: Role,
    /// Whose, of a team's admin.
    team_id: Option<&'a str>,
    /// The first characters of the key, to tell keys apart.
    prefix: &'a str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl<'a> From<&'a User> for UserDto<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: &user.id,
            object: "user",
            name: &user.name,
            role: user.role,
            team_id: user.team.as_deref(),
            prefix: &user.prefix,
            created_at: user.created_at,
            expires_at: user.expires_at,
            revoked_at: user.revoked_at,
            last_used_at: user.last_used_at,
        }
    }
}

/// An operator, with the text of their key this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewUserDto<'a> {
    #[serde(flatten)]
    facts: UserDto<'a>,
    /// The key itself; it cannot be told again.
    #[schema(example = "adm_...")]
    key: &'a str,
}

impl<'a> NewUserDto<'a> {
    pub(super) fn new(user: &'a User, text: &'a str) -> Self {
        Self { facts: UserDto::from(user), key: text }
    }
}

/// The roles, as a schema.
pub(super) fn role_schema() -> RefOr<Schema> {
    words(&Role::ALL.map(Role::as_str))
}

/// A span of time such as `24h`.
pub(super) struct SpanField(pub(super) Duration);

impl<'de> Deserialize<'de> for SpanField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let span = humantime::parse_duration(&text)
            .map_err(|_| de::Error::custom("it is no span of time such as `24h`, `15m` or `0s`"))?;
        Ok(Self(span))
    }
}
