//! Budgets: which spans they are checked in at this moment, and how they stand.
//!
//! Whether a hard budget covers something is decided by the records, in the commit that holds it; here
//! it is only said what must be checked. A span's sums are the records' too, so nothing here can drift
//! from the books.

mod alerts;
mod periods;

use std::sync::Arc;

use chrono_tz::Tz;
use provider::{MicroUsd, Timestamp};
use records::{Budget, Check, Key, Period, Rules, Span, Standing, Team};

pub(crate) use self::alerts::{Alerts, tell};
pub use self::periods::is_zone;
use self::periods::{span, zone_of};
use crate::{Caller, Engine, Result};

/// Who pays for a generation.
#[derive(Debug, Clone)]
pub(crate) struct Spender {
    pub(crate) team: Arc<Team>,
    /// None where the key is not known any more.
    pub(crate) key: Option<Arc<Key>>,
}

/// A budget and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    /// The id of the team or key that has it.
    pub owner: String,
    /// The budget.
    pub budget: Budget,
    /// Charged in its period.
    pub charged: MicroUsd,
    /// Held at this moment.
    pub held: MicroUsd,
    /// What neither is charged nor held; none where it does not limit money.
    pub remaining: Option<MicroUsd>,
    /// Outputs made in its period.
    pub outputs: u64,
    /// Outputs that may still be asked for; none where it does not count them.
    pub outputs_remaining: Option<u64>,
    /// When it begins anew, if it ever does.
    pub resets_at: Option<Timestamp>,
}

impl From<&Caller> for Spender {
    fn from(caller: &Caller) -> Self {
        Self { team: Arc::clone(&caller.team), key: Some(Arc::clone(&caller.key)) }
    }
}

impl Spender {
    /// Every budget that applies, with its owner, the key's first.
    fn budgets(&self) -> impl Iterator<Item = (&str, &Budget)> {
        let key = self.key.iter().flat_map(|key| of(&key.id, &key.rules));
        key.chain(of(&self.team.id, &self.team.rules))
    }

    /// Whether any budget applies.
    pub(crate) fn has_budgets(&self) -> bool {
        self.budgets().next().is_some()
    }

    /// Whether any budget counts outputs.
    pub(crate) fn counts_outputs(&self) -> bool {
        self.budgets().any(|(_, budget)| budget.outputs.is_some())
    }

    /// What must be covered at this moment. A soft budget refuses nothing, and is named all the same: the
    /// records keep the sums of what they check, and how it stands is asked for after every charge.
    pub(crate) fn checks(&self, now: Timestamp) -> Vec<Check> {
        let zone = self.zone();
        let check = |(owner, budget): (&str, &Budget)| Check {
            span: span(owner, budget.period, zone, now),
            limit: budget.limit.filter(|_| budget.hard),
            outputs: budget.outputs.filter(|_| budget.hard),
        };
        self.budgets().map(check).collect()
    }

    /// The team's time zone: a key's days are its team's.
    fn zone(&self) -> Tz {
        zone_of(&self.team)
    }
}

fn of<'a>(owner: &'a str, rules: &'a Rules) -> impl Iterator<Item = (&'a str, &'a Budget)> {
    rules.budgets.iter().map(move |budget| (owner, budget))
}

/// The one with the least money left first; those that do not limit money come last.
fn tightest_first(states: &mut [BudgetState]) {
    states.sort_by_key(|state| state.remaining.unwrap_or(MicroUsd::from_micros(i64::MAX)));
}

fn state(owner: &str, budget: &Budget, span: &Span, standing: Standing) -> BudgetState {
    let Standing { charged, held, outputs, outputs_held } = standing;
    BudgetState {
        owner: owner.to_owned(),
        charged,
        held,
        remaining: budget.limit.map(|limit| {
            // A correction of another day is no leave to spend more than the limit in this one.
            (limit - charged.max(MicroUsd::ZERO) - held).max(MicroUsd::ZERO)
        }),
        outputs,
        outputs_remaining: budget.outputs.map(|most| most.saturating_sub(outputs + outputs_held)),
        resets_at: (budget.period != Period::Total).then_some(span.until),
        budget: budget.clone(),
    }
}

impl Engine {
    /// How the budgets of a key and its team stand, the one with the least money left first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn budgets_of(&self, caller: &Caller) -> Result<Vec<BudgetState>> {
        self.standing_of(&Spender::from(caller)).await
    }

    /// How a team's own budgets stand, in the order in which they were given.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn budgets_of_team(&self, team: &Team) -> Result<Vec<BudgetState>> {
        self.stand(of(&team.id, &team.rules), zone_of(team)).await
    }

    /// How a key's own budgets stand, in the order in which they were given; its days are its team's.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn budgets_of_key(&self, key: &Key, team: &Team) -> Result<Vec<BudgetState>> {
        self.stand(of(&key.id, &key.rules), zone_of(team)).await
    }

    pub(crate) async fn standing_of(&self, spender: &Spender) -> Result<Vec<BudgetState>> {
        let mut states = self.stand(spender.budgets(), spender.zone()).await?;
        tightest_first(&mut states);
        Ok(states)
    }

    async fn stand<'a>(
        &self,
        budgets: impl Iterator<Item = (&'a str, &'a Budget)>,
        zone: Tz,
    ) -> Result<Vec<BudgetState>> {
        let now = self.clock().now();
        let budgets: Vec<(&str, &Budget)> = budgets.collect();
        if budgets.is_empty() {
            return Ok(Vec::new());
        }
        let spans: Vec<Span> =
            budgets.iter().map(|(owner, b)| span(owner, b.period, zone, now)).collect();
        let standings = self.records().standings(spans.clone()).await?;
        let whole = budgets.iter().zip(&spans).zip(standings);
        Ok(whole.map(|(((owner, budget), span), now)| state(owner, budget, span, now)).collect())
    }

    /// Who pays, as it is written now: for work that a process left behind.
    pub(crate) async fn spender(&self, team: &str, key: &str) -> records::Result<Option<Spender>> {
        let Some(team) = self.records().team(team).await? else { return Ok(None) };
        let key = self.records().key(key).await?.map(Arc::new);
        Ok(Some(Spender { team: Arc::new(team), key }))
    }
}

#[cfg(test)]
mod tests;
