//! What a team was charged.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{Refusal, Scope, UsageRow};
use provider::{MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    error::{ErrorBody, Result},
    query,
};

/// Which span.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageQuery {
    /// A time or a day; the first of this month where it is left out.
    from: Option<String>,
    /// A time or a day, not included; now where it is left out.
    to: Option<String>,
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
    /// What the cache saved; there is none yet.
    #[schema(value_type = String, example = "0.000000")]
    saved_usd: MicroUsd,
    /// `null`: without limit.
    #[schema(value_type = Option<Object>)]
    budget: Option<()>,
    data: Vec<UsageRowDto<'a>>,
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

/// Tells what the team was charged, by day and model.
#[utoipa::path(get, path = "/v1/usage", tag = "native", params(UsageQuery),
    responses((status = 200, description = "The charges", body = UsageAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn usage(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let asked: UsageQuery = query::read(&request)?;
    let now = state.engine.clock().now();
    let from = query::moment("from", asked.from.as_deref())?;
    let from = from.unwrap_or_else(|| first_of_month(now));
    // The end is not included, and what was charged in this very millisecond shall be.
    let soon = now.plus(Duration::from_millis(1));
    let to = query::moment("to", asked.to.as_deref())?.unwrap_or(soon);
    if from > to {
        return Err(Refusal::field("from", "`from` is later than `to`").into());
    }
    let team = caller.team.id.as_str();
    let usage = state.engine.usage(team, from, to).await?;
    let answer = UsageAnswer {
        team,
        from,
        to,
        charged_usd: usage.charged,
        saved_usd: MicroUsd::ZERO,
        budget: None,
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

fn first_of_month(now: Timestamp) -> Timestamp {
    let month = now.to_string().chars().take(7).collect::<String>();
    Timestamp::parse(&format!("{month}-01T00:00:00Z")).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_its_first() {
        let now = Timestamp::parse("2026-11-21T08:39:00.123Z").unwrap();
        assert_eq!(first_of_month(now).to_string(), "2026-11-01T00:00:00.000Z");
    }
}
