//! Telling operators how budgets stand: after every charge, now and then, and where a share is passed.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use provider::{MicroUsd, Timestamp};
use records::{Period, Team};

use super::{BudgetState, Spender, tightest_first};
use crate::{Engine, Result};

/// How often; a charge tells by itself.
const EVERY: Duration = Duration::from_secs(60);
/// Teams read in one go.
const TEAMS_AT_ONCE: u32 = 100;

impl Engine {
    /// Something was charged: tells operators what is left, and which share was passed.
    pub(crate) async fn tell_budgets(&self, spender: &Spender) {
        if !spender.has_budgets() {
            return;
        }
        match self.standing_of(spender).await {
            Ok(states) => self.told_budgets(&spender.team, &states),
            Err(error) => tracing::warn!(?error, "how the budgets stand cannot be read"),
        }
    }

    fn told_budgets(&self, team: &Team, states: &[BudgetState]) {
        let mut own = states.iter().filter(|state| state.owner == team.id);
        if let Some(remaining) = own.find_map(|state| state.remaining) {
            self.observer().budget(&team.id, remaining);
        }
        for state in states {
            if let Some(share) = self.alerts().passed(state) {
                tracing::warn!(
                    team = %team.id, owner = %state.owner, period = state.budget.period.as_str(),
                    charged = %state.charged, hard = state.budget.hard, share,
                    "a budget is used to {share} percent",
                );
            }
        }
    }

    /// Tells what is left of every team's budget, as periods end without anybody's doing.
    pub(crate) async fn tell_every_budget(&self) -> Result<()> {
        let mut page = records::Page { ascending: true, ..records::Page::first(TEAMS_AT_ONCE) };
        loop {
            let teams = self.records().teams(page.clone()).await?;
            for team in teams.iter().filter(|team| team.revoked_at.is_none()) {
                let mut states = self.budgets_of_team(team).await?;
                tightest_first(&mut states);
                self.told_budgets(team, &states);
            }
            match teams.last() {
                Some(last) if teams.len() == TEAMS_AT_ONCE as usize => {
                    page.after = Some(last.id.clone());
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Tells now and then how every budget stands, until the engine stops.
pub(crate) async fn tell(engine: Engine) {
    loop {
        if let Err(error) = engine.tell_every_budget().await {
            tracing::warn!(?error, "how the budgets stand cannot be read");
        }
        let clock = engine.clock();
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(EVERY)) => {}
            () = engine.stopping().cancelled() => return,
        }
    }
}

/// Which shares of which budgets operators were told of, so that each is told once in a period.
#[derive(Debug, Default)]
pub(crate) struct Alerts(Mutex<HashMap<Told, u8>>);

/// A budget in one of its periods.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Told {
    owner: String,
    period: Period,
    limit: Option<MicroUsd>,
    outputs: Option<u64>,
    until: Option<Timestamp>,
}

/// Budgets remembered at most; past it those of past periods are forgotten with the others, and are told
/// once more.
const MOST_TOLD: usize = 10_000;

impl Alerts {
    /// The largest share that was passed since it was last told, if any was.
    pub(super) fn passed(&self, state: &BudgetState) -> Option<u8> {
        let used = state.used_percent();
        let mut reached = state.budget.alert_at.iter().copied();
        let share = reached.by_ref().filter(|share| u64::from(*share) <= used).max()?;
        let told = Told {
            owner: state.owner.clone(),
            period: state.budget.period,
            limit: state.budget.limit,
            outputs: state.budget.outputs,
            until: state.resets_at,
        };
        let mut known = self.0.lock();
        if known.len() >= MOST_TOLD {
            known.clear();
        }
        let last = known.entry(told).or_insert(0);
        (*last < share).then(|| {
            *last = share;
            share
        })
    }
}

impl BudgetState {
    /// How much of it is used, in whole percent, by what is charged and made.
    fn used_percent(&self) -> u64 {
        let money = self.budget.limit.map_or(0, |limit| {
            let charged = u64::try_from(self.charged.micros()).unwrap_or(0);
            percent(charged, u64::try_from(limit.micros()).unwrap_or(0))
        });
        let outputs = self.budget.outputs.map_or(0, |most| percent(self.outputs, most));
        money.max(outputs)
    }
}

/// What share of `whole` a part is; all of it where there is no whole.
fn percent(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * 100 / u128::from(whole.max(1));
    if whole == 0 { 100 } else { u64::try_from(share).unwrap_or(u64::MAX) }
}
