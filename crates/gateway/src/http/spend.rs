//! Administration: what was spent, by team, key, provider, model, kind and day.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{Refusal, keys::Right};
use provider::{MicroUsd, Timestamp};
use records::{Dimension, LedgerFilter, SpendRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    error::{ErrorBody, Result},
    plan_fees::{self, Asked, Fees, Plan},
    query,
};

/// The longest span of one answer: a year and what lies around it.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The most lines of one answer; who wants more takes a shorter span or the ledger.
const MOST_LINES: usize = 10_000;

/// What to tell apart, and which span.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SpendQuery {
    /// Some of `team`, `key`, `provider`, `model`, `kind`, `day`, with commas; `team` where it is left
    /// out.
    by: Option<String>,
    /// Only this team's.
    team: Option<String>,
    /// Only what was made with this key.
    key: Option<String>,
    /// Only what was made at this provider.
    provider: Option<String>,
    /// A time or a day; the first of this month where it is left out.
    from: Option<String>,
    /// A time or a day, not included; now where it is left out. At most 400 days after `from`.
    to: Option<String>,
}

/// What was spent in a span.
#[derive(Serialize, ToSchema)]
pub(super) struct SpendAnswer<'a> {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    data: Vec<SpendDto<'a>>,
    /// Prepaid plans. Their fees are in no ledger; each line's part of them is its `plan_fee_usd`.
    plans: Vec<PlanDto<'a>>,
}

/// One line: the dimensions that were asked for, and the sums.
#[derive(Serialize, ToSchema, Default)]
struct SpendDto<'a> {
    /// UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-21")]
    day: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// `provider/model`
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    /// Generations on the books, those of allowances too.
    generations: u64,
    #[schema(value_type = String)]
    charged_usd: MicroUsd,
    /// What caching, joining and allowances saved against the next best vendor's price; `null` by `kind`,
    /// which savings are not kept by.
    #[schema(value_type = Option<String>)]
    saved_usd: Option<MicroUsd>,
    /// Prepaid units used.
    units: u64,
    /// The part of plans' fees that these units bear.
    #[schema(value_type = String)]
    plan_fee_usd: MicroUsd,
}

/// The plans at one provider.
#[derive(Serialize, ToSchema)]
struct PlanDto<'a> {
    provider: &'a str,
    accounts: &'a [String],
    /// Of all its accounts together, as they are now.
    #[schema(value_type = String, example = "99.000000")]
    monthly_fee_usd: MicroUsd,
    /// Of the calendar months that the span touches.
    #[schema(value_type = String)]
    fee_usd: MicroUsd,
    /// Units of the lines above.
    units: u64,
    /// What the lines above bear.
    #[schema(value_type = String)]
    shared_usd: MicroUsd,
    /// What units outside the lines above bear, or, where there are none, nobody.
    #[schema(value_type = String)]
    unshared_usd: MicroUsd,
}

impl<'a> From<&'a Plan> for PlanDto<'a> {
    fn from(plan: &'a Plan) -> Self {
        Self {
            provider: &plan.provider,
            accounts: &plan.accounts,
            monthly_fee_usd: plan.monthly_fee,
            fee_usd: plan.fee,
            units: plan.units,
            shared_usd: plan.shared,
            unshared_usd: plan.fee - plan.shared,
        }
    }
}

/// Tells what was spent, by what is asked for, and what prepaid plans cost beside it.
#[utoipa::path(get, path = "/admin/v1/usage", tag = "administration", params(SpendQuery),
    responses((status = 200, description = "The sums", body = SpendAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn spend(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::ReadMoney).await?;
    let query: SpendQuery = query::read(&request)?;
    let now = state.engine.clock().now();
    let asked = read(query, now)?;
    let filter =
        LedgerFilter { from: Some(asked.from), to: Some(asked.to), ..asked.filter.clone() };
    let rows = state.engine.records().spend(asked.by.clone(), filter).await?;
    if rows.len() > MOST_LINES {
        let message =
            format!("these are {} lines; ask for a shorter span or less of `by`", rows.len());
        return Err(Refusal::field("by", message).into());
    }
    let fees = plan_fees::shared(&state.engine, &asked).await?;
    let answer = SpendAnswer {
        from: asked.from,
        to: asked.to,
        data: rows.iter().map(|row| line(&asked.by, row, &fees)).collect(),
        plans: fees.plans.iter().map(PlanDto::from).collect(),
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn read(query: SpendQuery, now: Timestamp) -> Result<Asked, Refusal> {
    let by = dimensions(query.by.as_deref().unwrap_or(Dimension::Team.as_str()))?;
    let (from, to) = query::charged_span(query.from.as_deref(), query.to.as_deref(), now)?;
    if to.since(from) > LONGEST {
        return Err(Refusal::field("from", "the span is longer than 400 days"));
    }
    let filter = LedgerFilter {
        team: query.team,
        key: query.key,
        provider: query.provider,
        ..LedgerFilter::default()
    };
    Ok(Asked { by, filter, from, to })
}

fn dimensions(text: &str) -> Result<Vec<Dimension>, Refusal> {
    let mut by = Vec::new();
    for name in text.split(',').map(str::trim) {
        let known = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name);
        match known {
            Some(dimension) if !by.contains(&dimension) => by.push(dimension),
            Some(_) => return Err(Refusal::field("by", format!("`by` has `{name}` twice"))),
            None => {
                let names = Dimension::ALL.map(Dimension::as_str).join("`, `");
                return Err(Refusal::field("by", format!("`by` takes some of `{names}`")));
            }
        }
    }
    Ok(by)
}

fn line<'a>(by: &[Dimension], row: &'a SpendRow, fees: &Fees) -> SpendDto<'a> {
    let mut dto = SpendDto {
        generations: row.generations,
        charged_usd: row.charged,
        saved_usd: (!by.contains(&Dimension::Kind)).then_some(row.saved),
        units: row.units,
        plan_fee_usd: fees.by_line.get(&row.by).copied().unwrap_or_default(),
        ..SpendDto::default()
    };
    for (dimension, value) in by.iter().zip(&row.by) {
        let place = match dimension {
            Dimension::Day => &mut dto.day,
            Dimension::Team => &mut dto.team,
            Dimension::Key => &mut dto.key,
            Dimension::Provider => &mut dto.provider,
            Dimension::Model => &mut dto.model,
            Dimension::Kind => &mut dto.kind,
        };
        *place = Some(value);
    }
    dto
}
