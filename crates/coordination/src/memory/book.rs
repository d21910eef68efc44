//! What one account used in this day and this month, and what earlier months left.
//!
//! Only the current day and month are counted. Of earlier months nothing matters but the money that
//! they spent on overage, which is one sum; attempts are remembered one by one while they are open,
//! and while they are in doubt, to the end of their month.

use std::collections::{BTreeMap, HashMap};

use provider::{Allowance, Calendar, Kind, Limits, MicroUsd, Overage, Timestamp};

use crate::{Gone, LotLoad, OverageLoad, Past, Taken, UnitsEnd, Used};

/// Months in a thousand years: a beginning that is further away is none.
const MONTHS_MAX: u32 = 12_000;

/// One account's book. Turn it to the present ([`Book::turn`]) before anything else.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The present, and the beginnings of its day and month; never earlier than they were, should the
    /// clock go back.
    now: Timestamp,
    day: Timestamp,
    month: Timestamp,
    uses: BTreeMap<Kind, Use>,
    pending: HashMap<String, Pending>,
    /// The month in which overage was first on.
    overage_since: Option<Timestamp>,
    /// Spent on overage before this month.
    spent_before: MicroUsd,
}

/// What was taken of one kind.
#[derive(Debug, Default)]
struct Use {
    today: u32,
    /// This month, bought ones included.
    month: u32,
    /// This month's bought ones.
    overage: u32,
    spent: MicroUsd,
    elsewhere: Elsewhere,
    /// This month's units by the vendor's own word.
    told_limit: Option<u32>,
}

/// What the vendor counts in this month beyond ours.
#[derive(Debug, Default)]
struct Elsewhere {
    units: u32,
    overage: u32,
    spent: MicroUsd,
}

/// An attempt that is open, or in doubt.
#[derive(Debug)]
struct Pending {
    taken: Taken,
    doubt: bool,
}

impl Book {
    /// Begins what has begun since: a day, a month.
    pub(super) fn turn(&mut self, now: Timestamp) {
        let now = now.max(self.now);
        self.now = now;
        let (day, month) = (Calendar::Day.start(now), Calendar::Month.start(now));
        if month > self.month {
            self.spent_before += self.spent();
            self.uses.clear();
            // The vendor's count of that month comes no more: what is in doubt is used.
            self.pending.retain(|_, pending| !pending.doubt);
            self.month = month;
        }
        if day > self.day {
            self.uses.values_mut().for_each(|used| used.today = 0);
            self.day = day;
        }
    }

    pub(super) fn tracked(&self) -> usize {
        self.pending.len()
    }

    /// How many of so many units must be bought, and for how much.
    pub(super) fn price(
        &mut self,
        limits: &Limits,
        kind: Kind,
        units: u32,
    ) -> Result<(u32, MicroUsd), Gone> {
        self.notice(limits);
        let used = self.uses.entry(kind).or_default();
        let (today, base) = (used.today, used.base());
        let of_month = limits.allowance(kind, Calendar::Month).map(|units| used.limit(units));
        let mut bought = (0, MicroUsd::ZERO);
        if let Some(limit) = of_month {
            let overage = units.saturating_sub(limit.saturating_sub(base));
            if overage > 0 {
                let price = self.affords(limits, kind, overage);
                bought = (overage, price.ok_or_else(|| self.gone(Calendar::Month))?);
            }
        }
        match limits.allowance(kind, Calendar::Day) {
            Some(limit) if today.saturating_add(units) > limit => Err(self.gone(Calendar::Day)),
            _ => Ok(bought),
        }
    }

    /// What so many bought units cost, if the month's money lasts for them.
    fn affords(&self, limits: &Limits, kind: Kind, units: u32) -> Option<MicroUsd> {
        let overage = limits.overage.as_ref()?;
        let price = overage.price(kind)?.times(i64::from(units));
        (self.spent() + price <= self.budget(overage)).then_some(price)
    }

    pub(super) fn take(
        &mut self,
        limits: &Limits,
        kind: Kind,
        units: u32,
        attempt: &str,
    ) -> Result<Taken, Gone> {
        if let Some(pending) = self.pending.get(attempt) {
            return Ok(pending.taken.clone());
        }
        let (overage_units, price) = self.price(limits, kind, units)?;
        let at = self.now;
        let taken = Taken { attempt: attempt.to_owned(), kind, at, units, overage_units, price };
        self.add(&taken.used());
        let pending = Pending { taken: taken.clone(), doubt: false };
        self.pending.insert(attempt.to_owned(), pending);
        Ok(taken)
    }

    pub(super) fn end(&mut self, attempt: &str, end: UnitsEnd) {
        let Some(pending) = self.pending.get_mut(attempt) else { return };
        if end == UnitsEnd::Doubt && pending.taken.at >= self.month {
            pending.doubt = true;
            return;
        }
        let ended = self.pending.remove(attempt);
        if let Some(ended) = ended.filter(|_| end == UnitsEnd::Free) {
            self.give_back(&ended.taken.used());
        }
    }

    pub(super) fn restore(&mut self, past: Past) {
        let begins = past.overage_since.into_iter();
        let spends = past.used.iter().filter(|used| !used.price.is_zero()).map(|used| used.at);
        let pending = past.open.iter().chain(&past.doubtful);
        let bought = pending.filter(|taken| !taken.price.is_zero()).map(|taken| taken.at);
        let first = begins.chain(spends).chain(bought).min();
        self.overage_since = first.map(|first| Calendar::Month.start(first));
        past.used.iter().for_each(|used| self.add(used));
        let open = past.open.into_iter().map(|taken| Pending { taken, doubt: false });
        let doubtful = past.doubtful.into_iter().map(|taken| Pending { taken, doubt: true });
        for pending in open.chain(doubtful) {
            self.add(&pending.taken.used());
            if !pending.doubt || pending.taken.at >= self.month {
                self.pending.insert(pending.taken.attempt.clone(), pending);
            }
        }
    }

    /// Takes the vendor's count of a kind in; answers what was in doubt and is free now.
    pub(super) fn told(&mut self, limits: &Limits, told: &Allowance) -> Vec<Taken> {
        // The vendor's calendar counts: where its next month has begun, so has ours.
        if let Some(since) = told.since.filter(|since| *since == Calendar::Month.end(self.now)) {
            self.turn(since);
        }
        self.notice(limits);
        let of_this_month =
            told.since.is_none_or(|since| Calendar::Month.start(since) == self.month);
        if told.window != Calendar::Month || !of_this_month {
            return Vec::new();
        }
        let (mut open, mut unsure, mut unsure_overage) = (0_u32, 0_u32, 0_u32);
        let mut doubtful = Vec::new();
        let current = |taken: &Taken| taken.kind == told.kind && taken.at >= self.month;
        for pending in self.pending.values().filter(|pending| current(&pending.taken)) {
            unsure = unsure.saturating_add(pending.taken.units);
            unsure_overage = unsure_overage.saturating_add(pending.taken.overage_units);
            match pending.doubt {
                true => doubtful.push(pending.taken.clone()),
                false => open = open.saturating_add(pending.taken.units),
            }
        }
        let price = limits.overage.as_ref().and_then(|overage| overage.price(told.kind));
        let used = self.uses.entry(told.kind).or_default();
        used.told_limit = Some(told.limit);
        let elsewhere = &mut used.elsewhere;
        elsewhere.units = beyond(elsewhere.units, told.used, used.month, unsure);
        elsewhere.overage = beyond(elsewhere.overage, told.overage, used.overage, unsure_overage);
        elsewhere.spent = price.unwrap_or_default().times(i64::from(elsewhere.overage));
        let missing = used.month.saturating_add(elsewhere.units).saturating_sub(told.used);
        self.clear_doubts(doubtful, missing.saturating_sub(open))
    }

    /// Frees what is in doubt, oldest first, as far as the units that the vendor does not count go.
    fn clear_doubts(&mut self, mut doubtful: Vec<Taken>, mut missing: u32) -> Vec<Taken> {
        doubtful.sort_by(|one, other| (one.at, &one.attempt).cmp(&(other.at, &other.attempt)));
        doubtful.retain(|taken| match missing.checked_sub(taken.units) {
            Some(rest) => {
                missing = rest;
                true
            }
            None => false,
        });
        for taken in &doubtful {
            self.end(&taken.attempt, UnitsEnd::Free);
        }
        doubtful
    }

    pub(super) fn load(&mut self, limits: &Limits) -> Vec<LotLoad> {
        self.notice(limits);
        let nothing = Use::default();
        let line = |limit: &provider::AllowanceLimit| {
            let used = self.uses.get(&limit.kind).unwrap_or(&nothing);
            let (taken, base) = match limit.window {
                Calendar::Day => (used.today, used.today),
                Calendar::Month => (used.month.saturating_add(used.elsewhere.units), used.base()),
            };
            let overage = limits.overage.as_ref().filter(|overage| {
                limit.window == Calendar::Month && overage.price(limit.kind).is_some()
            });
            let units = match limit.window {
                Calendar::Day => limit.units,
                Calendar::Month => used.limit(limit.units),
            };
            LotLoad {
                kind: limit.kind,
                window: limit.window,
                limit: units,
                used: taken,
                remaining: units.saturating_sub(base),
                resets_at: self.ends(limit.window),
                overage: overage.map(|overage| OverageLoad {
                    spent: self.spent(),
                    left: (self.budget(overage) - self.spent()).max(MicroUsd::ZERO),
                }),
            }
        };
        limits.allowances.iter().map(line).collect()
    }

    /// Overage that is on now was first on now, unless it is known that it was before.
    fn notice(&mut self, limits: &Limits) {
        if limits.overage.is_some() {
            self.overage_since.get_or_insert(self.month);
        }
    }

    /// Spent on overage in this month.
    fn spent(&self) -> MicroUsd {
        self.uses.values().map(|used| used.spent + used.elsewhere.spent).sum()
    }

    /// What may be spent in this month: its own money and what earlier months left of theirs.
    fn budget(&self, overage: &Overage) -> MicroUsd {
        let before = overage.monthly_cap.times(i64::from(self.months_of_overage()));
        overage.monthly_cap + (before - self.spent_before).max(MicroUsd::ZERO)
    }

    /// The months before this one in which overage was on.
    fn months_of_overage(&self) -> u32 {
        let mut months = 0;
        let mut month = self.overage_since.unwrap_or(self.month);
        while month < self.month && months < MONTHS_MAX {
            month = Calendar::Month.end(month);
            months += 1;
        }
        months
    }

    fn ends(&self, window: Calendar) -> Timestamp {
        window.end(self.day)
    }

    fn gone(&self, window: Calendar) -> Gone {
        Gone { window, until: self.ends(window) }
    }

    fn add(&mut self, of: &Used) {
        if of.at < self.month {
            self.spent_before += of.price;
            return;
        }
        let used = self.uses.entry(of.kind).or_default();
        used.month = used.month.saturating_add(of.units);
        used.overage = used.overage.saturating_add(of.overage_units);
        used.spent += of.price;
        if of.at >= self.day {
            used.today = used.today.saturating_add(of.units);
        }
    }

    /// Undoes [`Book::add`], in the windows in which the units were taken.
    fn give_back(&mut self, of: &Used) {
        if of.at < self.month {
            self.spent_before = self.spent_before - of.price;
            return;
        }
        let used = self.uses.entry(of.kind).or_default();
        used.month = used.month.saturating_sub(of.units);
        used.overage = used.overage.saturating_sub(of.overage_units);
        used.spent = used.spent - of.price;
        if of.at >= self.day {
            used.today = used.today.saturating_sub(of.units);
        }
    }
}

impl Use {
    /// This month's units: what our plan says, or the vendor where that is less.
    fn limit(&self, plan: u32) -> u32 {
        self.told_limit.map_or(plan, |told| told.min(plan))
    }

    /// This month's units that were not bought, here and elsewhere.
    fn base(&self) -> u32 {
        let elsewhere = self.elsewhere.units.saturating_sub(self.elsewhere.overage);
        self.month.saturating_sub(self.overage).saturating_add(elsewhere)
    }
}

impl Taken {
    fn used(&self) -> Used {
        Used {
            kind: self.kind,
            at: self.at,
            units: self.units,
            overage_units: self.overage_units,
            price: self.price,
        }
    }
}

/// What was used elsewhere, given the vendor's count, ours and how much of ours the vendor may not
/// count. It lies between the two ends that these allow; within them, what was believed stays.
fn beyond(believed: u32, told: u32, ours: u32, unsure: u32) -> u32 {
    let least = told.saturating_sub(ours);
    let most = told.saturating_sub(ours.saturating_sub(unsure));
    believed.clamp(least, most)
}
