//! An account's prepaid units: what its plan includes in a day and a month, and what may be bought
//! past it.

use std::fmt;

use provider::{Allowance, Calendar, Kind, Limits, MicroUsd, Timestamp};

/// Hands out prepaid units, so that none is promised twice and the plan's limits hold.
///
/// # What counts
/// Units count in the UTC day and month in which they were taken. A day's and a month's limit both
/// hold. Where overage is on, units past the month's cost their price, as long as the month's money
/// lasts: the cap, and what earlier months left of it since overage was first on. (A cap that is
/// changed counts as if it had always been so.) The day's limit holds for bought units too.
///
/// # Whose count holds
/// Ours knows what is in flight, the vendor's what was used without us; the larger holds, for units
/// and for overage. What the vendor counts beyond ours was used *elsewhere* (by hand, with another
/// gateway). What it counts less is first put down to attempts in flight, which it may count later,
/// and then shows that units in doubt were not used. Of the month's limit the smaller holds: a plan
/// that the vendor knows as a smaller one ends where the vendor ends it.
#[async_trait::async_trait]
pub trait Lots: Send + Sync + fmt::Debug {
    /// What `units` more would cost now. Takes nothing.
    ///
    /// # Errors
    /// [`Gone`], where there are not so many.
    async fn look(
        &self,
        account: &str,
        limits: &Limits,
        kind: Kind,
        units: u32,
    ) -> Result<MicroUsd, Gone>;

    /// Takes units for an attempt: checked and taken in one step, however many race. An attempt that
    /// has taken already is answered what it took.
    ///
    /// # Errors
    /// [`Gone`], where there are not so many; nothing is taken then.
    async fn take(
        &self,
        account: &str,
        limits: &Limits,
        kind: Kind,
        units: u32,
        attempt: &str,
    ) -> Result<Taken, Gone>;

    /// What became of an attempt's units; one in doubt may be told again when it is known. Of an
    /// attempt that has ended already, or was in doubt when its month ended, nothing changes.
    async fn end(&self, account: &str, taken: Taken, end: UnitsEnd);

    /// What was taken before a restart; once, before the first `take`.
    async fn restore(&self, account: &str, past: Past);

    /// The vendor's own counts, just read. Where the vendor is in the next month already, that month
    /// begins; counts of any other month than the current one are ignored.
    ///
    /// Answers what was in doubt and is free now, for the caller to write down. A count that was read
    /// before some attempt ended may err by that attempt's units; the next one puts it right.
    async fn told(&self, account: &str, limits: &Limits, told: &[Allowance]) -> Vec<Taken>;

    /// What is left, a line for every limit.
    async fn load(&self, account: &str, limits: &Limits) -> Vec<LotLoad>;
}

/// Units that an attempt took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Which attempt.
    pub attempt: String,
    /// What a unit makes.
    pub kind: Kind,
    /// When: in this day and this month they count.
    pub at: Timestamp,
    /// How many.
    pub units: u32,
    /// Those of them past the month's allowance.
    pub overage_units: u32,
    /// What those cost.
    pub price: MicroUsd,
}

/// What became of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitsEnd {
    /// The vendor charged them.
    Used,
    /// The vendor did not charge them: units and money are there again.
    Free,
    /// Nobody knows: they count as used until the vendor's own count speaks.
    Doubt,
}

/// There are not so many units left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account's prepaid units of this {} are gone until {until}", window.as_str())]
pub struct Gone {
    /// What holds; the month, where both do.
    pub window: Calendar,
    /// When it begins anew.
    pub until: Timestamp,
}

/// What the records know of an account; each attempt stands in one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// Attempts whose units were used, alone or summed up by kind and day. Without overage, those of
    /// earlier months are not needed.
    pub used: Vec<Used>,
    /// Some moment of the month in which overage was first on.
    pub overage_since: Option<Timestamp>,
    /// Attempts that have not ended.
    pub open: Vec<Taken>,
    /// Attempts whose units are in doubt.
    pub doubtful: Vec<Taken>,
}

/// Units that were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// What a unit makes.
    pub kind: Kind,
    /// When they were taken; any moment of that day.
    pub at: Timestamp,
    /// How many.
    pub units: u32,
    /// Those of them past the month's allowance.
    pub overage_units: u32,
    /// What those cost.
    pub price: MicroUsd,
}

/// What is left of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotLoad {
    /// What a unit makes.
    pub kind: Kind,
    /// Within what.
    pub window: Calendar,
    /// Units in all.
    pub limit: u32,
    /// Units used, in flight, in doubt and (of the month) elsewhere; past the limit, those bought too.
    pub used: u32,
    /// Units left without paying.
    pub remaining: u32,
    /// When the window begins anew.
    pub resets_at: Timestamp,
    /// The account's money for overage, with a month's limit of a kind that may be bought.
    pub overage: Option<OverageLoad>,
}

/// The account's money for overage, of all kinds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverageLoad {
    /// Spent in this month.
    pub spent: MicroUsd,
    /// What may still be spent in it.
    pub left: MicroUsd,
}
