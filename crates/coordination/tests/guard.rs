//! A vendor that suspends by its rule is the judge: whatever the teams send, it never does, and who
//! sends good work gets on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use coordination::{Guard, Stopped, Watched, memory::MemoryGuard};
use proptest::prelude::*;
use provider::{Clock, ManualClock, SafetyRule, Share, Timestamp};

const RULE: SafetyRule = SafetyRule {
    span: Duration::from_secs(30 * 60),
    team: Share { percent: 30, least: 6 },
    account: Share { percent: 45, least: 8 },
    vendor: Share { percent: 50, least: 10 },
    unbroken: 3,
};

/// The vendor's own books. Its page does not say by which moment an attempt counts, whether one that
/// it turned away counts, nor what there must be ten of: it suspends here if any reading says so.
#[derive(Debug, Default)]
struct Vendor(Vec<Judgement>);

#[derive(Debug, Clone, Copy)]
struct Judgement {
    sent: Timestamp,
    judged: Timestamp,
    /// None: turned away.
    rejected: Option<bool>,
}

impl Vendor {
    fn judge(&mut self, sent: Timestamp, now: Timestamp, rejected: Option<bool>) {
        // What by no reading is in the window any more need not be looked at again and again.
        self.0.retain(|earlier| earlier.judged > now.minus(RULE.span));
        self.0.push(Judgement { sent, judged: now, rejected });
        self.check(now);
    }

    fn check(&self, now: Timestamp) {
        let readings: [fn(&Judgement) -> Timestamp; 2] = [|j| j.sent, |j| j.judged];
        for (moment, all) in readings.into_iter().flat_map(|of| [(of, false), (of, true)]) {
            let inside = self.0.iter().filter(|j| moment(j) > now.minus(RULE.span));
            let verdicts: Vec<_> =
                inside.map(|j| j.rejected).filter(|rejected| all || rejected.is_some()).collect();
            let rejected = verdicts.iter().filter(|rejected| **rejected == Some(true)).count();
            let attempts = verdicts.len();
            let enough = attempts >= 10 || rejected >= 10;
            assert!(!enough || rejected * 2 <= attempts, "suspended: {rejected} of {attempts}");
        }
    }
}

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Watched, Stopped>> + Send + 'a>>;

async fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn guard() -> (MemoryGuard, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    (MemoryGuard::new(Arc::new(clock.clone())), clock)
}

/// A team that always has something to send.
struct Sender<'a> {
    /// Its name, given how many it has sent.
    name: fn(usize) -> String,
    bad: bool,
    /// So many at a time.
    at_once: usize,
    /// From this tick on.
    from: u32,
    waiting: Option<Entering<'a>>,
    flying: Vec<(Watched, Timestamp, u32)>,
    sent: usize,
    done: Vec<u32>,
    refused: u32,
}

fn sender<'a>(name: fn(usize) -> String, bad: bool, at_once: usize, from: u32) -> Sender<'a> {
    let (waiting, flying, done) = (None, Vec::new(), Vec::new());
    Sender { name, bad, at_once, from, waiting, flying, sent: 0, done, refused: 0 }
}

/// Time passes in ticks of five seconds.
const TICK: Duration = Duration::from_secs(5);
/// An attempt takes three of them.
const WORK: u32 = 3;
const HOUR: u32 = 720;

impl<'a> Sender<'a> {
    fn land(&mut self, tick: u32, now: Timestamp, vendor: &mut Vendor) {
        let (over, flying) = self.flying.drain(..).partition(|(_, _, ends)| *ends <= tick);
        self.flying = flying;
        let over: Vec<(Watched, Timestamp, u32)> = over;
        for (watched, sent, _) in over {
            vendor.judge(sent, now, Some(self.bad));
            watched.judged(self.bad);
            self.done.push(tick);
        }
    }

    /// Sends what may go; true if something went.
    async fn send(&mut self, guard: &'a MemoryGuard, tick: u32, now: Timestamp) -> bool {
        if tick < self.from || self.flying.len() >= self.at_once {
            return false;
        }
        let name = (self.name)(self.sent);
        let entering = || async move { guard.enter("a", &RULE, &name).await };
        let mut waiting = self.waiting.take().unwrap_or_else(|| Box::pin(entering()));
        match poll(&mut waiting).await {
            Some(Ok(watched)) => {
                self.flying.push((watched, now, tick + WORK));
                self.sent += 1;
                return true;
            }
            Some(Err(stopped)) => {
                assert!(stopped.until > now);
                self.refused += 1;
                // Who is refused asks with its next prompt at the next tick.
                self.sent += usize::from(self.bad);
            }
            None => self.waiting = Some(waiting),
        }
        false
    }
}

/// Lets the senders send through so many slots, the first first, or each in its turn.
async fn simulate<'a>(
    guard: &'a MemoryGuard,
    clock: &ManualClock,
    senders: &mut [Sender<'a>],
    slots: usize,
    in_turn: bool,
    ticks: u32,
) {
    let mut vendor = Vendor::default();
    for tick in 0..ticks {
        let now = clock.now();
        for sender in senders.iter_mut() {
            sender.land(tick, now, &mut vendor);
        }
        vendor.check(now);
        let first = if in_turn { usize::try_from(tick).unwrap() } else { 0 };
        for turn in 0..senders.len() {
            let index = (first + turn) % senders.len();
            loop {
                let flying: usize = senders.iter().map(|sender| sender.flying.len()).sum();
                if flying >= slots || !senders[index].send(guard, tick, now).await {
                    break;
                }
            }
        }
        clock.advance(TICK);
    }
}

fn good(_: usize) -> String {
    "good".to_owned()
}

fn bad(_: usize) -> String {
    "bad".to_owned()
}

fn new(sent: usize) -> String {
    format!("new {sent}")
}

/// The longest time, in ticks, in which nothing of a sender was done.
fn longest_pause(sender: &Sender<'_>, ticks: u32) -> u32 {
    let ends = sender.done.iter().copied().chain([ticks]);
    let begins = [sender.from].into_iter().chain(sender.done.iter().copied());
    ends.zip(begins).map(|(end, begin)| end - begin).max().unwrap()
}

/// A team that sends nothing but rejected prompts never brings the account to the vendor's line, and
/// never keeps the other team's work from going on, be it there first or not.
#[tokio::test]
async fn a_bad_team_stops_nobody_else() {
    let ticks = 4 * HOUR;
    for (at_once, bad_from, good_from, in_turn) in [
        (1, 0, 0, false),
        (1, 0, 0, true),
        (1, 0, 30, false),
        (1, 30, 0, true),
        (3, 0, 0, false),
        (3, 0, 0, true),
        (3, 0, 30, false),
        (3, 400, 0, false),
        (3, 400, 0, true),
    ] {
        let (guard, clock) = guard();
        let mut senders =
            [sender(bad, true, at_once, bad_from), sender(good, false, at_once, good_from)];
        simulate(&guard, &clock, &mut senders, at_once, in_turn, ticks).await;
        let [bad, good] = senders;
        let case = (at_once, bad_from, good_from, in_turn);
        assert_eq!(good.refused, 0, "{case:?}");
        // The bad team, where it goes first, may have all slots once; waiting for those in flight
        // takes another round.
        let pause = longest_pause(&good, ticks);
        assert!(pause <= 5 * WORK, "{case:?}: {pause}");
        assert!(good.done.len() > 850 * at_once, "{case:?}: {}", good.done.len());
        assert!((3..=8 * 3).contains(&bad.done.len()), "{case:?}: {}", bad.done.len());
    }
}

/// Many teams with one bad prompt each cannot be told from good ones beforehand. They stop the
/// account, never the vendor, and whenever the window has slid, work goes on.
#[tokio::test]
async fn many_new_teams_do_not_suspend() {
    for (at_once, in_turn) in [(1, false), (1, true), (3, false), (3, true)] {
        let (guard, clock) = guard();
        let ticks = 6 * HOUR;
        let mut senders = [sender(new, true, at_once, 100), sender(good, false, at_once, 0)];
        simulate(&guard, &clock, &mut senders, at_once, in_turn, ticks).await;
        let [new, good] = senders;
        assert!(new.done.len() > 30, "it goes on: {}", new.done.len());
        assert!(good.refused > 0, "the account was stopped");
        let window = 2 * HOUR / 4 + 2 * WORK;
        let served = [&new.done[..], &good.done[..]].concat();
        let mut served: Vec<_> = served;
        served.sort_unstable();
        let pause = served.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(pause <= window, "{pause}");
        assert!(ticks - served.last().unwrap() <= window);
    }
}

/// Good and bad work of the same teams, as much bad as good: the vendor's line is never passed.
#[tokio::test]
async fn a_mixed_crowd_is_not_suspended() {
    let (guard, clock) = guard();
    let mixed = |n: usize| format!("team {}", n % 3);
    let mut senders = [sender(mixed, true, 1, 0), sender(mixed, false, 2, 0)];
    simulate(&guard, &clock, &mut senders, 3, true, 4 * HOUR).await;
    assert!(senders[1].done.len() > 20, "{}", senders[1].done.len());
}

#[derive(Debug, Clone)]
enum Step {
    Enter { team: u8 },
    End { which: usize, verdict: Option<bool> },
    GiveUp { which: usize },
    Advance { seconds: u64 },
}

fn step(bad: f64) -> impl Strategy<Value = Step> {
    let verdict = prop::option::weighted(0.9, prop::bool::weighted(bad));
    prop_oneof![
        6 => (0_u8..5).prop_map(|team| Step::Enter { team }),
        6 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::End { which, verdict }),
        1 => any::<usize>().prop_map(|which| Step::GiveUp { which }),
        3 => (1_u64..400).prop_map(|seconds| Step::Advance { seconds }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    (0.05..0.95).prop_flat_map(|bad| prop::collection::vec(step(bad), 1..300))
}

proptest! {
    /// Whatever is asked and judged, whenever: the vendor never suspends by any reading; nobody waits
    /// while nothing is in flight; and in the end everybody may go on.
    #[test]
    fn the_vendor_never_suspends(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (guard, clock) = guard();
            let mut vendor = Vendor::default();
            let mut waiting: Vec<Entering<'_>> = Vec::new();
            let mut flying: Vec<(Watched, Timestamp)> = Vec::new();
            for step in steps {
                let now = clock.now();
                match step {
                    Step::Enter { team } => {
                        let (guard, name) = (&guard, format!("team {team}"));
                        let enter = async move { guard.enter("a", &RULE, &name).await };
                        waiting.push(Box::pin(enter));
                    }
                    Step::End { which, verdict } if !flying.is_empty() => {
                        let (watched, sent) = flying.remove(which % flying.len());
                        vendor.judge(sent, now, verdict);
                        if let Some(rejected) = verdict {
                            watched.judged(rejected);
                        }
                    }
                    Step::GiveUp { which } if !waiting.is_empty() => {
                        drop(waiting.remove(which % waiting.len()));
                    }
                    Step::Advance { seconds } => {
                        clock.advance(Duration::from_secs(seconds));
                        vendor.check(clock.now());
                    }
                    Step::End { .. } | Step::GiveUp { .. } => {}
                }
                settle(&mut waiting, &mut flying, clock.now()).await;
                prop_assert!(waiting.is_empty() || !flying.is_empty(), "they wait for nothing");
                let load = guard.load("a", &RULE).await;
                prop_assert_eq!(usize::try_from(load.in_flight).unwrap(), flying.len());
            }
            drop((waiting, flying));
            clock.advance(RULE.span);
            vendor.check(clock.now());
            prop_assert_eq!(guard.look("a", &RULE, "team 0").await, Ok(()));
            prop_assert_eq!(guard.load("a", &RULE).await, coordination::GuardLoad::default());
            Ok(())
        })?;
    }

    /// Where nothing else happens, what is stopped is so exactly until the moment that was told.
    #[test]
    fn the_moment_told_is_the_first(
        sent in prop::collection::vec((0_u8..4, any::<bool>(), 0_u64..200), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (guard, clock) = guard();
            for (team, rejected, seconds) in sent {
                let team = format!("team {team}");
                match guard.enter("a", &RULE, &team).await {
                    Ok(watched) => watched.judged(rejected),
                    Err(stopped) => {
                        let before = stopped.until.since(clock.now());
                        prop_assert!(before > Duration::ZERO);
                        clock.advance(before - Duration::from_millis(1));
                        let still = guard.look("a", &RULE, &team).await.err();
                        prop_assert_eq!(still.map(|still| still.until), Some(stopped.until));
                        clock.advance(Duration::from_millis(1));
                        prop_assert_eq!(guard.look("a", &RULE, &team).await, Ok(()));
                    }
                }
                clock.advance(Duration::from_secs(seconds));
            }
            Ok(())
        })?;
    }
}

/// Polls those who wait until nobody moves.
async fn settle(
    waiting: &mut Vec<Entering<'_>>,
    flying: &mut Vec<(Watched, Timestamp)>,
    now: Timestamp,
) {
    loop {
        let before = waiting.len();
        let mut still = Vec::new();
        for mut entering in waiting.drain(..) {
            match poll(&mut entering).await {
                Some(Ok(watched)) => flying.push((watched, now)),
                Some(Err(_)) => {}
                None => still.push(entering),
            }
        }
        *waiting = still;
        if waiting.len() == before {
            return;
        }
    }
}
