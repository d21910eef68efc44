//! What our books hold of an account, charge by charge.

use provider::Timestamp;
use rusqlite::{Connection, params};

use super::stored::{Columns, all};
use crate::{Claimed, DriftEntry, Result};

/// What is booked of an account's charges whose booking falls within the span. The attempt may be gone, and
/// with it the name of the work; the books stay.
pub(super) fn claims(
    conn: &Connection,
    provider: &str,
    account: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Claimed>> {
    let sql = "SELECT l.\"transaction\", l.generation, substr(l.model, length(l.provider) + 2), \
               a.reference, (SELECT sum(o.amount) FROM ledger o \
               WHERE o.\"transaction\" = l.\"transaction\" AND o.account IN (?2, ?3) \
               AND o.kind <> 'drift'), \
               coalesce(a.uncertain, l.kind = 'charge_uncertain'), l.at \
               FROM ledger l LEFT JOIN attempts a ON a.id = l.\"transaction\" \
               WHERE l.provider = ?1 AND l.account IN (?2, ?3) \
               AND l.kind IN ('charge', 'charge_uncertain') AND l.at >= ?4 AND l.at < ?5 \
               ORDER BY l.at, l.id";
    let own = format!("provider:{provider}/{account}");
    let overage = format!("{own}/overage");
    let values = params![provider, own, overage, from.millis(), to.millis()];
    all(conn.prepare_cached(sql)?, values, claimed)
}

/// Drift of an account that was entered then or later.
pub(super) fn drifts(
    conn: &Connection,
    provider: &str,
    account: &str,
    from: Timestamp,
) -> Result<Vec<DriftEntry>> {
    let sql = "SELECT \"transaction\", provider, amount, at FROM ledger \
               WHERE provider = ?1 AND account = ?2 AND kind = 'drift' AND at >= ?3 ORDER BY id";
    let own = format!("provider:{provider}/{account}");
    let values = params![provider, own, from.millis()];
    let entered = all(conn.prepare_cached(sql)?, values, entered)?;
    let whose = |entry: DriftEntry| DriftEntry { account: account.to_owned(), ..entry };
    Ok(entered.into_iter().map(whose).collect())
}

/// The account's own name stands in that of the ledger's account, which is the same for all.
fn entered(columns: &mut Columns<'_>) -> Result<DriftEntry> {
    Ok(DriftEntry {
        id: columns.take()?,
        provider: columns.take()?,
        account: String::new(),
        amount: columns.take()?,
        at: columns.take()?,
    })
}

fn claimed(columns: &mut Columns<'_>) -> Result<Claimed> {
    Ok(Claimed {
        attempt: columns.take()?,
        generation: columns.take()?,
        model: columns.take()?,
        reference: columns.take()?,
        charged: columns.take()?,
        uncertain: columns.take()?,
        booked_at: columns.take()?,
    })
}
