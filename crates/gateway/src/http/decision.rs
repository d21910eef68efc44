//! Why a generation went where it went.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use engine::{Code, Considered, Decision, Refusal, Scope};
use provider::MicroUsd;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth,
    error::{ErrorBody, Result},
};

/// How a request was decided when it was accepted.
#[derive(Serialize, ToSchema)]
pub(super) struct DecisionAnswer {
    /// What was preferred: `cost`, `latency`, `balanced` or `ordered`.
    policy: &'static str,
    /// Every candidate: the one to be asked first, those that stood by, those that could not be asked.
    candidates: Vec<CandidateDto>,
}

/// One candidate as it stood.
#[derive(Serialize, ToSchema)]
struct CandidateDto {
    /// `provider/model`
    model: String,
    account: String,
    /// 1 for the one to be asked first; `null` where it could not be asked.
    rank: Option<usize>,
    /// What it would probably charge.
    #[schema(value_type = Option<String>, example = "0.026000")]
    estimated_usd: Option<MicroUsd>,
    /// What it takes of an allowance, a budget, a balance or a slot was worth so much to those who come later;
    /// less than nothing by what is paid out of free credits.
    #[schema(value_type = Option<String>, example = "0.000000")]
    worth_usd: Option<MicroUsd>,
    /// What the risk of being late counted for.
    #[schema(value_type = Option<String>, example = "0.000000")]
    risk_usd: Option<MicroUsd>,
    /// How long until its answer would be there.
    time_s: Option<f64>,
    /// Units of an allowance that it takes.
    units: u32,
    /// Why it stands there, in words.
    verdict: String,
}

/// Why a generation went where it went: every candidate as it stood when the request was accepted.
#[utoipa::path(get, path = "/v1/generations/{id}/decision", tag = "native",
    params(("id" = String, Path)),
    responses((status = 200, description = "The decision", body = DecisionAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let found = state.engine.decision(&caller.team.id, &id).await?;
    let absent = || Refusal::new(Code::NotFound, "there is no such generation");
    Ok(HttpResponse::Ok().json(dto(found.ok_or_else(absent)?)))
}

fn dto(decision: Decision) -> DecisionAnswer {
    let mut candidates: Vec<CandidateDto> =
        decision.candidates.into_iter().map(CandidateDto::from).collect();
    candidates.sort_by_key(|one| one.rank.unwrap_or(usize::MAX));
    DecisionAnswer { policy: decision.policy.as_str(), candidates }
}

impl From<Considered> for CandidateDto {
    fn from(one: Considered) -> Self {
        let Considered { model, account, bare, units, standing, reason, .. } = one;
        Self {
            model,
            account,
            rank: standing.map(|standing| standing.rank + 1),
            estimated_usd: standing.map(|standing| standing.price).or(bare),
            worth_usd: standing.map(|standing| standing.worth),
            risk_usd: standing.map(|standing| standing.risk),
            time_s: standing.map(|standing| standing.time.as_secs_f64()),
            units,
            verdict: standing.map(|s| s.to_string()).or(reason).unwrap_or_default(),
        }
    }
}
