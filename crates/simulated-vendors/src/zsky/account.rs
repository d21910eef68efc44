//! What one customer has used, may still use, and tried.

use std::collections::{BTreeMap, VecDeque};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    calendar::Month,
    order::Kind,
    settings::{Allowance, Events, Suspension},
};

/// A number for each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerKind {
    pub(crate) images: u32,
    pub(crate) videos: u32,
}

impl PerKind {
    pub(crate) fn get(self, kind: Kind) -> u32 {
        match kind {
            Kind::Image => self.images,
            Kind::Video => self.videos,
        }
    }

    fn of(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Image => &mut self.images,
            Kind::Video => &mut self.videos,
        }
    }
}

/// One month's use, work that has not ended included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// All of them, those past the allowance too.
    pub(crate) used: PerKind,
    pub(crate) overage: PerKind,
    pub(crate) overage_cents: u64,
}

/// Something that was sent to be generated.
#[derive(Debug, Clone)]
struct Attempt {
    at_ms: i64,
    job: Option<String>,
    rejected: bool,
}

/// Opted in to overage: so much a month, and what a month leaves goes to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Overage {
    pub(crate) since: Month,
    pub(crate) monthly_cap_cents: u64,
    /// Left over from before that month.
    pub(crate) carried_cents: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) fingerprint: String,
    months: BTreeMap<Month, Tally>,
    days: BTreeMap<NaiveDate, PerKind>,
    attempts: VecDeque<Attempt>,
    pub(crate) suspended_until_ms: Option<i64>,
    pub(crate) overage: Option<Overage>,
    pub(crate) working: usize,
    pub(crate) charges: usize,
}

/// Why there is nothing left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsedUp {
    Month,
    Budget,
}

impl Account {
    pub(crate) fn month(&self, month: Month) -> Tally {
        self.months.get(&month).copied().unwrap_or_default()
    }

    pub(crate) fn day(&self, day: NaiveDate) -> PerKind {
        self.days.get(&day).copied().unwrap_or_default()
    }

    /// Takes a unit of allowance, or so many cents of the overage budget.
    pub(crate) fn take(&mut self, month: Month, day: NaiveDate, kind: Kind, cents: Option<u32>) {
        let tally = self.months.entry(month).or_default();
        *tally.used.of(kind) += 1;
        if let Some(cents) = cents {
            *tally.overage.of(kind) += 1;
            tally.overage_cents += u64::from(cents);
        }
        *self.days.entry(day).or_default().of(kind) += 1;
    }

    /// Gives it back.
    pub(crate) fn give(&mut self, month: Month, day: NaiveDate, kind: Kind, cents: Option<u32>) {
        let tally = self.months.entry(month).or_default();
        let less = |number: &mut u32| *number = number.saturating_sub(1);
        less(tally.used.of(kind));
        if let Some(cents) = cents {
            less(tally.overage.of(kind));
            tally.overage_cents = tally.overage_cents.saturating_sub(u64::from(cents));
        }
        less(self.days.entry(day).or_default().of(kind));
    }

    /// What one more of that kind costs: nothing within the month's allowance, cents past it.
    pub(crate) fn price(
        &self,
        month: Month,
        kind: Kind,
        allowance: &Allowance,
    ) -> Result<Option<u32>, UsedUp> {
        let (base, cents) = match kind {
            Kind::Image => (allowance.images, allowance.image_overage_cents),
            Kind::Video => (allowance.videos, allowance.video_overage_cents),
        };
        let tally = self.month(month);
        if tally.used.get(kind).saturating_sub(tally.overage.get(kind)) < base {
            return Ok(None);
        }
        match self.budget_cents(month) {
            None => Err(UsedUp::Month),
            Some(left) if left < u64::from(cents) => Err(UsedUp::Budget),
            Some(_) => Ok(Some(cents)),
        }
    }

    /// What is left of the overage budget in that month: every month since the opt-in brought its cap, and nothing of
    /// it is lost but what was spent.
    pub(crate) fn budget_cents(&self, month: Month) -> Option<u64> {
        let overage = self.overage?;
        let months = month.after(overage.since).saturating_add(1);
        let brought = overage.monthly_cap_cents.saturating_mul(months);
        let spent: u64 =
            self.months.range(overage.since..).map(|(_, tally)| tally.overage_cents).sum();
        Some(overage.carried_cents.saturating_add(brought).saturating_sub(spent))
    }

    /// The same cap or another from that month on, with what earlier months left.
    pub(crate) fn overage_from(&self, month: Month, monthly_cap_cents: u64) -> Overage {
        let carried_cents = self.overage.map_or(0, |overage| {
            let months = month.after(overage.since);
            let spent: u64 =
                self.months.range(overage.since..month).map(|(_, tally)| tally.overage_cents).sum();
            let brought = overage.monthly_cap_cents.saturating_mul(months);
            overage.carried_cents.saturating_add(brought).saturating_sub(spent)
        });
        Overage { since: month, monthly_cap_cents, carried_cents }
    }

    pub(crate) fn attempted(&mut self, at_ms: i64, job: Option<String>, rejected: bool) {
        self.attempts.push_back(Attempt { at_ms, job, rejected });
    }

    /// The output check stopped what that attempt made.
    pub(crate) fn rejected(&mut self, job: &str) {
        let mut attempts = self.attempts.iter_mut().rev();
        if let Some(attempt) = attempts.find(|attempt| attempt.job.as_deref() == Some(job)) {
            attempt.rejected = true;
        }
    }

    /// The attempts of the window, and how many of them were rejected.
    pub(crate) fn tried(&self, now_ms: i64, window_s: u32) -> (usize, usize) {
        let window_ms = i64::from(window_s) * 1000;
        let recent = |attempt: &&Attempt| {
            attempt.at_ms <= now_ms && now_ms.saturating_sub(attempt.at_ms) < window_ms
        };
        let attempts = self.attempts.iter().filter(recent);
        (attempts.clone().count(), attempts.filter(|attempt| attempt.rejected).count())
    }

    /// Until when the key is to be suspended, if it must be now.
    pub(crate) fn judged(&mut self, now_ms: i64, rule: &Suspension) -> Option<i64> {
        let window_ms = i64::from(rule.window_s) * 1000;
        self.attempts.retain(|attempt| now_ms.saturating_sub(attempt.at_ms) < window_ms);
        let (attempts, rejected) = self.tried(now_ms, rule.window_s);
        let events = match rule.minimum_of {
            Events::Attempts => attempts,
            Events::Rejections => rejected,
        };
        let share = usize::try_from(rule.over_percent).unwrap_or(usize::MAX);
        let too_often = rejected.saturating_mul(100) > attempts.saturating_mul(share);
        (events >= rule.minimum && too_often && !self.is_suspended(now_ms))
            .then(|| now_ms.saturating_add(i64::from(rule.lasts_s) * 1000))
    }

    pub(crate) fn is_suspended(&self, now_ms: i64) -> bool {
        self.suspended_until_ms.is_some_and(|until| now_ms < until)
    }

    /// From here on, or no longer: the attempts before count no more either way.
    pub(crate) fn suspend(&mut self, until_ms: i64) {
        self.suspended_until_ms = Some(until_ms);
        self.attempts.clear();
    }
}
