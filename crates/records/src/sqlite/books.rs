//! The books: what vendors charged, who bears it, and what is held until they do.

mod entries;

use provider::{MicroUsd, Timestamp};
use rusqlite::{Connection, ErrorCode, ffi, params};

pub(super) use self::entries::ledger;
use super::{
    budgets::{self, Owner},
    must, run,
    stored::{Columns, document, one, only},
};
use crate::{Booking, DriftEntry, Error, Purse, Result};

/// Of what an attempt is: what every row of the books tells.
struct Origin {
    generation: String,
    provider: String,
    account: String,
    /// `provider/model`.
    model: String,
    owner: Owner,
    kind: String,
}

/// An attempt as far as it was booked.
struct Booked {
    origin: Origin,
    charged: MicroUsd,
    uncertain: bool,
    /// Whether the team bears its charge no longer.
    lost: bool,
}

const ORIGIN: &str = "a.generation, a.provider, a.account, a.provider || '/' || a.model, g.team, \
                      g.key, g.kind";

/// Books an attempt's charge, once for all time.
///
/// The generation may have failed or been erased long ago: the vendor charged, so the books say so.
pub(super) fn book(conn: &Connection, booking: &Booking) -> Result<()> {
    let sql = format!(
        "SELECT {ORIGIN} FROM attempts a JOIN generations g ON g.id = a.generation \
         WHERE a.id = ? AND a.booked_at IS NULL"
    );
    let origin = one(conn, &sql, [&booking.attempt], origin)?;
    let origin = origin.ok_or_else(|| Error::Stale(booking.attempt.clone()))?;
    claim(conn, booking)?;
    budgets::release(conn, &booking.attempt)?;
    let kind = match (booking.amount.is_zero(), booking.purse, booking.uncertain) {
        (true, Purse::Allowance, _) => "allowance",
        (true, ..) => return Ok(()),
        (false, _, true) => "charge_uncertain",
        (false, _, false) => "charge",
    };
    if !booking.amount.is_zero() {
        let sql = "UPDATE generations SET charged = charged + ?2, uncertain = uncertain + ?3 \
                   WHERE id = ?1";
        let uncertain = if booking.uncertain { booking.amount } else { MicroUsd::ZERO };
        let values = params![origin.generation, booking.amount.micros(), uncertain.micros()];
        must(conn, &origin.generation, sql, values)?;
    }
    let entry = Entry {
        transaction: &booking.attempt,
        kind,
        amount: booking.amount,
        from: team(&origin),
        to: purse(&origin, booking.purse),
        borne: true,
    };
    enter(conn, &entry, booking.at, &origin)
}

/// Takes a part of a booked charge back, once for all time; what was booked stays on the books. It goes
/// to whoever bears the charge: the team, or the loss where it bears it no longer.
pub(super) fn correct(
    conn: &Connection,
    attempt: &str,
    amount: MicroUsd,
    at: Timestamp,
) -> Result<()> {
    let Booked { origin, lost, .. } = booked(conn, attempt)?;
    let sql = "UPDATE generations SET charged = charged - ?3, uncertain = uncertain - \
               iif((SELECT uncertain FROM attempts WHERE id = ?2), ?3, 0) WHERE id = ?1";
    must(conn, &origin.generation, sql, params![origin.generation, attempt, amount.micros()])?;
    let sql = "UPDATE attempts SET charged = charged - ?2, uncertain = uncertain AND charged > ?2 \
               WHERE id = ?1 AND charged >= ?2";
    must(conn, attempt, sql, params![attempt, amount.micros()])?;
    let sql = "SELECT account FROM ledger WHERE \"transaction\" = ? \
               AND kind IN ('charge', 'charge_uncertain') AND of_team = 0";
    let to = one(conn, sql, [attempt], only)?.unwrap_or_else(|| purse(&origin, Purse::Balance));
    let from = if lost { loss(&origin) } else { team(&origin) };
    let kind = "correction";
    let entry = Entry { transaction: attempt, kind, amount: -amount, from, to, borne: !lost };
    enter(conn, &entry, at, &origin)
}

/// Takes a certain charge off the team, once for all time. The vendor has it all the same: what the
/// attempt and its generation were charged stays.
pub(super) fn lose(conn: &Connection, attempt: &str, at: Timestamp) -> Result<()> {
    let Booked { origin, charged, uncertain, lost } = booked(conn, attempt)?;
    if lost || uncertain {
        return Err(Error::Stale(attempt.to_owned()));
    }
    if charged.is_zero() {
        return Ok(());
    }
    let (from, to) = (team(&origin), loss(&origin));
    let entry =
        Entry { transaction: attempt, kind: "loss", amount: -charged, from, to, borne: true };
    enter(conn, &entry, at, &origin)
}

/// Books a difference to the vendor's own books, once for its id.
pub(super) fn drift(conn: &Connection, drift: &DriftEntry) -> Result<()> {
    let sql = "SELECT 1 FROM ledger WHERE \"transaction\" = ? AND kind = 'drift'";
    let known: Option<i64> = one(conn, sql, [&drift.id], only)?;
    if known.is_some() {
        return Err(Error::Stale(drift.id.clone()));
    }
    let origin = Origin {
        generation: String::new(),
        provider: drift.provider.clone(),
        account: drift.account.clone(),
        model: String::new(),
        owner: Owner::new("", ""),
        kind: String::new(),
    };
    let entry = Entry {
        transaction: &drift.id,
        kind: "drift",
        amount: drift.amount,
        from: format!("drift:{}/{}", drift.provider, drift.account),
        to: purse(&origin, Purse::Balance),
        borne: false,
    };
    enter(conn, &entry, drift.at, &origin)
}

/// An attempt that is booked, or why nothing of it can be changed.
fn booked(conn: &Connection, attempt: &str) -> Result<Booked> {
    let sql = format!(
        "SELECT {ORIGIN}, a.charged, a.uncertain, EXISTS (SELECT 1 FROM ledger l \
         WHERE l.\"transaction\" = a.id AND l.kind = 'loss') \
         FROM attempts a JOIN generations g ON g.id = a.generation \
         WHERE a.id = ? AND a.booked_at IS NOT NULL"
    );
    let found = one(conn, &sql, [attempt], |columns| {
        Ok(Booked {
            origin: origin(columns)?,
            charged: columns.take()?,
            uncertain: columns.take()?,
            lost: columns.take()?,
        })
    })?;
    found.ok_or_else(|| Error::Stale(attempt.to_owned()))
}

/// Both sides of what is entered.
struct Entry<'a> {
    transaction: &'a str,
    kind: &'a str,
    /// Added to `to`, taken from `from`.
    amount: MicroUsd,
    from: String,
    to: String,
    /// Whether `from` is the team: then it counts in its budgets and reports.
    borne: bool,
}

fn team(origin: &Origin) -> String {
    format!("team:{}/{}", origin.owner.team, origin.owner.key)
}

fn loss(origin: &Origin) -> String {
    format!("loss:{}/{}", origin.provider, origin.account)
}

fn purse(origin: &Origin, purse: Purse) -> String {
    let part = match purse {
        Purse::Balance => "",
        Purse::Allowance => "/allowance",
        Purse::Overage => "/overage",
    };
    format!("provider:{}/{}{part}", origin.provider, origin.account)
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

/// Enters both sides, and counts what the team bears in its budgets.
fn enter(conn: &Connection, entry: &Entry<'_>, at: Timestamp, origin: &Origin) -> Result<()> {
    let sql = "INSERT OR FAIL INTO ledger (\"transaction\", at, account, amount, kind, team, key, provider, \
               model, generation, makes, of_team) VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?14), \
               (?1, ?2, ?12, ?13, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)";
    let values = params![
        entry.transaction,
        at.millis(),
        entry.from,
        (-entry.amount).micros(),
        entry.kind,
        origin.owner.team,
        origin.owner.key,
        origin.provider,
        origin.model,
        origin.generation,
        origin.kind,
        entry.to,
        entry.amount.micros(),
        entry.borne,
    ];
    run(conn, sql, values)?;
    if !entry.borne || entry.amount.is_zero() {
        return Ok(());
    }
    budgets::charge(conn, &origin.owner, at, entry.amount)
}

/// What is held for a team's generations and attempts.
pub(super) fn held(conn: &Connection, team: &str) -> Result<MicroUsd> {
    budgets::holding(conn, team).map(|(amount, _)| amount)
}

fn origin(columns: &mut Columns<'_>) -> Result<Origin> {
    Ok(Origin {
        generation: columns.take()?,
        provider: columns.take()?,
        account: columns.take()?,
        model: columns.take()?,
        owner: Owner::read(columns)?,
        kind: columns.take()?,
    })
}
