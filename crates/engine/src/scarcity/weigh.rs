//! Weighing: now and then everything scarce is looked at, and what it is worth is found anew.
//!
//! All that is expected of the future comes from the records: how earlier requests were decided, and how
//! many there were in which hour. So nothing is lost with a process, and what other processes did counts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use coordination::LotLoad;
use provider::{Calendar, MicroUsd, Timestamp};
use records::Decided;

use super::{
    Weighed,
    history::{HISTORY, HOUR, History, Seen},
    things::Things,
};
use crate::{Decision, Engine, budgets::Spender};

/// How often it is done: a tight budget is lost within hours.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// How often while little is known: a new request tells much then.
const FIRST_EVERY: Duration = Duration::from_secs(60);
/// So many decisions are little.
const LITTLE: usize = 500;
/// The newest decisions stand for those to come.
pub const STANDING: u32 = 2_000;
/// An operator who is told that a balance runs low fills it up within this time.
const FILLED_UP_WITHIN: Duration = Duration::from_secs(86_400);
/// Budgets of so many teams at most are looked at, of those that asked most often lately.
const TEAMS: usize = 200;

/// How long what was found with so many known decisions is good for.
pub const fn rest(known: usize) -> Duration {
    if known < LITTLE { FIRST_EVERY } else { EVERY }
}

/// Weighs everything again and again, until the engine stops.
pub(crate) async fn weigh(engine: Engine) {
    let mut history = History::default();
    loop {
        let known = match engine.weigh(&mut history).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "what scarce things are worth could not be found anew");
                LITTLE
            }
        };
        let rest = rest(known);
        let clock = engine.clock();
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(rest)) => {}
            () = engine.stopping().cancelled() => return,
        }
    }
}

impl Engine {
    /// Weighs everything anew; answers how many decisions it could look at.
    async fn weigh(&self, history: &mut History) -> records::Result<usize> {
        let now = self.clock().now();
        self.read_on(history, now).await?;
        let newest = self.records().decisions(STANDING).await?;
        let Some(demand) = history.demand().filter(|_| !newest.is_empty()) else { return Ok(0) };
        let end = Calendar::Month.end(Calendar::Month.end(now));
        let things = self.things(now, end, &newest).await;
        let (known, shares) = (newest.len(), history.shares());
        let last = Arc::clone(&self.scarcity().0.read());
        let weighed = tokio::task::spawn_blocking(move || {
            let seen: Vec<Seen> = newest.into_iter().filter_map(seen).collect();
            Weighed::again(&last, things, (now, end), (&demand, &seen), &shares)
        });
        match weighed.await {
            Ok(weighed) => *self.scarcity().0.write() = Arc::new(weighed),
            Err(error) => tracing::error!(%error, "weighing ended abruptly"),
        }
        Ok(known)
    }

    /// Reads what is not known yet of the demand, and forgets what is too old.
    async fn read_on(&self, history: &mut History, now: Timestamp) -> records::Result<()> {
        let oldest = now.minus(HISTORY);
        // The last hour that is known was not over when it was read; clocks of others may differ a little.
        let last = history.last().map(|hour| hour.minus(HOUR));
        let since = last.map_or(oldest, |last| last.max(oldest));
        history.keep(oldest, since);
        for one in self.records().demand(since).await? {
            history.told(&one);
        }
        Ok(())
    }

    /// Everything scarce as it stands.
    async fn things(&self, now: Timestamp, end: Timestamp, newest: &[Decided]) -> Things {
        let mut things = Things::default();
        for vendor in self.market().vendors() {
            for account in vendor.accounts().iter() {
                let loads = self.lots().load(&account.id, &account.limits).await;
                for LotLoad { kind, window, limit, remaining, resets_at, .. } in &loads {
                    let left = (*remaining, *resets_at);
                    things.add_units(&account.id, (*kind, *window), left, (*limit, end));
                }
                let overage = loads.iter().find_map(|lot| Some((lot.overage?.left, lot.resets_at)));
                if let (Some(left), Some(rule)) = (overage, &account.limits.overage) {
                    let cap = (rule.monthly_cap, end);
                    things.add_overage(&account.id, left, cap, &rule.prices);
                }
                if let Some(balance) = self.health().balance(&account.id) {
                    let bought = balance - self.health().free_left(&account.id);
                    let bought = (bought, now.plus(FILLED_UP_WITHIN));
                    things.add_balance(&account.id, bought, end);
                }
                if let Some(free) = self.health().free(&account.id) {
                    things.add_free(&account.id, &free, end);
                }
                if let Some(lanes) = self.lanes_left((vendor, account), now).await {
                    things.add_lanes(&account.id, lanes, end);
                }
            }
        }
        for team in busiest(newest) {
            for (left, until) in self.budgets_left(team).await {
                things.add_budget(team, (left, until), end);
            }
        }
        things
    }

    /// What is left of a team's own hard budgets of money, and until when.
    async fn budgets_left(&self, team: &str) -> Vec<(MicroUsd, Timestamp)> {
        let Ok(Some(team)) = self.records().team(team).await else { return Vec::new() };
        let spender = Spender { team: Arc::new(team), key: None };
        let states = self.standing_of(&spender).await.unwrap_or_default();
        let left = |state: &crate::BudgetState| {
            let until = state.resets_at.unwrap_or(Timestamp::from_millis(i64::MAX));
            state.remaining.filter(|_| state.budget.hard).map(|left| (left, until))
        };
        states.iter().filter_map(left).collect()
    }
}

/// The teams that asked most often lately.
fn busiest(newest: &[Decided]) -> Vec<&str> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    newest.iter().for_each(|one| *times.entry(&one.team).or_default() += 1);
    let mut teams: Vec<(usize, &str)> = times.into_iter().map(|(team, n)| (n, team)).collect();
    teams.sort_unstable_by(|a, b| b.cmp(a));
    teams.into_iter().take(TEAMS).map(|(_, team)| team).collect()
}

fn seen(one: Decided) -> Option<Seen> {
    let decision = Decision::from_kept(&one.body)?;
    Some(Seen { team: one.team, kind: one.kind, decision })
}
