//! The accounts, watched: their money and their allowances are asked for before they run out.

use std::{sync::Arc, time::Duration};

use coordination::{GuardLoad, LotLoad, Taken};
use provider::{ErrorKind, HoldReason, MicroUsd};
use records::{Change, UnitsState};

use crate::{Account, Engine, Hold, ModelLoad, Vendor, turns::AccountPace};

/// How often every account is asked about.
const EVERY: Duration = Duration::from_secs(300);

/// An account as operators see it.
#[derive(Debug, Clone)]
pub struct AccountLoad {
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// Slots taken at the vendor now.
    pub in_flight: u32,
    /// Slots in all, if limited.
    pub slots: Option<u32>,
    /// Those who wait for a turn.
    pub waiting: usize,
    /// Calls within the longest window.
    pub calls_in_window: u32,
    /// Why it takes no work, if it does not.
    pub hold: Option<Hold>,
    /// Its balance as last told.
    pub balance: Option<MicroUsd>,
    /// Its prepaid units, a line for every limit.
    pub allowances: Vec<LotLoad>,
    /// How near it is to being suspended, where its vendor does that.
    pub safety: Option<GuardLoad>,
    /// What is wrong with it though it takes work.
    pub warnings: Vec<String>,
    /// How it did lately at the models that were asked of it.
    pub models: Vec<ModelLoad>,
}

/// Asks about every account, now and then.
pub(crate) async fn watch(engine: Engine) {
    loop {
        for vendor in engine.market().vendors() {
            for account in vendor.accounts().iter() {
                let since = engine.clock().now().minus(EVERY);
                // Charges tell the balance: a look would only take a turn from paid work.
                let known = engine.health().is_known(&account.id, since);
                if !known || !account.limits.allowances.is_empty() {
                    engine.look_at(vendor, account).await;
                }
            }
        }
        let clock = engine.clock();
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(EVERY)) => {}
            () = engine.stopping().cancelled() => return,
        }
    }
}

impl Engine {
    /// Asks the vendor about an account, and takes its word on money and allowances.
    pub(crate) async fn look_at(&self, vendor: &Vendor, account: &Arc<Account>) {
        if vendor.description().tells_account && !self.stopping().is_cancelled() {
            self.ask_about(vendor, account).await;
        }
        self.tell_low_allowance(vendor, account).await;
    }

    async fn ask_about(&self, vendor: &Vendor, account: &Arc<Account>) {
        let pace = AccountPace::new(self, account).await;
        let answer = vendor.adapter.account(pace.call()).await;
        drop(pace);
        match answer {
            Ok(status) => {
                self.health().answered(&account.id, false);
                for warning in self.health().warn(&account.id, status.warnings) {
                    tracing::warn!(account = %account.id, warning, "something is wrong with the account");
                }
                if let Some(balance) = status.balance {
                    self.told_balance(vendor, account, balance);
                }
                self.health().told_free(&account.id, status.free);
                let freed =
                    self.lots().told(&account.id, &account.limits, &status.allowances).await;
                self.free_doubts(freed).await;
            }
            Err(error) => {
                let kinds = [ErrorKind::Suspended, ErrorKind::Unauthorised];
                self.health().answered(&account.id, kinds.contains(&error.kind()));
                self.health().notice(&account.id, &error, self.clock().now());
                tracing::warn!(account = %account.id, ?error, "the account cannot be asked");
            }
        }
    }

    /// The vendor did not count what was in doubt: the units are there again, and money that was booked
    /// for them is taken back by a correction.
    async fn free_doubts(&self, freed: Vec<Taken>) {
        let at = self.clock().now();
        let mut changes = Vec::new();
        for Taken { attempt, price, .. } in freed {
            let state = UnitsState::Free;
            changes.push(Change::EndUnits { attempt: attempt.clone(), state });
            if !price.is_zero() {
                changes.push(Change::Correct { attempt, amount: price, at });
            }
        }
        if !changes.is_empty() {
            self.must_apply(changes).await;
        }
    }

    /// Asks about an account soon, beside whatever else is done.
    pub(crate) fn look_soon(&self, vendor: &Arc<Vendor>, account: &Arc<Account>) {
        let (engine, vendor, account) = (self.clone(), Arc::clone(vendor), Arc::clone(account));
        self.spawn(async move { engine.look_at(&vendor, &account).await });
    }

    /// How busy and how well every account is.
    pub async fn loads(&self) -> Vec<AccountLoad> {
        let mut all = Vec::new();
        for vendor in self.market().vendors() {
            for account in vendor.accounts().iter() {
                all.push(self.load(vendor, account).await);
            }
        }
        all
    }

    /// How busy and how well an account is.
    pub(crate) async fn load(&self, vendor: &Vendor, account: &Account) -> AccountLoad {
        let Account { id, limits, .. } = account;
        let now = self.clock().now();
        let load = self.turns().load(id, limits).await;
        let allowances = self.lots().load(id, limits).await;
        let safety = match &limits.safety {
            Some(rule) => Some(self.guard().load(id, rule).await),
            None => None,
        };
        let mut warnings = self.health().warnings(id);
        warnings.extend(self.shortages(vendor, account, &allowances));
        let hold = self.health().hold(id, now);
        let hold = hold.or_else(|| safety.as_ref().and_then(stopped));
        AccountLoad {
            provider: vendor.name.clone(),
            account: account.name.clone(),
            in_flight: load.in_flight,
            slots: limits.concurrent,
            waiting: load.waiting,
            calls_in_window: load.calls_in_window,
            hold: hold.or_else(|| used_up(&allowances)),
            balance: self.health().balance(id),
            allowances,
            safety,
            warnings,
            models: self.model_loads(account),
        }
    }

    /// Whether an account could begin a call this very moment.
    pub(crate) async fn is_free(&self, account: &Account) -> bool {
        let load = self.turns().load(&account.id, &account.limits).await;
        let slot = account.limits.concurrent.is_none_or(|most| load.in_flight < most);
        slot && load.waiting == 0 && load.free_at.is_none()
    }

    /// How long the line at an account is: those who wait and those who are served, in thousandths of
    /// its slots; nothing where it is free. One whose windows are closed counts as full.
    pub(crate) async fn pressure(&self, account: &Account) -> u64 {
        let load = self.turns().load(&account.id, &account.limits).await;
        let slots = u64::from(account.limits.concurrent.unwrap_or(u32::MAX)).max(1);
        let waiting = u64::try_from(load.waiting).unwrap_or(u64::MAX);
        let closed = if load.free_at.is_some() { slots } else { 0 };
        let line = waiting.saturating_add(load.in_flight.into()).saturating_add(closed);
        line.saturating_mul(1000) / slots
    }

    /// How long until an account could begin, where a call there usually takes so long.
    pub(crate) async fn wait_for(&self, account: &Account, usual: Duration) -> Duration {
        let load = self.turns().load(&account.id, &account.limits).await;
        let window = load.free_at.map_or(Duration::ZERO, |at| at.since(self.clock().now()));
        let Some(slots) = account.limits.concurrent.filter(|slots| load.in_flight >= *slots) else {
            return window;
        };
        // A slot comes free whenever one of so many calls ends, and those in the line go first.
        let ahead = u32::try_from(load.waiting).unwrap_or(u32::MAX).saturating_add(1);
        window.max(usual.saturating_mul(ahead) / slots.max(1))
    }
}

fn stopped(safety: &GuardLoad) -> Option<Hold> {
    let until = safety.stopped_until?;
    Some(Hold { reason: HoldReason::Safety, until: Some(until) })
}

/// No units of any kind are left, bought ones included.
fn used_up(allowances: &[LotLoad]) -> Option<Hold> {
    let gone = |lot: &&LotLoad| {
        let money = lot.overage.as_ref().is_some_and(|overage| !overage.left.is_zero());
        lot.remaining == 0 && !money
    };
    let kind_is_gone = |lot: &LotLoad| {
        allowances.iter().filter(|other| other.kind == lot.kind).any(|other| gone(&other))
    };
    if allowances.is_empty() || !allowances.iter().all(kind_is_gone) {
        return None;
    }
    let until = allowances.iter().filter(gone).map(|lot| lot.resets_at).min();
    Some(Hold { reason: HoldReason::Allowance, until })
}

impl AccountLoad {
    /// The hold's reason, for metrics and lists.
    pub fn reason(&self) -> Option<HoldReason> {
        self.hold.map(|hold| hold.reason)
    }

    /// Whether it takes work: it is not on hold, and not left alone at everything that was asked of it
    /// lately.
    pub fn is_available(&self) -> bool {
        let mut asked = self.models.iter().filter(|m| m.open.is_some() || m.judged > 0);
        let dark = self.models.iter().any(|model| model.open.is_some())
            && asked.all(|model| model.open.is_some());
        self.hold.is_none() && !dark
    }
}
