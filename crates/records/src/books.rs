//! The books: what vendors charged and whom, what is held until they do, and what was saved.

use provider::{MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};

/// One side of a booking. The sides of a transaction add up to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Grows with every entry.
    pub id: i64,
    /// What belongs together.
    pub transaction: String,
    /// When it was booked.
    pub at: Timestamp,
    /// `team:ID/KEY`, `provider:NAME/ACCOUNT` (with `/allowance` or `/overage` for prepaid units and what
    /// goes past them), `loss:NAME/ACCOUNT` or `drift:NAME/ACCOUNT`.
    pub account: String,
    /// Signed: positive at the provider for what it charged.
    pub amount: MicroUsd,
    /// `charge`, `charge_uncertain`, `allowance`, `correction`, `loss` or `drift`.
    pub kind: String,
    /// Whose.
    pub team: String,
    /// With this key.
    pub key: String,
    /// The provider.
    pub provider: String,
    /// `provider/model`.
    pub model: String,
    /// The generation.
    pub generation: String,
}

/// Which entries of the ledger; what is none is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerFilter {
    /// Whose.
    pub team: Option<String>,
    /// With this key.
    pub key: Option<String>,
    /// At this provider.
    pub provider: Option<String>,
    /// Booked then or later.
    pub from: Option<Timestamp>,
    /// Booked before then.
    pub to: Option<Timestamp>,
}

/// Which purse of an account a charge came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Purse {
    /// Money or credits, by the piece.
    #[default]
    Balance,
    /// Prepaid units: they are on the books with an amount of zero.
    Allowance,
    /// Units past the prepaid ones.
    Overage,
}

/// What is held for a generation from its acceptance until its attempts hold it: the worst price of what
/// has not begun. It is gone with the generation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reserve {
    /// How much.
    pub amount: MicroUsd,
    /// How many outputs, for budgets that count them.
    pub outputs: u64,
}

/// A hard budget at this moment: what is charged in the span and what is held may not pass the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The span.
    pub span: Span,
    /// The most money.
    pub limit: Option<MicroUsd>,
    /// The most outputs.
    pub outputs: Option<u64>,
}

/// What a team or key is charged between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// `team_...` or `key_...`.
    pub owner: String,
    /// From then on.
    pub since: Timestamp,
    /// Before then.
    pub until: Timestamp,
}

/// How a span stands: what is charged in it, and what is held at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Charged, as far as the team bears it.
    pub charged: MicroUsd,
    /// Held for its generations and attempts.
    pub held: MicroUsd,
    /// Outputs made by generations that ended in the span.
    pub outputs: u64,
    /// Outputs under way.
    pub outputs_held: u64,
}

/// A hard budget that does not cover what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// Whose, and which span.
    pub span: Span,
    /// How much money is left, where money is short.
    pub left: Option<MicroUsd>,
    /// How many outputs are left, where those are short.
    pub outputs_left: Option<u64>,
}

/// Why something was cheaper than what would have been paid without us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SavingReason {
    /// It was there already.
    Cache,
    /// Another request was making it.
    Coalesced,
    /// A prepaid unit made it.
    Allowance,
}

impl SavingReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Cache, Self::Coalesced, Self::Allowance];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Coalesced => "coalesced",
            Self::Allowance => "allowance",
        }
    }
}

/// What a generation saved against the price of the next best vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saving {
    /// The generation; it saves once for a reason.
    pub generation: String,
    /// Whose.
    pub team: String,
    /// With this key.
    pub key: String,
    /// `provider/model`.
    pub model: String,
    /// Why.
    pub reason: SavingReason,
    /// How much.
    pub amount: MicroUsd,
    /// When.
    pub at: Timestamp,
}

/// What a vendor is found to have charged beside what is booked; no generation is known for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftEntry {
    /// `adj_...`: the transaction; booked once.
    pub id: String,
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// Positive where the vendor charged more than is booked.
    pub amount: MicroUsd,
    /// When.
    pub at: Timestamp,
}

/// What a team was charged in a span.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// In all.
    pub charged: MicroUsd,
    /// What was saved.
    pub saved: MicroUsd,
    /// By day, provider, model and kind.
    pub rows: Vec<UsageRow>,
}

/// One line of a [`Usage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// `2026-11-21`, UTC.
    pub day: String,
    /// The provider.
    pub provider: String,
    /// `provider/model`.
    pub model: String,
    /// What was made.
    pub kind: String,
    /// Generations charged.
    pub generations: u64,
    /// What they were charged.
    pub charged: MicroUsd,
}

/// What spending is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The day, UTC.
    Day,
    /// The team.
    Team,
    /// The key.
    Key,
    /// The provider.
    Provider,
    /// `provider/model`.
    Model,
    /// What was made.
    Kind,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 6] =
        [Self::Day, Self::Team, Self::Key, Self::Provider, Self::Model, Self::Kind];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Team => "team",
            Self::Key => "key",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Kind => "kind",
        }
    }
}

/// One line of spending: the values of the dimensions asked for, in their order, and the sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRow {
    /// One for each dimension.
    pub by: Vec<String>,
    /// Generations on the books, those of allowances too.
    pub generations: u64,
    /// What they were charged.
    pub charged: MicroUsd,
    /// What was saved: only where the dimensions are among day, team, key, provider and model.
    pub saved: MicroUsd,
    /// Units of allowances used; a plan's fee is shared by them.
    pub units: u64,
}

/// What our books hold of one charge of a vendor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The attempt: the transaction.
    pub attempt: String,
    /// The generation.
    pub generation: String,
    /// The provider's own name of the model.
    pub model: String,
    /// The vendor's own name of the work, where it was claimed and is not forgotten.
    pub reference: Option<String>,
    /// What is booked, corrections included.
    pub charged: MicroUsd,
    /// Whether it is a ceiling.
    pub uncertain: bool,
    /// When it was booked.
    pub booked_at: Timestamp,
}

/// Something in the books that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule is broken: `transaction`, `generation`, `attempt`, `tally`, `held`, `hold`.
    pub rule: &'static str,
    /// Where: a transaction, a generation, an owner.
    pub place: String,
    /// What it should be.
    pub expected: MicroUsd,
    /// What it is.
    pub found: MicroUsd,
}
