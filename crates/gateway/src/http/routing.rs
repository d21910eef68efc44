//! How routing stands now: aliases with their candidates, and what scarce things are worth.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{Scarce, Thing, keys::Right};
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
    candidates: Vec<EstimateDto>,
}

/// Something of which there is only so much.
#[derive(Serialize, ToSchema)]
struct ScarceDto {
    /// `allowance`, `overage`, `balance` or `budget`.
    what: &'static str,
    /// Whose: `provider/account`, or a team.
    of: String,
    /// What a unit of an allowance makes.
    kind: Option<&'static str>,
    /// `day` or `month`, of an allowance.
    window: Option<&'static str>,
    /// Units of an allowance, US dollars of the others.
    left: f64,
    /// What taking one more costs those who come later: US dollars a unit of an allowance; of money, US
    /// dollars a dollar, beyond itself.
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
        aliases.push(AliasDto { alias: alias.name.clone(), candidates });
    }
    // What teams have left of their budgets is money, and not for everybody who may read.
    let all = actor.needs(Right::ReadMoney).is_ok();
    let mut scarce = engine.scarce();
    scarce.retain(|one| all || !matches!(one.thing, Thing::Budget { .. }));
    let shadow_prices = scarce.into_iter().map(ScarceDto::from).collect();
    let policy = engine.policy().as_str();
    Ok(HttpResponse::Ok().json(RoutingAnswer { policy, aliases, shadow_prices }))
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
            Thing::Budget { team } => plain("budget", team),
        }
    }
}
