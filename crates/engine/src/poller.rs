//! The poller: one queue of moments for everything that waits in this process.
//!
//! # Why no task waits
//! A vendor's queue holds work for minutes, and there may be thousands of such jobs. Each is a small
//! struct in a heap ordered by the moment of its next look; one task sleeps until the first of them
//! is due. Only while a job is being looked at does it have a task, and the task that finds it done
//! is the one that goes on with the generation.
//!
//! # How often
//! The adapter says when to look again. A job that takes long is looked at less often, up to
//! [`LONGEST_LOOK`], and every span is varied, so that jobs that began together part. A look that
//! fails costs nothing at the vendor, so it is tried again, at growing intervals; what a vendor says
//! about the *account* meanwhile (slow down, suspended) concerns the next looks, never the job.
//!
//! # What a look writes
//! Nothing, as long as the job runs. Its ticket is written once, before the first look, and its end
//! once, together with whatever else is being written at that moment (the records commit in groups).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use coordination::Lease;
use parking_lot::Mutex;
use provider::{Error, ErrorKind, Polled, Retry, Ticket, Timestamp};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    Engine, attempt::Underway, drive::SlotRun, finish::expire, journey::Journey, turns::AccountPace,
};

/// Looks under way at one vendor: one that does not answer must not keep the others' jobs waiting.
const LOOKS_AT_ONCE: usize = 64;
/// The longest span between two looks at a job that runs.
const LONGEST_LOOK: Duration = Duration::from_secs(30);
/// The longest span between two looks that fail.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// The rest after the first look that failed.
const FIRST_REST: Duration = Duration::from_secs(2);
/// A job is looked at so many times at most, in even spans, within the time that it has run.
const LOOKS_PER_AGE: u32 = 20;
/// When every place for a look is taken.
const CROWDED: Duration = Duration::from_millis(100);
/// How often it is looked, while the engine stops, whether anybody still waits.
const GLANCE: Duration = Duration::from_millis(100);
/// A job that has not ended by then never ends.
const GIVE_UP: Duration = Duration::from_secs(24 * 3600);

/// Everything that waits for a moment.
#[derive(Debug, Default)]
pub(crate) struct Poller {
    due: Mutex<BinaryHeap<Reverse<Due>>>,
    /// Something came that is due before everything else.
    sooner: Notify,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

#[derive(Debug)]
struct Due {
    at: Timestamp,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A job at a vendor.
    Look(Box<Job>),
    /// A generation whose caller stops waiting.
    Deadline(Weak<Journey>),
    /// A slot whose job can't be running any more.
    Release(Lease),
}

/// An attempt that waits in a vendor's queue, with the call that waits for it.
#[derive(Debug)]
struct Job {
    run: SlotRun,
    underway: Underway,
    ticket: Ticket,
    /// Looks that failed in a row.
    failed: u32,
}

/// A queued attempt on its way to the poller; its ticket is written.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) underway: Underway,
    pub(crate) ticket: Ticket,
}

impl Queued {
    /// Leaves the attempt and its call to the poller.
    pub(crate) fn park(self, run: SlotRun) {
        let engine = run.journey.engine.clone();
        let Self { underway, ticket } = self;
        let look_after = ticket.look_after;
        let job = Box::new(Job { run, underway, ticket, failed: 0 });
        engine.look_in(look_after, job);
    }
}

impl Poller {
    /// Ends the generation's wait at that moment, if it still waits.
    pub(crate) fn expire_at(&self, at: Timestamp, journey: &Arc<Journey>) {
        self.put(at, What::Deadline(Arc::downgrade(journey)));
    }

    /// Frees the slot at that moment.
    pub(crate) fn release_at(&self, at: Timestamp, lease: Lease) {
        self.put(at, What::Release(lease));
    }

    fn put(&self, at: Timestamp, what: What) {
        let mut due = self.due.lock();
        let first = due.peek().is_none_or(|Reverse(first)| at < first.at);
        due.push(Reverse(Due { at, what }));
        drop(due);
        if first {
            self.sooner.notify_one();
        }
    }

    /// What is due now, and when the next is.
    fn take(&self, now: Timestamp) -> (Vec<Due>, Option<Timestamp>) {
        let mut due = self.due.lock();
        let mut taken = Vec::new();
        while due.peek().is_some_and(|Reverse(first)| first.at <= now) {
            taken.extend(due.pop().map(|Reverse(first)| first));
        }
        (taken, due.peek().map(|Reverse(first)| first.at))
    }

    fn place(&self, vendor: &str) -> Option<OwnedSemaphorePermit> {
        let mut places = self.places.lock();
        let place = match places.get(vendor) {
            Some(place) => place,
            None => {
                let fresh = Arc::new(Semaphore::new(LOOKS_AT_ONCE));
                places.entry(vendor.to_owned()).or_insert(fresh)
            }
        };
        Arc::clone(place).try_acquire_owned().ok()
    }
}

/// Looks at whatever is due, until the engine stops and nobody waits: a caller whose picture is in a vendor's
/// queue shall have it, if it comes in time.
pub(crate) async fn poll(engine: Engine) {
    loop {
        let now = engine.clock().now();
        let (due, mut next) = engine.poller().take(now);
        for Due { at, what } in due {
            match what {
                What::Deadline(journey) => {
                    if let Some(journey) = journey.upgrade() {
                        engine.spawn(expire(journey));
                    }
                }
                What::Look(job) => engine.look(job, at, now),
                What::Release(lease) => lease.release(),
            }
        }
        let stopping = engine.is_stopping();
        if stopping {
            if !engine.is_waited_for() {
                return;
            }
            let glance = now.plus(GLANCE);
            next = Some(next.map_or(glance, |at| at.min(glance)));
        }
        let sleep = async {
            match next {
                Some(at) => engine.clock().sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = engine.poller().sooner.notified() => {}
            () = sleep => {}
            () = engine.stopping().cancelled(), if !stopping => {}
            () = engine.halted() => return,
        }
    }
}

impl Engine {
    fn look(&self, job: Box<Job>, due: Timestamp, now: Timestamp) {
        let Some(place) = self.poller().place(job.underway.provider()) else {
            self.poller().put(now.plus(CROWDED), What::Look(job));
            return;
        };
        self.observer().looked(job.underway.provider(), now.since(due));
        self.spawn(job.look(place));
    }

    fn look_in(&self, span: Duration, job: Box<Job>) {
        let at = self.clock().now().plus(self.jitter(span));
        self.poller().put(at, What::Look(job));
    }
}

impl Job {
    /// One look. It puts the job back, or goes on with its call where the job has ended.
    async fn look(mut self: Box<Self>, place: OwnedSemaphorePermit) {
        let engine = self.run.journey.engine.clone();
        let pace = AccountPace::new(&engine, self.underway.account()).await;
        let adapter = Arc::clone(&self.underway.step().listing.vendor.adapter);
        let answer = adapter.poll(pace.call(), &self.ticket).await;
        drop((place, pace));
        let now = engine.clock().now();
        let age = now.since(self.underway.started_at);
        match answer {
            Ok(Polled::Running { look_after, progress }) if age < GIVE_UP => {
                tracing::trace!(attempt = %self.underway.id, ?progress, "running");
                self.failed = 0;
                let span = look_after.max((age / LOOKS_PER_AGE).min(LONGEST_LOOK));
                engine.look_in(span, self);
            }
            Ok(Polled::Finished(finished)) => {
                let session = self.run.journey.session();
                let Self { run, underway, .. } = *self;
                let step = underway.step;
                let verdict = underway.settle(finished, session).await;
                run.go_on(step, verdict).await;
            }
            Err(error) if !is_end(&error) && age < GIVE_UP => self.again(&engine, &error).await,
            other => {
                let error = other.err().unwrap_or_else(never_ended);
                let Self { run, underway, .. } = *self;
                let step = underway.step;
                let verdict = underway.fail(error).await;
                run.go_on(step, verdict).await;
            }
        }
    }

    /// A look failed, which says nothing about the job.
    async fn again(mut self: Box<Self>, engine: &Engine, error: &Error) {
        let account = self.underway.account();
        tracing::warn!(account = %account.id, attempt = %self.underway.id, ?error, "a look failed");
        let now = engine.clock().now();
        if engine.health().notice(&account.id, error, now) {
            tracing::error!(account = %account.id, kind = ?error.kind(), "account on hold");
        }
        let told = match error.retry() {
            Retry::Safe { after } => after,
            Retry::No | Retry::Unknown { .. } => None,
        };
        let rest = (FIRST_REST * 2_u32.saturating_pow(self.failed.min(8))).min(LONGEST_REST);
        if error.kind() == ErrorKind::RateLimited {
            engine.slow_down(account, told).await;
        }
        self.failed = self.failed.saturating_add(1);
        let span = rest.max(self.ticket.look_after).max(told.unwrap_or_default());
        engine.look_in(span.min(LONGEST_REST.max(self.ticket.look_after)), self);
    }
}

/// Whether an answer to a look says that the job has ended, and not that the look failed.
fn is_end(error: &Error) -> bool {
    let of_the_job = matches!(
        error.kind(),
        ErrorKind::Blocked | ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Unsupported
    );
    of_the_job || error.charge().is_some()
}

fn never_ended() -> Error {
    let public = "the provider never finished the work";
    let unknown = Retry::Unknown { ended: true };
    Error::new(ErrorKind::TimedOut, provider::Blame::Vendor, unknown, public)
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
