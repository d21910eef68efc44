//! Being alive, and going on with the work of those who are not.
//!
//! A generation belongs to the process that drives it. Each process writes now and then until when it
//! may be believed to live: one row for all of its work, however much that is. A process that finds
//! another one's time run out takes its open generations over and goes on where their rows say they
//! stand; of several that try, one succeeds. Where the records are one process's alone, whatever is
//! open when it starts is its own at once.

use std::{collections::HashMap, time::Duration};

use records::{CacheResult, Change, UnitsState};

use crate::{Engine, admission, cache, drive::drive, resume::Open};

/// How often a process says that it lives.
const EVERY: Duration = Duration::from_secs(10);
/// How long it is believed: three times in a row may fail.
const LIVES: Duration = Duration::from_secs(35);

/// Says that this process lives, and looks for others that do not, until the engine stops.
pub(crate) async fn live(engine: Engine) {
    loop {
        let clock = engine.clock();
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(EVERY)) => {}
            () = engine.stopping().cancelled() => return,
        }
        if let Err(error) = engine.say_alive().await {
            tracing::error!(%error, "this process cannot say that it lives");
            continue;
        }
        if let Err(error) = engine.take_over_the_dead().await {
            tracing::error!(%error, "the dead cannot be looked for");
        }
    }
}

impl Engine {
    /// This process lives, and will for a while.
    pub(crate) async fn say_alive(&self) -> records::Result<()> {
        let until = self.clock().now().plus(LIVES);
        let worker = self.worker().to_owned();
        self.records().apply(vec![Change::Heartbeat { worker, until }]).await
    }

    /// This process ends: others need not wait to go on with what it leaves.
    pub(crate) async fn say_over(&self) {
        let over =
            Change::Heartbeat { worker: self.worker().to_owned(), until: self.clock().now() };
        if let Err(error) = self.records().apply(vec![over]).await {
            tracing::warn!(%error, "what is left is taken over a little later");
        }
    }

    async fn take_over_the_dead(&self) -> records::Result<()> {
        let now = self.clock().now();
        let mut won = false;
        for dead in self.records().dead_workers(now).await? {
            let to = self.worker().to_owned();
            let change = Change::TakeOver { from: dead.clone(), to, now };
            match self.records().apply(vec![change]).await {
                Ok(()) => {
                    tracing::warn!(worker = %dead, "a process has died; going on with its work");
                    won = true;
                }
                // Another one was first.
                Err(records::Error::Stale(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if won {
            let open = self.open_units().await?;
            self.pick_up_own(&open).await?;
        }
        Ok(())
    }

    /// Goes on with every open generation that is this process's and that it does not drive yet.
    pub(crate) async fn pick_up_own(&self, units: &Open) -> records::Result<()> {
        let now = self.clock().now();
        let mut own = self.records().unfinished().await?;
        own.retain(|one| one.worker == self.worker() && self.flight(&one.generation.id).is_none());
        if !own.is_empty() {
            tracing::info!(generations = own.len(), "picking up what was unfinished");
        }
        // Every lost call has its slot before the first of them looks at the vendor's books.
        // And every one that others wait for leads again before the first of those asks.
        let mut ready = Vec::with_capacity(own.len());
        for unfinished in own {
            ready.extend(self.pick_up(unfinished, now, units).await);
        }
        for (journey, entries) in ready {
            match journey.flight.now().cache {
                CacheResult::Coalesced => self.spawn(cache::wait_again(journey)),
                _ => self.spawn(drive(journey, entries)),
            }
        }
        Ok(())
    }

    /// What attempts under way hold of allowances.
    async fn open_units(&self) -> records::Result<Open> {
        let all = self.records().units_since(self.clock().now()).await?;
        let open = all.iter().filter(|units| units.state == UnitsState::Open);
        let named = open.map(|units| (units.attempt.clone(), admission::read(units)));
        Ok(named.collect::<HashMap<_, _>>())
    }
}
