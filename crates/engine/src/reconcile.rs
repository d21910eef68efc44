//! Our books against the vendors' own: what one side has and the other has not.
//!
//! A vendor's charges and ours are compared account by account, for a span of time. The vendor's word
//! wins: what it charged beside our books can be entered as drift ([`Engine::book_drift`]), each
//! difference once; one that is on the books so is none any more.

mod compare;
mod drifts;
mod there;

use std::{sync::Arc, time::Duration};

use provider::{AccountStatus, Allowance, Calendar, Kind, MicroUsd, Timestamp, Told};
use records::{AttemptState, Change, DriftEntry, Unfinished, Units, UnitsState};
use serde_json::json;

use crate::{
    Account, Code, Engine, Refusal, Result, Vendor,
    keys::{Actor, Right},
};

/// What is charged near an end of the span may be booked past it, a day later where a process was down:
/// both books are read so far around the span.
const AROUND: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest span: all of it is in memory at once.
const SPAN_MAX: Duration = Duration::from_secs(92 * 24 * 60 * 60);

/// One account's books and the vendor's, for a span of time.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// From then on.
    pub from: Timestamp,
    /// Before then.
    pub to: Timestamp,
    /// How much the vendor tells; with less than each charge there are no differences to be found.
    pub told: Told,
    /// Whether the vendor's books were not read whole: no difference is certain then.
    pub incomplete: bool,
    /// Why the vendor's books or counters could not be read, for operators.
    pub problem: Option<String>,
    /// What our books hold, drift included. Charges that the vendor lists nowhere, and those of the last
    /// two minutes that only one side has, are in neither sum.
    pub booked: MicroUsd,
    /// What the vendor charged, where it tells each charge.
    pub charged: Option<MicroUsd>,
    /// What only one side has, or both differently, oldest first. They add up to what the sums differ by.
    pub differences: Vec<Difference>,
    /// The account's balance now, where the vendor tells it.
    pub balance: Option<MicroUsd>,
    /// What was spent since the account was opened, by the vendor's own counter.
    pub spent: Option<MicroUsd>,
    /// Prepaid units, by the vendor's counters and by our books.
    pub allowances: Vec<UnitsCompared>,
}

/// One charge that the two books do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// The vendor's own name of the work, where one of the books tells it.
    pub reference: Option<String>,
    /// The generation, where it is known.
    pub generation: Option<String>,
    /// What is booked, drift included.
    pub booked: MicroUsd,
    /// What the vendor charged, less what it gave back.
    pub charged: MicroUsd,
    /// When: by the vendor's clock where the vendor tells it, by ours otherwise.
    pub at: Timestamp,
    /// Whether it is certain. It is not while the vendor's books are not read whole, where what we booked
    /// is a ceiling, and where an attempt under way may have made the charge.
    pub certain: bool,
    /// The name that its drift is booked under, once for all time.
    pub drift: String,
}

/// What is wrong with a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// The vendor charged what is not in our books.
    MissingHere,
    /// The vendor does not list what we booked.
    MissingThere,
    /// Both have it, with different amounts.
    Amount,
}

impl DifferenceKind {
    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::Amount => "amount",
        }
    }
}

/// Prepaid units of one kind, as both sides count them in the vendor's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitsCompared {
    /// What a unit makes.
    pub kind: Kind,
    /// Within what.
    pub window: Calendar,
    /// The beginning of the window.
    pub since: Timestamp,
    /// Units used, by the vendor's counter.
    pub used_there: u32,
    /// Units used, by our books.
    pub used_here: u32,
    /// Units of attempts under way or in doubt: the vendor may or may not have counted them.
    pub undecided: u32,
    /// Units past the allowance, by the vendor's counter.
    pub overage_there: u32,
    /// Units past the allowance, by our books.
    pub overage_here: u32,
}

impl Engine {
    /// Compares the books of every account with the vendor's own, in this span.
    ///
    /// An account that cannot be asked is told with its problem; it keeps none of the others.
    ///
    /// # Errors
    /// `invalid_request` for a span that is none or has more than 92 days; the records cannot be read.
    pub async fn reconcile(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Reconciliation>> {
        if from >= to {
            return Err(Refusal::field("to", "the end has to come after the beginning"));
        }
        if to.since(from) > SPAN_MAX {
            return Err(Refusal::field("from", "a span has at most 92 days"));
        }
        let mut all = Vec::new();
        for vendor in self.market().vendors() {
            for account in vendor.accounts().iter() {
                all.push(self.reconcile_account(vendor, account, from, to).await?);
            }
        }
        Ok(all)
    }

    async fn reconcile_account(
        &self,
        vendor: &Vendor,
        account: &Arc<Account>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Reconciliation> {
        // What is under way is asked for first: what is booked meanwhile is in our books then.
        let open = begun(&self.records().unfinished().await?, vendor, account);
        let span = compare::Span { from, to, now: self.clock().now() };
        let there = self.read_books(vendor, account, from.minus(AROUND)).await;
        let (provider, name) = (vendor.name.as_str(), account.name.as_str());
        let (since, until) = (from.minus(AROUND), to.plus(AROUND));
        let here = compare::Here {
            claims: self.records().claims(provider, name, since, until).await?,
            drifts: self.records().drifts(provider, name, since).await?,
            open,
        };
        let compared = compare::compare(&account.id, span, &there, here);
        let status = self.counters(vendor, account).await;
        let (status, problem) = match status {
            Ok(status) => (status, there.problem),
            Err(problem) => (AccountStatus::default(), there.problem.or(Some(problem))),
        };
        Ok(Reconciliation {
            provider: vendor.name.clone(),
            account: account.name.clone(),
            from,
            to,
            incomplete: there.incomplete,
            problem,
            booked: compared.booked,
            charged: matches!(there.told, Told::Each { .. }).then_some(compared.charged),
            told: there.told,
            differences: compared.differences,
            balance: status.balance,
            spent: status.spent,
            allowances: self.compare_units(account, &status).await?,
        })
    }

    /// Our own count of what attempts took, from the records: what coordination counts has taken the
    /// vendor's word already.
    async fn compare_units(
        &self,
        account: &Account,
        status: &AccountStatus,
    ) -> Result<Vec<UnitsCompared>> {
        let now = self.clock().now();
        let begin = |told: &Allowance| told.since.unwrap_or_else(|| told.window.start(now));
        let Some(earliest) = status.allowances.iter().map(begin).min() else {
            return Ok(Vec::new());
        };
        let mut units = self.records().units_since(earliest).await?;
        units.retain(|units| units.account == account.id);
        Ok(status
            .allowances
            .iter()
            .map(|told| UnitsCompared::of(told, begin(told), &units))
            .collect())
    }

    /// Enters what an account's vendor certainly charged beside our books, or less than they hold, as
    /// drift: an entry for each difference, and one of the audit for all. How many were entered.
    ///
    /// # Errors
    /// `forbidden` for an operator who may not change anything; `not_ready` where some of them have been
    /// entered since they were found: nothing is entered then, and they have to be looked for again.
    pub async fn book_drift(&self, by: &Actor, reconciliation: &Reconciliation) -> Result<usize> {
        by.needs(Right::Write)?;
        let Reconciliation { provider, account, from, to, differences, .. } = reconciliation;
        let at = self.clock().now();
        let certain = differences.iter().filter(|difference| difference.certain);
        let entry = |difference: &Difference| DriftEntry {
            id: difference.drift.clone(),
            provider: provider.clone(),
            account: account.clone(),
            amount: difference.charged - difference.booked,
            at,
        };
        let entries: Vec<DriftEntry> = certain.map(entry).collect();
        if entries.is_empty() {
            return Ok(0);
        }
        let count = entries.len();
        let net: MicroUsd = entries.iter().map(|entry| entry.amount).sum();
        let after = json!({"from": from, "to": to, "entries": count, "amount_usd": net});
        let target = format!("{provider}/{account}");
        let audit = self.keys().entry(by, "ledger.drift", &target, None, Some(after));
        let drifts = entries.into_iter().map(|entry| Change::Drift(Box::new(entry)));
        match self.records().apply(drifts.chain([audit]).collect()).await {
            Ok(()) => Ok(count),
            Err(records::Error::Stale(_)) => {
                let message = "some of these are on the books by now: reconcile once more";
                Err(Refusal::new(Code::NotReady, message))
            }
            Err(other) => Err(other.into()),
        }
    }
}

impl UnitsCompared {
    /// `units`: what attempts took at the account, of any kind and at any time.
    fn of(told: &Allowance, since: Timestamp, units: &[Units]) -> Self {
        let mut line = Self {
            kind: told.kind,
            window: told.window,
            since,
            used_there: told.used,
            used_here: 0,
            undecided: 0,
            overage_there: told.overage,
            overage_here: 0,
        };
        for units in units.iter().filter(|units| units.kind == told.kind && units.at >= since) {
            match units.state {
                UnitsState::Used => {
                    line.used_here = line.used_here.saturating_add(units.units);
                    line.overage_here = line.overage_here.saturating_add(units.overage_units);
                }
                UnitsState::Open | UnitsState::Doubt => {
                    line.undecided = line.undecided.saturating_add(units.units);
                }
                UnitsState::Free => {}
            }
        }
        line
    }
}

/// Since when attempts are under way at the account whose charges are not booked yet.
fn begun(unfinished: &[Unfinished], vendor: &Vendor, account: &Account) -> Vec<Timestamp> {
    let attempts = unfinished.iter().flat_map(|one| &one.generation.attempts);
    let open = attempts.filter(|attempt| {
        let under_way = !matches!(attempt.state, AttemptState::Ended | AttemptState::Fetching);
        under_way && attempt.provider == vendor.name && attempt.account == account.name
    });
    open.map(|attempt| attempt.started_at).collect()
}
