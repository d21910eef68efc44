//! What a team was charged, and what is left of its budgets.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{BudgetState, Refusal, Scope, UsageRow};
use provider::{MicroUsd, Timestamp};
use records::Period;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    dto_rules::period_schema,
    dto_standing::StandingDto,
    error::{ErrorBody, Result},
    query,
};

/// Which span, and whose.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    /// A time or a day; the first of this month where it is left out.
    from: Option<String>,
    /// A time or a day, not included; now where it is left out.
    to: Option<String>,
    /// `self`: only what was made with this key.
    key: Option<String>,
}

/// What a team was charged in a span.
#[derive(Serialize, ToSchema)]
pub(super) struct UsageAnswer<'a> {
    team: &'a str,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    #[schema(value_type = String, example = "1.250000")]
    charged_usd: MicroUsd,
    /// What caching, joining and allowances saved against the next best vendor's price.
    #[schema(value_type = String, example = "0.000000")]
    saved_usd: MicroUsd,
    /// The tightest of `budgets`; `null`: without limit.
    budget: Option<BudgetFacts>,
    /// Every budget of this key and its team, the tightest first, as it stands now.
    budgets: Vec<StandingDto>,
    data: Vec<UsageRowDto<'a>>,
}

/// A budget in short.
#[derive(Serialize, ToSchema)]
struct BudgetFacts {
    /// `null` where it counts outputs only.
    #[schema(value_type = Option<String>, example = "50.000000")]
    limit_usd: Option<MicroUsd>,
    #[schema(value_type = Option<String>, example = "48.750000")]
    remaining_usd: Option<MicroUsd>,
    #[schema(schema_with = period_schema)]
    period: Period,
    /// `null`: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    resets_at: Option<Timestamp>,
}

impl From<&BudgetState> for BudgetFacts {
    fn from(state: &BudgetState) -> Self {
        Self {
            limit_usd: state.budget.limit,
            remaining_usd: state.remaining,
            period: state.budget.period,
            resets_at: state.resets_at,
        }
    }
}

/// One day at one model.
#[derive(Serialize, ToSchema)]
struct UsageRowDto<'a> {
    #[schema(example = "2026-11-21")]
    day: &'a str,
    provider: &'a str,
    /// `provider/model`
    model: &'a str,
    kind: &'a str,
    generations: u64,
    #[schema(value_type = String)]
    charged_usd: MicroUsd,
}

/// Tells what the team was charged, by day and model, and what is left of its budgets.
#[utoipa::path(get, path = "/v1/usage", tag = "native", params(UsageQuery),
    responses((status = 200, description = "The charges", body = UsageAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn usage(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let asked: UsageQuery = query::read(&request)?;
    let now = state.engine.clock().now();
    let (from, to) = query::charged_span(asked.from.as_deref(), asked.to.as_deref(), now)?;
    let key = match asked.key.as_deref() {
        None => None,
        Some("self") => Some(caller.key.id.as_str()),
        Some(_) => return Err(Refusal::field("key", "`key` is `self` or left out").into()),
    };
    let team = caller.team.id.as_str();
    let usage = state.engine.records().usage(team, key, from, to).await?;
    let budgets = state.engine.budgets_of(&caller).await?;
    // Where one counts money and another outputs, the one in money is the one to show in short.
    let in_money = budgets.iter().find(|state| state.budget.limit.is_some());
    let answer = UsageAnswer {
        team,
        from,
        to,
        charged_usd: usage.charged,
        saved_usd: usage.saved,
        budget: in_money.or_else(|| budgets.first()).map(BudgetFacts::from),
        budgets: budgets.iter().map(StandingDto::from).collect(),
        data: usage.rows.iter().map(row).collect(),
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn row(row: &UsageRow) -> UsageRowDto<'_> {
    UsageRowDto {
        day: &row.day,
        provider: &row.provider,
        model: &row.model,
        kind: &row.kind,
        generations: row.generations,
        charged_usd: row.charged,
    }
}
