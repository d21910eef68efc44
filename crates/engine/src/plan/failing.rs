//! Candidates whose vendor fails: left out of the plan while others serve, waited for where there is
//! no other and the caller has the time.

use std::{sync::Arc, time::Duration};

use coordination::{Lane, Open};
use provider::Timestamp;
use routing::Barrier;

use super::layout::{Asked, times};
use crate::{Engine, Request, seen::Failures, vendor::Vendor};

/// An account stands out with so many attempts judged, and so many in a hundred of them failed.
const LEAST: u32 = 10;
const PERCENT: u32 = 30;
/// It fails so many times as often as the vendor's other accounts.
const TIMES: u32 = 3;

impl Engine {
    /// Bars what an open breaker or a vendor's better accounts speak against.
    pub(super) fn bar_failing(&self, asked: &mut [Asked], request: &Request, calls: usize) {
        let now = self.clock().now();
        self.bar_outliers(asked, now);
        let dark: Vec<(usize, Open)> = asked
            .iter()
            .enumerate()
            .filter(|(_, asked)| asked.quote.is_ok())
            .filter_map(|(index, asked)| Some((index, self.breakers().look(lane(asked)).err()?)))
            .collect();
        let is_dark = |index: usize| dark.iter().any(|(dark, _)| *dark == index);
        let affordable = |asked: &Asked| {
            let most = request.routing.max_cost;
            let price = asked.quote.as_ref().ok().map(|quote| times(quote.price, calls));
            price.is_some_and(|price| most.is_none_or(|most| price.upper <= most))
        };
        let mut serving = asked.iter().enumerate().filter(|(index, _)| !is_dark(*index));
        let lone = !serving.any(|(_, asked)| affordable(asked));
        for (index, open) in dark {
            let asked = &mut asked[index];
            let rest = open.until.map_or(Duration::ZERO, |until| until.since(now));
            asked.wait = asked.wait.max(rest);
            // Who has time for it waits for the probe where nobody else is left.
            let in_time = request.routing.deadline.is_some_and(|span| rest < span);
            if !(lone && in_time) {
                asked.quote = Err(Barrier::Passing(open.to_string()));
            }
        }
    }

    /// Of a vendor's accounts at one model those are passed over that fail far more often than the
    /// others: the worst first, and at most half of those that could be asked.
    fn bar_outliers(&self, asked: &mut [Asked], now: Timestamp) {
        let mut from = 0;
        while from < asked.len() {
            let first = &asked[from];
            let (vendor, model) = (Arc::clone(&first.listing.vendor), first.listing.name());
            let same = |asked: &&Asked| is_of(asked, &vendor, &model);
            let to = from + asked[from..].iter().take_while(same).count();
            let known: Vec<(usize, Failures)> = (from..to)
                .filter(|index| asked[*index].quote.is_ok())
                .filter(|index| self.breakers().look(lane(&asked[*index])).is_ok())
                .map(|index| (index, self.seen_records().failures(lane(&asked[index]), now)))
                .collect();
            for index in outliers(&known) {
                let said = "it fails far more often than the vendor's other accounts";
                asked[index].quote = Err(Barrier::Passing(said.to_owned()));
            }
            from = to;
        }
    }
}

fn lane(asked: &Asked) -> Lane<'_> {
    Lane { account: &asked.account.id, model: &asked.listing.model().name }
}

fn is_of(asked: &Asked, vendor: &Arc<Vendor>, model: &str) -> bool {
    Arc::ptr_eq(&asked.listing.vendor, vendor) && asked.listing.name() == model
}

/// The accounts that stand out.
fn outliers(known: &[(usize, Failures)]) -> Vec<usize> {
    let sum = known.iter().fold(Failures::default(), |sum, (_, of)| Failures {
        failed: sum.failed.saturating_add(of.failed),
        all: sum.all.saturating_add(of.all),
    });
    let stands_out = |of: &Failures| {
        let (failed, all) = (u64::from(of.failed), u64::from(of.all));
        let others_failed = u64::from(sum.failed - of.failed);
        let others_all = u64::from(sum.all - of.all);
        of.all >= LEAST
            && failed * 100 >= u64::from(PERCENT) * all
            && failed * others_all >= u64::from(TIMES) * others_failed * all
    };
    let mut out: Vec<&(usize, Failures)> = known.iter().filter(|(_, of)| stands_out(of)).collect();
    // The worst first: by failures in a million.
    out.sort_by_key(|(_, of)| {
        std::cmp::Reverse(u64::from(of.failed) * 1_000_000 / u64::from(of.all.max(1)))
    });
    out.into_iter().take(known.len() / 2).map(|(index, _)| *index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[(u32, u32)]) -> Vec<usize> {
        let known = all.iter().map(|&(failed, all)| Failures { failed, all });
        outliers(&known.enumerate().collect::<Vec<_>>())
    }

    #[test]
    fn who_stands_out_is_passed_over_and_never_more_than_half() {
        assert_eq!(of(&[(6, 12), (0, 50)]), [0]);
        assert_eq!(of(&[(6, 12)]), [0; 0], "no other account");
        assert_eq!(of(&[(4, 9), (0, 50)]), [0; 0], "too little is known");
        assert_eq!(of(&[(3, 12), (0, 50)]), [0; 0], "it fails, but not often");
        assert_eq!(of(&[(6, 12), (30, 50)]), [0; 0], "all of them fail: it is the vendor");
        assert_eq!(of(&[(6, 12), (0, 0)]), [0], "the other one is untried");
        assert_eq!(of(&[(9, 12), (10, 12), (0, 90), (0, 90)]), [1, 0]);
        assert_eq!(of(&[(9, 12), (11, 12), (0, 90)]), [1], "at most half, the worst first");
    }
}
