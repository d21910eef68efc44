//! Slots and windows of accounts.
//!
//! # How waiting works
//! There is no task of its own and no timer per waiter. Whoever waits stands in one of two lines
//! and sleeps until it is woken; only the head of a line sets a timer. Every change that could let
//! somebody go (a slot freed, a call counted, somebody leaving a line) wakes both heads, and a head
//! that cannot go yet sleeps again. A waiter that is dropped leaves its line and wakes the heads,
//! so that a wake-up it may have got is not lost with it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use provider::{Clock, Limits, SlotUse, Timestamp};
use tokio::sync::Notify;

use super::{line::Line, sent::Sent};
use crate::{Busy, Lease, Load, Turns};

/// So many leases may go before a waiting turn; then one turn goes first.
const LEASES_BEFORE_A_TURN: u32 = 4;

/// [`Turns`] within one process.
#[derive(Debug)]
pub struct MemoryTurns {
    clock: Arc<dyn Clock>,
    margin: Duration,
    accounts: RwLock<HashMap<String, Arc<Account>>>,
}

#[derive(Debug, Default)]
struct Account(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_flight: u32,
    sent: Sent,
    paused_until: Option<Timestamp>,
    leases: Line,
    turns: Line,
    /// Leases handed out while a turn waited.
    since_turn: u32,
    next_number: u64,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Lease,
    Turn,
}

impl Want {
    /// Whether it counts in the windows.
    fn counts(self, limits: &Limits) -> bool {
        self == Self::Lease || limits.count_reads
    }

    /// Whether it holds a slot while it lasts.
    fn holds_slot(self, limits: &Limits) -> bool {
        self == Self::Lease || limits.slot == SlotUse::Request
    }
}

/// Why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// Nothing before this moment.
    Until(Timestamp),
    /// Somebody else must end or go first.
    Others,
}

impl MemoryTurns {
    /// Turns by this clock.
    ///
    /// Each window is kept `margin` longer than documented: a vendor counts calls when they arrive,
    /// and what we sent a whole span apart may arrive closer together.
    pub fn new(clock: Arc<dyn Clock>, margin: Duration) -> Self {
        Self { clock, margin, accounts: RwLock::default() }
    }

    fn account(&self, name: &str) -> Arc<Account> {
        if let Some(account) = self.accounts.read().get(name) {
            return Arc::clone(account);
        }
        Arc::clone(self.accounts.write().entry(name.to_owned()).or_default())
    }

    /// Takes it now, or stands in line for it until it comes or is certain not to come in time.
    async fn take(
        &self,
        account: &Arc<Account>,
        want: Want,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Busy> {
        let place = {
            let mut state = account.0.lock();
            let now = self.clock.now();
            if let Ok(counted) = state.take(want, None, limits, now, self.margin) {
                return Ok(counted);
            }
            let busy = state.busy(want, limits, now, self.margin);
            if hopeless(busy, now, deadline) {
                return Err(busy);
            }
            Place::join(account, &mut state, want)
        };
        loop {
            let obstacle = {
                let mut state = account.0.lock();
                let now = self.clock.now();
                match state.take(want, Some(place.number), limits, now, self.margin) {
                    Ok(counted) => return Ok(counted),
                    Err(obstacle) => {
                        let busy = state.busy(want, limits, now, self.margin);
                        if hopeless(busy, now, deadline) {
                            return Err(busy);
                        }
                        obstacle
                    }
                }
            };
            let until = match (obstacle, deadline) {
                (Obstacle::Until(at), _) => Some(at),
                (Obstacle::Others, deadline) => deadline,
            };
            match until {
                Some(at) => tokio::select! {
                    () = place.bell.notified() => {}
                    () = self.clock.sleep_until(at) => {}
                },
                None => place.bell.notified().await,
            }
        }
    }
}

/// Whether waiting on can only pass the deadline.
fn hopeless(busy: Busy, now: Timestamp, deadline: Option<Timestamp>) -> bool {
    deadline.is_some_and(|deadline| busy.retry_at.unwrap_or(now) > deadline || now >= deadline)
}

impl State {
    /// When windows and pauses allow a call; none where they do now.
    fn opens_at(&self, limits: &Limits, now: Timestamp, margin: Duration) -> Option<Timestamp> {
        let windows = self.sent.opens_at(&limits.windows, margin);
        windows.max(self.paused_until).filter(|at| *at > now)
    }

    /// The same for what is wanted: reads wait for no window where the vendor does not count them.
    fn opens_for(
        &self,
        want: Want,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Option<Timestamp> {
        match want.counts(limits) {
            true => self.opens_at(limits, now, margin),
            false => self.paused_until.filter(|at| *at > now),
        }
    }

    fn full(&self, limits: &Limits) -> bool {
        limits.concurrent.is_some_and(|most| self.in_flight >= most)
    }

    fn busy(&self, want: Want, limits: &Limits, now: Timestamp, margin: Duration) -> Busy {
        Busy { retry_at: self.opens_for(want, limits, now, margin) }
    }

    fn line(&mut self, want: Want) -> &mut Line {
        match want {
            Want::Lease => &mut self.leases,
            Want::Turn => &mut self.turns,
        }
    }

    /// Whether somebody of the other kind goes first.
    fn yields(&self, want: Want, limits: &Limits) -> bool {
        let turn_is_due = !self.turns.is_empty() && self.since_turn >= LEASES_BEFORE_A_TURN;
        match want {
            Want::Lease => turn_is_due,
            // A lease that waits for a slot can make no use of the windows now, and no lease is kept
            // waiting by a turn that neither counts nor holds anything.
            Want::Turn => {
                let competes = want.counts(limits) || want.holds_slot(limits);
                competes && !self.leases.is_empty() && !self.full(limits) && !turn_is_due
            }
        }
    }

    /// Takes what is wanted. `number` is the asker's in its line; who has none must find it empty.
    fn take(
        &mut self,
        want: Want,
        number: Option<u64>,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Result<Option<Timestamp>, Obstacle> {
        let line = self.line(want);
        let is_next = number.map_or_else(|| line.is_empty(), |number| line.is_head(number));
        let no_slot = want.holds_slot(limits) && self.full(limits);
        if !is_next || no_slot || self.yields(want, limits) {
            return Err(Obstacle::Others);
        }
        if let Some(at) = self.opens_for(want, limits, now, margin) {
            return Err(Obstacle::Until(at));
        }
        let counted = want.counts(limits).then(|| self.sent.count(now, &limits.windows));
        if want.holds_slot(limits) {
            self.in_flight += 1;
        }
        self.since_turn = match want {
            Want::Lease if !self.turns.is_empty() => self.since_turn + 1,
            Want::Lease | Want::Turn => 0,
        };
        Ok(counted)
    }

    fn wake_heads(&self) {
        self.leases.wake();
        self.turns.wake();
    }
}

/// A place in a line, given up when dropped.
struct Place {
    account: Arc<Account>,
    want: Want,
    number: u64,
    bell: Arc<Notify>,
}

impl Place {
    fn join(account: &Arc<Account>, state: &mut State, want: Want) -> Self {
        let number = state.next_number;
        state.next_number += 1;
        let bell = state.line(want).join(number);
        Self { account: Arc::clone(account), want, number, bell }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.account.0.lock();
        state.line(self.want).leave(self.number);
        state.wake_heads();
    }
}

/// The lease of a slot that is taken already, and of its call, where that was counted.
fn lease(account: Arc<Account>, counted: Option<Timestamp>) -> Lease {
    Lease::new(move |sent| {
        let mut state = account.0.lock();
        if let (crate::Sent::No, Some(at)) = (sent, counted) {
            state.sent.forget(at);
        }
        state.in_flight = state.in_flight.saturating_sub(1);
        state.wake_heads();
    })
}

#[async_trait::async_trait]
impl Turns for MemoryTurns {
    async fn try_lease(&self, account: &str, limits: &Limits) -> Result<Lease, Busy> {
        let account = self.account(account);
        let counted = {
            let mut state = account.0.lock();
            let now = self.clock.now();
            match state.take(Want::Lease, None, limits, now, self.margin) {
                Ok(counted) => counted,
                Err(_) => return Err(state.busy(Want::Lease, limits, now, self.margin)),
            }
        };
        Ok(lease(account, counted))
    }

    async fn lease(
        &self,
        account: &str,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy> {
        let account = self.account(account);
        let counted = self.take(&account, Want::Lease, limits, deadline).await?;
        Ok(lease(account, counted))
    }

    async fn turn(
        &self,
        account: &str,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy> {
        let account = self.account(account);
        let counted = self.take(&account, Want::Turn, limits, deadline).await?;
        Ok(if Want::Turn.holds_slot(limits) { lease(account, counted) } else { Lease::free() })
    }

    async fn pause(&self, account: &str, until: Timestamp) {
        let account = self.account(account);
        let mut state = account.0.lock();
        state.paused_until = state.paused_until.max(Some(until));
    }

    async fn restore(&self, account: &str, sent: &[Timestamp]) {
        self.account(account).0.lock().sent.restore(sent);
    }

    async fn adopt(&self, account: &str) -> Lease {
        let account = self.account(account);
        {
            let mut state = account.0.lock();
            state.in_flight += 1;
            // A lease that waits may have to wait for a slot now, and then a turn may go first.
            state.wake_heads();
        }
        lease(account, None)
    }

    async fn load(&self, account: &str, limits: &Limits) -> Load {
        let account = self.account(account);
        let state = account.0.lock();
        let now = self.clock.now();
        Load {
            in_flight: state.in_flight,
            calls_in_window: state.sent.within(now, &limits.windows),
            waiting: state.leases.len() + state.turns.len(),
            free_at: state.opens_at(limits, now, self.margin),
        }
    }
}
