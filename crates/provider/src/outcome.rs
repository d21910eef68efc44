//! What a vendor answers: finished work, running work, books.

use std::time::Duration;

use crate::{Adjustments, Input, MicroUsd, Receipt, Timestamp, Work};

/// The answer to a submit.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// Done: outputs and charge are here.
    Finished(Finished),
    /// The vendor works on it; look again with the ticket.
    Running(Ticket),
}

/// Finished work.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The vendor's own name of the work, unique within the account (a token, a job id). It is what
    /// a generation claims, so that no two ever claim the same work.
    pub reference: Option<String>,
    /// The outputs, in order.
    pub outputs: Vec<Output>,
    /// What it cost.
    pub charge: Charge,
    /// The account's balance afterwards, where the vendor tells it.
    pub balance: Option<MicroUsd>,
    /// What the vendor used instead of what was asked for.
    pub adjustments: Adjustments,
}

/// One output.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Its bytes went into the sink.
    Written(Receipt),
    /// The vendor keeps it; [`Provider::fetch`](crate::Provider::fetch) brings it.
    Remote(RemoteOutput),
    /// Text.
    Text(String),
}

/// Something the vendor keeps for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOutput {
    /// An address or the vendor's own reference; only the adapter that made it can read it.
    pub location: String,
    /// Until when the vendor keeps it, where it says so.
    pub expires_at: Option<Timestamp>,
}

/// What was charged, by the vendor's own word or, where that is lost, by our ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// In money.
    pub amount: MicroUsd,
    /// Whether the vendor said so; otherwise `amount` is the most it can have been.
    pub certain: bool,
    /// Units of a prepaid allowance that it used.
    pub allowance: Option<AllowanceUse>,
    /// What the vendor says that it had estimated, where it says so beside the charge: how far its
    /// estimates are off is learned from the two.
    pub estimated: Option<MicroUsd>,
}

impl Charge {
    /// The vendor said it charged this.
    pub const fn exact(amount: MicroUsd) -> Self {
        Self { amount, certain: true, allowance: None, estimated: None }
    }

    /// The vendor may have charged up to this.
    pub const fn at_most(amount: MicroUsd) -> Self {
        Self { amount, certain: false, allowance: None, estimated: None }
    }
}

/// Use of a prepaid allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceUse {
    /// Units used.
    pub units: u32,
}

/// A queued job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The vendor's job id; kept in the records as it is.
    pub reference: String,
    /// When to look again.
    pub look_after: Duration,
}

/// What a queued job has come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Polled {
    /// Not yet. `progress` only where the vendor really tells it (percent).
    Running {
        /// When to look again.
        look_after: Duration,
        /// Percent, as the vendor tells it.
        progress: Option<u8>,
    },
    /// Done.
    Finished(Finished),
}

/// A submit whose answer was lost, as the records remember it.
#[derive(Debug, Clone)]
pub struct Lost {
    /// What was asked for; inputs carry no bytes.
    pub work: Work,
    /// When it was sent, by our clock.
    pub sent_at: Timestamp,
    /// When we lost sight of it, by our clock.
    pub lost_at: Timestamp,
    /// The time now, by our clock: the adapter compares it with the vendor's.
    pub now: Timestamp,
}

impl Lost {
    /// Whether the work was an edit of sources.
    pub fn has_inputs(&self) -> bool {
        !self.work.inputs.is_empty()
    }

    /// The inputs, for vendors that show them in their books.
    pub fn inputs(&self) -> &[Input] {
        &self.work.inputs
    }
}

/// What the vendor's books say of a lost submit.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovered {
    /// Work in the books that this submit may have made, oldest first; empty: it is not there (yet).
    /// The caller claims the first whose reference nobody else has claimed.
    Candidates(Vec<Found>),
    /// The vendor has no books that could tell.
    CannotTell,
}

/// One row of the vendor's books.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The vendor's own name of the work.
    pub reference: String,
    /// When the vendor says it was made, by the vendor's clock.
    pub created_at: Option<Timestamp>,
    /// What it made and what it cost; outputs are remote.
    pub finished: Finished,
}

/// An account as the vendor tells it now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccountStatus {
    /// Money left.
    pub balance: Option<MicroUsd>,
    /// The part of [`balance`](Self::balance) that the vendor gives away; none where it gives nothing, or
    /// does not tell that part apart.
    pub free: Option<FreeCredits>,
    /// Money spent since the account was opened.
    pub spent: Option<MicroUsd>,
    /// Prepaid allowances.
    pub allowances: Vec<Allowance>,
    /// Why the account takes no work, where the vendor says so.
    pub hold: Option<VendorHold>,
    /// What is wrong with the account though it takes work, in words for an operator: a scope that
    /// its credential lacks, say, and what cannot be done without it.
    pub warnings: Vec<String>,
}

/// The part of a balance that was given, not bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeCredits {
    /// What is left of it, in money at the account's own price of a credit.
    pub left: MicroUsd,
    /// Up to how much of it the vendor's bonuses fill; none where the vendor does not say. What a bonus
    /// would bring beyond that is lost.
    pub most: Option<MicroUsd>,
    /// The bonuses that come again and again. Empty where none is known: none is counted on then.
    pub bonuses: Vec<Bonus>,
}

/// Free credits that come again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bonus {
    /// How much comes at a time, if there is room for all of it.
    pub amount: MicroUsd,
    /// When it is expected next, by the vendor's clock.
    pub next: Timestamp,
    /// How long from one to the next.
    pub every: Duration,
}

/// One prepaid allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// What it is for.
    pub kind: crate::Kind,
    /// Within what.
    pub window: crate::Calendar,
    /// Units in all, as the vendor says.
    pub limit: u32,
    /// Units used, those past the allowance included.
    pub used: u32,
    /// Units used past the allowance, for money.
    pub overage: u32,
    /// The beginning of the window that the vendor speaks of.
    pub since: Option<Timestamp>,
}

/// Why an account takes no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorHold {
    /// The reason.
    pub reason: HoldReason,
    /// Until when, where it is known.
    pub until: Option<Timestamp>,
}

/// Reasons for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// No money left.
    Balance,
    /// No allowance left.
    Allowance,
    /// The credential does not work.
    Credential,
    /// The vendor suspended it.
    Suspended,
    /// We stopped before the vendor would suspend it.
    Safety,
    /// An operator said so.
    Operator,
}

impl HoldReason {
    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Allowance => "allowance",
            Self::Credential => "credential",
            Self::Suspended => "suspended",
            Self::Safety => "safety",
            Self::Operator => "operator",
        }
    }
}
