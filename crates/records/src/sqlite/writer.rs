//! The one connection that writes, its thread and its queue.
//!
//! A thread takes what is queued and commits it together. Where a commit waits for no disk
//! (`Durability::Process`) and none was made a moment ago, the caller makes its changes itself: handing a
//! transaction of some tens of microseconds to another thread and waiting for its word would cost as
//! much again. Where commits follow each other closely the queue is better: it shares them, unless all of
//! them are one generation's: then there is nobody to share with.
//!
//! Where a change fails, everything of its list is taken back, so that no statement needs a journal of its own:
//! those that would keep one (of several rows, or with a subquery) say `OR FAIL`, which spares copying every
//! page that they touch.
//!
//! A list that is a whole generation (an answer from the cache) is made without a pause, so that nobody sees
//! how many others a thread is about to make. Such a list steps aside once: whoever else is ready comes as far.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{make, run};
use crate::{Change, Error, Result};

/// Lists that may wait; past it callers wait to queue.
const QUEUE: usize = 4096;
/// Lists in one commit: enough to share its price, few enough that the first does not wait long.
const BATCH: usize = 256;

/// A list of changes, and who waits for it, if anybody does.
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    pub(super) answer: Option<oneshot::Sender<Result<()>>>,
}

/// The handle to the writing thread. Dropping it waits until everything queued is written.
#[derive(Debug)]
pub(super) struct Writer {
    conn: Arc<Mutex<Shared>>,
    /// Whether a caller may commit by itself.
    inline: bool,
    /// Generations under way, as far as these changes tell; nothing but speed depends on it.
    under_way: AtomicUsize,
    /// Whole generations that have stepped aside.
    aside: AtomicUsize,
    /// Lists that were queued and are not committed: those that the thread has taken out too.
    waiting: Arc<AtomicUsize>,
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether a list is about no money at all: a generation that shows what another one made. Its commit
/// survives the process and waits for no disk, whatever the durability: what a power cut may take with it
/// cost nothing, and where a later commit waits for the disk, so does everything before it.
fn is_free(changes: &[Change]) -> bool {
    matches!(changes.first(), Some(Change::Answer(_)))
}

/// One that is counted until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connection, and when it last ended a commit.
#[derive(Debug)]
struct Shared {
    conn: Connection,
    quiet_since: Instant,
    /// Whether one of the last commit's lists was refused.
    careful: bool,
    /// Whether a commit waits for the disk.
    waits: bool,
}

impl Shared {
    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Result<()>>> {
        let free = self.waits && batch.iter().all(|job| is_free(&job.changes));
        if free {
            self.synchronous("normal")?;
        }
        let done = commit(&self.conn, batch, self.careful);
        self.careful = done.as_ref().is_ok_and(|each| each.iter().any(Result::is_err));
        if free {
            self.synchronous("full")?;
        }
        self.quiet_since = Instant::now();
        done
    }

    fn synchronous(&self, mode: &str) -> Result<()> {
        Ok(self.conn.pragma_update(None, "synchronous", mode)?)
    }
}

/// A commit within this span means that more are coming.
const QUIET: Duration = Duration::from_micros(400);
/// When more are coming, a commit waits this long for them: two that share one cost half as much.
const GATHER: Duration = Duration::from_micros(150);
/// As long as they keep coming it waits again, so many times at most.
const ROUNDS: usize = 24;

impl Writer {
    pub(super) fn start(conn: Connection, inline: bool) -> Result<Self> {
        let waits = !inline;
        let shared = Shared { conn, quiet_since: Instant::now(), careful: false, waits };
        let conn = Arc::new(Mutex::new(shared));
        let theirs = Arc::clone(&conn);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || work(&theirs, jobs, &left))
            .map_err(|error| Error::Storage(format!("no thread to write: {error}")))?;
        let under_way = AtomicUsize::new(0);
        let aside = AtomicUsize::new(0);
        let (queue, thread) = (Some(queue), Some(thread));
        Ok(Self { conn, inline, under_way, aside, waiting, queue, thread })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let begin = count(&changes, |change| matches!(change, Change::Accept(_)));
        let end = count(&changes, |change| matches!(change, Change::EndGeneration(_)));
        let others = self.under_way.fetch_add(begin, Ordering::Relaxed) + begin;
        let alone = if is_free(&changes) { self.step_aside().await } else { others <= 1 };
        let done = self.hand_over(changes, alone).await;
        // What was refused never began, and one from before a restart was not counted when it did.
        let gone = if done.is_ok() { end } else { begin };
        let less = |now: usize| Some(now.saturating_sub(gone));
        let _ = self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        done
    }

    /// Lets others that are ready come as far; whether nobody did.
    async fn step_aside(&self) -> bool {
        let aside = Counted::new(&self.aside);
        tokio::task::yield_now().await;
        aside.0.load(Ordering::Relaxed) <= 1
    }

    /// `alone`: nobody else is under way whose changes could share a commit with these.
    async fn hand_over(&self, changes: Vec<Change>, alone: bool) -> Result<()> {
        let changes = match self.at_once(changes, alone) {
            Ok(result) => return result,
            Err(changes) => changes,
        };
        let (answer, done) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let place = queue.reserve().await.map_err(|_| stopped())?;
        self.waiting.fetch_add(1, Ordering::AcqRel);
        place.send(Job { changes, answer: Some(answer) });
        done.await.map_err(|_| stopped())?
    }

    /// Commits on this thread if nobody else writes or waits; otherwise gives the changes back.
    fn at_once(&self, changes: Vec<Change>, alone: bool) -> Result<Result<()>, Vec<Change>> {
        let inline = self.inline || is_free(&changes);
        if !inline || self.waiting.load(Ordering::Acquire) > 0 {
            return Err(changes);
        }
        let Some(mut shared) = self.conn.try_lock() else { return Err(changes) };
        if !alone && shared.quiet_since.elapsed() < QUIET {
            return Err(changes);
        }
        let batch = [Job { changes, answer: None }];
        Ok(shared.commit(&batch).and_then(|mut each| each.pop().unwrap_or_else(|| Err(stopped()))))
    }

    pub(super) fn apply_soon(&self, changes: Vec<Change>) {
        let Some(queue) = self.queue.as_ref() else { return };
        match queue.try_reserve() {
            Ok(place) => {
                self.waiting.fetch_add(1, Ordering::AcqRel);
                place.send(Job { changes, answer: None });
            }
            Err(TrySendError::Full(())) => tracing::error!("changes dropped: the queue is full"),
            Err(TrySendError::Closed(())) => tracing::error!("changes dropped: {}", stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writing thread had died");
        }
    }
}

fn count(changes: &[Change], is: fn(&Change) -> bool) -> usize {
    changes.iter().filter(|change| is(change)).count()
}

fn stopped() -> Error {
    Error::Storage("the writing thread has stopped".to_owned())
}

/// Takes what is queued, commits it together, answers; until the queue is closed and empty.
fn work(shared: &Mutex<Shared>, mut jobs: mpsc::Receiver<Job>, waiting: &AtomicUsize) {
    let mut batch = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        let busy = shared.lock().quiet_since.elapsed() < QUIET;
        if busy {
            gather(&jobs);
        }
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let results = shared.lock().commit(&batch);
        waiting.fetch_sub(batch.len(), Ordering::AcqRel);
        for (nth, job) in batch.drain(..).enumerate() {
            let result = match &results {
                Ok(each) => each.get(nth).cloned().unwrap_or_else(|| Err(stopped())),
                Err(error) => Err(error.clone()),
            };
            answer(job, result);
        }
    }
}

/// Waits for those that are coming.
fn gather(jobs: &mpsc::Receiver<Job>) {
    let mut there = jobs.len();
    for _ in 0..ROUNDS {
        thread::sleep(GATHER);
        let now = jobs.len();
        if now == there || now >= BATCH {
            return;
        }
        there = now;
    }
}

fn answer(job: Job, result: Result<()>) {
    match (job.answer, result) {
        // Whoever asked may have gone; the change stands all the same.
        (Some(waiting), result) => drop(waiting.send(result)),
        (None, Err(error)) => tracing::error!(%error, "changes that nobody waits for failed"),
        (None, Ok(())) => {}
    }
}

/// Commits a batch. An error of the whole means that nothing of it was written; otherwise every job
/// has a result of its own.
pub(super) fn commit(conn: &Connection, batch: &[Job], careful: bool) -> Result<Vec<Result<()>>> {
    run(conn, "BEGIN IMMEDIATE", [])?;
    let apart = careful && batch.len() > 1;
    let applied = if apart { apply_apart(conn, batch) } else { apply_each(conn, batch) };
    let done = applied.and_then(|results| {
        let nothing = results.iter().all(Result::is_err);
        run(conn, if nothing { "ROLLBACK" } else { "COMMIT" }, [])?;
        Ok(results)
    });
    // After a failed commit, and after a disk error that did not end the transaction by itself,
    // the next batch must find the connection free.
    if !conn.is_autocommit()
        && let Err(error) = run(conn, "ROLLBACK", [])
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
    done
}

/// Applies every job of a batch; one that fails leaves nothing behind and spoils no other.
///
/// A savepoint copies every page that its job is the first to change, and hardly any job fails: so a batch
/// goes without, and once more with them where one did. Where one did a moment ago (a budget is exhausted,
/// and everybody tries), savepoints come first.
fn apply_each(conn: &Connection, batch: &[Job]) -> Result<Vec<Result<()>>> {
    let mut all = batch.iter().flat_map(|job| &job.changes);
    let Err(error) = all.try_for_each(|change| make(conn, change)) else {
        return Ok(vec![Ok(()); batch.len()]);
    };
    if conn.is_autocommit() {
        // A full or broken disk ends the whole transaction.
        return Err(error);
    }
    if batch.len() == 1 {
        return Ok(vec![Err(error)]);
    }
    run(conn, "ROLLBACK", [])?;
    run(conn, "BEGIN IMMEDIATE", [])?;
    apply_apart(conn, batch)
}

/// The same, each job in a savepoint of its own.
fn apply_apart(conn: &Connection, batch: &[Job]) -> Result<Vec<Result<()>>> {
    let mut results = Vec::with_capacity(batch.len());
    for job in batch {
        run(conn, "SAVEPOINT job", [])?;
        let result = job.changes.iter().try_for_each(|change| make(conn, change));
        if let Err(error) = &result
            && conn.is_autocommit()
        {
            // A full or broken disk ends the whole transaction, the jobs before this one too.
            return Err(error.clone());
        }
        if result.is_err() {
            run(conn, "ROLLBACK TO job", [])?;
        }
        run(conn, "RELEASE job", [])?;
        results.push(result);
    }
    Ok(results)
}
