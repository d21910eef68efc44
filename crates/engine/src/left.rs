//! An attempt that a killed process left behind, and how it goes on.

use std::{sync::Arc, time::Duration};

use provider::{Finished, Output, RemoteOutput, Ticket, Timestamp};
use records::{Attempt, AttemptState, Change, Lost};

use crate::{
    Code,
    admission::Held,
    attempt::{Course, Equal, Underway, Verdict},
    journey::{Journey, failure},
    poller::Queued,
};

/// How soon a queued job is looked at again after a restart.
const LOOK_SOON: Duration = Duration::from_millis(500);

/// An attempt that a killed process left behind, with its places taken again.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) step: usize,
    /// Attempts of its call so far, this one included.
    pub(crate) used: u32,
    pub(crate) attempt: Attempt,
    pub(crate) held: Held,
    pub(crate) equal: Equal,
    /// When we took it over: it was lost some time before.
    pub(crate) now: Timestamp,
}

impl Left {
    /// Goes on from the state that was written before the act.
    pub(crate) async fn go_on(self, journey: &Arc<Journey>) -> Course {
        let Self { step, attempt, held, equal, now, .. } = self;
        let underway = Underway {
            journey: Arc::clone(journey),
            step,
            id: attempt.id.clone(),
            count: attempt.count,
            upper: attempt.upper,
            started_at: attempt.started_at,
            held,
            equal,
            booked: attempt.reference.clone(),
        };
        let verdict = match attempt.state {
            AttemptState::Submitting => {
                // Nobody knows how far it came: the vendor's books must tell.
                let lost = Lost { at: now, ended: false };
                let change = Change::Lost { attempt: attempt.id.clone(), lost };
                journey.engine.must_apply(vec![change]).await;
                underway.recover(lost, None).await.cut_off()
            }
            AttemptState::Lost => {
                let lost = attempt.lost.unwrap_or(Lost { at: now, ended: false });
                underway.recover(lost, None).await.cut_off()
            }
            AttemptState::Running => {
                let reference = attempt.ticket.clone().unwrap_or_default();
                let ticket = Ticket { reference, look_after: LOOK_SOON };
                return Course::Queued(Box::new(Queued { underway, ticket }));
            }
            AttemptState::Fetching => underway.settle_found(still_there(&attempt)).await,
            AttemptState::Ended => Verdict::Over(failure(Code::ProviderError, "it had ended")),
        };
        Course::Ended(verdict)
    }
}

/// Charged work whose bytes are still at the vendor.
fn still_there(attempt: &Attempt) -> Finished {
    let remote = |remote| Output::Remote(RemoteOutput::from(remote));
    Finished {
        reference: attempt.reference.clone(),
        outputs: attempt.remote.iter().map(remote).collect(),
        charge: provider::Charge::exact(attempt.charged),
        balance: None,
        adjustments: provider::Adjustments::new(),
    }
}
