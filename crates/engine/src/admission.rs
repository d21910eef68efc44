//! What an attempt holds at its account: a slot, units of its allowance, a place under the guard.
//!
//! The order is that of what can be waited for: the slot first, for as long as it takes; then the
//! guard, which waits only for verdicts of attempts in flight; the units last, because what was taken
//! must be given back, and nothing may come in between.

use coordination::{Lease, Taken, UnitsEnd, Watched};
use provider::{Kind, MicroUsd};
use records::{Change, Failure, Units, UnitsState};

use crate::{Code, Engine, journey::failure, market::Account};

/// What an attempt holds at its account until it is over.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// `provider/name`.
    pub(crate) account: String,
    /// Held until the vendor can no longer be working on it.
    pub(crate) lease: Option<Lease>,
    /// What the vendor's content check says is noted here.
    pub(crate) watched: Option<Watched>,
    /// Units of the account's allowance.
    pub(crate) taken: Option<Taken>,
}

impl Held {
    /// What its units past the allowance cost.
    pub(crate) fn price(&self) -> MicroUsd {
        self.taken.as_ref().map_or(MicroUsd::ZERO, |taken| taken.price)
    }

    /// The vendor's content check has spoken.
    pub(crate) fn judged(&mut self, rejected: bool) {
        if let Some(watched) = self.watched.take() {
            watched.judged(rejected);
        }
    }

    /// The units' end, to be written with the attempt's.
    pub(crate) async fn end_units(&mut self, engine: &Engine, end: UnitsEnd) -> Option<Change> {
        let taken = self.taken.take()?;
        let attempt = taken.attempt.clone();
        let account = self.account.clone();
        engine.lots().end(&account, taken, end).await;
        Some(Change::EndUnits { attempt, state: state(end) })
    }
}

fn state(end: UnitsEnd) -> UnitsState {
    match end {
        UnitsEnd::Used => UnitsState::Used,
        UnitsEnd::Free => UnitsState::Free,
        UnitsEnd::Doubt => UnitsState::Doubt,
    }
}

impl Engine {
    /// Everything that an attempt needs besides its slot, which it has.
    ///
    /// # Errors
    /// Why the account takes no such work now.
    pub(crate) async fn admit(
        &self,
        lease: Lease,
        account: &Account,
        asker: Asker<'_>,
    ) -> Result<Held, Failure> {
        let Account { id, limits, .. } = account;
        let busy = |error: &dyn std::error::Error| {
            tracing::info!(account = %id, team = %asker.team, %error, "passed over");
            failure(Code::ProvidersUnavailable, "the provider takes no such work from us for now")
        };
        let mut held = Held { lease: Some(lease), account: id.clone(), ..Held::default() };
        if let Some(rule) = &limits.safety {
            let entered = self.guard().enter(id, rule, asker.team).await;
            held.watched = Some(entered.map_err(|stopped| busy(&stopped))?);
        }
        if limits.is_prepaid(asker.kind) {
            let Asker { kind, units, attempt, .. } = asker;
            let taken = self.lots().take(id, limits, kind, units, attempt).await;
            held.taken = Some(taken.map_err(|gone| busy(&gone))?);
        }
        Ok(held)
    }
}

/// Who wants in, for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) team: &'a str,
    pub(crate) attempt: &'a str,
    pub(crate) kind: Kind,
    pub(crate) units: u32,
}

/// Units as they are written with the attempt that takes them.
pub(crate) fn written(account: &str, taken: &Taken) -> Change {
    Change::TakeUnits(Box::new(Units {
        attempt: taken.attempt.clone(),
        account: account.to_owned(),
        kind: taken.kind,
        units: taken.units,
        overage_units: taken.overage_units,
        price: taken.price,
        at: taken.at,
        state: UnitsState::Open,
    }))
}

/// Units as they were written.
pub(crate) fn read(units: &Units) -> Taken {
    Taken {
        attempt: units.attempt.clone(),
        kind: units.kind,
        at: units.at,
        units: units.units,
        overage_units: units.overage_units,
        price: units.price,
    }
}
