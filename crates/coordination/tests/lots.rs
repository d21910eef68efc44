//! Whatever happens in whatever order: no more is taken than the limits allow, nothing is refused that
//! they allow, and the records are enough to begin again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use coordination::{LotLoad, Lots, Past, Taken, UnitsEnd, Used, memory::MemoryLots};
use proptest::prelude::*;
use provider::{
    Allowance, AllowanceLimit, Calendar, Clock, Kind, Limits, ManualClock, MicroUsd, Overage,
    Timestamp,
};

const KINDS: [Kind; 2] = [Kind::Image, Kind::Video];
const DAY_LIMIT: u32 = 6;
const MONTH_LIMIT: u32 = 15;
const CAP: MicroUsd = MicroUsd::from_micros(20);
const PRICES: [(Kind, MicroUsd); 2] =
    [(Kind::Image, MicroUsd::from_micros(1)), (Kind::Video, MicroUsd::from_micros(3))];

fn limits(overage: bool) -> Limits {
    let both = |kind| {
        [(Calendar::Day, DAY_LIMIT), (Calendar::Month, MONTH_LIMIT)]
            .map(|(window, units)| AllowanceLimit { kind, window, units })
    };
    let overage = overage.then(|| Overage { prices: PRICES.to_vec(), monthly_cap: CAP });
    let allowances = KINDS.into_iter().flat_map(both).collect();
    Limits { allowances, overage, ..Limits::none(Duration::ZERO) }
}

#[derive(Debug, Clone)]
enum Step {
    Take { kind: usize, units: u32 },
    End { which: usize, end: UnitsEnd },
    Told { kind: usize, used: u32, overage: u32 },
    Advance { hours: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let ends = [UnitsEnd::Used, UnitsEnd::Free, UnitsEnd::Doubt];
    prop_oneof![
        8 => (0_usize..2, 1_u32..5).prop_map(|(kind, units)| Step::Take { kind, units }),
        6 => (any::<usize>(), prop::sample::select(ends.to_vec()))
            .prop_map(|(which, end)| Step::End { which, end }),
        1 => (0_usize..2, 0_u32..30, 0_u32..6)
            .prop_map(|(kind, used, overage)| Step::Told { kind, used, overage }),
        3 => (1_u64..30).prop_map(|hours| Step::Advance { hours }),
        1 => (100_u64..800).prop_map(|hours| Step::Advance { hours }),
    ]
}

/// What the records would hold: every attempt that was not freed.
#[derive(Debug)]
struct Records {
    begin: Timestamp,
    overage: bool,
    attempts: Vec<(Taken, Option<UnitsEnd>)>,
}

impl Records {
    fn units(&self, kind: Kind, window: Calendar, now: Timestamp) -> (u32, u32) {
        let inside = self
            .attempts
            .iter()
            .map(|(taken, _)| taken)
            .filter(|taken| taken.kind == kind && window.start(taken.at) == window.start(now));
        inside.fold((0, 0), |(all, bought), t| (all + t.units, bought + t.overage_units))
    }

    /// What overage may still cost in this month: every month's money since the first, less what was
    /// spent. (No month spends more than it has, so the sums may be compared.)
    fn money_left(&self, now: Timestamp) -> MicroUsd {
        let mut months = BTreeSet::new();
        let mut at = self.begin;
        while at <= Calendar::Month.end(now).minus(Duration::from_millis(1)) {
            months.insert(Calendar::Month.start(at));
            at = Calendar::Month.end(at);
        }
        let spent: MicroUsd = self.attempts.iter().map(|(taken, _)| taken.price).sum();
        CAP.times(i64::try_from(months.len()).unwrap()) - spent
    }

    /// What so many units may be had for, if the limits allow them.
    fn allow(&self, kind: usize, units: u32, now: Timestamp) -> Option<MicroUsd> {
        let (today, _) = self.units(KINDS[kind], Calendar::Day, now);
        let (month, bought) = self.units(KINDS[kind], Calendar::Month, now);
        let overage = (month - bought + units).saturating_sub(MONTH_LIMIT);
        let price = PRICES[kind].1.times(i64::from(overage));
        let affordable = overage == 0 || (self.overage && price <= self.money_left(now));
        (today + units <= DAY_LIMIT && affordable).then_some(price)
    }

    fn check(&self, now: Timestamp) {
        for kind in KINDS {
            assert!(self.units(kind, Calendar::Day, now).0 <= DAY_LIMIT);
            let (all, bought) = self.units(kind, Calendar::Month, now);
            assert!(all - bought <= MONTH_LIMIT);
        }
        assert!(self.money_left(now) >= MicroUsd::ZERO);
    }

    fn past(&self) -> Past {
        let mut past =
            Past { overage_since: self.overage.then_some(self.begin), ..Past::default() };
        for (taken, end) in &self.attempts {
            match end {
                None => past.open.push(taken.clone()),
                Some(UnitsEnd::Doubt) => past.doubtful.push(taken.clone()),
                Some(_) => past.used.push(Used {
                    kind: taken.kind,
                    at: Calendar::Day.start(taken.at),
                    units: taken.units,
                    overage_units: taken.overage_units,
                    price: taken.price,
                }),
            }
        }
        past
    }
}

/// Everything under test, and the records beside it.
struct World {
    lots: MemoryLots,
    clock: ManualClock,
    limits: Limits,
    records: Records,
    /// The vendor told nothing: ours is the only count.
    untold: bool,
    /// Attempts so far.
    named: u32,
}

impl World {
    fn new(overage: bool) -> Self {
        let begin = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        let clock = ManualClock::at(begin);
        let lots = MemoryLots::new(Arc::new(clock.clone()));
        let records = Records { begin, overage, attempts: Vec::new() };
        Self { lots, clock, limits: limits(overage), records, untold: true, named: 0 }
    }

    async fn take(&mut self, kind: usize, units: u32) {
        self.named += 1;
        let name = &self.named.to_string();
        let looked = self.lots.look("a", &self.limits, KINDS[kind], units).await;
        let taken = self.lots.take("a", &self.limits, KINDS[kind], units, name).await;
        let price = taken.as_ref().map(|taken| taken.price).map_err(|gone| *gone);
        assert_eq!(looked, price);
        if self.untold {
            let allowed = self.records.allow(kind, units, self.clock.now());
            assert_eq!(price.ok(), allowed, "{taken:?}");
        }
        if let Err(gone) = &taken {
            assert!(gone.until > self.clock.now());
        }
        self.records.attempts.extend(taken.ok().map(|taken| (taken, None)));
    }

    async fn end(&mut self, which: usize, end: UnitsEnd) {
        let month = Calendar::Month.start(self.clock.now());
        // What was in doubt when its month ended is used.
        let can_end = |(taken, ended): &&mut (Taken, Option<UnitsEnd>)| match ended {
            None => true,
            Some(UnitsEnd::Doubt) => taken.at >= month,
            Some(_) => false,
        };
        let mut open: Vec<_> = self.records.attempts.iter_mut().filter(can_end).collect();
        if open.is_empty() {
            return;
        }
        let index = which % open.len();
        let attempt = &mut *open[index];
        attempt.1 = Some(end);
        self.lots.end("a", attempt.0.clone(), end).await;
        self.records.attempts.retain(|(_, end)| *end != Some(UnitsEnd::Free));
    }

    async fn told(&mut self, kind: usize, used: u32, overage: u32) {
        self.untold = false;
        let kind = KINDS[kind];
        let since = Some(Calendar::Month.start(self.clock.now()));
        let window = Calendar::Month;
        let told = Allowance { kind, window, limit: MONTH_LIMIT, used, overage, since };
        let freed = self.lots.told("a", &self.limits, &[told]).await;
        for freed in freed {
            let place = self.records.attempts.iter().position(|(taken, _)| *taken == freed);
            let (_, end) = self.records.attempts.remove(place.unwrap());
            assert_eq!(end, Some(UnitsEnd::Doubt), "nothing else is freed");
        }
        let (ours, _) = self.records.units(kind, window, self.clock.now());
        let load = self.load().await;
        let line = load.iter().find(|l| l.kind == kind && l.window == window).unwrap();
        assert!(line.used >= used && line.used >= ours, "the larger count holds");
    }

    async fn load(&self) -> Vec<LotLoad> {
        self.lots.load("a", &self.limits).await
    }

    /// Another process that knows the records.
    async fn restarted(&self) -> MemoryLots {
        let lots = MemoryLots::new(Arc::new(self.clock.clone()));
        lots.restore("a", self.records.past()).await;
        lots
    }
}

async fn live(world: &mut World, steps: Vec<Step>, tell: bool) {
    // From here on overage is on, where it is.
    world.load().await;
    for step in steps {
        match step {
            Step::Take { kind, units } => world.take(kind, units).await,
            Step::End { which, end } => world.end(which, end).await,
            Step::Told { kind, used, overage } if tell => world.told(kind, used, overage).await,
            Step::Told { .. } => {}
            Step::Advance { hours } => world.clock.advance(Duration::from_secs(hours * 3600)),
        }
        world.records.check(world.clock.now());
        let waiting = |end: &Option<UnitsEnd>| matches!(end, None | Some(UnitsEnd::Doubt));
        let pending = world.records.attempts.iter().filter(|(_, end)| waiting(end)).count();
        assert!(world.lots.tracked("a") <= pending, "what has ended is forgotten");
    }
}

proptest! {
    /// The limits hold to the unit and to the millionth, whatever the interleaving and the months.
    #[test]
    fn limits_hold_and_waste_nothing(
        steps in prop::collection::vec(step(), 1..120), overage: bool, tell: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut world = World::new(overage);
        runtime.block_on(live(&mut world, steps, tell));
    }

    /// A process that begins with the records stands where the one before it stood, and goes on as it
    /// would have.
    #[test]
    fn the_records_are_enough(
        before in prop::collection::vec(step(), 1..80),
        after in prop::collection::vec(step(), 1..40),
        overage: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(overage);
            live(&mut world, before, false).await;
            let restarted = world.restarted().await;
            let fresh = restarted.load("a", &world.limits).await;
            prop_assert_eq!(fresh, world.load().await);
            world.lots = restarted;
            live(&mut world, after, false).await;
            Ok(())
        })?;
    }
}
