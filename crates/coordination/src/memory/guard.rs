//! Who may go on at an account, given what the vendor rejected there.
//!
//! # How waiting works
//! As for turns there is no task, and here not even a timer: what somebody waits for is always an
//! attempt in flight, and its end wakes. Those who wait do not stand in one line, because a team
//! that must wait for its own verdicts would keep the others waiting behind it. So every change
//! wakes the first who need wait no more; that one goes (or is refused), and its leaving wakes the
//! next. Nobody goes while somebody who came earlier could.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use provider::{Clock, SafetyRule, Timestamp};
use tokio::sync::Notify;

use super::verdicts::{Flights, Verdicts};
use crate::{Guard, GuardLoad, Judged, Stopped, Watched};

/// [`Guard`] within one process.
#[derive(Debug)]
pub struct MemoryGuard {
    clock: Arc<dyn Clock>,
    accounts: RwLock<HashMap<String, Arc<Account>>>,
}

#[derive(Debug)]
struct Account {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    verdicts: Verdicts,
    /// By number, so that an end finds its own.
    in_flight: BTreeMap<u64, Flight>,
    /// In the order of asking.
    waiting: BTreeMap<u64, Waiter>,
    next_number: u64,
}

#[derive(Debug)]
struct Flight {
    team: Arc<str>,
    sent: Timestamp,
}

#[derive(Debug)]
struct Waiter {
    team: Arc<str>,
    rule: SafetyRule,
    bell: Arc<Notify>,
}

/// What to do with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Go,
    Wait,
    Stop(Stopped),
}

impl MemoryGuard {
    /// A guard by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, accounts: RwLock::default() }
    }

    fn account(&self, name: &str) -> Arc<Account> {
        if let Some(account) = self.accounts.read().get(name) {
            return Arc::clone(account);
        }
        let new = || {
            let (clock, state) = (Arc::clone(&self.clock), Mutex::default());
            Arc::new(Account { clock, state })
        };
        Arc::clone(self.accounts.write().entry(name.to_owned()).or_insert_with(new))
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Those in flight, counted as the verdicts need them.
    fn flights(&self, team: &str, fine: bool) -> Flights {
        let of_team = self.in_flight.values().filter(|flight| *flight.team == *team).count();
        Flights { all: self.in_flight.len(), of_team, fine }
    }

    /// Until when a team is stopped, were those in flight fine.
    fn stopped(&self, rule: &SafetyRule, team: &str, now: Timestamp) -> Option<Stopped> {
        let until = self.verdicts.opens_at(rule, Some(team), self.flights(team, true), now)?;
        let anybody = self.verdicts.opens_at(rule, None, self.flights(team, true), now);
        Some(Stopped { until, whole: anybody.is_some() })
    }

    fn answer(&self, rule: &SafetyRule, team: &str, now: Timestamp) -> Answer {
        let worst = self.flights(team, false);
        if self.verdicts.opens_at(rule, Some(team), worst, now).is_none() {
            return Answer::Go;
        }
        self.stopped(rule, team, now).map_or(Answer::Wait, Answer::Stop)
    }

    /// The first of those who wait who need wait no more.
    fn next(&self, now: Timestamp) -> Option<(u64, &Waiter)> {
        let ready = |waiter: &Waiter| self.answer(&waiter.rule, &waiter.team, now) != Answer::Wait;
        self.waiting.iter().find(|(_, waiter)| ready(waiter)).map(|(number, w)| (*number, w))
    }

    /// Wakes the next. Whoever does not sleep yet finds the ring stored.
    fn wake(&self, now: Timestamp) {
        if let Some((_, waiter)) = self.next(now) {
            waiter.bell.notify_one();
        }
    }
}

impl Account {
    /// What to do with an attempt now; an admitted one is in flight. `number` is the asker's among
    /// those who wait.
    fn try_enter(
        self: &Arc<Self>,
        rule: &SafetyRule,
        team: &Arc<str>,
        number: Option<u64>,
    ) -> Result<Option<Watched>, Stopped> {
        let mut state = self.state.lock();
        let now = self.clock.now();
        state.verdicts.forget(now.minus(rule.span));
        match state.answer(rule, team, now) {
            Answer::Stop(stopped) => return Err(stopped),
            Answer::Wait => return Ok(None),
            Answer::Go => {}
        }
        if let Some((next, earlier)) = state.next(now)
            && Some(next) != number
        {
            // Somebody who came earlier may go too; this one's turn comes when that one has gone.
            earlier.bell.notify_one();
            return Ok(None);
        }
        Ok(Some(self.launch(&mut state, team, now)))
    }

    /// Puts an attempt in flight.
    fn launch(self: &Arc<Self>, state: &mut State, team: &Arc<str>, sent: Timestamp) -> Watched {
        let number = state.number();
        state.in_flight.insert(number, Flight { team: Arc::clone(team), sent });
        let account = Arc::clone(self);
        Watched::new(move |verdict| account.land(number, verdict))
    }

    fn land(&self, number: u64, verdict: Option<bool>) {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let Some(flight) = state.in_flight.remove(&number) else { return };
        if let Some(rejected) = verdict {
            let at = if rejected { now } else { flight.sent };
            state.verdicts.add(flight.team, at, rejected);
        }
        state.wake(now);
    }
}

/// A place among those who wait, given up when dropped.
struct Place {
    account: Arc<Account>,
    number: u64,
    bell: Arc<Notify>,
}

impl Place {
    fn join(account: &Arc<Account>, rule: &SafetyRule, team: &Arc<str>) -> Self {
        let mut state = account.state.lock();
        let number = state.number();
        let bell = Arc::new(Notify::new());
        let waiter = Waiter { team: Arc::clone(team), rule: *rule, bell: Arc::clone(&bell) };
        state.waiting.insert(number, waiter);
        Self { account: Arc::clone(account), number, bell }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.account.state.lock();
        state.waiting.remove(&self.number);
        state.wake(self.account.clock.now());
    }
}

#[async_trait::async_trait]
impl Guard for MemoryGuard {
    async fn enter(
        &self,
        account: &str,
        rule: &SafetyRule,
        team: &str,
    ) -> Result<Watched, Stopped> {
        let account = self.account(account);
        let team: Arc<str> = team.into();
        if let Some(watched) = account.try_enter(rule, &team, None)? {
            return Ok(watched);
        }
        let place = Place::join(&account, rule, &team);
        loop {
            if let Some(watched) = account.try_enter(rule, &team, Some(place.number))? {
                return Ok(watched);
            }
            place.bell.notified().await;
        }
    }

    async fn look(&self, account: &str, rule: &SafetyRule, team: &str) -> Result<(), Stopped> {
        let account = self.account(account);
        let mut state = account.state.lock();
        let now = self.clock.now();
        state.verdicts.forget(now.minus(rule.span));
        state.stopped(rule, team, now).map_or(Ok(()), Err)
    }

    async fn adopt(&self, account: &str, team: &str, at: Timestamp) -> Watched {
        let account = self.account(account);
        let mut state = account.state.lock();
        account.launch(&mut state, &team.into(), at)
    }

    async fn restore(&self, account: &str, judged: &[Judged]) {
        let account = self.account(account);
        let mut state = account.state.lock();
        for judged in judged {
            state.verdicts.add(judged.team.as_str().into(), judged.at, judged.rejected);
        }
    }

    async fn load(&self, account: &str, rule: &SafetyRule) -> GuardLoad {
        let account = self.account(account);
        let mut state = account.state.lock();
        let now = self.clock.now();
        state.verdicts.forget(now.minus(rule.span));
        let (attempts, rejected) = state.verdicts.counts();
        let stopped = |team: &str| state.stopped(rule, team, now).map(|stopped| stopped.until);
        let teams = state.verdicts.rejected_teams();
        let flights = state.flights("", true);
        GuardLoad {
            attempts,
            rejected,
            in_flight: u32::try_from(state.in_flight.len()).unwrap_or(u32::MAX),
            stopped_until: state.verdicts.opens_at(rule, None, flights, now),
            stopped_teams: teams
                .into_iter()
                .filter_map(|team| stopped(&team).map(|until| (team.to_string(), until)))
                .collect(),
        }
    }
}
