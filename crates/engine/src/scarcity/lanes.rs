//! Slots at accounts as something scarce: how many seconds of them the coming hour has left.

use std::time::Duration;

use provider::Timestamp;

use crate::{Account, Engine, Vendor};

/// How far ahead a slot that is held now is missed. Demand is known by the hour, so a shorter time would
/// say nothing more of it; in a longer one slots that are idle at night would pay for a rush at noon, though
/// nobody waits that long.
pub(super) const AHEAD: Duration = Duration::from_secs(3600);

impl Engine {
    /// Seconds of an account's slots from now on, what runs and waits there taken off, and until when; none
    /// where it may do as much at once as it likes.
    pub(super) async fn lanes_left(
        &self,
        (vendor, account): (&Vendor, &Account),
        now: Timestamp,
    ) -> Option<(f64, Timestamp)> {
        let slots = account.limits.concurrent?;
        let load = self.turns().load(&account.id, &account.limits).await;
        let waiting = u32::try_from(load.waiting).unwrap_or(u32::MAX);
        // Whoever looks at a piece of work at no particular moment finds half of it done.
        let pieces = f64::from(load.in_flight) / 2.0 + f64::from(waiting);
        let taken = pieces * self.usual_at(vendor, account);
        let seconds = f64::from(slots) * AHEAD.as_secs_f64() - taken;
        Some((seconds.max(0.0), now.plus(AHEAD)))
    }

    /// Seconds that a call at an account usually takes, whatever its model: as lately seen, each model as
    /// often as it was asked for; the vendor's word is one call of each.
    fn usual_at(&self, vendor: &Vendor, account: &Account) -> f64 {
        let description = vendor.description();
        let mut sum = 0.0;
        let mut calls = 0.0;
        for model in &description.models {
            let seen = self.seen(&account.id, &model.name);
            let samples = f64::from(seen.samples);
            sum += samples * seen.p50.as_secs_f64() + model.usual.as_secs_f64();
            calls += samples + 1.0;
        }
        if calls > 0.0 { sum / calls } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use provider::{Calendar, Kind, MicroUsd};
    use routing::Policy;

    use super::*;
    use crate::{
        Considered, Decision,
        scarcity::{History, Seen, Taking, Things, Weighed},
    };

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const BUSY: Duration = Duration::from_secs(10);

    fn usd(micros: i64) -> MicroUsd {
        MicroUsd::from_micros(micros)
    }

    /// A request that `lane/main` makes for a cent in ten seconds, and `wide/main`, which has no slots, for
    /// so much.
    fn seen(elsewhere: i64) -> Seen {
        let candidate = |provider: &str, price| Considered {
            model: format!("{provider}/model"),
            account: "main".to_owned(),
            bare: Some(usd(price)),
            units: 0,
            busy: BUSY,
            standing: None,
            reason: None,
            used_up: false,
        };
        let candidates = vec![candidate("lane", 10_000), candidate("wide", elsewhere)];
        let decision = Decision { policy: Policy::Cost, candidates };
        Seen { team: "team_a".to_owned(), kind: Kind::Image, decision }
    }

    /// What a request takes from others at `lane/main`, which has one slot, where so many come every hour,
    /// half of them with hardly a cheaper place, half of them with a dear one.
    fn worth(hourly: u64, seconds: f64) -> i64 {
        let hours = 7 * 24;
        let mut history = History::default();
        for hour in 0..hours {
            let at = START.plus(Duration::from_secs(hour * 3600));
            (0..hourly).for_each(|_| history.saw(at, Kind::Image));
        }
        let now = START.plus(Duration::from_secs(hours * 3600));
        let end = Calendar::Month.end(now);
        let mut things = Things::default();
        things.add_lanes("lane/main", (seconds, now.plus(AHEAD)), end);
        let seen = [seen(12_000), seen(100_000)];
        let shares = HashMap::from([(Kind::Image, 1.0)]);
        let demand = history.demand().unwrap();
        let last = Weighed::default();
        let weighed = Weighed::again(&last, things, (now, end), (&demand, &seen), &shares);
        let taking = |account| Taking {
            account,
            kind: Kind::Image,
            units: 0,
            bought: false,
            money: usd(10_000),
            free: MicroUsd::ZERO,
            busy: BUSY,
            team: "team_a",
            now,
        };
        assert!(weighed.worth(&taking("wide/main")).is_zero(), "it has no slots");
        let later = Taking { now: now.plus(AHEAD), ..taking("lane/main") };
        assert!(weighed.worth(&later).is_zero(), "nobody knows so far ahead");
        weighed.worth(&taking("lane/main")).micros()
    }

    #[test]
    fn a_slot_that_dear_work_wants_is_not_given_to_cheap_work() {
        // An hour of one slot is enough for the dear half of 700 requests.
        let worth = worth(700, 3_600.0);
        assert!(worth > 2_000, "the cheap half saves that much: {worth}");
        assert!(worth < 90_000, "the dear half saves that much: {worth}");
    }

    #[test]
    fn a_slot_that_suffices_costs_nothing() {
        assert_eq!(worth(100, 3_600.0), 0);
        assert!(worth(100, 600.0) > 0, "what runs has taken most of it");
    }
}
