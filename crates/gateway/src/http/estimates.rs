//! What a request would cost, and where.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use engine::{Estimate, Scope};
use provider::{MicroUsd, QuoteSource};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth, body,
    dto_request::GenerationBody,
    error::{ErrorBody, Result},
    fields::source_schema,
    json, making,
};

/// What every candidate would cost, the cheapest usable first.
#[derive(Serialize, ToSchema)]
pub(super) struct EstimatesAnswer {
    data: Vec<EstimateDto>,
}

/// One candidate.
#[derive(Serialize, ToSchema)]
pub(super) struct EstimateDto {
    provider: String,
    /// `provider/model`
    model: String,
    account: String,
    /// What it would probably cost.
    #[schema(value_type = Option<String>, example = "0.026000")]
    estimated_usd: Option<MicroUsd>,
    /// What it would cost at most.
    #[schema(value_type = Option<String>, example = "0.030000")]
    upper_usd: Option<MicroUsd>,
    /// How that is known.
    #[schema(schema_with = source_schema)]
    source: Option<QuoteSource>,
    /// How old that knowledge is.
    age_s: u64,
    /// How long until it could begin.
    wait_s: u64,
    usable: bool,
    /// Why not.
    reason: Option<String>,
    /// What it takes of an allowance, a budget, a balance or a slot is worth so much to those who come later;
    /// it counts in the order and is never charged. Less than nothing by what is paid out of free credits.
    #[schema(value_type = Option<String>, example = "0.000000")]
    worth_usd: Option<MicroUsd>,
    /// How it stands among the others, in words.
    verdict: String,
}

/// Tells what a request would cost, and starts nothing.
#[utoipa::path(post, path = "/v1/estimates", tag = "native", request_body = GenerationBody<'_>,
    responses((status = 200, description = "The candidates", body = EstimatesAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn estimate(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    json::expect_json(request.headers())?;
    let limit = state.limits.body_bytes();
    let room = body::room(&state, request.headers(), limit).await?;
    let bytes = body::collect(request.headers(), payload, limit).await?;
    let body: GenerationBody<'_> = json::parse(&bytes)?;
    let draft = body.draft(state.engine.market())?;
    let asked = making::complete(&state, &caller, draft).await?;
    drop(room);
    let found = state.engine.estimate(&caller, &asked).await?;
    let answer = EstimatesAnswer { data: found.into_iter().map(EstimateDto::from).collect() };
    Ok(HttpResponse::Ok().json(answer))
}

impl From<Estimate> for EstimateDto {
    fn from(estimate: Estimate) -> Self {
        Self {
            model: format!("{}/{}", estimate.provider, estimate.model),
            provider: estimate.provider,
            account: estimate.account,
            estimated_usd: estimate.price.map(|price| price.expected),
            upper_usd: estimate.price.map(|price| price.upper),
            source: estimate.source,
            age_s: estimate.age.as_secs(),
            // Rounded up: who waits so long need not wait again.
            wait_s: u64::try_from(estimate.wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX),
            usable: estimate.usable,
            reason: estimate.reason,
            worth_usd: estimate.worth,
            verdict: estimate.verdict,
        }
    }
}
