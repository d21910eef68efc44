//! What is left at accounts: operators are told before it runs out, and those with more go first.

use std::{cmp::Reverse, sync::Arc};

use coordination::LotLoad;
use provider::{Kind, LowAllowance, MicroUsd};

use crate::{Account, Engine, Vendor};

/// So much of a limit, in percent, or less is little, where the vendor's adapter names no share.
const LITTLE: u32 = 10;

impl Engine {
    /// A vendor told an account's balance.
    pub(crate) fn told_balance(&self, vendor: &Vendor, account: &Account, balance: MicroUsd) {
        self.observer().balance(&vendor.name, &account.name, balance);
        let description = vendor.description();
        let low = description.low_balance.as_ref();
        let (threshold, now) = (low.map(|low| low.threshold), self.clock().now());
        let fell = self.health().told(&account.id, balance, threshold, now);
        if let (true, Some(low)) = (fell, low) {
            tracing::warn!(
                account = %account.id, %balance, threshold = %low.threshold, advice = %low.advice,
                "the balance is low",
            );
        }
    }

    /// Tells of every limit of prepaid units that little is left of, once until it has enough again.
    pub(crate) async fn tell_low_allowance(&self, vendor: &Vendor, account: &Account) {
        if account.limits.allowances.is_empty() {
            return;
        }
        let description = vendor.description();
        let rule = description.low_allowance.as_ref();
        let loads = self.lots().load(&account.id, &account.limits).await;
        let low: Vec<&LotLoad> = loads.iter().filter(|lot| is_low(lot, rule)).collect();
        let limits = low.iter().map(|lot| (lot.kind, lot.window)).collect();
        let fresh = self.health().low(&account.id, limits);
        for lot in low.into_iter().filter(|lot| fresh.contains(&(lot.kind, lot.window))) {
            tracing::warn!(
                account = %account.id, kind = %lot.kind, window = lot.window.as_str(),
                remaining = lot.remaining, limit = lot.limit, until = %lot.resets_at,
                advice = advice(rule), "the allowance is low",
            );
        }
    }

    /// What of an account runs out, with the vendor's own way to more.
    pub(crate) fn shortages(
        &self,
        vendor: &Vendor,
        account: &Account,
        allowances: &[LotLoad],
    ) -> Vec<String> {
        let description = vendor.description();
        let rule = description.low_allowance.as_ref();
        let short = allowances.iter().filter(|lot| is_low(lot, rule)).map(|lot| {
            let LotLoad { remaining, limit, kind, window, resets_at, .. } = lot;
            let window = window.as_str();
            let said = format!(
                "{remaining} of the {window}'s {limit} units of {kind} are left, until {resets_at}",
            );
            with_advice(said, advice(rule))
        });
        let low = description.low_balance.as_ref();
        let balance = low.zip(self.health().balance(&account.id)).and_then(|(low, balance)| {
            let said = format!("the balance of ${balance} is below ${}", low.threshold);
            (balance < low.threshold).then(|| with_advice(said, &low.advice))
        });
        short.chain(balance).collect()
    }

    /// A vendor's accounts, those with the most left first; what is left of the scarcest limit counts.
    /// Where nothing is known, or as much is left, the order stays.
    pub(crate) async fn by_headroom(&self, vendor: &Vendor, kind: Kind) -> Arc<[Arc<Account>]> {
        let accounts = vendor.accounts();
        if accounts.len() < 2 {
            return accounts;
        }
        let mut ranked = Vec::with_capacity(accounts.len());
        for account in accounts.iter() {
            ranked.push((Reverse(self.headroom(account, kind).await), Arc::clone(account)));
        }
        ranked.sort_by_key(|(headroom, _)| *headroom);
        ranked.into_iter().map(|(_, account)| account).collect()
    }

    /// Thousandths of the scarcest limit of the kind's units, or micro-dollars of balance.
    async fn headroom(&self, account: &Account, kind: Kind) -> i64 {
        if !account.limits.is_prepaid(kind) {
            return self.health().balance(&account.id).map_or(0, MicroUsd::micros);
        }
        let loads = self.lots().load(&account.id, &account.limits).await;
        let of_kind = loads.iter().filter(|lot| lot.kind == kind);
        let share = |lot: &LotLoad| i64::from(lot.remaining) * 1000 / i64::from(lot.limit.max(1));
        of_kind.map(share).min().unwrap_or(0)
    }
}

fn is_low(lot: &LotLoad, rule: Option<&LowAllowance>) -> bool {
    let percent = rule.map_or(LITTLE, |rule| rule.percent);
    u64::from(lot.remaining) * 100 <= u64::from(lot.limit) * u64::from(percent)
}

fn advice(rule: Option<&LowAllowance>) -> &str {
    rule.map_or("", |rule| &rule.advice)
}

fn with_advice(said: String, advice: &str) -> String {
    if advice.is_empty() { said } else { format!("{said}: {advice}") }
}
