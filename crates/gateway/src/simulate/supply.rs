//! What has to be kept count of: allowances, overage, balance, budgets, and the safety record.
#![expect(clippy::float_arithmetic, reason = "expected amounts, corrected by what was charged")]

use std::collections::{BTreeMap, VecDeque};

use routing::{Leftover, Resource, Supply};

use super::{
    calendar::{DAY, MINUTE, day, month, month_start},
    messages::{Config, Kind, Overage, Request, TopUp},
};

/// The vendor looks at what ended in this time, and at nothing while it is fewer than so many.
const RECORD: i64 = 30 * MINUTE;
const RECORD_COUNTS: usize = 10;

/// The kinds of supply. A vendor's name means one of them here and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supplier {
    Prepaid,
    Allowance,
    Credits,
}

impl Supplier {
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Prepaid => 0,
            Self::Allowance => 1,
            Self::Credits => 2,
        }
    }
}

/// Who stands behind a candidate.
pub(super) fn supplier(candidate: &str) -> Supplier {
    match candidate.split_once('/').map_or(candidate, |(vendor, _)| vendor) {
        "zekron" => Supplier::Prepaid,
        "zsky" => Supplier::Allowance,
        _ => Supplier::Credits,
    }
}

/// The model of a candidate.
pub(super) fn model(candidate: &str) -> &str {
    candidate.split_once('/').map_or(candidate, |(_, model)| model)
}

/// Where the resources stand in the plan: units by kind, overage, balance, then the teams.
pub(super) const OVERAGE: usize = 2;
pub(super) const BALANCE: usize = 3;
pub(super) const TEAMS: usize = 4;

/// The books of one run.
#[derive(Debug)]
pub(super) struct Supplies {
    first_month: i64,
    last_month: i64,
    base: [u64; 2],
    day_cap: [u64; 2],
    used: BTreeMap<(i64, usize), u64>,
    used_day: BTreeMap<(i64, usize), u64>,
    overage: Overage,
    overage_spent: f64,
    balance: f64,
    top_ups: VecDeque<TopUp>,
    teams: Vec<(String, f64)>,
    spent: BTreeMap<(i64, usize), f64>,
    record: VecDeque<(i64, bool)>,
}

/// What one request in flight has taken, as expected.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hold {
    at: i64,
    team: usize,
    kind: usize,
    units: u64,
    overage: f64,
    balance: f64,
    budget: f64,
}

impl Supplies {
    pub(super) fn new(config: &Config) -> Self {
        let (prepaid, plan) = (&config.vendors.zekron, &config.vendors.zsky);
        let first_month = month(config.start);
        let mut top_ups = prepaid.topups.clone();
        top_ups.sort_by_key(|top_up| top_up.t);
        let used = [((first_month, 0), plan.used_images), ((first_month, 1), plan.used_videos)];
        let spent = config.teams.values().enumerate();
        Self {
            first_month,
            last_month: month(config.end - 1),
            base: [plan.month_images, plan.month_videos],
            day_cap: [plan.day_images, plan.day_videos],
            used: used.into_iter().collect(),
            used_day: BTreeMap::new(),
            overage: plan.overage,
            overage_spent: 0.0,
            balance: prepaid.balance,
            top_ups: top_ups.into(),
            teams: config.teams.iter().map(|(name, team)| (name.clone(), team.budget)).collect(),
            spent: spent.map(|(index, team)| ((first_month, index), team.spent)).collect(),
            record: VecDeque::new(),
        }
    }

    /// Time goes on: what was due to be topped up is.
    pub(super) fn advance(&mut self, now: i64) -> bool {
        let mut changed = false;
        while let Some(due) = self.top_ups.pop_front_if(|top_up| top_up.t <= now) {
            self.balance += due.amount;
            changed = true;
        }
        changed
    }

    pub(super) fn team(&self, name: &str) -> Option<usize> {
        self.teams.iter().position(|(known, _)| known == name)
    }

    /// What a team may still spend in the month of a moment.
    pub(super) fn budget_left(&self, team: usize, at: i64) -> f64 {
        let spent = self.spent.get(&(month(at), team)).copied().unwrap_or(0.0);
        self.teams.get(team).map_or(0.0, |(_, budget)| budget - spent)
    }

    /// What the balance will be at a moment if nothing more is spent.
    pub(super) fn balance_at(&self, at: i64) -> f64 {
        let due = self.top_ups.iter().filter(|top_up| top_up.t <= at).map(|top_up| top_up.amount);
        self.balance + due.sum::<f64>()
    }

    /// How many of so many units are beyond the month's allowance.
    pub(super) fn beyond(&self, kind: Kind, at: i64, units: u64) -> u64 {
        let used = self.used.get(&(month(at), kind.index())).copied().unwrap_or(0);
        (used + units).saturating_sub(used.max(self.base[kind.index()]))
    }

    /// What so many units beyond the allowance cost, if they can be had at that moment.
    pub(super) fn overage_cost(&self, kind: Kind, at: i64, beyond: u64) -> Option<f64> {
        let cost = units(beyond) * self.overage_price(kind);
        (self.overage.on && self.overage_spent + cost <= self.overage_cap(month(at)))
            .then_some(cost)
    }

    pub(super) const fn overage_price(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Image => self.overage.image,
            Kind::Video => self.overage.video,
        }
    }

    pub(super) const fn overage_on(&self) -> bool {
        self.overage.on
    }

    /// What all overage together may have cost by a month's end.
    fn overage_cap(&self, month: i64) -> f64 {
        let begun = u32::try_from(month - self.first_month + 1).unwrap_or(0);
        self.overage.cap * f64::from(begun)
    }

    /// The first moment at which the day's cap and the safety record allow so many units.
    pub(super) fn allowance_free_at(
        &self,
        kind: Kind,
        now: i64,
        units: u64,
        running: usize,
    ) -> i64 {
        let today = day(now);
        let used = self.used_day.get(&(today, kind.index())).copied().unwrap_or(0);
        let cap = self.day_cap[kind.index()];
        let at = if used + units > cap { (today + 1) * DAY } else { now };
        at.max(self.record_safe_at(now, running))
    }

    /// Everything that runs, and this one, may end blocked: even then the record shall hold.
    fn record_safe_at(&self, now: i64, running: usize) -> i64 {
        let recent = || self.record.iter().filter(|(at, _)| *at > now - RECORD);
        let bad = recent().filter(|(_, blocked)| *blocked).count() + running + 1;
        let all = recent().count() + running + 1;
        if all < RECORD_COUNTS || bad * 2 <= all {
            return now;
        }
        recent().next().map_or(now + MINUTE, |(at, _)| at + RECORD)
    }

    /// Work ended, blocked or not.
    pub(super) fn recorded(&mut self, now: i64, blocked: bool) {
        self.record.push_back((now, blocked));
        while self.record.pop_front_if(|(at, _)| *at <= now - RECORD).is_some() {}
    }

    /// Takes what a request is expected to need.
    pub(super) fn take(
        &mut self,
        request: &Request,
        supplier: Supplier,
        money: f64,
        now: i64,
    ) -> Hold {
        let team = self.team(&request.team).unwrap_or(usize::MAX);
        let mut hold = Hold { at: now, team, kind: request.kind.index(), ..Hold::default() };
        match supplier {
            Supplier::Prepaid => {
                hold.balance = money;
                hold.budget = money;
            }
            Supplier::Credits => hold.budget = money,
            Supplier::Allowance => {
                hold.units = u64::from(request.n);
                let beyond = self.beyond(request.kind, now, hold.units);
                hold.overage = units(beyond) * self.overage_price(request.kind);
                hold.budget = hold.overage;
            }
        }
        self.balance -= hold.balance;
        self.overage_spent += hold.overage;
        *self.spent.entry((month(now), team)).or_default() += hold.budget;
        *self.used.entry((month(now), hold.kind)).or_default() += hold.units;
        *self.used_day.entry((day(now), hold.kind)).or_default() += hold.units;
        hold
    }

    /// Puts what was really charged in the place of what was expected.
    pub(super) fn settle(&mut self, hold: &Hold, cost: f64, charge: f64, used: u64) {
        *self.spent.entry((month(hold.at), hold.team)).or_default() += charge - hold.budget;
        if hold.units > 0 {
            for (counts, period) in
                [(&mut self.used, month(hold.at)), (&mut self.used_day, day(hold.at))]
            {
                let count = counts.entry((period, hold.kind)).or_default();
                *count = (*count + used).saturating_sub(hold.units);
            }
            self.overage_spent += cost - hold.overage;
        } else if hold.balance > 0.0 {
            self.balance += hold.balance - cost;
        }
    }

    /// The vendor says that the balance is short of what was asked for.
    pub(super) const fn balance_is_short_of(&mut self, hold: &Hold) {
        self.balance = self.balance.min(hold.balance);
    }

    /// The budget is short of what was asked for.
    pub(super) fn budget_is_short_of(&mut self, hold: &Hold) {
        let Some((_, budget)) = self.teams.get(hold.team) else { return };
        let spent = self.spent.entry((month(hold.at), hold.team)).or_default();
        *spent = spent.max(budget - hold.budget);
    }

    /// Everything scarce as it stands, for the plan.
    pub(super) fn resources(&self, now: i64) -> Vec<Resource> {
        let months: Vec<i64> = (month(now)..=self.last_month.max(month(now))).collect();
        let monthly = |amount: &dyn Fn(i64) -> f64| -> Vec<Supply> {
            let supply = |of: &i64| Supply { until: month_start(of + 1), amount: amount(*of) };
            months.iter().map(supply).collect()
        };
        let mut resources: Vec<Resource> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let kind = kind.index();
                let used = |of| self.used.get(&(of, kind)).copied().unwrap_or(0);
                let left = |of| units(self.base[kind].saturating_sub(used(of)));
                Resource::new(Leftover::Lost, monthly(&left))
            })
            .collect();
        let cap = |of| (self.overage_cap(of) - self.overage_spent).max(0.0);
        resources.push(Resource::new(
            Leftover::Carried,
            monthly(&|of| if self.overage.on { cap(of) } else { 0.0 }),
        ));
        resources.push(Resource::new(Leftover::Carried, self.balances()));
        for team in 0..self.teams.len() {
            let left = |of| self.budget_left(team, month_start(of)).max(0.0);
            resources.push(Resource::new(Leftover::Lost, monthly(&left)));
        }
        resources
    }

    fn balances(&self) -> Vec<Supply> {
        let mut amount = self.balance;
        let mut supplies = Vec::new();
        for top_up in &self.top_ups {
            supplies.push(Supply { until: top_up.t, amount });
            amount += top_up.amount;
        }
        supplies.push(Supply { until: i64::MAX, amount });
        supplies
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of results are far below 2^53")]
pub(super) const fn units(count: u64) -> f64 {
    count as f64
}
