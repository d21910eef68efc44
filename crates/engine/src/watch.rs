//! The accounts, watched: balances are asked for before they run out.

use std::{sync::Arc, time::Duration};

use provider::{Call, HoldReason, MicroUsd};

use crate::{Account, Engine, Hold, Vendor, turns::AccountPace};

/// How often every account's balance is asked for.
const EVERY: Duration = Duration::from_secs(300);

/// An account as operators see it.
#[derive(Debug, Clone)]
pub struct AccountLoad {
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// Calls at the vendor now.
    pub in_flight: u32,
    /// Those who wait for a turn.
    pub waiting: usize,
    /// Why it takes no work, if it does not.
    pub hold: Option<Hold>,
    /// Its balance as last told.
    pub balance: Option<MicroUsd>,
}

/// Asks every account for its balance, now and then.
pub(crate) async fn watch(engine: Engine) {
    loop {
        for vendor in engine.market().vendors() {
            for account in &vendor.accounts {
                engine.look_at(vendor, account).await;
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
    async fn look_at(&self, vendor: &Vendor, account: &Arc<Account>) {
        if !vendor.description.tells_account || self.stopping().is_cancelled() {
            return;
        }
        let pace = AccountPace::new(self, account);
        let call = Call { account: &account.name, key: &account.key, pace: &pace };
        match vendor.adapter.account(call).await {
            Ok(status) => {
                if let Some(balance) = status.balance {
                    self.told_balance(vendor, account, balance);
                }
            }
            Err(error) => {
                self.health().notice(&account.id, &error, self.clock().now());
                tracing::warn!(account = %account.id, ?error, "the account cannot be asked");
            }
        }
    }

    /// A vendor told an account's balance.
    pub(crate) fn told_balance(&self, vendor: &Vendor, account: &Account, balance: MicroUsd) {
        self.observer().balance(&vendor.name, &account.name, balance);
        let low = vendor.description.low_balance.as_ref();
        let fell = self.health().told(&account.id, balance, low.map(|low| low.threshold));
        if let (true, Some(low)) = (fell, low) {
            tracing::warn!(
                account = %account.id, %balance, threshold = %low.threshold, advice = %low.advice,
                "the balance is low",
            );
        }
    }

    /// How busy and how well every account is.
    pub async fn loads(&self) -> Vec<AccountLoad> {
        let now = self.clock().now();
        let mut all = Vec::new();
        for vendor in self.market().vendors() {
            for account in &vendor.accounts {
                let load = self.turns().load(&account.id, &account.limits).await;
                all.push(AccountLoad {
                    provider: vendor.name.clone(),
                    account: account.name.clone(),
                    in_flight: load.in_flight,
                    waiting: load.waiting,
                    hold: self.health().hold(&account.id, now),
                    balance: self.health().balance(&account.id),
                });
            }
        }
        all
    }

    /// Whether an account could begin a call this very moment.
    pub(crate) async fn is_free(&self, account: &Account) -> bool {
        let load = self.turns().load(&account.id, &account.limits).await;
        let slot = account.limits.concurrent.is_none_or(|most| load.in_flight < most);
        slot && load.waiting == 0 && load.free_at.is_none()
    }

    /// How long until an account's windows allow a call.
    pub(crate) async fn wait_for(&self, account: &Account) -> Duration {
        let load = self.turns().load(&account.id, &account.limits).await;
        load.free_at.map_or(Duration::ZERO, |at| at.since(self.clock().now()))
    }
}

impl AccountLoad {
    /// The hold's reason, for metrics and lists.
    pub fn reason(&self) -> Option<HoldReason> {
        self.hold.map(|hold| hold.reason)
    }
}
