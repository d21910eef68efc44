//! How the vendors stand: every attempt's end is told to its breaker and to the statistics.

use std::time::Duration;

use coordination::{BreakerLoad, Did, Lane, Open, Permit, Turned};
use provider::{Blame, Error, ErrorKind, Retry};

use crate::{Account, Engine, Seen, attempt::Underway, plan::Step, turns::LONGEST_PAUSE};

/// How an account stands at one of its models, as operators see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelLoad {
    /// The provider's own name of the model.
    pub model: String,
    /// Since when it is left alone because it fails, and until when, if it is.
    pub open: Option<Open>,
    /// What its breaker has judged within its window.
    pub judged: u32,
    /// How it did lately.
    pub seen: Seen,
}

/// What an error says of the vendor; nothing where it was not the vendor's fault, and something good
/// where its own safety check spoke.
fn did(error: &Error) -> Option<Did> {
    let rest = match error.retry() {
        Retry::Safe { after } => after.map(|after| after.min(LONGEST_PAUSE)),
        Retry::No | Retry::Unknown { .. } => None,
    };
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Failed => match error.blame() {
            Blame::Vendor | Blame::Network => Some(Did::Badly { rest }),
            Blame::Caller | Blame::Account | Blame::Gateway => None,
        },
        ErrorKind::Blocked => Some(Did::Well),
        ErrorKind::Invalid
        | ErrorKind::Unsupported
        | ErrorKind::Unauthorised
        | ErrorKind::Unpaid
        | ErrorKind::Suspended
        | ErrorKind::RateLimited
        | ErrorKind::Exhausted
        | ErrorKind::NotFound => None,
    }
}

impl Step {
    /// What its breaker watches.
    pub(crate) fn lane(&self) -> Lane<'_> {
        Lane { account: &self.account.id, model: &self.listing.model().name }
    }
}

impl Engine {
    /// Lets an attempt in where the vendor is not left alone.
    ///
    /// # Errors
    /// Until when it is.
    pub(crate) async fn enter_lane(&self, lane: Lane<'_>) -> Result<Permit, Open> {
        let permit = self.breakers().enter(lane).await?;
        if permit.is_probe() {
            tracing::info!(account = %lane.account, model = %lane.model, "breaker half-open: one request tries it");
        }
        Ok(permit)
    }

    /// How an account did lately at a model, as this process has seen it.
    pub(crate) fn seen(&self, account: &str, model: &str) -> Seen {
        self.seen_records().of(Lane { account, model }, self.clock().now())
    }

    /// How an account stands at the models of which anything is known.
    pub(crate) fn model_loads(&self, account: &Account) -> Vec<ModelLoad> {
        let breakers = self.breakers().load(&account.id);
        let mut models = self.seen_records().models(&account.id);
        models.extend(breakers.iter().map(|BreakerLoad { model, .. }| model.clone()));
        models.sort_unstable();
        models.dedup();
        let load = |model: String| {
            let breaker = breakers.iter().find(|breaker| breaker.model == model);
            ModelLoad {
                open: breaker.and_then(|breaker| breaker.open),
                judged: breaker.map_or(0, |breaker| breaker.judged),
                seen: self.seen(&account.id, &model),
                model,
            }
        };
        models.into_iter().map(load).collect()
    }

    fn tell_turned(&self, lane: Lane<'_>, turned: Option<Turned>) {
        let Lane { account, model } = lane;
        let until = |open: Open| open.until.map(|until| until.to_string()).unwrap_or_default();
        match turned {
            None => {}
            Some(Turned::Opened(open)) => {
                let until = until(open);
                tracing::error!(%account, %model, until, "breaker open: the vendor fails, and is left alone");
            }
            Some(Turned::StillOpen(open)) => {
                let (since, until) = (open.since, until(open));
                tracing::warn!(%account, %model, %since, until, "breaker open: the vendor still fails");
            }
            Some(Turned::Closed) => {
                tracing::info!(%account, %model, "breaker closed: the vendor works again");
            }
        }
    }
}

impl Underway {
    /// The vendor did the work.
    pub(crate) fn vendor_did_well(&mut self) {
        let took = self.engine().clock().now().since(self.started_at);
        self.judge(Did::Well, Some(took));
    }

    /// The attempt failed, perhaps by the vendor's fault.
    pub(crate) fn vendor_failed(&mut self, error: &Error) {
        match did(error) {
            Some(did @ Did::Badly { .. }) => self.judge(did, None),
            // It says nothing of how long work takes.
            Some(Did::Well) => {
                let turned = self.held.permit.take().and_then(|permit| permit.judged(Did::Well));
                self.engine().tell_turned(self.step().lane(), turned);
            }
            None => self.held.permit = None,
        }
    }

    /// One that a killed process left behind has no permit: what it took says nothing either.
    fn judge(&mut self, did: Did, took: Option<Duration>) {
        let Some(permit) = self.held.permit.take() else { return };
        let turned = permit.judged(did);
        let (engine, lane) = (self.engine(), self.step().lane());
        engine.seen_records().note(lane, took, engine.clock().now());
        engine.tell_turned(lane, turned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_vendors_faults_count() {
        let error = |kind, blame, retry| Error::new(kind, blame, retry, "no");
        let safe = Retry::Safe { after: Some(Duration::from_secs(7)) };
        let bad = Some(Did::Badly { rest: Some(Duration::from_secs(7)) });
        for kind in [ErrorKind::Unavailable, ErrorKind::TimedOut, ErrorKind::Failed] {
            assert_eq!(did(&error(kind, Blame::Vendor, safe)), bad);
            assert_eq!(did(&error(kind, Blame::Network, safe)), bad);
            for ours in [Blame::Caller, Blame::Account, Blame::Gateway] {
                assert_eq!(did(&error(kind, ours, safe)), None);
            }
        }
        for kind in [
            ErrorKind::Invalid,
            ErrorKind::Unsupported,
            ErrorKind::Unauthorised,
            ErrorKind::Unpaid,
            ErrorKind::Suspended,
            ErrorKind::RateLimited,
            ErrorKind::Exhausted,
            ErrorKind::NotFound,
        ] {
            assert_eq!(did(&error(kind, Blame::Vendor, safe)), None, "{kind:?}");
        }
        assert_eq!(did(&error(ErrorKind::Blocked, Blame::Caller, Retry::No)), Some(Did::Well));
        let forever = Retry::Safe { after: Some(Duration::from_secs(86_400)) };
        let bounded = Some(Did::Badly { rest: Some(LONGEST_PAUSE) });
        assert_eq!(did(&error(ErrorKind::Unavailable, Blame::Vendor, forever)), bounded);
    }
}
