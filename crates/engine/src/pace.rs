//! How fast teams and keys may ask: requests a minute, generations at once, in all and for single kinds
//! and models.
//!
//! A place is taken before the plan is made, so that a flood costs little, and given back where the
//! request is refused: only accepted ones count. It is held until the generation is final.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    time::Duration,
};

use coordination::{Admission, Denied, DeniedReason, Quota};
use provider::{Kind, Timestamp};
use records::{Accepted, Pace, Rules};

use crate::{Caller, Code, Engine, Refusal, Result, budgets::Spender};

/// When a place among those at once may be free again: nobody knows, so soon.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// The window of requests a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// The requests that a team or key may still make, for headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceState {
    /// A minute.
    pub limit: u32,
    /// Now.
    pub remaining: u32,
    /// When one more place is free, if any is taken.
    pub resets_at: Option<Timestamp>,
}

/// One limit: whose it is and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    pace: Pace,
}

/// Every limit that a request for this falls under.
fn named(spender: &Spender, kind: Kind, model: &str) -> Vec<Named> {
    let mut all = Vec::new();
    if let Some(key) = &spender.key {
        add(&mut all, &key.id, &key.rules, kind, model);
    }
    add(&mut all, &spender.team.id, &spender.team.rules, kind, model);
    all
}

fn add(all: &mut Vec<Named>, owner: &str, rules: &Rules, kind: Kind, model: &str) {
    let limits = &rules.limits;
    let mut push = |name: String, pace: Pace| {
        if !pace.is_free() {
            all.push(Named { name, pace });
        }
    };
    push(owner.to_owned(), limits.all);
    if let Some(pace) = limits.kinds.get(&kind) {
        push(format!("{owner}/kind/{kind}"), *pace);
    }
    if let Some(pace) = limits.models.get(model) {
        push(format!("{owner}/model/{model}"), *pace);
    }
}

fn quota(named: &Named) -> Quota<'_> {
    let Pace { requests_per_minute, concurrent } = named.pace;
    Quota { name: &named.name, requests_per_minute, concurrent }
}

impl Engine {
    /// A place under every limit of the key and its team.
    ///
    /// # Errors
    /// `rate_limit_exceeded` with the moment when a place is free, `concurrency_exceeded`.
    pub(crate) async fn enter(
        &self,
        spender: &Spender,
        kind: Kind,
        model: &str,
    ) -> Result<Admission> {
        let limits = named(spender, kind, model);
        if limits.is_empty() {
            return Ok(Admission::none());
        }
        let quotas: Vec<Quota<'_>> = limits.iter().map(quota).collect();
        let admitted = self.quotas().admit(&quotas).await;
        admitted.map_err(|denied| self.refuse_pace(&denied, &limits))
    }

    /// The places of a generation that a process left behind.
    pub(crate) async fn enter_again(
        &self,
        spender: &Spender,
        kind: Kind,
        model: &str,
    ) -> Admission {
        let limits = named(spender, kind, model);
        if limits.is_empty() {
            return Admission::none();
        }
        let names: Vec<&str> = limits.iter().map(|named| named.name.as_str()).collect();
        self.quotas().adopt(&names).await
    }

    /// Requests of the last minute count on after a restart.
    pub(crate) async fn restore_paces(&self, now: Timestamp) -> records::Result<()> {
        let mut spenders: HashMap<(String, String), Option<Spender>> = HashMap::new();
        let mut accepted: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        for one in self.records().accepted_since(now.minus(MINUTE)).await? {
            let Accepted { team, key, kind, model, at } = one;
            let spender = match spenders.entry((team, key)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let found = self.spender(&new.key().0, &new.key().1).await?;
                    new.insert(found)
                }
            };
            let limits = spender.as_ref().map(|spender| named(spender, kind, &model));
            for limit in limits.unwrap_or_default() {
                accepted.entry(limit.name).or_default().push(at);
            }
        }
        for (name, moments) in accepted {
            self.quotas().restore(&name, &moments).await;
        }
        Ok(())
    }

    fn refuse_pace(&self, denied: &Denied, limits: &[Named]) -> Refusal {
        let whose = limits.get(denied.quota).map_or("", |named| named.name.as_str());
        let whose = if whose.starts_with("team_") { "the team" } else { "the key" };
        let limit = denied.limit;
        match denied.reason {
            DeniedReason::Rate => {
                let wait = denied.retry_at.map_or(TRY_AGAIN, |at| at.since(self.clock().now()));
                let message = format!("{whose} may make {limit} requests a minute");
                Refusal::new(Code::RateLimitExceeded, message).after(wait).of_limit(limit)
            }
            DeniedReason::Concurrent => {
                let message = format!("{whose} may have {limit} generations under way at once");
                Refusal::new(Code::ConcurrencyExceeded, message).after(TRY_AGAIN).of_limit(limit)
            }
        }
    }

    /// How many requests the key may still make this minute, by the limit with the fewest left; none
    /// where nothing limits it.
    pub async fn pace_of(&self, caller: &Caller) -> Option<PaceState> {
        let mut least: Option<PaceState> = None;
        for (owner, rules) in
            [(&caller.key.id, &caller.key.rules), (&caller.team.id, &caller.team.rules)]
        {
            let Some(limit) = rules.limits.all.requests_per_minute else { continue };
            let named = Named { name: owner.clone(), pace: rules.limits.all };
            let load = self.quotas().load(&quota(&named)).await;
            let remaining = load.requests_left.unwrap_or(limit);
            if least.is_none_or(|least| remaining < least.remaining) {
                least = Some(PaceState { limit, remaining, resets_at: load.resets_at });
            }
        }
        least
    }
}
