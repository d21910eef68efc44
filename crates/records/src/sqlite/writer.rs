//! The one thread that writes, and its queue.

use std::thread::{self, JoinHandle};

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
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(conn: Connection) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || work(&conn, jobs))
            .map_err(|error| Error::Storage(format!("no thread to write: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let (answer, done) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Job { changes, answer: Some(answer) }).await.map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }

    pub(super) fn apply_soon(&self, changes: Vec<Change>) {
        let Some(queue) = self.queue.as_ref() else { return };
        match queue.try_send(Job { changes, answer: None }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::error!("changes dropped: the queue is full"),
            Err(TrySendError::Closed(_)) => tracing::error!("changes dropped: {}", stopped()),
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

fn stopped() -> Error {
    Error::Storage("the writing thread has stopped".to_owned())
}

/// Takes what is queued, commits it together, answers; until the queue is closed and empty.
fn work(conn: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let results = commit(conn, &batch);
        for (nth, job) in batch.drain(..).enumerate() {
            let result = match &results {
                Ok(each) => each.get(nth).cloned().unwrap_or_else(|| Err(stopped())),
                Err(error) => Err(error.clone()),
            };
            answer(job, result);
        }
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
pub(super) fn commit(conn: &Connection, batch: &[Job]) -> Result<Vec<Result<()>>> {
    run(conn, "BEGIN IMMEDIATE", [])?;
    let done = apply_each(conn, batch).and_then(|results| {
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
fn apply_each(conn: &Connection, batch: &[Job]) -> Result<Vec<Result<()>>> {
    // Alone, a job needs no savepoint: the transaction itself is rolled back.
    let shared = batch.len() > 1;
    let mut results = Vec::with_capacity(batch.len());
    for job in batch {
        if shared {
            run(conn, "SAVEPOINT job", [])?;
        }
        let result = job.changes.iter().try_for_each(|change| make(conn, change));
        if let Err(error) = &result
            && conn.is_autocommit()
        {
            // A full or broken disk ends the whole transaction, the jobs before this one too.
            return Err(error.clone());
        }
        if shared {
            if result.is_err() {
                run(conn, "ROLLBACK TO job", [])?;
            }
            run(conn, "RELEASE job", [])?;
        }
        results.push(result);
    }
    Ok(results)
}
