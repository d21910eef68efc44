//! The books: what vendors charged, and what is held until they do.

use provider::{MicroUsd, Timestamp};
use rusqlite::{Connection, ErrorCode, ffi, params};

use super::{
    attempts, must, run,
    stored::{Columns, all, direction, document, one, only},
};
use crate::{Booking, Error, LedgerEntry, Page, Result, Usage, UsageRow};

/// Of whom an attempt is: what every row of the books tells.
struct Owner {
    generation: String,
    provider: String,
    account: String,
    model: String,
    team: String,
    key: String,
    kind: String,
}

/// Books an attempt's charge, once for all time.
///
/// The generation may have failed or been erased long ago: the vendor charged, so the books say so.
pub(super) fn book(conn: &Connection, booking: &Booking) -> Result<()> {
    let sql = "SELECT a.generation, a.provider, a.account, a.model, g.team, g.key, g.kind \
               FROM attempts a JOIN generations g ON g.id = a.generation \
               WHERE a.id = ? AND a.booked_at IS NULL";
    let owner = one(conn, sql, [&booking.attempt], owner)?;
    let owner = owner.ok_or_else(|| Error::Stale(booking.attempt.clone()))?;
    claim(conn, booking)?;
    attempts::release(conn, &booking.attempt)?;
    if booking.amount.is_zero() {
        return Ok(());
    }
    let sql = "UPDATE generations SET charged = charged + ?2, uncertain = uncertain + ?3 \
               WHERE id = ?1";
    let uncertain = if booking.uncertain { booking.amount } else { MicroUsd::ZERO };
    let values = params![owner.generation, booking.amount.micros(), uncertain.micros()];
    must(conn, &owner.generation, sql, values)?;
    let kind = if booking.uncertain { "charge_uncertain" } else { "charge" };
    let entry = Entry { transaction: &booking.attempt, kind, amount: booking.amount };
    enter(conn, &entry, booking.at, &owner)
}

/// Takes a part of a booked charge back, once for all time; what was booked stays on the books.
pub(super) fn correct(
    conn: &Connection,
    attempt: &str,
    amount: MicroUsd,
    at: Timestamp,
) -> Result<()> {
    let sql = "SELECT a.generation, a.provider, a.account, a.model, g.team, g.key, g.kind \
               FROM attempts a JOIN generations g ON g.id = a.generation \
               WHERE a.id = ? AND a.booked_at IS NOT NULL";
    let owner = one(conn, sql, [attempt], owner)?;
    let owner = owner.ok_or_else(|| Error::Stale(attempt.to_owned()))?;
    let sql = "UPDATE generations SET charged = charged - ?3, uncertain = uncertain - \
               iif((SELECT uncertain FROM attempts WHERE id = ?2), ?3, 0) WHERE id = ?1";
    must(conn, &owner.generation, sql, params![owner.generation, attempt, amount.micros()])?;
    let sql = "UPDATE attempts SET charged = charged - ?2, uncertain = uncertain AND charged > ?2 \
               WHERE id = ?1 AND charged >= ?2";
    must(conn, attempt, sql, params![attempt, amount.micros()])?;
    let entry = Entry { transaction: attempt, kind: "correction", amount: -amount };
    enter(conn, &entry, at, &owner)
}

/// Both sides of what is entered.
struct Entry<'a> {
    transaction: &'a str,
    kind: &'a str,
    /// At the provider; the team's side is its opposite.
    amount: MicroUsd,
}

/// Claims the vendor's work and notes the charge at the attempt.
fn claim(conn: &Connection, booking: &Booking) -> Result<()> {
    let sql = "UPDATE attempts SET reference = ?2, charged = ?3, uncertain = ?4, remote = ?5, \
               booked_at = ?6, state = CASE WHEN ?7 AND ended_at IS NULL THEN 'fetching' \
               ELSE state END WHERE id = ?1";
    let claimed = conn.prepare_cached(sql)?.execute(params![
        booking.attempt,
        booking.reference,
        booking.amount.micros(),
        booking.uncertain,
        document(&booking.remote)?,
        booking.at.millis(),
        !booking.remote.is_empty(),
    ]);
    match claimed {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => {
            Err(Error::Claimed(booking.reference.clone().unwrap_or_default()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a unique index refused; the one that this statement touches is that of the claims.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::ConstraintViolation
            && error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE
    })
}

/// Enters both sides of a charge or a correction.
fn enter(conn: &Connection, entry: &Entry<'_>, at: Timestamp, owner: &Owner) -> Result<()> {
    let sql = "INSERT INTO ledger (\"transaction\", at, account, amount, kind, team, key, provider, \
               model, generation, makes, of_team) VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1), \
               (?1, ?2, ?12, ?13, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)";
    let values = params![
        entry.transaction,
        at.millis(),
        format!("team:{}", owner.team),
        (-entry.amount).micros(),
        entry.kind,
        owner.team,
        owner.key,
        owner.provider,
        format!("{}/{}", owner.provider, owner.model),
        owner.generation,
        owner.kind,
        format!("provider:{}/{}", owner.provider, owner.account),
        entry.amount.micros(),
    ];
    run(conn, sql, values).map(drop)
}

/// Few rows: only attempts under way hold anything.
pub(super) fn held(conn: &Connection, team: &str) -> Result<MicroUsd> {
    let sql = "SELECT coalesce(sum(amount), 0) FROM holds WHERE team = ?";
    Ok(one(conn, sql, [team], only)?.unwrap_or_default())
}

pub(super) fn usage(
    conn: &Connection,
    team: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Usage> {
    let sql = "SELECT date(at / 1000, 'unixepoch') AS day, provider, model, makes, \
               count(DISTINCT generation), -sum(amount) FROM ledger \
               WHERE of_team = 1 AND team = ? AND at >= ? AND at < ? \
               GROUP BY day, provider, model, makes ORDER BY day, provider, model, makes";
    let values = params![team, from.millis(), to.millis()];
    let rows = all(conn.prepare_cached(sql)?, values, usage_row)?;
    Ok(Usage { charged: rows.iter().map(|row| row.charged).sum(), rows })
}

pub(super) fn ledger(
    conn: &Connection,
    team: Option<&str>,
    page: &Page,
) -> Result<Vec<LedgerEntry>> {
    let after = match page.after.as_deref().map(str::parse::<i64>) {
        Some(Ok(id)) => id,
        // After a row that cannot be there is nothing.
        Some(Err(_)) => return Ok(Vec::new()),
        None if page.ascending => i64::MIN,
        None => i64::MAX,
    };
    let (beyond, order) = direction(page);
    let whose = if team.is_some() { "team = ?3 AND" } else { "" };
    let sql = format!(
        "SELECT id, \"transaction\", at, account, amount, kind, team, key, provider, model, \
         generation FROM ledger WHERE {whose} id {beyond} ?1 ORDER BY id {order} LIMIT ?2"
    );
    let question = conn.prepare_cached(&sql)?;
    match team {
        Some(team) => all(question, params![after, page.limit, team], entry),
        None => all(question, params![after, page.limit], entry),
    }
}

fn owner(columns: &mut Columns<'_>) -> Result<Owner> {
    Ok(Owner {
        generation: columns.take()?,
        provider: columns.take()?,
        account: columns.take()?,
        model: columns.take()?,
        team: columns.take()?,
        key: columns.take()?,
        kind: columns.take()?,
    })
}

fn usage_row(columns: &mut Columns<'_>) -> Result<UsageRow> {
    Ok(UsageRow {
        day: columns.take()?,
        provider: columns.take()?,
        model: columns.take()?,
        kind: columns.take()?,
        generations: columns.take()?,
        charged: columns.take()?,
    })
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
