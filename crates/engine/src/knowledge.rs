//! What vendors' public pages say, read ahead of need: see [`provider::Knowledge`].
//!
//! The adapter says what it wants to know; here is decided when it is asked: within the vendor's
//! limits for reads without a credential, one at a time, slower after failures. What is known is
//! kept, so that a vendor that is down at our start is served from memory.

use std::{sync::Arc, time::Duration};

use provider::{Blame, Error, ErrorKind, Knowledge, Limits, Pace, Retry, Turn};
use records::Change;
use tokio::sync::Notify;

use crate::{Engine, Vendor};

/// How often a vendor's adapter is asked what it wants, when nobody wakes us.
const EVERY: Duration = Duration::from_secs(15);
/// What was learned is written so long after the last writing.
const KEEP_EVERY: Duration = Duration::from_secs(30);
/// The rest after a failure; it doubles.
const FIRST_REST: Duration = Duration::from_secs(2);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// After «slow down» without a time.
const PAUSE: Duration = Duration::from_secs(20);

/// Wakes the readers: something is wanted that was not known.
#[derive(Debug, Default)]
pub(crate) struct Curious(Notify);

impl Curious {
    pub(crate) fn wake(&self) {
        self.0.notify_waiters();
    }
}

/// Turns at a vendor's public pages, shared by all accounts: they are counted by our address.
#[derive(Debug)]
pub(crate) struct PublicPace {
    engine: Engine,
    lane: String,
    limits: Limits,
    /// Whether a turn is waited for.
    patient: bool,
}

impl PublicPace {
    /// Turns for `vendor`, if it has such pages.
    pub(crate) fn of(engine: &Engine, vendor: &Vendor, patient: bool) -> Option<Self> {
        let limits = vendor.adapter.knowledge()?.limits();
        let engine = engine.clone();
        Some(Self { engine, lane: vendor.name.clone(), limits, patient })
    }
}

#[async_trait::async_trait]
impl Pace for PublicPace {
    async fn turn(&self) -> provider::Result<Turn> {
        let until = (!self.patient).then(|| self.engine.clock().now());
        let turn = self.engine.turns().turn(&self.lane, &self.limits, until).await;
        let turn = turn.map_err(|_| no_turn())?;
        // Counted over a restart, as an account's calls are.
        let at = self.engine.clock().now();
        let account = self.lane.clone();
        self.engine.records().apply_soon(vec![Change::Call { account, at }]);
        Ok(Turn::holding(turn))
    }
}

/// A pace that has no turn: what is asked with it is answered from memory.
pub(crate) struct NoTurns;

#[async_trait::async_trait]
impl Pace for NoTurns {
    async fn turn(&self) -> provider::Result<Turn> {
        Err(no_turn())
    }
}

fn no_turn() -> Error {
    let public = "the vendor's limits leave no turn now";
    Error::new(ErrorKind::RateLimited, Blame::Vendor, Retry::Safe { after: None }, public)
}

/// Reads what one vendor's adapter wants to know, until the engine stops.
pub(crate) async fn read(engine: Engine, vendor: Arc<Vendor>) {
    let Some(pace) = PublicPace::of(&engine, &vendor, true) else { return };
    let Some(knowledge) = vendor.adapter.knowledge() else { return };
    let clock = Arc::clone(engine.clock());
    let mut rest = FIRST_REST;
    while !engine.stopping().is_cancelled() {
        let next = match knowledge.wanted().first() {
            None => EVERY,
            Some(wanted) => {
                let asked = tokio::select! {
                    asked = knowledge.learn(&pace, wanted) => asked,
                    () = engine.stopping().cancelled() => break,
                };
                match asked {
                    Ok(()) => {
                        rest = FIRST_REST;
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(provider = %vendor.name, wanted, ?error, "not learned");
                        pause(&pace, &error).await;
                        rest = (rest * 2).min(LONGEST_REST);
                        rest / 2
                    }
                }
            }
        };
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(next)) => {}
            () = engine.0.curious.0.notified(), if next == EVERY => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

async fn pause(pace: &PublicPace, error: &Error) {
    if error.kind() != ErrorKind::RateLimited {
        return;
    }
    let told = match error.retry() {
        Retry::Safe { after } => after,
        Retry::No | Retry::Unknown { .. } => None,
    };
    let until = pace.engine.clock().now().plus(told.unwrap_or(PAUSE));
    pace.engine.turns().pause(&pace.lane, until).await;
}

/// Writes what was learned, now and then and when the engine stops.
pub(crate) async fn keep(engine: Engine) {
    let clock = Arc::clone(engine.clock());
    loop {
        let stopped = tokio::select! {
            () = clock.sleep_until(clock.now().plus(KEEP_EVERY)) => false,
            () = engine.stopping().cancelled() => true,
        };
        engine.keep_learned().await;
        if stopped {
            return;
        }
    }
}

fn document(vendor: &str) -> String {
    format!("knowledge:{vendor}")
}

impl Engine {
    /// Writes what was learned since the last time.
    async fn keep_learned(&self) {
        let mut all = self.prices().to_keep();
        for vendor in self.market().vendors() {
            let kept = vendor.adapter.knowledge().and_then(Knowledge::to_keep);
            all.extend(kept.map(|body| (document(&vendor.name), body)));
        }
        let change = |(name, body)| Change::Document { name, body };
        let changes: Vec<Change> = all.into_iter().map(change).collect();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.records().apply(changes).await {
            tracing::warn!(%error, "what was learned could not be kept");
        }
    }

    /// What earlier processes learned. Runs before anything is asked.
    pub(crate) async fn recall_learned(&self) -> records::Result<()> {
        self.recall_prices().await?;
        for vendor in self.market().vendors() {
            let Some(knowledge) = vendor.adapter.knowledge() else { continue };
            if let Some(kept) = self.records().document(&document(&vendor.name)).await? {
                knowledge.recall(&kept);
            }
        }
        Ok(())
    }

    /// Something was asked for that is not known yet.
    pub(crate) fn is_curious(&self) {
        self.0.curious.wake();
    }
}
