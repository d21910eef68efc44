//! Deleting what a vendor keeps of work that is over.
//!
//! Nobody waits for it but work whose words nobody may keep, and a process that dies meanwhile does not
//! try again.

use std::{sync::Arc, time::Duration};

use provider::{RemoteOutput, Ticket};
use records::Attempt;

use crate::{Account, Engine, Vendor, plan::Step, turns::AccountPace};

/// Tries to have a result deleted at the vendor.
const TRIES: u32 = 4;
/// The first rest between two of them; it doubles.
const FIRST_REST: Duration = Duration::from_millis(500);

/// What a vendor is to delete.
#[derive(Debug, Clone, Copy)]
enum Leftover<'a> {
    /// A job.
    Job(&'a Ticket),
    /// Finished work: what it was claimed by, and its outputs.
    Work(&'a str, &'a [RemoteOutput]),
}

impl Leftover<'_> {
    const fn reference(&self) -> &str {
        match self {
            Self::Job(ticket) => ticket.reference.as_str(),
            Self::Work(reference, _) => reference,
        }
    }
}

impl Engine {
    /// Has the vendor delete what it keeps of a job.
    pub(crate) async fn forget(&self, step: &Step, job: &str) {
        let ticket = Ticket { reference: job.to_owned(), look_after: Duration::ZERO };
        self.delete_there(&step.listing.vendor, &step.account, Leftover::Job(&ticket)).await;
    }

    /// Has the vendors delete what they keep of ended attempts, where they can and the account is still
    /// ours. Nobody waits for it.
    pub(crate) fn forget_work(&self, attempts: &[Attempt]) {
        for attempt in attempts {
            let Some(reference) = attempt.reference.clone() else { continue };
            let Some(vendor) = self.market().vendor(&attempt.provider) else { continue };
            let account = vendor.account(&attempt.account);
            let Some(account) = account.filter(|_| vendor.description().can_forget) else {
                continue;
            };
            let (engine, vendor) = (self.clone(), Arc::clone(vendor));
            let outputs: Vec<_> = attempt.remote.iter().map(RemoteOutput::from).collect();
            self.spawn(async move {
                let work = Leftover::Work(&reference, &outputs);
                engine.delete_there(&vendor, &account, work).await;
            });
        }
    }

    /// The same for a generation that is under way here, once it has ended.
    pub(crate) fn forget_later(&self, id: &str) {
        let Some(flight) = self.flight(id) else { return };
        let engine = self.clone();
        self.spawn(async move {
            tokio::select! {
                () = flight.ended() => engine.forget_work(&flight.now().attempts),
                () = engine.stopping().cancelled() => {}
            }
        });
    }

    async fn delete_there(&self, vendor: &Vendor, account: &Arc<Account>, what: Leftover<'_>) {
        let mut rest = FIRST_REST;
        let reference = what.reference();
        for _ in 0..TRIES {
            let pace = AccountPace::new(self, account).await;
            let told = match what {
                Leftover::Job(ticket) => vendor.adapter.cancel(pace.call(), ticket).await,
                Leftover::Work(reference, outputs) => {
                    vendor.adapter.forget(pace.call(), reference, outputs).await
                }
            };
            // While it rests, its credential may be replaced.
            drop(pace);
            match told {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(account = %account.id, reference, ?error, "not deleted there yet");
                }
            }
            self.clock().sleep_until(self.clock().now().plus(self.jitter(rest))).await;
            rest *= 2;
        }
        tracing::error!(
            account = %account.id,
            reference,
            "the provider could not be made to delete a result"
        );
    }
}
