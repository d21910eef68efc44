//! Administration: our books against the vendors' own.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{HttpRequest, HttpResponse, web::Data};
use engine::{Reconciliation, Refusal, keys::Right};
use provider::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    State, auth,
    dto_reconciliation::{BookedAnswer, ReconciliationAnswer},
    error::{ErrorBody, Result},
    plan_fees::first_of_month,
    query,
};

/// Which span.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ReconciliationQuery {
    /// A time or a day; the first of this month where it is left out.
    from: Option<String>,
    /// A time or a day, not included; now where it is left out. At most 92 days after `from`.
    to: Option<String>,
}

/// Asks every vendor for its own books of a span, as far as it tells any, and lists where they differ
/// from ours. Vendors are asked within each account's pace, so it may take a while.
#[utoipa::path(get, path = "/admin/v1/ledger/reconciliation", tag = "administration",
    params(ReconciliationQuery),
    responses((status = 200, description = "Every account", body = ReconciliationAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn compare(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::ReadMoney).await?;
    let (from, to) = span(&request, &state)?;
    let all = state.engine.reconcile(from, to).await?;
    Ok(HttpResponse::Ok().json(ReconciliationAnswer::of(from, to, &all)))
}

/// As reading it, and the vendor's word wins: each difference that is certain is entered in the ledger as
/// drift, once.
#[utoipa::path(post, path = "/admin/v1/ledger/reconciliation", tag = "administration",
    params(ReconciliationQuery),
    responses((status = 200, description = "Every account as it was found, and how much was entered",
               body = BookedAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn book(request: HttpRequest, state: Data<State>) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let (from, to) = span(&request, &state)?;
    let all: Vec<Reconciliation> = state.engine.reconcile(from, to).await?;
    let mut booked = 0;
    for one in &all {
        booked += state.engine.book_drift(&actor, one).await?;
    }
    tracing::info!(booked, "differences to the vendors' books were entered");
    Ok(HttpResponse::Ok().json(BookedAnswer::of(from, to, &all, booked)))
}

fn span(request: &HttpRequest, state: &State) -> Result<(Timestamp, Timestamp), Refusal> {
    let asked: ReconciliationQuery = query::read(request)?;
    let now = state.engine.clock().now();
    let (from, to) = query::span(asked.from.as_deref(), asked.to.as_deref())?;
    Ok((from.unwrap_or_else(|| first_of_month(now)), to.unwrap_or(now)))
}
