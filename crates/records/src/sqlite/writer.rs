//! Who makes changes: the caller itself, or the thread with the queue; and who commits what was noted.
//!
//! Where nothing waits for the disk the caller makes its changes itself, if nobody else is at it: handing some
//! tens of microseconds of work to another thread and waiting for its word would cost as much again. Otherwise
//! they are queued: a thread takes what is there and commits it together.
//!
//! What is noted (`commit`) is committed when there is enough of it, when a reader comes, and at the latest after
//! [`HOLD`], by a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    commit::{Committer, Job},
    journal::{self, Journal},
};
use crate::{Change, Error, Result};

/// Lists that may wait; past it callers wait to queue.
const QUEUE: usize = 4096;
/// Lists in one commit: enough to share its price, few enough that the first does not wait long.
const BATCH: usize = 256;
/// A caller waits so long for another one that makes its own list, which is cheaper than to queue; a commit takes
/// longer.
const BRIEFLY: Duration = Duration::from_micros(200);
/// What is noted is committed after this span.
const HOLD: Duration = Duration::from_millis(50);
/// The same after a commit that failed.
const REST: Duration = Duration::from_secs(1);
/// A commit within this span means that more are coming.
const QUIET: Duration = Duration::from_micros(400);
/// When more are coming, a commit that waits for the disk waits this long for them: two that share one cost
/// half as much.
const GATHER: Duration = Duration::from_micros(150);
/// As long as they keep coming it waits again, so many times at most.
const ROUNDS: usize = 24;

/// The handle to the writing threads. Dropping it waits until everything queued is committed.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Whether what is committed is to survive a power cut.
    firm: bool,
    /// Whether lists can be noted.
    notes: bool,
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    holder: Option<JoinHandle<()>>,
    #[cfg(test)]
    pub(super) dies: bool,
}

#[derive(Debug)]
struct Shared {
    committer: Mutex<Committer>,
    /// Whether something is noted that is not committed: readers do not see it.
    behind: AtomicBool,
    /// Lists that were queued and are not made: those that the thread has taken out too.
    waiting: AtomicUsize,
    over: AtomicBool,
}

impl Shared {
    /// Makes a batch; whether something is noted now where nothing was.
    fn make(
        &self,
        mut committer: MutexGuard<'_, Committer>,
        batch: &mut [Job],
    ) -> (Result<Vec<Result<()>>>, bool) {
        let done = committer.make(batch);
        let behind = committer.is_behind();
        let was = self.behind.swap(behind, Ordering::AcqRel);
        (done, behind && !was)
    }

    fn commit(&self, mut committer: MutexGuard<'_, Committer>) -> Result<()> {
        let done = committer.commit();
        self.behind.store(committer.is_behind(), Ordering::Release);
        done
    }

    fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }
}

/// Whether a list is about no money at all: a generation that shows what another one made. It survives the
/// process and waits for no disk, whatever the durability: what a power cut may take with it cost nothing, and
/// where a later commit waits for the disk, so does everything before it.
fn is_free(changes: &[Change]) -> bool {
    matches!(changes.first(), Some(Change::Answer(_)))
}

impl Writer {
    /// `firm`: what is committed is to survive a power cut.
    pub(super) fn start(conn: Connection, journal: Option<Journal>, firm: bool) -> Result<Self> {
        let notes = journal.is_some();
        let shared = Arc::new(Shared {
            committer: Mutex::new(Committer::new(conn, journal, firm)),
            behind: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let (queue, jobs) = mpsc::channel(QUEUE);
        let theirs = Arc::clone(&shared);
        let holder = spawn("records-commit", move || hold(&theirs))?;
        let (theirs, wake) = (Arc::clone(&shared), holder.thread().clone());
        let thread = spawn("records-writer", move || work(&theirs, jobs, &wake))?;
        Ok(Self {
            shared,
            firm,
            notes,
            queue: Some(queue),
            thread: Some(thread),
            holder: Some(holder),
            #[cfg(test)]
            dies: false,
        })
    }

    pub(super) async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let mut job = [self.job(changes)];
        if let Some(done) = self.at_once(&mut job) {
            return done;
        }
        let [mut job] = job;
        let (answer, done) = oneshot::channel();
        job.answer = Some(answer);
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let place = queue.reserve().await.map_err(|_| stopped())?;
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        place.send(job);
        done.await.map_err(|_| stopped())?
    }

    pub(super) fn apply_soon(&self, changes: Vec<Change>) {
        let Some(queue) = self.queue.as_ref() else { return };
        match queue.try_reserve() {
            Ok(place) => {
                self.shared.waiting.fetch_add(1, Ordering::AcqRel);
                place.send(self.job(changes));
            }
            Err(TrySendError::Full(())) => tracing::error!("changes dropped: the queue is full"),
            Err(TrySendError::Closed(())) => tracing::error!("changes dropped: {}", stopped()),
        }
    }

    /// Commits what is noted, so that a reader sees everything that was answered.
    pub(super) async fn settle(&self) -> Result<()> {
        if !self.shared.is_behind() {
            return Ok(());
        }
        if let Some(committer) = self.shared.committer.try_lock() {
            return self.shared.commit(committer);
        }
        // An empty list is none that is noted: it is committed, and what is noted with it.
        self.apply(Vec::new()).await
    }

    fn job(&self, changes: Vec<Change>) -> Job {
        let noted = self.notes && !changes.is_empty() && (!self.firm || is_free(&changes));
        let record = if noted { journal::encode(&changes) } else { None };
        Job { changes, record, answer: None }
    }

    /// Makes a list on this thread if it need not wait for the disk, and nobody else is long at it or waits.
    fn at_once(&self, job: &mut [Job; 1]) -> Option<Result<()>> {
        let [list] = &*job;
        let waits = self.firm && list.record.is_none();
        if waits || self.shared.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        let committer = self.shared.committer.try_lock_for(BRIEFLY)?;
        let (done, wake) = self.shared.make(committer, job);
        if wake && let Some(holder) = &self.holder {
            holder.thread().unpark();
        }
        Some(done.and_then(|mut each| each.pop().unwrap_or_else(|| Err(stopped()))))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        self.shared.over.store(true, Ordering::Release);
        for thread in [self.thread.take(), self.holder.take()].into_iter().flatten() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a writing thread had died");
            }
        }
        let mut committer = self.shared.committer.lock();
        #[cfg(test)]
        if self.dies {
            committer.die();
        }
        committer.close();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| Error::Storage(format!("no thread to write: {error}")))
}

fn stopped() -> Error {
    Error::Storage("the writing thread has stopped".to_owned())
}

/// Takes what is queued, makes it together, answers; until the queue is closed and empty.
fn work(shared: &Shared, mut jobs: mpsc::Receiver<Job>, holder: &thread::Thread) {
    let mut batch = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        let waits = first.record.is_none();
        batch.push(first);
        if waits && shared.committer.lock().quiet_since().elapsed() < QUIET {
            gather(&jobs);
        }
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let (results, wake) = shared.make(shared.committer.lock(), &mut batch);
        if wake {
            holder.unpark();
        }
        shared.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
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

/// Commits what is noted, a while after the first of it; until it is over.
fn hold(shared: &Shared) {
    let mut rest = HOLD;
    while !shared.over.load(Ordering::Acquire) {
        if !shared.is_behind() {
            thread::park();
        }
        thread::park_timeout(rest);
        if !shared.is_behind() {
            continue;
        }
        rest = match shared.commit(shared.committer.lock()) {
            Ok(()) => HOLD,
            Err(error) => {
                tracing::error!(%error, "what is noted beside the database cannot be committed");
                REST
            }
        };
    }
}
