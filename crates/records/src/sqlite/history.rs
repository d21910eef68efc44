//! Requests of the past as the books and the decisions have them, read beside a gateway that works.
//!
//! It is read from one snapshot and nothing is written, so it may be done at any time. What time or a team
//! took away is not here any more: of a generation that is gone only its charges are left.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use provider::{Kind, MicroUsd, Timestamp};
use rusqlite::{Connection, params};

use super::{
    schema,
    stored::{Columns, all, one, only},
};
use crate::{CacheResult, Outcome, Result, Status};

/// The database, opened for looking back.
#[derive(Debug)]
pub struct History(Connection);

/// One request with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRequest {
    /// `gen_...`
    pub generation: String,
    /// When it was accepted; when it was first booked, where the generation is gone.
    pub at: Timestamp,
    /// Whose.
    pub team: String,
    /// What it makes.
    pub kind: Kind,
    /// How it stands; none where the generation is gone.
    pub status: Option<Status>,
    /// How it was decided, as the engine writes it.
    pub decision: Option<String>,
    /// The caller's wishes about the route, as the engine writes them.
    pub wishes: Option<String>,
    /// Its attempts and what is booked for them, oldest first.
    pub attempts: Vec<PastAttempt>,
}

/// One attempt of a request of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// `provider/name`.
    pub account: String,
    /// `provider/model`.
    pub model: String,
    /// How it ended; none where it did not, or where nobody knows any more.
    pub outcome: Option<Outcome>,
    /// What the vendor has for it, corrections included.
    pub charged: MicroUsd,
    /// Units that it took of an allowance, those past it not counted.
    pub units: u32,
    /// Units that it took past the allowance.
    pub overage_units: u32,
}

/// What is booked for one attempt.
#[derive(Debug, Default)]
struct Booked {
    transaction: String,
    generation: String,
    account: String,
    model: String,
    team: String,
    kind: Option<Kind>,
    charged: MicroUsd,
    at: Timestamp,
    units: Option<u32>,
    overage_units: Option<u32>,
    prepaid: bool,
}

struct Made {
    transaction: String,
    generation: String,
    attempt: PastAttempt,
}

impl History {
    /// Opens the database of a gateway that may be running.
    ///
    /// # Errors
    /// Where it is no database of this binary's version.
    pub fn open(path: &Path) -> Result<Self> {
        let conn = schema::open_reader(path)?;
        schema::current(schema::version(&conn)?)?;
        Ok(Self(conn))
    }

    /// Requests that were accepted from then on, oldest first.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn requests(&self, from: Timestamp) -> Result<Vec<PastRequest>> {
        let snapshot = self.0.unchecked_transaction()?;
        let mut attempts = attempts(&snapshot, from)?;
        let mut requests: BTreeMap<String, PastRequest> = BTreeMap::new();
        for request in generations(&snapshot, from)? {
            requests.insert(request.generation.clone(), request);
        }
        for booked in bookings(&snapshot, from)? {
            let request = match requests.get_mut(&booked.generation) {
                Some(request) => request,
                // What was accepted before is not asked for, what is gone is known by its booking.
                None if is_there(&snapshot, &booked.generation)? => continue,
                None => requests.entry(booked.generation.clone()).or_insert_with(|| gone(&booked)),
            };
            request.attempts.push(joined(&booked, attempts.remove(&booked.transaction)));
        }
        // Whoever was never booked.
        let mut rest: Vec<Made> = attempts.into_values().collect();
        rest.sort_by(|a, b| a.transaction.cmp(&b.transaction));
        for made in rest {
            if let Some(request) = requests.get_mut(&made.generation) {
                request.attempts.push(made.attempt);
            }
        }
        let mut requests: Vec<PastRequest> = requests.into_values().collect();
        requests.sort_by(|a, b| (a.at, &a.generation).cmp(&(b.at, &b.generation)));
        Ok(requests)
    }

    /// What vendors were found to have charged in a span beside what is booked for requests.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn drift(&self, from: Timestamp, to: Timestamp) -> Result<MicroUsd> {
        let sql = "SELECT coalesce(sum(amount), 0) FROM ledger \
                   WHERE kind = 'drift' AND account LIKE 'provider:%' AND at >= ?1 AND at < ?2";
        let sum = one(&self.0, sql, params![from.millis(), to.millis()], only)?;
        Ok(sum.unwrap_or_default())
    }
}

fn generations(conn: &Connection, from: Timestamp) -> Result<Vec<PastRequest>> {
    // An answer that was given again or waited for cost nothing and was decided by nobody.
    let sql = "SELECT g.id, coalesce(g.decided_at, g.created_at), g.team, g.kind, g.status, g.cache, g.decision, \
               iif(json_valid(g.request), json_extract(g.request, '$.routing'), NULL) \
               FROM generations g WHERE g.created_at >= ?1";
    let rows = all(conn.prepare_cached(sql)?, [from.millis()], |columns| {
        let request = PastRequest {
            generation: columns.take()?,
            at: columns.take()?,
            team: columns.take()?,
            kind: columns.take()?,
            status: Some(columns.take()?),
            decision: None,
            wishes: None,
            attempts: Vec::new(),
        };
        let cache: CacheResult = columns.take()?;
        let request = PastRequest { decision: columns.take()?, wishes: columns.take()?, ..request };
        Ok((request, matches!(cache, CacheResult::Miss | CacheResult::Off)))
    })?;
    let paid = rows.into_iter().filter(|(request, paid)| *paid || request.decision.is_some());
    Ok(paid.map(|(request, _)| request).collect())
}

fn attempts(conn: &Connection, from: Timestamp) -> Result<HashMap<String, Made>> {
    let sql = "SELECT id, generation, provider || '/' || account, provider || '/' || model, outcome \
               FROM attempts WHERE started_at >= ?1";
    let rows = all(conn.prepare_cached(sql)?, [from.millis()], |columns| {
        Ok(Made {
            transaction: columns.take()?,
            generation: columns.take()?,
            attempt: PastAttempt {
                account: columns.take()?,
                model: columns.take()?,
                outcome: columns.take()?,
                charged: MicroUsd::ZERO,
                units: 0,
                overage_units: 0,
            },
        })
    })?;
    Ok(rows.into_iter().map(|made| (made.transaction.clone(), made)).collect())
}

fn bookings(conn: &Connection, from: Timestamp) -> Result<Vec<Booked>> {
    let sql = "SELECT l.\"transaction\", l.generation, l.account, l.model, l.team, l.makes, \
               sum(l.amount), min(l.at), u.units, u.overage_units, max(l.kind = 'allowance') \
               FROM ledger l LEFT JOIN units u \
               ON u.attempt = l.\"transaction\" AND u.state <> 'free' \
               WHERE l.account LIKE 'provider:%' AND l.generation <> '' AND l.at >= ?1 \
               GROUP BY l.\"transaction\" ORDER BY min(l.id)";
    all(conn.prepare_cached(sql)?, [from.millis()], booked)
}

fn booked(columns: &mut Columns<'_>) -> Result<Booked> {
    Ok(Booked {
        transaction: columns.take()?,
        generation: columns.take()?,
        account: columns.take()?,
        model: columns.take()?,
        team: columns.take()?,
        kind: Some(columns.take()?),
        charged: columns.take()?,
        at: columns.take()?,
        units: columns.take()?,
        overage_units: columns.take()?,
        prepaid: columns.take()?,
    })
}

/// Whether the generation is among the records, accepted before what is asked for.
fn is_there(conn: &Connection, generation: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM generations WHERE id = ?1";
    let found: Option<i64> = one(conn, sql, [generation], only)?;
    Ok(found.is_some())
}

/// A request of which the books alone are left.
fn gone(booked: &Booked) -> PastRequest {
    PastRequest {
        generation: booked.generation.clone(),
        at: booked.at,
        team: booked.team.clone(),
        kind: booked.kind.unwrap_or(Kind::Image),
        status: None,
        decision: None,
        wishes: None,
        attempts: Vec::new(),
    }
}

/// An attempt with what is booked for it. Where its row of units is gone, an entry of an allowance is one
/// unit.
fn joined(booked: &Booked, made: Option<Made>) -> PastAttempt {
    let account = booked.account.strip_prefix("provider:").unwrap_or(&booked.account);
    let mut parts = account.splitn(3, '/');
    let account = format!("{}/{}", parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let overage_units = booked.overage_units.unwrap_or(0);
    PastAttempt {
        account,
        model: booked.model.clone(),
        outcome: made.and_then(|made| made.attempt.outcome),
        charged: booked.charged,
        units: match booked.units {
            Some(units) => units.saturating_sub(overage_units),
            None => u32::from(booked.prepaid),
        },
        overage_units,
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::sqlite::{Durability, Sqlite};

    /// A database with what `sql` makes.
    fn database(sql: &str) -> (TempDir, History) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(Sqlite::open(&path, Durability::Process).unwrap());
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let history = History::open(&path).unwrap();
        (folder, history)
    }

    fn generation(id: &str, at: i64, status: &str, cache: &str) -> String {
        format!(
            "INSERT INTO generations (id, team, key, kind, status, model, request, metadata, \
             created_at, estimated, cache) VALUES ('{id}', 'team_1', 'key_1', 'image', '{status}', \
             'photo', '{{\"routing\":{{\"deadline\":null}}}}', '{{}}', {at}, 0, '{cache}');"
        )
    }

    fn attempt(id: &str, of: &str, at: i64, outcome: &str) -> String {
        format!(
            "INSERT INTO attempts (id, generation, slot, provider, account, model, count, state, \
             outcome, upper, started_at) VALUES ('{id}', '{of}', 0, 'p', 'main', 'm', 1, 'ended', \
             '{outcome}', 0, {at});"
        )
    }

    fn booked(transaction: &str, of: &str, purse: &str, kind: &str, amount: i64) -> String {
        let less = -amount;
        format!(
            "INSERT INTO ledger (\"transaction\", at, account, amount, kind, team, key, provider, \
             model, generation, makes, of_team) VALUES \
             ('{transaction}', 500, 'team:team_1/key_1', {less}, '{kind}', 'team_1', 'key_1', 'p', \
             'p/m', '{of}', 'image', 1), \
             ('{transaction}', 500, 'provider:p/main{purse}', {amount}, '{kind}', 'team_1', 'key_1', \
             'p', 'p/m', '{of}', 'image', 0);"
        )
    }

    #[test]
    fn a_request_comes_with_its_decision_and_everything_that_it_cost() {
        let sql = [
            generation("gen_1", 100, "completed", "miss"),
            "UPDATE generations SET decision = 'why', decided_at = 90 WHERE id = 'gen_1';"
                .to_owned(),
            attempt("att_1", "gen_1", 100, "failed"),
            attempt("att_2", "gen_1", 101, "completed"),
            booked("att_2", "gen_1", "/overage", "charge", 70),
            booked("att_2", "gen_1", "/overage", "correction", -20),
            "INSERT INTO units VALUES ('att_2', 'p/main', 'image', 3, 1, 70, 101, 'used');"
                .to_owned(),
            // Given again, and from before.
            generation("gen_2", 110, "completed", "hit"),
            generation("gen_0", 10, "completed", "miss"),
            booked("att_0", "gen_0", "", "charge", 9),
            // What time took away.
            booked("att_9", "gen_9", "/allowance", "allowance", 0),
        ];
        let (_folder, history) = database(&sql.concat());
        let found = history.requests(Timestamp::from_millis(50)).unwrap();
        let ids: Vec<&str> = found.iter().map(|one| one.generation.as_str()).collect();
        assert_eq!(ids, ["gen_1", "gen_9"]);
        let attempt = |outcome, charged, units, overage_units| PastAttempt {
            account: "p/main".to_owned(),
            model: "p/m".to_owned(),
            outcome,
            charged: MicroUsd::from_micros(charged),
            units,
            overage_units,
        };
        let first = &found[0];
        assert_eq!((first.at.millis(), first.decision.as_deref()), (90, Some("why")));
        assert_eq!(first.status, Some(Status::Completed));
        assert_eq!(first.wishes.as_deref(), Some("{\"deadline\":null}"));
        let failed = attempt(Some(Outcome::Failed), 0, 0, 0);
        assert_eq!(first.attempts, [attempt(Some(Outcome::Completed), 50, 2, 1), failed]);
        let gone = &found[1];
        assert_eq!((gone.status, gone.at.millis()), (None, 500));
        assert_eq!(gone.attempts, [attempt(None, 0, 1, 0)]);
    }

    #[test]
    fn drift_is_no_requests() {
        let sql = "INSERT INTO ledger (\"transaction\", at, account, amount, kind, team, key, provider, \
                   model, generation, makes, of_team) VALUES \
                   ('adj_1', 500, 'drift:p/main', -7, 'drift', '', '', 'p', '', '', '', 0), \
                   ('adj_1', 500, 'provider:p/main', 7, 'drift', '', '', 'p', '', '', '', 0);";
        let (_folder, history) = database(sql);
        let at = Timestamp::from_millis;
        assert!(history.requests(at(0)).unwrap().is_empty());
        assert_eq!(history.drift(at(0), at(501)).unwrap(), MicroUsd::from_micros(7));
        assert_eq!(history.drift(at(0), at(500)).unwrap(), MicroUsd::ZERO);
    }

    #[test]
    fn a_database_of_another_version_is_refused() {
        let (folder, history) = database("");
        drop(history);
        let path = folder.path().join("a.db");
        for (version, told) in [(99, "newer binary"), (3, "start the gateway once")] {
            let conn = Connection::open(&path).unwrap();
            conn.pragma_update(None, "user_version", version).unwrap();
            drop(conn);
            let error = History::open(&path).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
