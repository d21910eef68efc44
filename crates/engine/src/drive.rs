//! The drive of one generation: its calls side by side, each with its own chain of attempts, until
//! all have ended.

use std::sync::Arc;

use records::Status;

use crate::{
    Code,
    attempt::{Course, Verdict},
    finish::{finish, keep_late},
    journey::{AllEnded, Journey, Made, SlotEnd, failure},
    left::Left,
    opening::Opening,
    tries::Tries,
};

/// Where one call of a generation stands when its drive begins.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Nothing is under way; so many attempts were used before.
    New(u32),
    /// Its attempt's row was written with the generation.
    Open(Opening),
    /// An attempt that a killed process left behind.
    Left(Left),
    /// It had ended well.
    Done(Box<Made>),
}

/// Runs a generation's calls until each has ended or waits in a vendor's queue, where the poller
/// goes on with it.
pub(crate) async fn drive(journey: Arc<Journey>, entries: Vec<Entry>) {
    if let Some(deadline) = journey.deadline
        && !journey.flight.now().status.is_final()
    {
        journey.engine.poller().expire_at(deadline, &journey);
    }
    let mut entries = entries.into_iter();
    let mut next = || entries.next().unwrap_or(Entry::New(0));
    if journey.is_single() {
        return SlotRun::new(&journey, 0).run(next()).await;
    }
    let runs = (0..journey.slots.len()).map(|slot| SlotRun::new(&journey, slot).run(next()));
    futures_util::future::join_all(runs.collect::<Vec<_>>()).await;
}

/// One call on its way.
#[derive(Debug)]
pub(crate) struct SlotRun {
    pub(crate) journey: Arc<Journey>,
    slot: usize,
    tries: Tries,
}

impl SlotRun {
    fn new(journey: &Arc<Journey>, slot: usize) -> Self {
        Self { journey: Arc::clone(journey), slot, tries: Tries::new(journey) }
    }

    /// Tries step after step until one makes it, none is left, or the attempt waits in a queue.
    pub(crate) async fn run(mut self, entry: Entry) {
        let mut entry = entry;
        loop {
            let (step, course) = match self.enter(entry).await {
                Ok(tried) => tried,
                Err(end) => return self.over(end).await,
            };
            match course {
                Course::Queued(queued) => return queued.park(self),
                Course::Ended(verdict) => {
                    if let Some(end) = self.judge(step, verdict) {
                        return self.over(end).await;
                    }
                }
            }
            entry = Entry::New(0);
        }
    }

    /// Goes on once a queued attempt has ended.
    pub(crate) async fn go_on(mut self, step: usize, verdict: Verdict) {
        match self.judge(step, verdict) {
            Some(end) => self.over(end).await,
            None => self.run(Entry::New(0)).await,
        }
    }

    /// What an attempt's verdict means for its call; none where the next attempt is due.
    fn judge(&mut self, step: usize, verdict: Verdict) -> Option<SlotEnd> {
        match verdict {
            Verdict::Made(made) => return Some(SlotEnd::Made(made)),
            Verdict::Blocked => {
                let failure =
                    failure(Code::ContentBlocked, "the provider's safety check stopped this");
                if !self.journey.request.routing.next_on_blocked {
                    return Some(SlotEnd::Not(Status::Blocked, failure));
                }
                self.tries.leave(step, Status::Blocked, failure);
            }
            Verdict::Next(failure) => self.tries.leave(step, Status::Failed, failure),
            Verdict::Again(failure, rest) => self.tries.again(step, failure, rest),
            Verdict::Over(failure) => return Some(SlotEnd::Not(Status::Failed, failure)),
        }
        None
    }

    /// Brings one attempt to its verdict or into a queue, from wherever it stands.
    async fn enter(&mut self, entry: Entry) -> Result<(usize, Course), SlotEnd> {
        let opening = match entry {
            Entry::Done(made) => return Err(SlotEnd::Made(made)),
            Entry::Left(left) => {
                let step = left.step;
                self.tries.count(left.used);
                return Ok((step, Box::pin(left.go_on(&self.journey)).await));
            }
            Entry::Open(opening) => {
                self.tries.opened(opening.step);
                opening
            }
            Entry::New(used) => {
                self.tries.count(used);
                self.tries.open(self.slot).await?
            }
        };
        Ok((opening.step, Box::pin(opening.run(&self.journey)).await))
    }

    async fn over(self, end: SlotEnd) {
        let journey = self.journey;
        let Some(AllEnded { ends, late }) = journey.ended(self.slot, end) else { return };
        if late {
            // The end is written by whoever saw the deadline pass.
            journey.flight.ended().await;
            keep_late(&journey, ends).await;
            journey.engine.landed(&journey.id);
        } else {
            finish(&journey, ends).await;
        }
    }
}
