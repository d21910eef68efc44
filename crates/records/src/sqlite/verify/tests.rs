//! Each rule of the books, broken by hand: what no change of ours can do, a broken disk can.

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::{Durability, make, schema};
use crate::{
    Booking, CacheResult, Change, Check, EndAttempt, EndGeneration, NewAttempt, NewGeneration,
    Outcome, OutputRecord, Purse, Reserve, Span, Status,
};

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn checks() -> Vec<Check> {
    let span = |owner: &str| Span { owner: owner.to_owned(), since: at(0), until: at(86_400_000) };
    ["team_1", "key_1"]
        .map(|owner| Check { span: span(owner), limit: None, outputs: Some(100) })
        .to_vec()
}

fn accept(id: &str) -> Change {
    Change::Accept(Box::new(NewGeneration {
        id: id.to_owned(),
        team: "team_1".to_owned(),
        key: "key_1".to_owned(),
        kind: Kind::Image,
        model: "photo".to_owned(),
        request: "{}".to_owned(),
        metadata: BTreeMap::new(),
        estimated: MicroUsd::ZERO,
        at: at(1),
        idempotency: None,
        running: true,
        worker: "wrk_1".to_owned(),
        reserve: Reserve { amount: MicroUsd::from_micros(90), outputs: 1 },
        checks: checks(),
        cache: CacheResult::Miss,
        source: None,
    }))
}

fn attempt(id: &str, generation: &str) -> Change {
    Change::Attempt(Box::new(NewAttempt {
        id: id.to_owned(),
        generation: generation.to_owned(),
        team: "team_1".to_owned(),
        key: "key_1".to_owned(),
        slot: 0,
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        model: "m".to_owned(),
        count: 1,
        upper: MicroUsd::from_micros(60),
        at: at(2),
        hold_until: at(3),
        checks: Vec::new(),
    }))
}

fn book(attempt: &str, uncertain: bool) -> Change {
    Change::Book(Box::new(Booking {
        attempt: attempt.to_owned(),
        reference: None,
        amount: MicroUsd::from_micros(50),
        uncertain,
        purse: Purse::Balance,
        remote: Vec::new(),
        at: at(4),
    }))
}

fn end(generation: &str) -> Change {
    Change::EndGeneration(Box::new(EndGeneration {
        id: generation.to_owned(),
        status: Status::Completed,
        outputs: vec![OutputRecord::default()],
        made_by: None,
        adjustments: BTreeMap::new(),
        error: None,
        at: at(6),
        source: None,
    }))
}

/// Books of one team: `gen_1` paid and over, `gen_2` paid at a ceiling and over, `gen_3` under way.
fn books() -> (Connection, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let conn = schema::open(&folder.path().join("atelier.db"), Durability::Process).unwrap();
    let key = "INSERT INTO teams (id, name, models, created_at) VALUES ('team_1', '', '[]', 0); \
               INSERT INTO keys (id, team, name, prefix, scopes, models, hash, created_at) \
               VALUES ('key_1', 'team_1', '', '', '[]', '[]', x'00', 0)";
    conn.execute_batch(key).unwrap();
    for n in 1..=3 {
        let (id, of) = (format!("gen_{n}"), format!("att_{n}"));
        let mut changes = vec![accept(&id), attempt(&of, &id)];
        if n < 3 {
            let over = EndAttempt {
                attempt: of.clone(),
                outcome: Outcome::Completed,
                detail: None,
                keep_reserved: false,
                at: at(5),
            };
            changes.extend([book(&of, n == 2), Change::EndAttempt(over), end(&id)]);
        }
        changes.iter().for_each(|change| make(&conn, change).unwrap());
    }
    assert_eq!(super::verify(&conn).unwrap(), []);
    (conn, folder)
}

/// What is found after a statement: the rule, the place, what it should be and what it is.
fn found(broken: &str) -> Vec<(&'static str, String, i64, i64)> {
    let (conn, _folder) = books();
    conn.execute_batch(broken).unwrap();
    let findings = super::verify(&conn).unwrap();
    let told =
        |one: crate::Finding| (one.rule, one.place, one.expected.micros(), one.found.micros());
    findings.into_iter().map(told).collect()
}

fn finding(
    rule: &'static str,
    place: &str,
    expected: i64,
    found: i64,
) -> (&'static str, String, i64, i64) {
    (rule, place.to_owned(), expected, found)
}

const ENTRY: &str = "INSERT INTO ledger (\"transaction\", at, account, amount, kind, team, key, \
                     provider, model, generation, makes, of_team) VALUES ";

#[test]
fn a_transaction_that_does_not_add_up_is_found() {
    let one_sided = format!(
        "{ENTRY} ('x', 9, 'drift:zekron/main', -7, 'drift', '', '', 'zekron', '', '', '', 0)"
    );
    assert_eq!(found(&one_sided), [finding("transaction", "x", 0, -7)]);
    let hidden = "DROP TRIGGER ledger_is_never_changed; \
                  UPDATE ledger SET amount = amount + 1 WHERE account = 'provider:zekron/main' \
                  AND generation = 'gen_1'";
    assert_eq!(
        found(hidden),
        [
            finding("transaction", "att_1", 0, 1),
            finding("generation", "gen_1", 51, 50),
            finding("attempt", "att_1", 51, 50),
        ]
    );
}

#[test]
fn a_generation_or_attempt_that_was_not_charged_so_is_found() {
    assert_eq!(
        found("UPDATE generations SET charged = 49 WHERE id = 'gen_1'"),
        [finding("generation", "gen_1", 50, 49)]
    );
    assert_eq!(
        found("UPDATE generations SET uncertain = 0 WHERE id = 'gen_2'"),
        [finding("generation", "gen_2 (uncertain)", 50, 0)]
    );
    assert_eq!(
        found("UPDATE attempts SET charged = 1 WHERE id = 'att_3'"),
        [finding("attempt", "att_3", 0, 1)]
    );
    assert_eq!(
        found("UPDATE attempts SET uncertain = 1 WHERE id = 'att_1'"),
        [finding("attempt", "att_1 (uncertain)", 0, 50)]
    );
}

#[test]
fn sums_that_were_not_counted_so_are_found() {
    assert_eq!(
        found("UPDATE held SET amount = 89 WHERE owner = 'key_1'"),
        [finding("held", "key_1", 90, 89)]
    );
    assert_eq!(
        found("UPDATE held SET outputs = 0 WHERE owner = 'team_1'"),
        [finding("held", "team_1 (outputs)", 1, 0)]
    );
    assert_eq!(
        found("UPDATE tallies SET charged = 101 WHERE owner = 'team_1'"),
        [finding("tally", "team_1", 100, 101)]
    );
    assert_eq!(
        found("UPDATE tallies SET outputs = 3 WHERE owner = 'key_1'"),
        [finding("tally", "key_1 (outputs)", 2, 3)]
    );
}

#[test]
fn what_is_held_for_what_is_over_is_found() {
    let late = "INSERT INTO holds VALUES ('att_1', 1, 'team_2', 'key_2', 5, 0, 9)";
    assert_eq!(found(late), [finding("hold", "att_1", 0, 5)]);
    let nobodys = "INSERT INTO holds VALUES ('att_9', 1, 'team_2', 'key_2', 0, 0, 9)";
    assert_eq!(found(nobodys), [finding("hold", "att_9", 0, 0)]);
    let late = "INSERT INTO holds VALUES ('gen_2', 0, 'team_2', 'key_2', 6, 1, NULL)";
    assert_eq!(found(late), [finding("hold", "gen_2", 0, 6)]);
    let unheld = "INSERT INTO generations (id, team, key, kind, status, model, request, metadata, \
                  estimated, created_at) VALUES ('gen_9', 'team_1', 'key_1', 'image', 'running', '', \
                  '{}', '{}', 7, 5)";
    assert_eq!(found(unheld), [finding("hold", "gen_9", 7, 0)]);
}
