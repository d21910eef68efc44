//! How a caller's budgets and limits stand, as headers of every answer to a request that makes something.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use engine::{BudgetState, PaceState};
use provider::Timestamp;

/// What is left of the tightest budget.
const REMAINING: HeaderName = HeaderName::from_static("x-atelier-budget-remaining-usd");
/// When that budget begins anew, if it ever does.
const RESETS: HeaderName = HeaderName::from_static("x-atelier-budget-resets-at");
/// Requests a minute.
pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
/// How many are left of them.
pub(super) const LEFT: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
/// In how many seconds one more is free.
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// Headers that the envelope adds to the answer, a refusal's too.
#[derive(Debug, Default)]
pub(super) struct Standing(Vec<(HeaderName, String)>);

impl Standing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells the tightest of budgets that come with the tightest first.
    pub(super) fn budgets(&mut self, states: &[BudgetState]) {
        let Some((state, remaining)) =
            states.iter().find_map(|state| Some((state, state.remaining?)))
        else {
            return;
        };
        self.0.push((REMAINING, remaining.to_string()));
        if let Some(at) = state.resets_at {
            self.0.push((RESETS, at.to_string()));
        }
    }

    /// Tells how many requests are left this minute.
    pub(super) fn pace(&mut self, pace: PaceState, now: Timestamp) {
        self.0.push((LIMIT, pace.limit.to_string()));
        self.0.push((LEFT, pace.remaining.to_string()));
        if let Some(at) = pace.resets_at {
            self.0.push((RESET, seconds(at, now)));
        }
    }

    /// Adds them to an answer's headers; what the answer says itself stays.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if let (false, Ok(value)) = (headers.contains_key(name), HeaderValue::from_str(value)) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

/// A wait as rate headers write it, rounded up: who comes back then must not be early.
pub(super) fn seconds(at: Timestamp, now: Timestamp) -> String {
    format!("{}s", at.since(now).as_millis().div_ceil(1000))
}
