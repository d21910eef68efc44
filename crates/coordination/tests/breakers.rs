//! Whatever happens in whatever order: a vendor that is left alone sees one probe at a time, at the
//! moments that were told, and one that works again is used again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use coordination::{
    BreakerRule, Breakers, Did, Lane, Open, Permit, Turned, memory::MemoryBreakers,
};
use proptest::prelude::*;
use provider::{Clock, Entropy, ManualClock, Share, Timestamp};

const LANE: Lane<'static> = Lane { account: "a/main", model: "one" };
const RULE: BreakerRule = BreakerRule {
    in_a_row: 3,
    share: Share { percent: 50, least: 8 },
    span: Duration::from_secs(60),
    rest: Duration::from_secs(2),
    longest_rest: Duration::from_secs(30),
};

/// Other bytes each time, the same in every run.
#[derive(Debug)]
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let next = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            *byte = next.to_le_bytes()[7];
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enter,
    /// The end of one that is under way, by its place.
    Well(usize),
    Badly(usize, Option<u64>),
    Dropped(usize),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let told = prop::option::weighted(0.2, 1_u64..90);
    prop_oneof![
        6 => Just(Step::Enter),
        2 => any::<usize>().prop_map(Step::Well),
        4 => (any::<usize>(), told).prop_map(|(nth, told)| Step::Badly(nth, told)),
        1 => any::<usize>().prop_map(Step::Dropped),
        3 => (1_u64..20_000).prop_map(Step::Advance),
    ]
}

/// What is known from outside.
#[derive(Debug, Default)]
struct Seen {
    /// Those under way: whether it is a probe of the present rest, and nothing of another.
    flying: Vec<(Permit, bool)>,
    open: Option<Open>,
    in_a_row: u32,
}

impl Seen {
    fn probes(&self) -> usize {
        self.flying.iter().filter(|(permit, of_now)| permit.is_probe() && *of_now).count()
    }

    fn turn(&mut self, turned: Option<Turned>, now: Timestamp) {
        let Some(turned) = turned else { return };
        for (_, of_now) in &mut self.flying {
            *of_now = false;
        }
        self.in_a_row = 0;
        self.open = match turned {
            Turned::Closed => None,
            Turned::Opened(open) | Turned::StillOpen(open) => {
                let rest = open.until.unwrap().since(now);
                assert!(rest >= RULE.rest / 2, "{rest:?}");
                Some(open)
            }
        };
    }

    /// The end of one, judged by what may come of it.
    fn end(&mut self, nth: usize, did: Option<Did>, now: Timestamp) {
        if self.flying.is_empty() {
            return;
        }
        let (permit, of_now) = self.flying.remove(nth % self.flying.len());
        let (probe, was_open) = (permit.is_probe(), self.open.is_some());
        let Some(did) = did else { return };
        let turned = permit.judged(did);
        match (of_now, probe, did) {
            (false, ..) => assert_eq!(turned, None, "it was let in before"),
            (true, true, Did::Well) => assert_eq!(turned, Some(Turned::Closed)),
            (true, true, Did::Badly { rest }) => {
                assert!(matches!(turned, Some(Turned::StillOpen(_))), "{turned:?}");
                assert_bounded(turned, rest, now);
            }
            (true, false, Did::Well) => {
                assert!(!was_open && turned.is_none());
                self.in_a_row = 0;
            }
            (true, false, Did::Badly { rest }) => {
                self.in_a_row += 1;
                assert!(self.in_a_row < RULE.in_a_row || turned.is_some(), "so many in a row");
                assert_bounded(turned, rest, now);
            }
        }
        self.turn(turned, now);
    }
}

fn assert_bounded(turned: Option<Turned>, told: Option<Duration>, now: Timestamp) {
    if let Some(Turned::Opened(open) | Turned::StillOpen(open)) = turned {
        let rest = open.until.unwrap().since(now);
        assert!(rest <= RULE.longest_rest.max(told.unwrap_or_default()), "{rest:?}");
        assert!(rest >= told.unwrap_or_default(), "{rest:?} where {told:?} was told");
    }
}

proptest! {
    #[test]
    fn probes_come_one_by_one_and_a_working_vendor_is_used(
        steps in prop::collection::vec(step(), 1..200),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
            let entropy = Arc::new(Seeded(AtomicU64::new(seed)));
            let breakers = MemoryBreakers::new(Arc::new(clock.clone()), entropy, RULE);
            let mut seen = Seen::default();
            for step in steps {
                let now = clock.now();
                match step {
                    Step::Enter => {
                        let look = breakers.look(LANE);
                        let entered = breakers.enter(LANE).await;
                        prop_assert_eq!(look.is_ok(), entered.is_ok(), "planned on a wrong word");
                        let rests = seen.open.is_some_and(|open| open.until.unwrap() > now);
                        let full = seen.open.is_some() && seen.probes() > 0;
                        prop_assert_eq!(entered.is_err(), rests || full);
                        if let Ok(permit) = entered {
                            prop_assert_eq!(permit.is_probe(), seen.open.is_some());
                            seen.flying.push((permit, true));
                        }
                    }
                    Step::Well(nth) => seen.end(nth, Some(Did::Well), now),
                    Step::Badly(nth, told) => {
                        let rest = told.map(Duration::from_secs);
                        seen.end(nth, Some(Did::Badly { rest }), now);
                    }
                    Step::Dropped(nth) => seen.end(nth, None, now),
                    Step::Advance(millis) => clock.advance(Duration::from_millis(millis)),
                }
                prop_assert!(seen.probes() <= 1);
            }
            // The vendor works again: within the longest rest that was told it is used again.
            seen.flying.clear();
            clock.advance(Duration::from_secs(90));
            let first = breakers.enter(LANE).await.unwrap();
            first.judged(Did::Well);
            for _ in 0..10 {
                let permit = breakers.enter(LANE).await.unwrap();
                prop_assert!(!permit.is_probe());
                drop(permit);
            }
            Ok(())
        })?;
    }
}
