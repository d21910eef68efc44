//! What the history says was charged: `GET /v1/generations`, each row with its `cost`.

use provider::{Call, Error, MicroUsd, Result, Statement, StatementCharge, Timestamp, Told};
use provider_http::{Effect, unreadable};

use crate::{
    client::Api,
    recover::{PAGE, are_last},
    refused,
    wire::Row,
};

/// States of a row that nothing was charged for: no page lists them, and the one that the example shows
/// is `completed`.
const UNCHARGED: [&str; 8] =
    ["pending", "queued", "processing", "generating", "running", "failed", "cancelled", "canceled"];

/// One page. A cursor is the number of rows before it.
pub(crate) async fn page(
    api: &Api,
    call: Call<'_>,
    since: Timestamp,
    cursor: Option<&str>,
    unlisted: &[&str],
) -> Result<Statement> {
    let offset = cursor.map_or(Ok(0), str::parse::<usize>);
    let offset = offset.map_err(|_| refused("cursor", "no page ended with this cursor"))?;
    let (page, _) = api.history(call, PAGE, offset).await?;
    let rows = page.generations;
    let more = page.pagination.and_then(|pages| pages.has_more).unwrap_or(rows.len() == PAGE);
    let ended = rows.is_empty() || !more || are_last(&rows, since);
    let next = (!ended).then(|| offset.saturating_add(rows.len()).to_string());
    let charges = rows.into_iter().filter(|row| is_charge(row, unlisted)).map(charge);
    let but = unlisted.iter().map(|&model| model.to_owned()).collect();
    Ok(Statement { charges: charges.collect::<Result<_>>()?, told: Told::Each { but }, next })
}

fn is_charge(row: &Row, unlisted: &[&str]) -> bool {
    let is = |shown: &Option<String>, words: &[&str]| {
        shown.as_deref().is_some_and(|shown| words.contains(&shown))
    };
    !is(&row.status, &UNCHARGED) && !is(&row.model, unlisted)
}

fn charge(row: Row) -> Result<StatementCharge> {
    let reference = row.token.filter(|token| !token.is_empty());
    let cost: MicroUsd = row.cost.ok_or_else(|| no("cost"))?;
    let at = row.created_at.ok_or_else(|| no("created_at"))?;
    Ok(StatementCharge { entry: reference.clone(), reference, amount: cost, at })
}

fn no(field: &str) -> Error {
    unreadable(Effect::Read, format!("a row of the history without a readable {field}"))
}
