//! How routing stands now: aliases with their candidates, and what scarce things are worth.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{Alias, AliasRules, Scarce, Thing, keys::Right};
use provider::MicroUsd;
use routing::Policy;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth,
    error::{ErrorBody, Result},
    estimates::EstimateDto,
};

/// How routing stands now.
#[derive(Serialize, ToSchema)]
pub(super) struct RoutingAnswer {
    /// What is preferred where nobody says otherwise.
    policy: &'static str,
    aliases: Vec<AliasDto>,
    /// What scarce things are worth, as of the last weighing.
    shadow_prices: Vec<ScarceDto>,
}

/// An alias with its candidates, the best for a plain request first.
#[derive(Serialize, ToSchema)]
struct AliasDto {
    alias: String,
    /// What is preferred here, where the alias says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'static str>,
    /// What a second of waiting is worth to `balanced`, where the alias says it.
    #[schema(value_type = Option<String>, example = "0.001000")]
    #[serde(skip_serializing_if = "Option::is_none")]
    second_usd: Option<MicroUsd>,
    /// How often each of its models goes first beside the others, where it has weights.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    weights: BTreeMap<String, u32>,
    /// The model that is tried with a share of the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<TriedDto>,
    /// The model that a share of the requests is sent to as well, for operators to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<TriedDto>,
    candidates: Vec<EstimateDto>,
}

/// A model that is tried.
#[derive(Serialize, ToSchema)]
struct TriedDto {
    /// `provider/model`
    model: String,
    /// Its share of the requests, of 1.
    share: f64,
}

/// Something of which there is only so much.
#[derive(Serialize, ToSchema)]
struct ScarceDto {
    /// `allowance`, `overage`, `balance` (without what was given of it), `free_credits`, `budget` or
    /// `lanes`.
    what: &'static str,
    /// Whose: `provider/account`, or a team.
    of: String,
    /// What a unit of an allowance makes.
    kind: Option<&'static str>,
    /// `day` or `month`, of an allowance.
    window: Option<&'static str>,
    /// Units of an allowance; of lanes, seconds of a slot within an hour of the weighing, what runs taken
    /// off; US dollars of the others.
    left: f64,
    /// What taking one more costs those who come later: US dollars a unit of an allowance or a second of a
    /// slot; of money, US dollars a dollar, beyond itself.
    worth: f64,
}

/// Tells how routing stands now: each alias with its candidates' verdicts for a plain request, and what a
/// unit of everything scarce is worth.
#[utoipa::path(get, path = "/admin/v1/routing", tag = "administration",
    responses((status = 200, description = "As it stands", body = RoutingAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>) -> Result {
    let actor = auth::operator(&request, &state, Right::Read).await?;
    let engine = &state.engine;
    let mut aliases = Vec::new();
    for alias in engine.market().aliases() {
        let standings = engine.standings(alias).await?;
        let candidates = standings.into_iter().map(EstimateDto::from).collect();
        aliases.push(AliasDto::of(alias, candidates));
    }
    // What teams have left of their budgets is money, and not for everybody who may read.
    let all = actor.needs(Right::ReadMoney).is_ok();
    let mut scarce = engine.scarce();
    scarce.retain(|one| all || !matches!(one.thing, Thing::Budget { .. }));
    let shadow_prices = scarce.into_iter().map(ScarceDto::from).collect();
    let policy = engine.policy().as_str();
    Ok(HttpResponse::Ok().json(RoutingAnswer { policy, aliases, shadow_prices }))
}

impl AliasDto {
    fn of(alias: &Alias, candidates: Vec<EstimateDto>) -> Self {
        let AliasRules { policy, second_price, canary, shadow, .. } = &alias.rules;
        Self {
            alias: alias.name.clone(),
            policy: policy.map(Policy::as_str),
            second_usd: *second_price,
            weights: alias.weights(),
            canary: canary.as_ref().map(|canary| TriedDto::of(&canary.model, canary.per_million)),
            shadow: shadow.as_ref().map(|shadow| TriedDto::of(&shadow.model, shadow.per_million)),
            candidates,
        }
    }
}

impl TriedDto {
    fn of(model: &str, per_million: u32) -> Self {
        // Decimal digits, as the configuration has them.
        let (whole, rest) = (per_million / 1_000_000, per_million % 1_000_000);
        let share = format!("{whole}.{rest:06}");
        Self { model: model.to_owned(), share: share.parse().unwrap_or_default() }
    }
}

impl From<Scarce> for ScarceDto {
    fn from(Scarce { thing, left, worth }: Scarce) -> Self {
        let plain = |what, of| Self { what, of, kind: None, window: None, left, worth };
        match thing {
            Thing::Units { account, kind, window } => Self {
                kind: Some(kind.as_str()),
                window: Some(window.as_str()),
                ..plain("allowance", account)
            },
            Thing::Overage { account } => plain("overage", account),
            Thing::Balance { account } => plain("balance", account),
            Thing::FreeCredits { account } => plain("free_credits", account),
            Thing::Budget { team } => plain("budget", team),
            Thing::Lanes { account } => plain("lanes", account),
        }
    }
}
