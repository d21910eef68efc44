//! Our books against the vendors' own, as operators see them.

use engine::{Difference, DifferenceKind, Reconciliation, UnitsCompared};
use provider::{Calendar, Kind, MicroUsd, Timestamp, Told};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::fields::{kind_schema, words};

/// Every account's books of a span.
#[derive(Serialize, ToSchema)]
pub(super) struct ReconciliationAnswer<'a> {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    data: Vec<ReconciliationDto<'a>>,
}

impl<'a> ReconciliationAnswer<'a> {
    pub(super) fn of(from: Timestamp, to: Timestamp, all: &'a [Reconciliation]) -> Self {
        Self { from, to, data: all.iter().map(ReconciliationDto::from).collect() }
    }
}

/// Every account's books of a span, and what was done about them.
#[derive(Serialize, ToSchema)]
pub(super) struct BookedAnswer<'a> {
    #[serde(flatten)]
    found: ReconciliationAnswer<'a>,
    /// Differences that were entered in the ledger.
    booked: usize,
}

impl<'a> BookedAnswer<'a> {
    pub(super) fn of(
        from: Timestamp,
        to: Timestamp,
        all: &'a [Reconciliation],
        booked: usize,
    ) -> Self {
        Self { found: ReconciliationAnswer::of(from, to, all), booked }
    }
}

/// One account's books and its vendor's.
#[derive(Serialize, ToSchema)]
struct ReconciliationDto<'a> {
    provider: &'a str,
    account: &'a str,
    /// `each`: every charge, one by one; `totals`: counters only; `nothing`. With less than each there
    /// are no differences to be found.
    #[schema(schema_with = told_schema)]
    told: &'static str,
    /// Models whose charges the vendor lists nowhere.
    not_told: Vec<String>,
    /// Whether the vendor's books were not read whole: no difference is certain then.
    incomplete: bool,
    /// Why the vendor's books or counters could not be read.
    problem: Option<&'a str>,
    /// What our books hold, drift included.
    #[schema(value_type = String)]
    booked_usd: MicroUsd,
    /// What the vendor charged, where it tells each charge.
    #[schema(value_type = Option<String>)]
    charged_usd: Option<MicroUsd>,
    /// What only one side has, or both differently, oldest first.
    differences: Vec<DifferenceDto<'a>>,
    /// The balance now, where the vendor tells it.
    #[schema(value_type = Option<String>)]
    balance_usd: Option<MicroUsd>,
    /// What was spent since the account was opened, by the vendor's own counter.
    #[schema(value_type = Option<String>)]
    spent_usd: Option<MicroUsd>,
    /// Prepaid units, by the vendor's counters and by our books.
    allowances: Vec<UnitsDto>,
}

impl<'a> From<&'a Reconciliation> for ReconciliationDto<'a> {
    fn from(one: &'a Reconciliation) -> Self {
        let (told, not_told) = match &one.told {
            Told::Each { but } => ("each", but.clone()),
            Told::Totals => ("totals", Vec::new()),
            Told::Nothing => ("nothing", Vec::new()),
        };
        Self {
            provider: &one.provider,
            account: &one.account,
            told,
            not_told,
            incomplete: one.incomplete,
            problem: one.problem.as_deref(),
            booked_usd: one.booked,
            charged_usd: one.charged,
            differences: one.differences.iter().map(DifferenceDto::from).collect(),
            balance_usd: one.balance,
            spent_usd: one.spent,
            allowances: one.allowances.iter().map(UnitsDto::from).collect(),
        }
    }
}

/// One charge that the two books do not agree on.
#[derive(Serialize, ToSchema)]
struct DifferenceDto<'a> {
    #[schema(schema_with = difference_schema)]
    kind: &'static str,
    /// The vendor's own name of the work.
    reference: Option<&'a str>,
    generation: Option<&'a str>,
    /// What is booked, drift included.
    #[schema(value_type = String)]
    booked_usd: MicroUsd,
    /// What the vendor charged, less what it gave back.
    #[schema(value_type = String)]
    charged_usd: MicroUsd,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether it can be entered as drift; not while work under way may still explain it.
    certain: bool,
}

impl<'a> From<&'a Difference> for DifferenceDto<'a> {
    fn from(difference: &'a Difference) -> Self {
        Self {
            kind: difference.kind.as_str(),
            reference: difference.reference.as_deref(),
            generation: difference.generation.as_deref(),
            booked_usd: difference.booked,
            charged_usd: difference.charged,
            at: difference.at,
            certain: difference.certain,
        }
    }
}

/// Prepaid units of one kind within the vendor's window.
#[derive(Serialize, ToSchema)]
struct UnitsDto {
    #[schema(schema_with = kind_schema)]
    kind: Kind,
    #[schema(schema_with = window_schema)]
    window: &'static str,
    /// When the window began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Used, by the vendor's counter.
    used_there: u32,
    /// Used, by our books.
    used_here: u32,
    /// Of attempts under way or in doubt: the vendor may or may not have counted them.
    undecided: u32,
    /// Past the allowance, by the vendor's counter.
    overage_there: u32,
    /// Past the allowance, by our books.
    overage_here: u32,
}

impl From<&UnitsCompared> for UnitsDto {
    fn from(units: &UnitsCompared) -> Self {
        Self {
            kind: units.kind,
            window: match units.window {
                Calendar::Day => "day",
                Calendar::Month => "month",
            },
            since: units.since,
            used_there: units.used_there,
            used_here: units.used_here,
            undecided: units.undecided,
            overage_there: units.overage_there,
            overage_here: units.overage_here,
        }
    }
}

fn told_schema() -> RefOr<Schema> {
    words(&["each", "totals", "nothing"])
}

fn window_schema() -> RefOr<Schema> {
    words(&["day", "month"])
}

fn difference_schema() -> RefOr<Schema> {
    let kinds = [DifferenceKind::MissingHere, DifferenceKind::MissingThere, DifferenceKind::Amount];
    words(&kinds.map(DifferenceKind::as_str))
}
