//! Slots and windows of accounts.
//!
//! # How waiting works
//! There is no task of its own and no timer per waiter. Whoever waits stands in one of two lines
//! and sleeps until it is woken; only the head of a line sets a timer. Every change that could let
//! somebody go (a slot freed, a call counted, somebody leaving a line) wakes both heads, and a head
//! that cannot go yet sleeps again. A waiter that is dropped leaves its line and wakes the heads,
//! so that a wake-up it may have got is not lost with it. Who joins may become the head of its line
//! at once, before one that was woken: it looks in the same step, and leaves as everybody does.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use provider::{Clock, Limits, Timestamp};
use tokio::sync::Notify;

use super::account::{Obstacle, State, Want};
use crate::{Busy, Lease, Load, Share, Turns};

/// [`Turns`] within one process.
#[derive(Debug)]
pub struct MemoryTurns {
    clock: Arc<dyn Clock>,
    margin: Duration,
    accounts: RwLock<HashMap<String, Arc<Account>>>,
}

#[derive(Debug, Default)]
struct Account(Mutex<State>);

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

    /// Takes it now, or stands in line for it until it comes or is certain not to come in time:
    /// a lease where a share is told, else a turn.
    async fn take(
        &self,
        account: &Arc<Account>,
        share: Option<Share<'_>>,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Busy> {
        let want = if share.is_some() { Want::Lease } else { Want::Turn };
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
            Place::join(account, &mut state, share)
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

/// A place in a line, given up when dropped.
struct Place {
    account: Arc<Account>,
    /// Whose, in the line of leases; none in the line of turns.
    team: Option<Arc<str>>,
    number: u64,
    bell: Arc<Notify>,
}

impl Place {
    fn join(account: &Arc<Account>, state: &mut State, share: Option<Share<'_>>) -> Self {
        let number = state.next_number;
        state.next_number += 1;
        let (team, bell) = match share {
            Some(share) => {
                let (team, bell) = state.leases.join(number, share);
                (Some(team), bell)
            }
            None => (None, state.turns.join(number)),
        };
        Self { account: Arc::clone(account), team, number, bell }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.account.0.lock();
        match &self.team {
            Some(team) => state.leases.leave(team, self.number),
            None => state.turns.leave(self.number),
        }
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
        share: Share<'_>,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy> {
        let account = self.account(account);
        let counted = self.take(&account, Some(share), limits, deadline).await?;
        Ok(lease(account, counted))
    }

    async fn turn(
        &self,
        account: &str,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy> {
        let account = self.account(account);
        let counted = self.take(&account, None, limits, deadline).await?;
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
