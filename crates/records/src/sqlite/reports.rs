//! What was charged and saved, read in many ways.

use std::collections::BTreeMap;

use provider::{MicroUsd, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{
    run,
    stored::{Columns, all, one, only},
};
use crate::{Dimension, LedgerFilter, Result, Saving, SpendRow, Usage, UsageRow};

/// Notes a saving. A generation that is told twice saved once.
pub(super) fn save(conn: &Connection, saving: &Saving) -> Result<()> {
    let sql = "INSERT INTO savings (generation, reason, team, key, model, amount, at) \
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let values = params![
        saving.generation,
        saving.reason.as_str(),
        saving.team,
        saving.key,
        saving.model,
        saving.amount.micros(),
        saving.at.millis(),
    ];
    run(conn, sql, values).map(drop)
}

/// A generation is on the books by what was booked for it, be that nothing; what is taken back later
/// makes no generation of its own.
const GENERATIONS: &str =
    "count(DISTINCT iif(kind IN ('charge', 'charge_uncertain', 'allowance'), generation, NULL))";

pub(super) fn usage(
    conn: &Connection,
    team: &str,
    key: Option<&str>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Usage> {
    let snapshot = conn.unchecked_transaction()?;
    let sql = format!(
        "SELECT date(at / 1000, 'unixepoch') AS day, provider, model, makes, {GENERATIONS}, \
         -sum(amount) FROM ledger \
         WHERE of_team = 1 AND team = ?1 AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR key = ?4) \
         GROUP BY day, provider, model, makes ORDER BY day, provider, model, makes"
    );
    let values = params![team, from.millis(), to.millis(), key];
    let rows = all(snapshot.prepare_cached(&sql)?, values, usage_row)?;
    let sql = "SELECT coalesce(sum(amount), 0) FROM savings \
               WHERE team = ?1 AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR key = ?4)";
    let saved = one(&snapshot, sql, values, only)?.unwrap_or_default();
    Ok(Usage { charged: rows.iter().map(|row| row.charged).sum(), saved, rows })
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

/// What was charged by these dimensions, and what was saved.
///
/// # Units
/// What an attempt took of an allowance stands in its row of units, without what lies past the
/// allowance. That row goes with its generation when time takes it away; from then on an entry of the
/// kind `allowance` counts as one unit.
pub(super) fn spend(
    conn: &Connection,
    by: &[Dimension],
    filter: &LedgerFilter,
) -> Result<Vec<SpendRow>> {
    let snapshot = conn.unchecked_transaction()?;
    let mut found = BTreeMap::new();
    let sums = format!(
        "{GENERATIONS}, -sum(amount), sum(iif(kind IN ('charge', 'charge_uncertain', 'allowance'), \
         coalesce((SELECT u.units - u.overage_units FROM units u \
         WHERE u.attempt = \"transaction\" AND u.state <> 'free'), kind = 'allowance'), 0))"
    );
    each(&snapshot, Table::Ledger, &sums, by, filter, |by, row| {
        let mut columns = Columns::of(row);
        let (generations, charged) = (columns.take()?, columns.take()?);
        let (units, saved) = (columns.take()?, MicroUsd::ZERO);
        found.insert(by.clone(), SpendRow { by, generations, charged, saved, units });
        Ok(())
    })?;
    // A saving does not tell what was made.
    if !by.contains(&Dimension::Kind) {
        each(&snapshot, Table::Savings, "sum(amount), 0, 0", by, filter, |by, row| {
            let saved = Columns::of(row).take()?;
            let empty = || SpendRow {
                by: by.clone(),
                generations: 0,
                charged: MicroUsd::ZERO,
                saved,
                units: 0,
            };
            found.entry(by.clone()).and_modify(|row| row.saved = saved).or_insert_with(empty);
            Ok(())
        })?;
    }
    Ok(found.into_values().collect())
}

/// What a report adds up.
#[derive(Debug, Clone, Copy)]
enum Table {
    Ledger,
    Savings,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Savings => "savings",
        }
    }

    /// Which of its rows count.
    const fn counted(self) -> &'static str {
        match self {
            Self::Ledger => "of_team = 1",
            Self::Savings => "TRUE",
        }
    }

    const fn provider(self) -> &'static str {
        match self {
            Self::Ledger => "provider",
            Self::Savings => "substr(model, 1, instr(model, '/') - 1)",
        }
    }

    /// The beginning of a question about every team: both tables lie by team and time, so each team's span
    /// is gone to in turn, and from team to team by the index too.
    fn of_every_team(self) -> String {
        let (table, counted) = (self.name(), self.counted());
        format!(
            "WITH RECURSIVE every_team (owner) AS (SELECT min(team) FROM {table} WHERE {counted} \
             UNION ALL SELECT (SELECT min(team) FROM {table} WHERE {counted} AND team > owner) \
             FROM every_team WHERE owner IS NOT NULL) "
        )
    }
}

/// The sums of a table, three of them, for each group of its rows that the filter lets through.
fn each(
    conn: &Connection,
    table: Table,
    sums: &str,
    by: &[Dimension],
    filter: &LedgerFilter,
    mut take: impl FnMut(Vec<String>, &Row<'_>) -> Result<()>,
) -> Result<()> {
    let (with, rows) = match filter.team {
        Some(_) => (String::new(), table.name().to_owned()),
        None => (
            table.of_every_team(),
            format!("every_team CROSS JOIN {} ON team = owner", table.name()),
        ),
    };
    let provider = table.provider();
    let value = |dimension: &Dimension| match dimension {
        Dimension::Day => "date(at / 1000, 'unixepoch')",
        Dimension::Team => "team",
        Dimension::Key => "key",
        Dimension::Provider => provider,
        Dimension::Model => "model",
        Dimension::Kind => "makes",
    };
    let groups: Vec<&str> = by.iter().map(value).collect();
    // One group of no dimension, where there are rows at all.
    let grouped = if groups.is_empty() { "NULL".to_owned() } else { groups.join(", ") };
    let values: String = groups.iter().map(|group| format!(", {group}")).collect();
    let of = |asked: bool, is: String, nothing: &str| if asked { is } else { nothing.to_owned() };
    let sql = format!(
        "{with}SELECT {sums}{values} FROM {rows} WHERE {} AND at >= ?1 AND at < ?2 AND {} AND {} \
         AND {} GROUP BY {grouped}",
        table.counted(),
        of(filter.team.is_some(), "team = ?3".to_owned(), "?3 IS NULL"),
        of(filter.key.is_some(), "key = ?4".to_owned(), "?4 IS NULL"),
        of(filter.provider.is_some(), format!("{provider} = ?5"), "?5 IS NULL"),
    );
    let from = filter.from.map_or(i64::MIN, Timestamp::millis);
    let to = filter.to.map_or(i64::MAX, Timestamp::millis);
    let mut question = conn.prepare_cached(&sql)?;
    let mut rows = question.query(params![from, to, filter.team, filter.key, filter.provider])?;
    while let Some(row) = rows.next()? {
        let by = (3..3 + by.len()).map(|column| Ok(row.get(column)?)).collect::<Result<_>>()?;
        take(by, row)?;
    }
    Ok(())
}
