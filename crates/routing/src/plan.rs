//! A request's candidates in order, each with its verdict in numbers and words.
//!
//! What a candidate costs is more than its price: what it takes of an allowance, a budget or a balance
//! is missed by those who come later ([`Candidate::worth`]), and an answer that comes too late was paid
//! for nothing.

use std::{fmt, time::Duration};

use provider::{MicroUsd, Quote};

use crate::{Policy, Turn};

/// What a second of waiting is worth under [`Policy::Balanced`] where nobody says otherwise: a tenth of
/// a cent, so that ten seconds weigh as much as the difference between two usual image models.
pub const SECOND_PRICE: MicroUsd = MicroUsd::from_micros(1_000);
/// What an answer that comes too late costs: a dollar, more than most answers, so that a saving of a few
/// cents is never worth a risk that can be felt.
const LATE: i128 = 1_000_000;
/// Work lasts between these shares of its usual time, in percent: what was seen of the vendors.
const FASTEST: i128 = 80;
const SLOWEST: i128 = 130;
/// Whoever waits for a cheaper account keeps time for so many attempts elsewhere, and a minute.
const SPARE_ATTEMPTS: u32 = 2;
const SPARE: Duration = Duration::from_secs(60);
/// A busy account is waited for when it costs at most this share, in percent, of the best free one: a
/// wait may end otherwise than expected.
const WORTH_WAITING: i64 = 98;

/// One account at one model, as it stands now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it would cost and how that is known, or why it cannot be asked.
    pub offer: Result<Quote, Barrier>,
    /// How long until it could begin.
    pub wait: Duration,
    /// What the scarce things that it takes are worth to those who come later, beyond their price; less than
    /// nothing where the price is paid out of what was given and would not be wanted.
    pub worth: MicroUsd,
}

/// Why a candidate is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// No wait would change it: a capability, a ceiling, the caller's own choice of providers.
    Lasting(String),
    /// It may pass: the account is held or dark.
    Passing(String),
    /// It may pass: an allowance is used up. Another day, month or plan has it again.
    UsedUp(String),
}

impl Barrier {
    /// The reason in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Lasting(reason) | Self::Passing(reason) | Self::UsedUp(reason) => reason,
        }
    }
}

/// What the caller wants, and what the operator set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// What is preferred.
    pub policy: Policy,
    /// What a second is worth under [`Policy::Balanced`].
    pub second: MicroUsd,
    /// The most that the whole may cost.
    pub max_cost: Option<MicroUsd>,
    /// How long the caller waits from now on.
    pub patience: Option<Duration>,
}

impl Wishes {
    /// Nothing but a policy.
    pub const fn new(policy: Policy) -> Self {
        Self { policy, second: SECOND_PRICE, max_cost: None, patience: None }
    }
}

/// The order in which to ask, best first, and what is to be said of each candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Candidates that may be asked, best first, as indices into the candidates.
    pub order: Vec<usize>,
    /// By candidate.
    pub verdicts: Vec<Verdict>,
}

/// What is to be said of one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be asked.
    Usable(Standing),
    /// It is not asked.
    Out(Barrier),
}

/// How a candidate that may be asked stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What it is expected to charge.
    pub price: MicroUsd,
    /// What the scarce things that it takes are worth to others.
    pub worth: MicroUsd,
    /// The risk that it is too late, in money.
    pub risk: MicroUsd,
    /// How long until its answer is there.
    pub time: Duration,
    /// 0 is the best.
    pub rank: usize,
    /// Why it has this place, where it is not the policy alone that gave it.
    pub turn: Option<Turn>,
}

impl Standing {
    /// Everything that the answer costs.
    pub fn cost(&self) -> MicroUsd {
        self.price + self.worth + self.risk
    }

    /// Whether a candidate is worth waiting for while this one is free.
    pub fn is_beaten_by(&self, waited_for: &Self) -> bool {
        let own = self.cost().micros().saturating_mul(WORTH_WAITING);
        waited_for.cost().micros().saturating_mul(100) < own
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rank {
            0 => f.write_str("first")?,
            rank => write!(f, "number {}", rank + 1)?,
        }
        f.write_str(match self.turn {
            None => "",
            Some(Turn::Weight) => ", its turn by weight",
            Some(Turn::Canary) => ", its turn as the canary",
            Some(Turn::Behind) => ", the canary out of its turn",
        })?;
        write!(f, ": it charges {}", self.price)?;
        if self.worth > MicroUsd::ZERO {
            write!(f, ", takes what is worth {} to others", self.worth)?;
        }
        if self.worth < MicroUsd::ZERO {
            write!(f, ", {} of it out of free credits", -self.worth)?;
        }
        if !self.risk.is_zero() {
            write!(f, ", may be late ({})", self.risk)?;
        }
        write!(f, ", {:.1} s", self.time.as_secs_f64())
    }
}

impl Verdict {
    /// Why it is not asked, if it is not.
    pub const fn barrier(&self) -> Option<&Barrier> {
        match self {
            Self::Usable(_) => None,
            Self::Out(barrier) => Some(barrier),
        }
    }

    /// How it stands, if it may be asked.
    pub const fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Usable(standing) => Some(standing),
            Self::Out(_) => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usable(standing) => standing.fmt(f),
            Self::Out(barrier) => f.write_str(barrier.reason()),
        }
    }
}

impl Plan {
    /// Whether only time stands in the way of at least one candidate.
    pub fn may_pass(&self) -> bool {
        let mut barriers = self.verdicts.iter().filter_map(Verdict::barrier);
        barriers.any(|barrier| !matches!(barrier, Barrier::Lasting(_)))
    }
}

/// Orders the candidates. Equal ones keep the order in which they were listed.
pub fn plan(candidates: &[Candidate], wishes: Wishes) -> Plan {
    let mut ranked = Vec::with_capacity(candidates.len());
    let mut verdicts = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let verdict = judge(candidate, wishes);
        if let Verdict::Usable(standing) = &verdict {
            let cost = standing.cost().micros();
            ranked.push((wishes.policy.score(cost, standing.time, wishes.second), index));
        }
        verdicts.push(verdict);
    }
    ranked.sort_unstable();
    let order: Vec<usize> = ranked.into_iter().map(|(_, index)| index).collect();
    for (rank, index) in order.iter().enumerate() {
        if let Verdict::Usable(standing) = &mut verdicts[*index] {
            standing.rank = rank;
        }
    }
    Plan { order, verdicts }
}

fn judge(candidate: &Candidate, wishes: Wishes) -> Verdict {
    let quote = match &candidate.offer {
        Ok(quote) => quote,
        Err(barrier) => return Verdict::Out(barrier.clone()),
    };
    let upper = quote.price.upper;
    if let Some(ceiling) = wishes.max_cost.filter(|ceiling| upper > *ceiling) {
        let said = format!("it may cost {upper} where at most {ceiling} is allowed");
        return Verdict::Out(Barrier::Lasting(said));
    }
    Verdict::Usable(Standing {
        price: quote.price.expected,
        worth: candidate.worth,
        risk: risk(quote.duration, candidate.wait, wishes.patience),
        time: quote.duration + candidate.wait,
        rank: 0,
        turn: None,
    })
}

/// What the risk of being late costs: durations are even between the fastest and the slowest.
fn risk(usual: Duration, wait: Duration, patience: Option<Duration>) -> MicroUsd {
    let Some(patience) = patience else { return MicroUsd::ZERO };
    let millis = |span: Duration| i128::try_from(span.as_millis()).unwrap_or(i128::MAX >> 32);
    let (usual, left) = (millis(usual), millis(patience) - millis(wait));
    let (fastest, slowest) = (usual * FASTEST / 100, usual * SLOWEST / 100);
    let late = match slowest - fastest {
        span if left >= slowest || span == 0 => i128::from(left < slowest) * LATE,
        _ if left <= fastest => LATE,
        span => (slowest - left) * LATE / span,
    };
    MicroUsd::from_micros(i64::try_from(late).unwrap_or(i64::MAX))
}

/// How long a busy account may be waited for, so that there is still time for others: none where there
/// is no time to wait. `slowest` is the usual time of the slowest of them.
pub fn spare(slowest: Duration, left: Duration) -> Duration {
    let attempts = slowest * SPARE_ATTEMPTS * 13 / 10;
    left.saturating_sub(attempts + SPARE)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
