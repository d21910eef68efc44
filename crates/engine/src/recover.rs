//! Lost answers: the vendor's books are asked what became of a submit before anything is paid again.

use std::time::Duration;

use coordination::UnitsEnd;
use provider::{Charge, Error, Found, Kind, Limits, Recovered, SlotUse, Timestamp};
use records::{Lost, Outcome};

use crate::{
    Code, Request,
    attempt::{Equal, Rest, Underway, Verdict},
    journey::failure,
    plan::{Step, work},
    turns::AccountPace,
};

/// The first span between two looks at the vendor's books; it doubles.
const FIRST_LOOK: Duration = Duration::from_millis(500);
/// The longest span between two looks.
const LONGEST_LOOK: Duration = Duration::from_secs(15);
/// How long after the vendor's work must have ended its books may still lag behind.
const LAG: Duration = Duration::from_secs(2);

/// How long unreadable books are asked again before the charge is booked as uncertain.
const GIVE_UP: Duration = Duration::from_secs(3600);

/// The books could not be read, or what was found there could not be written here.
struct Unread;

/// What the books say in the end.
enum Word {
    /// It was done and charged.
    Done(Box<Found>),
    /// It never happened, or was not charged.
    Not,
    /// Nobody can tell.
    Unknown,
}

/// What makes two pieces of work look the same in a vendor's books: model, prompt, size and type.
pub(crate) fn fingerprint(request: &Request, step: &Step) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    hash.update(step.listing.model().name.as_bytes());
    hash.update(&[0, u8::from(request.inputs.is_empty())]);
    let size = request.size.map(|size| (size.width, size.height)).unwrap_or_default();
    hash.update(&size.0.to_le_bytes());
    hash.update(&size.1.to_le_bytes());
    hash.update(request.prompt.as_bytes());
    *hash.finalize().as_bytes()
}

/// Until when the vendor can be working on what was sent then; `ended`: its request was answered.
pub(crate) fn can_run_until(limits: &Limits, sent_at: Timestamp, ended: bool) -> Timestamp {
    match ended && limits.slot == SlotUse::Request {
        true => sent_at,
        false => sent_at.plus(limits.work_ceiling),
    }
}

impl Underway {
    /// Finds out what became of the submit; it is settled, tried again, or booked as uncertain.
    pub(crate) async fn recover(mut self, lost: Lost, error: Option<Error>) -> Verdict {
        // Equal work that is still under way here would look the same in the books: it ends first.
        self.equal = match self.equal {
            Equal::Flight(flight) => Equal::Lost(flight.into_lost()),
            already => already,
        };
        if lost.ended && self.account().limits.slot == SlotUse::Request {
            // The vendor answered, so the slot there is free; its books may take longer.
            self.held.lease = None;
        }
        if let Equal::Lost(place) = &self.equal {
            place.settled().await;
        }
        match Box::pin(self.look(lost)).await {
            Word::Done(found) => {
                tracing::info!(
                    generation = %self.journey.id, attempt = %self.id, amount = %found.finished.charge.amount,
                    "a lost answer was found in the provider's books",
                );
                self.settle_found(found.finished).await
            }
            // It was found once and is on the books: whatever became of it, it is not paid for again.
            Word::Not | Word::Unknown if self.booked.is_some() => {
                self.lost_output("the vendor's books no longer show it".to_owned()).await
            }
            Word::Not => {
                let detail = error.as_ref().map(|e| format!("{} {}", e.public(), e.private()));
                self.close(Outcome::Failed, detail, None, UnitsEnd::Free).await;
                let message = "the provider failed before it did the work";
                Verdict::Again(failure(Code::ProviderError, message), Rest::Backoff(None))
            }
            Word::Unknown => self.uncertain(lost, error).await,
        }
    }

    fn can_run_until(&self, lost: Lost) -> Timestamp {
        lost.at.max(can_run_until(&self.account().limits, self.started_at, lost.ended))
    }

    async fn look(&mut self, lost: Lost) -> Word {
        let engine = self.engine().clone();
        let over = self.can_run_until(lost);
        let last_look = over.plus(LAG);
        let mut span = FIRST_LOOK;
        loop {
            let began = engine.clock().now();
            let read = match self.held.lease.is_some() {
                false => self.read(lost, began).await,
                // The vendor may still be working on it, so it holds its slot. Where the account is
                // full with such calls, its books can be read once they can't be running any more.
                true => tokio::select! {
                    read = self.read(lost, began) => read,
                    () = engine.clock().sleep_until(over) => {
                        self.held.lease = None;
                        continue;
                    }
                },
            };
            // Whatever time it is, what was read is claimed to the end: a claim that is cut off may be
            // written all the same.
            match self.conclude_from(read).await {
                Ok(Some(word)) => return word,
                Ok(None) if began >= last_look => return Word::Not,
                Ok(None) => {}
                // The books cannot be read now. Nothing is concluded from that for a long time.
                Err(Unread) if began >= last_look.plus(GIVE_UP) => {
                    tracing::error!(attempt = %self.id, "the provider's books could not be read");
                    return Word::Unknown;
                }
                Err(Unread) => {}
            }
            let now = engine.clock().now();
            let mut next = now.plus(engine.jitter(span));
            if now < last_look {
                next = next.min(last_look);
            }
            engine.clock().sleep_until(next).await;
            span = (span * 2).min(LONGEST_LOOK);
        }
    }

    /// One look at the vendor's books. Nothing is changed by it, so that it may be cut off.
    async fn read(&self, lost: Lost, now: Timestamp) -> provider::Result<Recovered> {
        let engine = self.engine();
        let pace = AccountPace::new(engine, self.account()).await;
        let (journey, step) = (&self.journey, self.step());
        let inputs = engine.inputs_without_bytes(&journey.request);
        let question = provider::Lost {
            work: work(&journey.request, journey.kind, &step.listing, self.count, inputs),
            sent_at: self.started_at,
            lost_at: lost.at,
            now,
        };
        step.listing.vendor.adapter.recover(pace.call(), &question).await
    }

    /// What a look tells. `None`: it is not there (yet).
    async fn conclude_from(
        &self,
        read: provider::Result<Recovered>,
    ) -> Result<Option<Word>, Unread> {
        let rows = match read {
            Ok(Recovered::Candidates(rows)) => rows,
            Ok(Recovered::CannotTell) => return Ok(Some(Word::Unknown)),
            Err(error) => {
                tracing::warn!(attempt = %self.id, ?error, "the provider's books cannot be read");
                return Err(Unread);
            }
        };
        for found in rows {
            match self.claim(&found).await {
                Ok(true) => return Ok(Some(Word::Done(Box::new(found)))),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, attempt = %self.id, "a charge could not be booked yet");
                    return Err(Unread);
                }
            }
        }
        Ok(None)
    }

    /// The vendor may have charged and nobody can tell: its ceiling is booked, and nothing is paid
    /// again in silence.
    ///
    /// A unit of a prepaid allowance is no money: it stands as used, and the work may be made anew
    /// elsewhere.
    async fn uncertain(mut self, lost: Lost, error: Option<Error>) -> Verdict {
        let detail = error.as_ref().map(|e| format!("{} {}", e.public(), e.private()));
        let over = self.can_run_until(lost);
        if let Some(lease) = self.held.lease.take()
            && over > self.engine().clock().now()
        {
            // It may be running all the same, and then holds its slot.
            self.engine().poller().release_at(over, lease);
        }
        let prepaid = self.held.taken.is_some() && self.upper.is_zero();
        let ceiling = Some(Charge::at_most(self.upper));
        // Used, and not in doubt: the job may come to be, and be counted, long after the vendor's
        // counters were read.
        self.close(Outcome::Unknown, detail, ceiling, UnitsEnd::Used).await;
        if prepaid {
            let message = "the provider's answer was lost, and it may have done the work";
            return Verdict::Next(failure(Code::ProviderError, message));
        }
        let kind = self.journey.kind;
        let message = match kind {
            Kind::Image => "the provider's answer was lost, and it may have charged for the image",
            _ => "the provider's answer was lost, and it may have charged",
        };
        Verdict::Over(failure(Code::ProviderError, message))
    }
}
