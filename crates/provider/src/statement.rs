//! What a vendor's own books list, so that ours can be compared with them.

use crate::{MicroUsd, Timestamp};

/// One page of what a vendor says that it charged, newest first where the vendor sorts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Charges and refunds; some may lie outside of what was asked for.
    pub charges: Vec<StatementCharge>,
    /// How much the vendor tells.
    pub told: Told,
    /// Where the next page begins, in words of the adapter's own; none where nothing more can follow.
    pub next: Option<String>,
}

/// How much a vendor's books tell of single charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Every charge, one by one.
    Each {
        /// The provider's own names of models whose charges the vendor lists nowhere.
        but: Vec<String>,
    },
    /// Counters only: [`Provider::account`](crate::Provider::account) tells them.
    Totals,
    /// Nothing.
    Nothing,
}

/// One charge or refund, by the vendor's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementCharge {
    /// The vendor's own name of the entry: one that comes twice, because newer ones moved it to the next
    /// page, is one.
    pub entry: Option<String>,
    /// What a booking of this work claims ([`Finished::reference`](crate::Finished::reference)), where
    /// the entry tells it.
    pub reference: Option<String>,
    /// Positive for what was charged, negative for what was given back.
    pub amount: MicroUsd,
    /// When, by the vendor's clock.
    pub at: Timestamp,
}

impl Statement {
    /// Of a vendor that tells counters only.
    pub const fn totals() -> Self {
        Self { charges: Vec::new(), told: Told::Totals, next: None }
    }

    /// Of a vendor that tells nothing.
    pub const fn nothing() -> Self {
        Self { charges: Vec::new(), told: Told::Nothing, next: None }
    }
}
