//! What an attempt holds at its account: a slot, units of its allowance, a place under the guard.
//!
//! The order is that of what can be waited for: the slot first, for as long as it takes; then the
//! guard, which waits only for verdicts of attempts in flight; the units last, because what was taken
//! must be given back, and nothing may come in between.

use coordination::{Lease, Permit, Taken, UnitsEnd, Watched};
use provider::{Kind, MicroUsd};
use records::{Change, Failure, Purse, Units, UnitsState};

use crate::{Code, Engine, journey::failure, vendor::Account};

/// What an attempt holds at its account until it is over.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// `provider/name`.
    pub(crate) account: String,
    /// Held until the vendor can no longer be working on it.
    pub(crate) lease: Option<Lease>,
    /// What the vendor's content check says is noted here.
    pub(crate) watched: Option<Watched>,
    /// Its leave from the breaker, until it is known what the vendor did.
    pub(crate) permit: Option<Permit>,
    /// Units of the account's allowance.
    pub(crate) taken: Option<Taken>,
}

impl Held {
    /// What its units past the allowance cost.
    pub(crate) fn price(&self) -> MicroUsd {
        self.taken.as_ref().map_or(MicroUsd::ZERO, |taken| taken.price)
    }

    /// What the attempt is paid from.
    pub(crate) fn purse(&self) -> Purse {
        match &self.taken {
            None => Purse::Balance,
            Some(taken) if taken.price.is_zero() => Purse::Allowance,
            Some(_) => Purse::Overage,
        }
    }

    /// The vendor's content check has spoken.
    pub(crate) fn judged(&mut self, rejected: bool) {
        if let Some(watched) = self.watched.take() {
            watched.judged(rejected);
        }
    }

    /// Nothing was sent: whatever was taken is there again.
    pub(crate) async fn undo(&mut self, engine: &Engine) {
        drop(Unsent(self.lease.take()));
        self.permit = None;
        self.end_units(engine, UnitsEnd::Free).await;
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

/// The account takes no such work now.
fn passed_over(account: &Account, team: &str, why: &dyn std::error::Error) -> Failure {
    tracing::info!(account = %account.id, %team, reason = %why, "passed over");
    failure(Code::ProvidersUnavailable, "the provider takes no such work from us for now")
}

impl Engine {
    /// Whether the guard would let this team's work in, were all that is in flight fine.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn may_enter(&self, account: &Account, team: &str) -> Result<(), Failure> {
        let Some(rule) = &account.limits.safety else { return Ok(()) };
        let look = self.guard().look(&account.id, rule, team).await;
        look.map_err(|stopped| passed_over(account, team, &stopped))
    }

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
        let mut held = Held { account: id.clone(), ..Held::default() };
        // Whatever ends this early, a refusal or a dropped wait, has sent nothing.
        let mut place = Unsent(Some(lease));
        if let Some(rule) = &limits.safety {
            let entered = self.guard().enter(id, rule, asker.team).await;
            held.watched =
                Some(entered.map_err(|stopped| passed_over(account, asker.team, &stopped))?);
        }
        if limits.is_prepaid(asker.kind) {
            let Asker { kind, units, attempt, .. } = asker;
            let taken = self.lots().take(id, limits, kind, units, attempt).await;
            held.taken = Some(taken.map_err(|gone| passed_over(account, asker.team, &gone))?);
        }
        held.lease = place.0.take();
        Ok(held)
    }
}

/// A lease whose call is not sent unless it is taken out.
pub(crate) struct Unsent(pub(crate) Option<Lease>);

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take() {
            lease.unsent();
        }
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
