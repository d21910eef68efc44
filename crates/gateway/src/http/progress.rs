//! How far a generation is, in percent.
//!
//! # An estimate, and said to be one
//! Vendors' queues tell hardly anything, so what is known is how long the model usually takes. A
//! running generation is as far as its latest attempt's time goes into that, and never past
//! [`MOST`]: only the end is the end. So from one look to the next it stands still or grows, except
//! where a new attempt begins, which is the truth too.

use engine::{Attempt, Generation, Market, Status};
use provider::Timestamp;

/// The most that is said of what has not ended.
const MOST: u128 = 95;

/// Percent, as of `now`: 0 while it is queued, 100 once it is completed, an estimate in between. What
/// ended otherwise stays where it was then.
pub(super) fn progress(generation: &Generation, market: &Market, now: Timestamp) -> u8 {
    let now = generation.completed_at.unwrap_or(now);
    match generation.status {
        Status::Queued => 0,
        Status::Completed => 100,
        Status::Running | Status::Failed | Status::Blocked | Status::Cancelled => {
            let latest = generation.attempts.iter().max_by_key(|attempt| attempt.started_at);
            latest.map_or(0, |attempt| estimate(attempt, market, now))
        }
    }
}

fn estimate(attempt: &Attempt, market: &Market, now: Timestamp) -> u8 {
    let listing = market.listing(&format!("{}/{}", attempt.provider, attempt.model));
    // A model that the configuration lost since then tells nothing.
    let Some(listing) = listing else { return 0 };
    let usual = listing.model().usual.as_millis().max(1);
    let percent = now.since(attempt.started_at).as_millis().saturating_mul(100) / usual;
    u8::try_from(percent.min(MOST)).unwrap_or_default()
}
