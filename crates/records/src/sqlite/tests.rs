//! The suite over `SQLite`, and what only a file can get wrong.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use provider::{Adjustment, Kind, MicroUsd, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    Durability, Sqlite,
    commit::{Committer, Job},
    make, schema,
    writer::Writer,
};
use crate::{
    Books, CacheResult, Change, EndAttempt, EndGeneration, Error, Failure, NewAttempt,
    NewGeneration, Outcome, OutputRecord, Page, Records, Reserve, Result, Status,
};

async fn fresh() -> (Arc<dyn Records>, TempDir) {
    let (sqlite, folder, _) = open();
    (Arc::new(sqlite), folder)
}

fn again(folder: &TempDir) -> Arc<dyn Records> {
    let path = folder.path().join("deep/atelier.db");
    Arc::new(Sqlite::open(&path, Durability::Process).unwrap())
}

crate::records_suite!(fresh, again);

/// Processes that are killed leave what is noted to the next.
#[test]
fn random_schedules_with_kills() {
    async fn fresh() -> (Arc<dyn Records>, TempDir) {
        let (mut sqlite, folder, _) = open();
        sqlite.writer.dies = true;
        (Arc::new(sqlite), folder)
    }
    fn again(folder: &TempDir) -> Arc<dyn Records> {
        let path = folder.path().join("deep/atelier.db");
        let mut sqlite = Sqlite::open(&path, Durability::Process).unwrap();
        sqlite.writer.dies = true;
        Arc::new(sqlite)
    }
    crate::suite::random_schedules(fresh, again);
}

fn open() -> (Sqlite, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/atelier.db");
    (Sqlite::open(&path, Durability::Process).unwrap(), folder, path)
}

fn call(millis: i64) -> Change {
    Change::Call { account: "a".to_owned(), at: Timestamp::from_millis(millis) }
}

fn accept(id: &str, request: String) -> Change {
    Change::Accept(Box::new(NewGeneration {
        id: id.to_owned(),
        team: "team_1".to_owned(),
        key: "key_1".to_owned(),
        kind: Kind::Image,
        model: "photo".to_owned(),
        request,
        metadata: BTreeMap::new(),
        estimated: MicroUsd::ZERO,
        at: Timestamp::from_millis(1),
        idempotency: None,
        running: true,
        worker: "wrk_1".to_owned(),
        reserve: Reserve::default(),
        checks: Vec::new(),
        cache: CacheResult::Miss,
        source: None,
    }))
}

fn bad() -> Change {
    Change::RevokeKey("key_x".to_owned(), Timestamp::from_millis(1))
}

async fn calls(path: &Path) -> usize {
    let again = Sqlite::open(path, Durability::Full).unwrap();
    again.calls_since(Timestamp::from_millis(0)).await.unwrap().len()
}

/// The files of a database as a killed process leaves them.
fn as_killed(path: &Path, to: &Path) -> PathBuf {
    let file = path.file_name().unwrap().to_str().unwrap();
    for end in ["", "-wal", "-changes"] {
        let name = format!("{file}{end}");
        fs::copy(path.with_file_name(&name), to.join(&name)).unwrap();
    }
    to.join(file)
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_answered() {
    let (sqlite, folder, path) = open();
    for n in 0..50 {
        sqlite.apply(vec![call(n)]).await.unwrap();
        if n % 10 == 0 {
            let to = folder.path().join(n.to_string());
            fs::create_dir(&to).unwrap();
            let kept = calls(&as_killed(&path, &to)).await;
            assert_eq!(i64::try_from(kept).unwrap(), n + 1);
        }
    }
}

#[tokio::test]
async fn dropping_writes_what_is_queued_and_folds_the_log() {
    let (sqlite, _folder, path) = open();
    for n in 0..500 {
        sqlite.apply_soon(vec![call(n)]);
    }
    drop(sqlite);
    assert!(!path.with_file_name("atelier.db-wal").exists());
    assert_eq!(calls(&path).await, 500);
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let (sqlite, _folder, path) = open();
    drop(sqlite);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    let error = Sqlite::open(&path, Durability::Full).unwrap_err().to_string();
    assert!(error.contains("version 99") && error.contains("newer binary"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Savings were written with their names or, of forgotten generations, without: all of them count on. What
/// was under way is taken up, and how it was decided is known.
#[tokio::test]
async fn an_older_database_keeps_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    schema::open_as(&path, 8);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "INSERT INTO teams (id, name, models, created_at) VALUES ('team_1', 'one', '[]', 0); \
         INSERT INTO savings (generation, reason, team, key, model, amount, at) VALUES \
         ('gen_1', 'cache', 'team_1', 'key_1', 'zekron/a', 1, 5), \
         ('gen_1', 'allowance', 'team_1', 'key_1', 'zekron/a', 20, 5), \
         (NULL, 'cache', 'team_1', 'key_1', 'zekron/a', 300, 5), \
         (NULL, 'cache', 'team_1', 'key_1', 'zekron/a', 4000, 5), \
         (NULL, 'cache', 'team_2', 'key_2', 'zekron/a', 50000, 5); \
         INSERT INTO reserves VALUES ('gen_3', 'team_1', 'key_1', 7, 1); \
         INSERT INTO decisions VALUES ('gen_3', 'team_1', 'key_1', 'image', 3, 'why'); \
         INSERT INTO generations (id, team, key, kind, status, model, request, metadata, created_at, \
         estimated, completed_at) VALUES \
         ('gen_2', 'team_1', 'key_1', 'image', 'queued', 'zekron/a', '{}', '{}', 1, 0, NULL), \
         ('gen_3', 'team_1', 'key_1', 'image', 'running', 'zekron/a', '{}', '{}', 2, 7, NULL), \
         ('gen_4', 'team_1', 'key_1', 'image', 'failed', 'zekron/a', '{}', '{}', 3, 0, 4)",
    )
    .unwrap();
    drop(old);
    let records = Sqlite::open(&path, Durability::Process).unwrap();
    let saved = async |team: &str| {
        let usage = records.usage(team, None, Timestamp::from_millis(0), Timestamp::from_millis(9));
        usage.await.unwrap().saved.micros()
    };
    assert_eq!((saved("team_1").await, saved("team_2").await), (4321, 50_000));
    let all = records.spend(Vec::new(), crate::LedgerFilter::default()).await.unwrap();
    assert_eq!(all.iter().map(|row| row.saved.micros()).sum::<i64>(), 54_321);
    let open = records.unfinished().await.unwrap();
    let open: Vec<_> = open.iter().map(|one| one.generation.id.as_str()).collect();
    assert_eq!(open, ["gen_2", "gen_3"]);
    assert_eq!(records.decision("team_1", "gen_3").await.unwrap().as_deref(), Some("why"));
    let decided = records.decisions(9).await.unwrap();
    assert_eq!((decided.len(), decided[0].at), (1, Timestamp::from_millis(3)));
    assert!(records.verify().await.unwrap().is_empty());
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "a text that is long enough to be taken for a header".repeat(20)).unwrap();
    assert!(matches!(Sqlite::open(&path, Durability::Full), Err(Error::Storage(_))));
    assert!(matches!(Sqlite::open(folder.path(), Durability::Full), Err(Error::Storage(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (sqlite, _folder, path) = open();
    sqlite.apply(vec![call(1)]).await.unwrap();
    for name in ["atelier.db", "atelier.db-wal", "atelier.db-shm", "atelier.db-changes"] {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A generation with its words in the request, the attempt's detail, the outputs, the adjustments
/// and the error.
fn worded(id: &str, words: &str) -> (Vec<Change>, Vec<Change>) {
    let attempt = NewAttempt {
        id: format!("att_{id}"),
        generation: id.to_owned(),
        team: "team_1".to_owned(),
        key: "key_1".to_owned(),
        slot: 0,
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        model: "m".to_owned(),
        count: 1,
        upper: MicroUsd::ZERO,
        at: Timestamp::from_millis(1),
        hold_until: Timestamp::from_millis(2),
        checks: Vec::new(),
    };
    let over = EndAttempt {
        attempt: attempt.id.clone(),
        outcome: Outcome::Failed,
        detail: Some(words.to_owned()),
        keep_reserved: false,
        at: Timestamp::from_millis(2),
    };
    let adjustment =
        Adjustment { requested: words.into(), used: true.into(), reason: String::new() };
    let end = EndGeneration {
        id: id.to_owned(),
        status: Status::Failed,
        outputs: vec![OutputRecord { text: Some(words.to_owned()), ..OutputRecord::default() }],
        made_by: None,
        adjustments: BTreeMap::from([("options".to_owned(), adjustment)]),
        error: Some(Failure { code: "x".to_owned(), message: words.to_owned() }),
        at: Timestamp::from_millis(2),
        source: None,
    };
    (
        vec![accept(id, words.to_owned()), Change::Attempt(Box::new(attempt))],
        vec![Change::EndAttempt(over), Change::EndGeneration(Box::new(end))],
    )
}

#[tokio::test]
async fn erased_words_are_not_in_the_file() {
    let (sqlite, _folder, path) = open();
    let words = |n: usize| format!("fox-{n}-").repeat(20 + n * 300);
    for n in 0..9 {
        let id = format!("gen_{n}");
        let (begin, end) = worded(&id, &words(n));
        let erase = vec![Change::Erase { generation: id }];
        let lists = match n % 3 {
            0 => vec![begin, end],
            1 => vec![begin, end, erase],
            _ => vec![begin, erase, end],
        };
        for list in lists {
            sqlite.apply(list).await.unwrap();
        }
    }
    drop(sqlite);
    let file = fs::read(&path).unwrap();
    for n in 0..9 {
        let word = format!("fox-{n}-");
        let there = file.windows(word.len()).any(|bytes| bytes == word.as_bytes());
        assert_eq!(there, n % 3 == 0, "{n}");
    }
}

#[tokio::test]
async fn not_even_sql_rewrites_the_books() {
    let (sqlite, _folder, path) = open();
    drop(sqlite);
    let conn = Connection::open(&path).unwrap();
    let entry = "INSERT INTO ledger VALUES (1, 't', 0, 'a', 5, 'charge', 't', 'k', 'p', 'm', 'g', \
                 'image', 1)";
    conn.execute(entry, []).unwrap();
    for change in ["UPDATE ledger SET amount = 4", "DELETE FROM ledger"] {
        let error = conn.execute(change, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[test]
fn pruning_frees_a_hold_that_nobody_owns() {
    let folder = tempfile::tempdir().unwrap();
    let conn = schema::open(&folder.path().join("atelier.db"), Durability::Process).unwrap();
    let hold = "INSERT INTO holds VALUES ('att_1', 1, 't', 'k', 5, 0, 100)";
    conn.execute(hold, []).unwrap();
    for (before, left) in [(100, 5), (101, 0)] {
        make(&conn, &Change::Prune(Timestamp::from_millis(before))).unwrap();
        assert_eq!(super::books::held(&conn, "t").unwrap().micros(), left);
    }
}

fn jobs(lists: Vec<Vec<Change>>) -> Vec<Job> {
    let job = |changes| Job { changes, record: None, answer: None };
    lists.into_iter().map(job).collect()
}

/// Each list of a batch by how it ended.
fn told(results: &[Result<()>]) -> Vec<bool> {
    results.iter().map(Result::is_ok).collect()
}

#[test]
fn in_one_commit_a_bad_list_leaves_nothing_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atelier.db");
    let conn = schema::open(&path, Durability::Process).unwrap();
    let mut committer = Committer::new(conn, None, false);
    // The second time it expects it, and has savepoints.
    for there in [3, 6] {
        let lists = vec![
            vec![bad()],
            vec![call(1), call(2)],
            vec![call(3), call(4), bad()],
            vec![call(5)],
            vec![call(6), bad(), call(7)],
        ];
        let results = committer.make(&mut jobs(lists)).unwrap();
        assert_eq!(told(&results), [false, true, false, true, false]);
        assert_eq!(rows(&committer), there);
        // Alone there is no savepoint; nothing may stay either.
        let results = committer.make(&mut jobs(vec![vec![call(8), bad()]])).unwrap();
        assert_eq!((told(&results), rows(&committer)), (vec![false], there));
        assert!(committer.connection().is_autocommit());
    }
}

/// Calls that are in the transaction.
fn rows(committer: &Committer) -> i64 {
    let sql = "SELECT count(*) FROM calls";
    committer.connection().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_failed_commit_is_every_jobs_answer_and_leaves_the_connection_free() {
    let folder = tempfile::tempdir().unwrap();
    let conn = schema::open(&folder.path().join("atelier.db"), Durability::Process).unwrap();
    conn.execute_batch(SABOTAGE).unwrap();
    let mut committer = Committer::new(conn, None, false);
    assert!(committer.make(&mut jobs(vec![vec![call(1)], vec![call(2)]])).is_err());
    committer.connection().execute_batch("DROP TRIGGER sabotage").unwrap();
    assert_eq!(told(&committer.make(&mut jobs(vec![vec![call(3)]])).unwrap()), [true]);
    assert_eq!(rows(&committer), 1);
}

/// What is deferred fails where nothing else of ours does: in the commit.
const SABOTAGE: &str = "
    CREATE TABLE late (team TEXT REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER sabotage AFTER INSERT ON calls BEGIN INSERT INTO late VALUES ('x'); END;";

#[tokio::test]
async fn a_full_disk_is_an_answer_every_time_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atelier.db");
    let conn = schema::open(&path, Durability::Process).unwrap();
    conn.pragma_update_and_check(None, "max_page_count", 200, |_| Ok(())).unwrap();
    let writer = Writer::start(conn, None, true).unwrap();
    let (mut kept, mut failed) = (Vec::new(), 0);
    for n in 0..60 {
        let id = format!("gen_{n:02}");
        match writer.apply(vec![call(n), accept(&id, "x".repeat(20_000))]).await {
            Ok(()) => kept.push(id),
            Err(Error::Storage(why)) => {
                assert!(why.contains("full"), "{why}");
                failed += 1;
            }
            Err(other) => assert!(matches!(other, Error::Storage(_)), "{other}"),
        }
    }
    assert!(failed > 10 && kept.len() > 10, "{failed} failed, {} kept", kept.len());
    drop(writer);
    let again = Sqlite::open(&path, Durability::Process).unwrap();
    let page = Page { limit: 100, after: None, ascending: true };
    let found = again.generations("team_1", None, page).await.unwrap();
    assert_eq!(found.into_iter().map(|one| one.id).collect::<Vec<_>>(), kept);
    let calls = again.calls_since(Timestamp::from_millis(0)).await.unwrap();
    assert_eq!(calls.len(), kept.len());
}

#[tokio::test]
async fn a_batch_that_the_disk_refuses_fails_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atelier.db");
    let conn = schema::open(&path, Durability::Process).unwrap();
    conn.pragma_update_and_check(None, "max_page_count", 100, |_| Ok(())).unwrap();
    let mut committer = Committer::new(conn, None, false);
    let huge = vec![accept("gen_1", "x".repeat(2_000_000))];
    let results = committer.make(&mut jobs(vec![vec![call(1)], huge, vec![call(2)]]));
    // Whether the disk's refusal ended the transaction or only the list, what was answered holds.
    let answered = results.as_deref().map_or(0, |each| told(each).iter().filter(|ok| **ok).count());
    assert_eq!(usize::try_from(rows(&committer)).unwrap(), answered);
    assert!(committer.connection().is_autocommit());
    assert_eq!(told(&committer.make(&mut jobs(vec![vec![call(3)]])).unwrap()), [true]);
}
