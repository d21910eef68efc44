//! What is noted outlives the process, once and no more than once, and nothing else does.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use provider::{Adjustment, Kind, MicroUsd, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    Answer, Check, DeliveryState, DeliveryTried, Lost, NewDelivery, Page, Purse, Records as _,
    Reserve, Saving, SavingReason, Share, Span, Status, TakeOn, Units, UnitsState,
    sqlite::{
        Durability, Sqlite,
        commit::{Committer, Job},
        copy_to, schema,
    },
    suite::samples::*,
};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atelier.db");
    (folder, path)
}

fn open(path: &Path, durability: Durability) -> Sqlite {
    let mut records = Sqlite::open(path, durability).unwrap();
    records.writer.dies = true;
    records
}

fn committer(path: &Path) -> Committer {
    let conn = schema::open(path, Durability::Process).unwrap();
    let journal = Journal::open(path, &conn).unwrap();
    assert!(journal.is_some());
    Committer::new(conn, journal, false)
}

fn call(millis: i64) -> Change {
    Change::Call { account: "a".to_owned(), at: Timestamp::from_millis(millis) }
}

/// A list of one change, to be noted.
fn job(change: Change) -> [Job; 1] {
    let changes = vec![change];
    let record = encode(&changes);
    assert!(record.is_some());
    [Job { changes, record, answer: None }]
}

fn makes(committer: &mut Committer, change: Change) -> bool {
    committer.make(&mut job(change)).unwrap()[0].is_ok()
}

/// The moments of all calls, as a new process finds them.
fn calls(path: &Path) -> Vec<i64> {
    let conn = schema::open(path, Durability::Process).unwrap();
    drop(Journal::open(path, &conn).unwrap());
    let mut all = conn.prepare("SELECT at FROM calls ORDER BY at").unwrap();
    let rows = all.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<std::result::Result<_, _>>().unwrap()
}

#[test]
fn noted_lists_are_made_once_more_after_a_kill() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    for n in 0..5 {
        assert!(makes(&mut one, call(n)));
    }
    one.die();
    drop(one);
    assert_eq!(calls(&path), [0, 1, 2, 3, 4]);
    // And not a third time; nothing of them stays readable.
    assert_eq!(calls(&path), [0, 1, 2, 3, 4]);
    assert_eq!(fs::metadata(beside(&path)).unwrap().len(), 0);
}

/// A shorter round lies over a longer one; the longer one's end is still in the file.
#[test]
fn what_an_earlier_round_left_is_not_made() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    for n in 0..5 {
        assert!(makes(&mut one, call(n)));
    }
    one.commit().unwrap();
    assert!(makes(&mut one, call(5)));
    one.die();
    drop(one);
    assert_eq!(calls(&path), [0, 1, 2, 3, 4, 5]);
    // The same where a kill came right after a commit.
    let mut one = committer(&path);
    assert!(makes(&mut one, call(6)));
    one.commit().unwrap();
    one.die();
    drop(one);
    assert_eq!(calls(&path), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_was_cut_off_ends_it() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    for n in 0..3 {
        assert!(makes(&mut one, call(n)));
    }
    one.die();
    drop(one);
    let whole = fs::read(beside(&path)).unwrap();
    let last = whole.len() / 3 * 2;
    let database = fs::read(&path).unwrap();
    for end in last..whole.len() {
        let mut flipped = whole.clone();
        flipped[end] ^= 1;
        for left in [&whole[..end], &flipped] {
            fs::write(&path, &database).unwrap();
            fs::write(beside(&path), left).unwrap();
            assert_eq!(calls(&path), [0, 1], "{end}");
        }
    }
}

#[test]
fn another_databases_lists_are_not_made() {
    let ((_folder, path), (_other, elsewhere)) = (folder(), folder());
    let mut one = committer(&path);
    assert!(makes(&mut one, call(1)));
    one.die();
    drop(one);
    drop(committer(&elsewhere));
    fs::copy(beside(&path), beside(&elsewhere)).unwrap();
    assert_eq!(calls(&elsewhere), [0; 0]);
}

#[test]
fn what_cannot_be_made_again_is_told_and_kept() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    assert!(makes(&mut one, call(1)));
    one.connection().execute_batch("COMMIT; DROP TABLE calls").unwrap();
    one.die();
    drop(one);
    let left = fs::read(beside(&path)).unwrap();
    for _ in 0..2 {
        let error = Sqlite::open(&path, Durability::Process).unwrap_err().to_string();
        assert!(error.contains("atelier.db-changes") && error.contains("calls"), "{error}");
        assert_eq!(fs::read(beside(&path)).unwrap(), left);
    }
}

#[test]
fn a_refused_list_spoils_no_noted_one() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    // The second refusal is expected and has a savepoint.
    for n in 0..4 {
        assert!(makes(&mut one, call(n)));
        assert!(!makes(&mut one, Change::Run("gen_x".to_owned())));
    }
    one.die();
    drop(one);
    assert_eq!(calls(&path), [0, 1, 2, 3]);
}

#[test]
fn what_cannot_be_committed_stays_noted() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    let sabotage =
        "CREATE TABLE late (team TEXT REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER sabotage AFTER INSERT ON calls BEGIN INSERT INTO late VALUES ('x'); END;";
    one.connection().execute_batch(sabotage).unwrap();
    assert!(makes(&mut one, call(1)));
    for _ in 0..2 {
        assert!(one.commit().is_err());
        assert!(one.is_behind());
    }
    one.connection().execute_batch("DROP TRIGGER sabotage").unwrap();
    assert!(makes(&mut one, call(2)));
    one.commit().unwrap();
    assert!(!one.is_behind());
    drop(one);
    assert_eq!(calls(&path), [1, 2]);
}

/// Where nothing can be written beside the database each list is committed, and nothing is made twice.
#[test]
fn a_journal_that_fails_is_done_without() {
    let (_folder, path) = folder();
    let conn = schema::open(&path, Durability::Process).unwrap();
    let mut journal = Journal::open(&path, &conn).unwrap().unwrap();
    journal.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut one = Committer::new(conn, Some(journal), false);
    for n in 0..3 {
        assert!(makes(&mut one, call(n)));
        assert!(!one.is_behind());
    }
    one.die();
    drop(one);
    assert_eq!(calls(&path), [0, 1, 2]);
}

#[test]
fn so_many_lists_are_committed_by_themselves() {
    let (_folder, path) = folder();
    let mut one = committer(&path);
    let mut longest = 0;
    for n in 0..2000 {
        assert!(makes(&mut one, call(n)));
        longest = longest.max(fs::metadata(beside(&path)).unwrap().len());
    }
    one.die();
    drop(one);
    assert!(longest < 64 << 10, "{longest}");
    assert_eq!(calls(&path).len(), 2000);
}

/// What erases is committed, and what it erased is gone from the file with it.
#[tokio::test]
async fn erased_words_are_not_beside_the_database() {
    let (_folder, path) = folder();
    let records = open(&path, Durability::Process);
    let there = || {
        let file = fs::read(beside(&path)).unwrap();
        file.windows(5).any(|bytes| bytes == b"a fox")
    };
    records.apply(vec![accepts(generation("gen_1", TEAM))]).await.unwrap();
    assert!(there());
    assert!(records.generation(TEAM, "gen_1").await.unwrap().is_some());
    records.apply(vec![Change::Erase { generation: "gen_1".to_owned() }]).await.unwrap();
    assert!(!there());
    drop(records);
    let records = open(&path, Durability::Process);
    assert!(records.generation(TEAM, "gen_1").await.unwrap().is_none());
}

/// What is to survive a power cut is in the database when it is answered; what cost nothing is noted there
/// too.
#[tokio::test]
async fn a_durable_database_notes_only_what_is_free() {
    let (_folder, path) = folder();
    let records = open(&path, Durability::Full);
    let noted = || fs::metadata(beside(&path)).unwrap().len() > 0;
    records.apply(vec![accepts(generation("gen_1", TEAM))]).await.unwrap();
    records.apply(vec![ends("gen_1", Status::Completed)]).await.unwrap();
    assert!(!noted());
    let Change::Answer(answer) = answer() else { unreachable!() };
    for id in ["gen_2", "gen_3"] {
        let mut answer = answer.clone();
        (answer.new.id, answer.end.id) = (id.to_owned(), id.to_owned());
        answer.new.idempotency = None;
        records.apply(vec![Change::Answer(answer)]).await.unwrap();
        assert!(noted());
        if id == "gen_2" {
            records.apply(vec![accepts(generation("gen_4", TEAM))]).await.unwrap();
            assert!(!noted());
        }
    }
    drop(records);
    let records = open(&path, Durability::Full);
    let page = Page { limit: 10, after: None, ascending: true };
    assert_eq!(records.generations(TEAM, None, page).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_second_one_does_without() {
    let (_folder, path) = folder();
    let (one, two) = (open(&path, Durability::Process), open(&path, Durability::Process));
    for n in 0..10 {
        one.apply(vec![call(n)]).await.unwrap();
        two.apply(vec![call(100 + n)]).await.unwrap();
    }
    drop((one, two));
    assert_eq!(calls(&path).len(), 20);
}

#[test]
fn a_copy_has_what_was_noted_and_takes_no_more() {
    let (folder, path) = folder();
    let mut one = committer(&path);
    assert!(makes(&mut one, call(1)));
    one.commit().unwrap();
    assert!(makes(&mut one, call(2)));
    let copy = folder.path().join("copy.db");
    copy_to(&path, &copy).unwrap();
    assert!(makes(&mut one, call(3)));
    fs::copy(beside(&path), beside(&copy)).unwrap();
    one.die();
    drop(one);
    assert_eq!(calls(&copy), [1, 2]);
    assert_eq!(calls(&path), [1, 2, 3]);
}

fn check() -> Check {
    let span =
        Span { owner: TEAM.to_owned(), since: at(0), until: Timestamp::from_millis(i64::MAX) };
    Check { span, limit: Some(MicroUsd::from_micros(i64::MIN)), outputs: Some(u64::MAX) }
}

fn answer() -> Change {
    let mut end = end("gen_2", Status::Completed);
    end.source = Some("gen_1".to_owned());
    let adjustment = Adjustment {
        requested: json!({ "size": [1, 2.5, null] }),
        used: "9x9".into(),
        reason: "why".to_owned(),
    };
    end.adjustments = BTreeMap::from([("size".to_owned(), adjustment)]);
    Change::Answer(Box::new(Answer { new: idempotent("gen_2", TEAM, "once", 3), end }))
}

/// Of every kind that is noted: what generations consist of.
fn of_generations() -> Vec<Change> {
    let id = |name: &str| name.to_owned();
    let mut accepted = idempotent("gen_1", TEAM, "once", 7);
    accepted.checks = vec![check()];
    accepted.reserve = Reserve { amount: MicroUsd::from_micros(-1), outputs: 3 };
    let reserve = accepted.reserve.clone();
    let mut booked = booking("att_1", Some("work"), 26_700);
    (booked.purse, booked.remote) = (Purse::Overage, vec![remote("https://a/b")]);
    let mut first = generation("gen_0", TEAM);
    first.kind = Kind::Video;
    vec![
        accepts(accepted),
        accepts(first),
        Change::Decide { generation: id("gen_1"), at: at(1), body: id("{}") },
        answer(),
        Change::TakeOn(Box::new(TakeOn {
            generation: id("gen_1"),
            team: id(TEAM),
            key: id("key_1"),
            estimated: MicroUsd::ZERO,
            reserve,
            checks: vec![check()],
        })),
        Change::Run(id("gen_1")),
        attempts(attempt("att_1", "gen_1")),
        Change::Ticket { attempt: id("att_1"), ticket: id("job") },
        Change::Lost { attempt: id("att_1"), lost: Lost { at: at(2), ended: true } },
        books(booked),
        Change::Save(Box::new(Saving {
            generation: id("gen_1"),
            team: id(TEAM),
            key: id("key_1"),
            model: id("zekron/a"),
            reason: SavingReason::Coalesced,
            amount: MicroUsd::from_micros(5),
            at: at(3),
        })),
        ended("att_1"),
        Change::Asset(Box::new(asset("ast_1", Some("gen_1")))),
        Change::Share(Box::new(Share {
            id: id("ast_2"),
            of: id("ast_1"),
            team: id(TEAM),
            generation: id("gen_2"),
            at: at(4),
            expires_at: at(5),
        })),
        ends("gen_1", Status::Failed),
        ends("gen_1", Status::Completed),
        call(-1),
    ]
}

fn beside_generations() -> Vec<Change> {
    let id = |name: &str| name.to_owned();
    vec![
        Change::Delivery(Box::new(NewDelivery {
            id: id("dlv_1"),
            team: id(TEAM),
            generation: id("gen_1"),
            event: id("generation.failed"),
            url: id("https://a/b"),
            at: at(6),
        })),
        Change::DeliveryTried(Box::new(DeliveryTried {
            delivery: id("dlv_1"),
            due: Some(at(6)),
            at: at(7),
            status: Some(500),
            error: None,
            state: DeliveryState::Pending,
            next_at: Some(at(8)),
        })),
        Change::Heartbeat { worker: id("wrk_1"), until: at(9) },
        Change::TakeUnits(Box::new(Units {
            attempt: id("att_1"),
            account: id("zsky/main"),
            kind: Kind::Video,
            units: 2,
            overage_units: 1,
            price: MicroUsd::from_micros(90_000),
            at: at(10),
            state: UnitsState::Open,
        })),
        Change::EndUnits { attempt: id("att_1"), state: UnitsState::Doubt },
        Change::KeyUsed(id("key_1"), at(11)),
        Change::UserUsed(id("user_1"), at(12)),
    ]
}

/// Word for word, the furthest moments and amounts too. The second text is what the first binary that noted wrote:
/// every later one reads it.
#[test]
fn what_is_written_is_read() {
    let every = [of_generations(), beside_generations()].concat();
    let written = encode(&every).unwrap();
    for text in [written.as_slice(), include_bytes!("tests/first.changes")] {
        let read: Vec<Change> = rmp_serde::from_slice(text).unwrap();
        assert_eq!(read.len(), every.len());
        for (read, one) in read.iter().zip(&every) {
            assert_eq!(format!("{read:?}"), format!("{one:?}"));
        }
    }
}

#[test]
fn what_is_rare_is_not_noted() {
    let erase = Change::Erase { generation: "gen_1".to_owned() };
    assert!(encode(&[call(1), erase]).is_none());
    assert!(encode(&[Change::Team(team(TEAM))]).is_none());
}
