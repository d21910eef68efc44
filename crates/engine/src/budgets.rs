//! Budgets: which spans they are checked in at this moment, how they stand, and when operators are told.
//!
//! Whether a hard budget covers something is decided by the records, in the commit that holds it; here
//! it is only said what must be checked. A span's sums are the records' too, so nothing here can drift
//! from the books.

use std::{collections::HashMap, str::FromStr as _, sync::Arc, time::Duration};

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use parking_lot::Mutex;
use provider::{MicroUsd, Timestamp};
use records::{Budget, Check, Key, Period, Rules, Span, Standing, Team};

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

fn zone_of(team: &Team) -> Tz {
    team.rules.time_zone.as_deref().and_then(zone).unwrap_or(Tz::UTC)
}

fn zone(name: &str) -> Option<Tz> {
    Tz::from_str(name).ok()
}

/// Whether there is a time zone of that IANA name.
pub fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// The period that a moment lies in.
fn span(owner: &str, period: Period, zone: Tz, at: Timestamp) -> Span {
    let day = at.to_utc().with_timezone(&zone).date_naive();
    let (first, next) = match period {
        Period::Day => (day, day.checked_add_days(Days::new(1))),
        Period::Week => {
            let passed = u64::from(day.weekday().num_days_from_monday());
            let monday = day.checked_sub_days(Days::new(passed)).unwrap_or(day);
            (monday, monday.checked_add_days(Days::new(7)))
        }
        Period::Month => {
            let first = day.with_day(1).unwrap_or(day);
            (first, first.checked_add_months(Months::new(1)))
        }
        Period::Total => {
            let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
            return Span { owner: owner.to_owned(), since, until };
        }
    };
    let until = midnight(next.unwrap_or(first), zone);
    Span { owner: owner.to_owned(), since: midnight(first, zone), until }
}

/// The first moment of a day: where clocks are put forward at midnight, that is later than midnight.
fn midnight(day: NaiveDate, zone: Tz) -> Timestamp {
    let quarters = (0..24 * 4_i64).map(|n| chrono::TimeDelta::minutes(15 * n));
    let mut moments = quarters.filter_map(|later| {
        let local = day.and_time(NaiveTime::MIN).checked_add_signed(later)?;
        zone.from_local_datetime(&local).earliest()
    });
    let first = moments.next().map(|first| first.timestamp_millis());
    Timestamp::from_millis(first.unwrap_or_default())
}

fn state(owner: &str, budget: &Budget, span: &Span, standing: Standing) -> BudgetState {
    let Standing { charged, held, outputs, outputs_held } = standing;
    BudgetState {
        owner: owner.to_owned(),
        charged,
        held,
        remaining: budget.limit.map(|limit| (limit - charged - held).max(MicroUsd::ZERO)),
        outputs,
        outputs_remaining: budget.outputs.map(|most| most.saturating_sub(outputs + outputs_held)),
        resets_at: (budget.period != Period::Total).then_some(span.until),
        budget: budget.clone(),
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
        states.sort_by_key(|state| state.remaining.unwrap_or(MicroUsd::from_micros(i64::MAX)));
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
                states.sort_by_key(|s| s.remaining.unwrap_or(MicroUsd::from_micros(i64::MAX)));
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

/// How often; a charge tells by itself.
const EVERY: Duration = Duration::from_secs(60);
/// Teams read in one go.
const TEAMS_AT_ONCE: u32 = 100;

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
    fn passed(&self, state: &BudgetState) -> Option<u8> {
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

#[cfg(test)]
mod tests;
