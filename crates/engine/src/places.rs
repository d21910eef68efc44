//! What earlier processes had taken at accounts, counted again: calls within sliding windows, slots of
//! work that nobody heard of again, prepaid units, and what content checks said.

use std::{
    collections::{BTreeMap, HashMap},
    slice,
    sync::Arc,
};

use coordination::{Judged, Past, Used};
use provider::{Calendar, Timestamp};
use records::{Units, UnitsState};

use crate::{Account, Engine, admission, recover::can_run_until, resume::Open};

impl Engine {
    /// Counts all of it, for every account and every vendor's public pages; answers the units that
    /// attempts under way hold. Once, before anything is sent.
    pub(crate) async fn restore_places(&self, now: Timestamp) -> records::Result<Open> {
        let accounts = self.market().accounts();
        self.restore_calls(&accounts, now, |_| true).await?;
        self.restore_rest(&accounts, now).await
    }

    /// The same for an account that this process has not known before.
    pub(crate) async fn restore_places_of(
        &self,
        account: &Arc<Account>,
        now: Timestamp,
    ) -> records::Result<()> {
        let account = slice::from_ref(account);
        self.restore_calls(account, now, |lane| lane == account[0].id).await?;
        self.restore_rest(account, now).await.map(drop)
    }

    async fn restore_rest(
        &self,
        accounts: &[Arc<Account>],
        now: Timestamp,
    ) -> records::Result<Open> {
        self.hold_unheard(accounts, now).await?;
        let open = self.restore_lots(accounts, now).await?;
        self.restore_guard(accounts, now).await?;
        Ok(open)
    }

    async fn restore_calls(
        &self,
        accounts: &[Arc<Account>],
        now: Timestamp,
        wanted: impl Fn(&str) -> bool,
    ) -> records::Result<()> {
        let spans =
            accounts.iter().flat_map(|account| &account.limits.windows).map(|window| window.span);
        let longest = spans.max().unwrap_or_default();
        let mut sent: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        for (lane, at) in self.records().calls_since(now.minus(longest)).await? {
            if wanted(&lane) {
                sent.entry(lane).or_default().push(at);
            }
        }
        for (lane, calls) in sent {
            self.turns().restore(&lane, &calls).await;
        }
        Ok(())
    }

    /// Submits that nobody heard of again may be at work still, and hold their slots until they
    /// can't be.
    async fn hold_unheard(&self, accounts: &[Arc<Account>], now: Timestamp) -> records::Result<()> {
        let ceilings = accounts.iter().map(|account| account.limits.work_ceiling);
        let Some(longest) = ceilings.max() else { return Ok(()) };
        let unheard = self.records().unheard_since(now.minus(longest)).await?;
        for account in accounts {
            for one in unheard.iter().filter(|one| one.account == account.id) {
                let over = can_run_until(&account.limits, one.sent_at, one.ended);
                if over > now {
                    let lease = self.turns().adopt(&account.id).await;
                    self.poller().release_at(over, lease);
                }
            }
        }
        Ok(())
    }

    /// Counts what was taken of allowances; answers what attempts under way hold.
    async fn restore_lots(
        &self,
        accounts: &[Arc<Account>],
        now: Timestamp,
    ) -> records::Result<Open> {
        let all = self.records().units_since(Calendar::Month.start(now)).await?;
        let mut open = HashMap::new();
        let mut past: HashMap<String, Past> = HashMap::new();
        for units in &all {
            let past = past.entry(units.account.clone()).or_default();
            match units.state {
                UnitsState::Open => {
                    open.insert(units.attempt.clone(), admission::read(units));
                    past.open.push(admission::read(units));
                }
                UnitsState::Doubt => past.doubtful.push(admission::read(units)),
                UnitsState::Used => past.used.push(used(units)),
                UnitsState::Free => {}
            }
        }
        for account in accounts {
            let mut past = past.remove(&account.id).unwrap_or_default();
            if account.limits.overage.is_some() {
                past.overage_since = self.overage_since(account, now).await?;
            }
            self.lots().restore(&account.id, past).await;
        }
        Ok(open)
    }

    /// When an account's overage was first on: now, where it never was before.
    pub(crate) async fn overage_since(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> records::Result<Option<Timestamp>> {
        let name = format!("overage_since:{}", account.id);
        let since = self.records().setting(&name, now.millis().to_string()).await?;
        Ok(since.parse().ok().map(Timestamp::from_millis))
    }

    async fn restore_guard(
        &self,
        accounts: &[Arc<Account>],
        now: Timestamp,
    ) -> records::Result<()> {
        let spans = accounts.iter().filter_map(|account| Some(account.limits.safety?.span));
        let Some(longest) = spans.max() else { return Ok(()) };
        let mut judged: HashMap<String, Vec<Judged>> = HashMap::new();
        for one in self.records().judged_since(now.minus(longest)).await? {
            let records::Judgement { account, team, at, rejected } = one;
            judged.entry(account).or_default().push(Judged { team, at, rejected });
        }
        for account in accounts.iter().filter(|account| account.limits.safety.is_some()) {
            let judged = judged.remove(&account.id).unwrap_or_default();
            self.guard().restore(&account.id, &judged).await;
        }
        Ok(())
    }
}

fn used(units: &Units) -> Used {
    Used {
        kind: units.kind,
        at: units.at,
        units: units.units,
        overage_units: units.overage_units,
        price: units.price,
    }
}
