//! Whether the books add up: every sum that is kept, counted anew.

#[cfg(test)]
mod tests;

use provider::MicroUsd;
use rusqlite::Connection;

use super::{
    budgets::{counted, holding},
    stored::{Columns, all},
};
use crate::{Finding, Result, Span};

/// What vendors charged for each attempt, and how much of it is only a ceiling.
const BOOKED: &str = "WITH booked AS (SELECT \"transaction\" AS attempt, generation, \
                      sum(amount) AS charged, \
                      iif(max(kind = 'charge_uncertain'), sum(amount), 0) AS uncertain \
                      FROM ledger WHERE kind IN ('charge', 'charge_uncertain', 'correction') \
                      AND substr(account, 1, 9) = 'provider:' GROUP BY \"transaction\") ";

/// Everything that does not add up, in one snapshot.
///
/// A count of outputs is told as an amount of as many micro-dollars, its place with `(outputs)`.
pub(super) fn verify(conn: &Connection) -> Result<Vec<Finding>> {
    let snapshot = conn.unchecked_transaction()?;
    let mut findings = Vec::new();
    for (rule, sql) in [
        ("transaction", TRANSACTIONS.to_owned()),
        ("generation", format!("{BOOKED}{GENERATIONS}")),
        ("attempt", format!("{BOOKED}{ATTEMPTS}")),
        ("hold", OVER.to_owned()),
        ("hold", UNHELD.to_owned()),
    ] {
        let rows = all(snapshot.prepare_cached(&sql)?, [], row)?;
        let told = |(place, expected, found)| Finding { rule, place, expected, found };
        findings.extend(rows.into_iter().map(told));
    }
    held(&snapshot, &mut findings)?;
    tallies(&snapshot, &mut findings)?;
    Ok(findings)
}

/// A charge, a correction and a loss of one attempt are each a transaction of their own.
const TRANSACTIONS: &str = "SELECT \"transaction\", 0, sum(amount) FROM ledger \
                            GROUP BY \"transaction\", kind HAVING sum(amount) <> 0";

/// Generations that time took away are not looked for: the books outlive them.
const GENERATIONS: &str = "SELECT g.id, coalesce(b.charged, 0), g.charged FROM generations g LEFT JOIN \
     (SELECT generation, sum(charged) AS charged FROM booked GROUP BY generation) b \
     ON b.generation = g.id WHERE g.charged <> coalesce(b.charged, 0) \
     UNION ALL SELECT g.id || ' (uncertain)', coalesce(b.uncertain, 0), g.uncertain \
     FROM generations g LEFT JOIN \
     (SELECT generation, sum(uncertain) AS uncertain FROM booked GROUP BY generation) b \
     ON b.generation = g.id WHERE g.uncertain <> coalesce(b.uncertain, 0)";

const ATTEMPTS: &str = "SELECT a.id, coalesce(b.charged, 0), a.charged FROM attempts a \
     LEFT JOIN booked b ON b.attempt = a.id WHERE a.charged <> coalesce(b.charged, 0) \
     UNION ALL SELECT a.id || ' (uncertain)', coalesce(b.uncertain, 0), iif(a.uncertain, a.charged, 0) \
     FROM attempts a LEFT JOIN booked b ON b.attempt = a.id \
     WHERE iif(a.uncertain, a.charged, 0) <> coalesce(b.uncertain, 0)";

/// Nothing is held for what is over, or was never there.
const OVER: &str = "SELECT h.id, 0, h.amount FROM holds h WHERE NOT iif(h.of_attempt, \
                    EXISTS (SELECT 1 FROM attempts a WHERE a.id = h.id AND a.ended_at IS NULL), \
                    EXISTS (SELECT 1 FROM generations g WHERE g.id = h.id AND g.completed_at IS NULL))";

/// A generation that is not final has a row for what is reserved for it: a restart finds it by that.
const UNHELD: &str = "SELECT g.id, g.estimated, 0 FROM generations g WHERE g.completed_at IS NULL \
                      AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.id = g.id AND h.of_attempt = 0)";

fn row(columns: &mut Columns<'_>) -> Result<(String, MicroUsd, MicroUsd)> {
    Ok((columns.take()?, columns.take()?, columns.take()?))
}

fn held(conn: &Connection, findings: &mut Vec<Finding>) -> Result<()> {
    let sql = "SELECT owner, amount, outputs FROM held ORDER BY owner";
    let rows = all(conn.prepare_cached(sql)?, [], |columns| {
        Ok((columns.take()?, (columns.take()?, columns.take()?)))
    })?;
    for (owner, found) in rows {
        let owner: String = owner;
        let expected = holding(conn, &owner)?;
        compare("held", &owner, expected, found, findings);
    }
    Ok(())
}

fn tallies(conn: &Connection, findings: &mut Vec<Finding>) -> Result<()> {
    let sql =
        "SELECT owner, since, until, charged, outputs FROM tallies ORDER BY owner, since, until";
    let rows = all(conn.prepare_cached(sql)?, [], |columns| {
        let (owner, since, until) = (columns.take()?, columns.take()?, columns.take()?);
        Ok((Span { owner, since, until }, (columns.take()?, columns.take()?)))
    })?;
    for (span, found) in rows {
        compare("tally", &span.owner, counted(conn, &span)?, found, findings);
    }
    Ok(())
}

/// Tells of a sum of money and a count of outputs that are not as they should be.
fn compare(
    rule: &'static str,
    owner: &str,
    expected: (MicroUsd, i64),
    found: (MicroUsd, i64),
    findings: &mut Vec<Finding>,
) {
    if expected.0 != found.0 {
        let (expected, found) = (expected.0, found.0);
        findings.push(Finding { rule, place: owner.to_owned(), expected, found });
    }
    if expected.1 != found.1 {
        let (expected, found) = (MicroUsd::from_micros(expected.1), MicroUsd::from_micros(found.1));
        findings.push(Finding { rule, place: format!("{owner} (outputs)"), expected, found });
    }
}
