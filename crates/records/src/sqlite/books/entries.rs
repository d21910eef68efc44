//! The entries of the ledger, page by page.

use rusqlite::{Connection, params};

use crate::{
    LedgerEntry, LedgerFilter, Page, Result,
    sqlite::{
        budgets,
        stored::{Columns, direction, numbered_bound},
    },
};

/// So many entries in a row from beyond the span mean that no more of it follow: they are entered in
/// the order of time, but for the clocks of those who enter them.
const BEYOND_IN_A_ROW: u32 = 256;

/// Entries of a team are found by its index, those of a key by its team's.
pub(in crate::sqlite) fn ledger(
    conn: &Connection,
    filter: &LedgerFilter,
    page: &Page,
) -> Result<Vec<LedgerEntry>> {
    let Some(after) = numbered_bound(page) else { return Ok(Vec::new()) };
    let team = match (&filter.team, &filter.key) {
        (None, Some(key)) => budgets::team_of(conn, key)?,
        (team, _) => team.clone(),
    };
    let (beyond, order) = direction(page);
    let of =
        |asked: bool, is: &'static str, nothing: &'static str| if asked { is } else { nothing };
    let sql = format!(
        "SELECT id, \"transaction\", at, account, amount, kind, team, key, provider, model, \
         generation FROM ledger WHERE {} {} {} id {beyond} ?1 ORDER BY id {order}",
        of(team.is_some(), "team = ?2 AND", "?2 IS NULL AND"),
        of(filter.key.is_some(), "key = ?3 AND", "?3 IS NULL AND"),
        of(filter.provider.is_some(), "provider = ?4 AND", "?4 IS NULL AND"),
    );
    let mut question = conn.prepare_cached(&sql)?;
    let mut rows = question.query(params![after, team, filter.key, filter.provider])?;
    let (mut found, mut past) = (Vec::new(), 0);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    while found.len() < limit
        && past < BEYOND_IN_A_ROW
        && let Some(row) = rows.next()?
    {
        let entry = entry(&mut Columns::of(row))?;
        let early = filter.from.is_some_and(|from| entry.at < from);
        let late = filter.to.is_some_and(|to| entry.at >= to);
        past = if if page.ascending { late } else { early } { past + 1 } else { 0 };
        if !early && !late {
            found.push(entry);
        }
    }
    Ok(found)
}

fn entry(columns: &mut Columns<'_>) -> Result<LedgerEntry> {
    Ok(LedgerEntry {
        id: columns.take()?,
        transaction: columns.take()?,
        at: columns.take()?,
        account: columns.take()?,
        amount: columns.take()?,
        kind: columns.take()?,
        team: columns.take()?,
        key: columns.take()?,
        provider: columns.take()?,
        model: columns.take()?,
        generation: columns.take()?,
    })
}
