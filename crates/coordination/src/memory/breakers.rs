//! Breakers in memory: a small state behind a lock for each account and model.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use provider::{Clock, Entropy, Timestamp};
use tokio::sync::{Notify, futures::OwnedNotified};

use super::window::Window;
use crate::{BreakerLoad, BreakerRule, Breakers, Did, Lane, Open, Permit, Turned};

/// Doublings after which any rest is the longest.
const MOST_DOUBLINGS: u32 = 16;

/// [`Breakers`] within one process.
#[derive(Debug)]
pub struct MemoryBreakers {
    ground: Arc<Ground>,
    /// By account, then by model, so that no name is put together to look one up.
    accounts: RwLock<HashMap<String, BTreeMap<String, Arc<Breaker>>>>,
}

/// What all of them share.
#[derive(Debug)]
struct Ground {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    rule: BreakerRule,
}

struct Breaker {
    ground: Arc<Ground>,
    state: Mutex<State>,
    /// Rings when a probe is over, however it ended.
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Counts openings and closings: who was let in before the last one has nothing to say.
    epoch: u64,
    in_a_row: u32,
    window: Window,
    rest: Option<Rest>,
    /// Rests since it was last calm for a whole window.
    rests: u32,
    closed_at: Option<Timestamp>,
}

/// The vendor is left alone.
#[derive(Debug, Clone, Copy)]
struct Rest {
    since: Timestamp,
    until: Timestamp,
    probing: bool,
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("state", &self.state).finish_non_exhaustive()
    }
}

impl MemoryBreakers {
    /// Breakers by this clock and rule, their rests varied by `entropy`.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, rule: BreakerRule) -> Self {
        let ground = Arc::new(Ground { clock, entropy, rule });
        Self { ground, accounts: RwLock::default() }
    }

    fn known(&self, lane: Lane<'_>) -> Option<Arc<Breaker>> {
        self.accounts.read().get(lane.account)?.get(lane.model).cloned()
    }

    fn breaker(&self, lane: Lane<'_>) -> Arc<Breaker> {
        if let Some(breaker) = self.known(lane) {
            return breaker;
        }
        let mut accounts = self.accounts.write();
        let models = accounts.entry(lane.account.to_owned()).or_default();
        let new = || Arc::new(Breaker::new(&self.ground));
        Arc::clone(models.entry(lane.model.to_owned()).or_insert_with(new))
    }
}

impl Ground {
    /// The rest after so many others: doubled, bounded, and between a half and the whole of that.
    fn rest(&self, rests: u32) -> Duration {
        let BreakerRule { rest, longest_rest, .. } = self.rule;
        let whole = rest.saturating_mul(1 << rests.min(MOST_DOUBLINGS)).min(longest_rest);
        let mut random = [0_u8; 1];
        self.entropy.fill(&mut random);
        whole / 2 + whole / 512 * u32::from(random[0])
    }
}

impl State {
    fn open(&self, now: Timestamp) -> Option<Open> {
        let Rest { since, until, probing } = self.rest?;
        let waits = !probing && now < until;
        (probing || waits).then_some(Open { since, until: waits.then_some(until) })
    }

    /// The end of one that was let in while it was closed.
    fn count(&mut self, did: Did, ground: &Ground, now: Timestamp) -> Option<Turned> {
        let rule = &ground.rule;
        let Did::Badly { rest } = did else {
            self.in_a_row = 0;
            self.window.add(now, false);
            return None;
        };
        self.in_a_row += 1;
        self.window.add(now, true);
        let (judged, failed) = self.window.counts(now);
        if self.in_a_row < rule.in_a_row && !rule.share.is_reached(failed, judged) {
            return None;
        }
        if self.closed_at.is_none_or(|at| now.since(at) >= rule.span) {
            self.rests = 0;
        }
        Some(Turned::Opened(self.rest(now, rest, ground, now)))
    }

    /// The end of a probe.
    fn probed(&mut self, did: Did, ground: &Ground, now: Timestamp) -> Option<Turned> {
        let since = self.rest?.since;
        match did {
            Did::Badly { rest } => Some(Turned::StillOpen(self.rest(since, rest, ground, now))),
            Did::Well => {
                self.epoch += 1;
                self.rest = None;
                self.in_a_row = 0;
                self.window = Window::new(ground.rule.span);
                self.closed_at = Some(now);
                Some(Turned::Closed)
            }
        }
    }

    fn rest(
        &mut self,
        since: Timestamp,
        told: Option<Duration>,
        ground: &Ground,
        now: Timestamp,
    ) -> Open {
        let until = now.plus(ground.rest(self.rests).max(told.unwrap_or_default()));
        self.rests = self.rests.saturating_add(1);
        self.epoch += 1;
        self.rest = Some(Rest { since, until, probing: false });
        Open { since, until: Some(until) }
    }
}

impl Breaker {
    fn new(ground: &Arc<Ground>) -> Self {
        let state = State {
            epoch: 0,
            in_a_row: 0,
            window: Window::new(ground.rule.span),
            rest: None,
            rests: 0,
            closed_at: None,
        };
        Self { ground: Arc::clone(ground), state: Mutex::new(state), bell: Arc::default() }
    }

    fn enter(self: Arc<Self>) -> Result<Permit, Open> {
        let mut state = self.state.lock();
        if let Some(open) = state.open(self.ground.clock.now()) {
            return Err(open);
        }
        let probe = state.rest.is_some();
        if let Some(rest) = &mut state.rest {
            rest.probing = true;
        }
        let epoch = state.epoch;
        drop(state);
        Ok(Permit::new(probe, move |did| self.end(epoch, probe, did)))
    }

    fn end(&self, epoch: u64, probe: bool, did: Option<Did>) -> Option<Turned> {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            return None;
        }
        let now = self.ground.clock.now();
        let turned = match (did, probe) {
            (None, false) => return None,
            (None, true) => {
                if let Some(rest) = &mut state.rest {
                    rest.probing = false;
                }
                None
            }
            (Some(did), false) => state.count(did, &self.ground, now),
            (Some(did), true) => state.probed(did, &self.ground, now),
        };
        drop(state);
        if probe {
            self.bell.notify_waiters();
        }
        turned
    }

    /// What to wait for, if anything. The listening begins under the lock, so that no ring is missed.
    fn wait(&self) -> Option<(OwnedNotified, Option<Timestamp>)> {
        let state = self.state.lock();
        let open = state.open(self.ground.clock.now())?;
        Some((Arc::clone(&self.bell).notified_owned(), open.until))
    }
}

#[async_trait::async_trait]
impl Breakers for MemoryBreakers {
    fn look(&self, lane: Lane<'_>) -> Result<(), Open> {
        let Some(breaker) = self.known(lane) else { return Ok(()) };
        let open = breaker.state.lock().open(self.ground.clock.now());
        open.map_or(Ok(()), Err)
    }

    async fn enter(&self, lane: Lane<'_>) -> Result<Permit, Open> {
        self.breaker(lane).enter()
    }

    async fn ready(&self, lane: Lane<'_>) {
        let Some(breaker) = self.known(lane) else { return };
        while let Some((ring, until)) = breaker.wait() {
            let over = async {
                match until {
                    Some(until) => self.ground.clock.sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ring => {}
                () = over => {}
            }
        }
    }

    fn load(&self, account: &str) -> Vec<BreakerLoad> {
        let now = self.ground.clock.now();
        let accounts = self.accounts.read();
        let line = |(model, breaker): (&String, &Arc<Breaker>)| {
            let state = breaker.state.lock();
            let (judged, failed) = state.window.counts(now);
            // Half-open and untried it is still one that nobody trusts.
            let rest = state.rest.map(|Rest { since, until, probing }| Open {
                since,
                until: (!probing).then_some(until),
            });
            let known = judged > 0 || rest.is_some();
            known.then(|| BreakerLoad { model: model.clone(), open: rest, judged, failed })
        };
        accounts.get(account).into_iter().flatten().filter_map(line).collect()
    }
}
