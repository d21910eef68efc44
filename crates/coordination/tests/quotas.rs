//! Quotas beside a plain model, in races, and over time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use coordination::{
    Admission, Denied, DeniedReason, Quota, QuotaLoad, Quotas, memory::MemoryQuotas, suite,
};
use proptest::prelude::*;
use provider::{Clock, ManualClock, SystemClock, Timestamp};

const NAMES: [&str; 3] = ["team_1", "team_1/video", "key_1"];
const MINUTE: Duration = Duration::from_secs(60);

fn quotas() -> (MemoryQuotas, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    (MemoryQuotas::new(Arc::new(clock.clone())), clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_admit_no_more() {
    let quotas: Arc<dyn Quotas> = Arc::new(MemoryQuotas::new(Arc::new(SystemClock)));
    suite::quotas::races_admit_no_more(quotas).await;
}

#[tokio::test]
async fn idle_names_are_forgotten() {
    fn ask(name: &str) -> Quota<'_> {
        Quota { name, requests_per_minute: Some(9), concurrent: None }
    }
    let (quotas, clock) = quotas();
    let held = quotas.admit(&[ask("held")]).await.unwrap();
    for name in 0..1000 {
        drop(quotas.admit(&[ask(&format!("key_{name}"))]).await.unwrap());
    }
    let denied = Quota { requests_per_minute: Some(0), ..ask("denied") };
    assert!(quotas.admit(&[denied]).await.is_err());
    quotas.load(&denied).await;
    assert_eq!(quotas.tracked(), 1001, "who was denied, or looked at, leaves nothing");
    clock.advance(MINUTE);
    for _ in 0..501 {
        drop(quotas.admit(&[ask("busy")]).await.unwrap_or_default());
    }
    assert_eq!(quotas.tracked(), 2, "what is held, and who is busy");
    clock.advance(MINUTE);
    drop(held);
    drop(quotas.admit(&[ask("last")]).await.unwrap());
    assert_eq!(quotas.tracked(), 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_shuts_nobody_out() {
    // A manual clock only goes forward: restored moments stand for those of the time before.
    let (quotas, clock) = quotas();
    let ahead = clock.now().plus(MINUTE * 60);
    quotas.restore("team_1", &[ahead, clock.now(), ahead]).await;
    let team = Quota { name: "team_1", requests_per_minute: Some(3), concurrent: None };
    let resets_at = Some(clock.now().plus(MINUTE));
    assert_eq!(
        quotas.load(&team).await,
        QuotaLoad { requests_left: Some(0), resets_at, concurrent_left: None }
    );
    clock.advance(MINUTE);
    assert_eq!(quotas.load(&team).await.requests_left, Some(3));
}

#[derive(Debug, Clone)]
enum Step {
    Admit(Vec<Limits>),
    Adopt(Vec<usize>),
    End(usize),
    Refuse(usize),
    Advance(u64),
    Restore(usize, Vec<u32>),
}

/// Of which name, how many in a minute, how many at once.
type Limits = (usize, Option<u32>, Option<u32>);

fn names() -> impl Strategy<Value = Vec<usize>> {
    prop::sample::subsequence(vec![0, 1, 2], 1..=3)
}

fn limits() -> impl Strategy<Value = Vec<Limits>> {
    let limit = || prop::option::weighted(0.8, 0_u32..5);
    (names(), prop::collection::vec((limit(), limit()), 3)).prop_map(|(names, limits)| {
        names.into_iter().zip(limits).map(|(name, (rate, at_once))| (name, rate, at_once)).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => limits().prop_map(Step::Admit),
        1 => names().prop_map(Step::Adopt),
        3 => any::<usize>().prop_map(Step::End),
        2 => any::<usize>().prop_map(Step::Refuse),
        4 => (0_u64..30_000).prop_map(Step::Advance),
        1 => (0..3_usize, prop::collection::vec(0_u32..90_000, 0..3))
            .prop_map(|(name, ago)| Step::Restore(name, ago)),
    ]
}

/// Everything that ever happened, and nothing clever.
#[derive(Debug, Default)]
struct Model {
    accepted: Vec<(usize, Timestamp)>,
    under_way: [u32; 3],
}

impl Model {
    fn inside(&self, name: usize, now: Timestamp) -> Vec<Timestamp> {
        let of_name = self.accepted.iter().filter(|(of, _)| *of == name);
        of_name.map(|(_, at)| *at).filter(|at| at.plus(MINUTE) > now).collect()
    }

    /// The first moment with room, found by trying those at which something leaves.
    fn opens_at(&self, name: usize, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let mut leaving: Vec<_> = self.inside(name, now).iter().map(|at| at.plus(MINUTE)).collect();
        leaving.sort_unstable();
        let room = |at: &Timestamp| self.inside(name, *at).len() < usize::try_from(limit).unwrap();
        leaving.into_iter().find(room)
    }

    /// What is left where seven in a minute and seven at once are allowed.
    fn load(&self, name: usize, now: Timestamp) -> QuotaLoad {
        let inside = self.inside(name, now);
        QuotaLoad {
            requests_left: Some(7_u32.saturating_sub(u32::try_from(inside.len()).unwrap())),
            resets_at: inside.iter().min().map(|at| at.plus(MINUTE)),
            concurrent_left: Some(7_u32.saturating_sub(self.under_way[name])),
        }
    }

    fn judge(&self, asked: &[Limits], now: Timestamp) -> Result<(), Denied> {
        let mut full = Vec::new();
        let mut busy = Vec::new();
        for (quota, (name, rate, at_once)) in asked.iter().enumerate() {
            let inside = self.inside(*name, now).len();
            if let Some(limit) = rate.filter(|most| inside >= usize::try_from(*most).unwrap()) {
                let retry_at = self.opens_at(*name, limit, now);
                full.push(Denied { quota, reason: DeniedReason::Rate, limit, retry_at });
            }
            if let Some(limit) = at_once.filter(|most| self.under_way[*name] >= *most) {
                let reason = DeniedReason::Concurrent;
                busy.push(Denied { quota, reason, limit, retry_at: None });
            }
        }
        let never = full.iter().find(|denied| denied.retry_at.is_none());
        let latest = full.iter().rev().max_by_key(|denied| denied.retry_at);
        never.or(latest).or_else(|| busy.first()).map_or(Ok(()), |denied| Err(*denied))
    }
}

/// What was admitted, with what it took in the model.
type Held = (Admission, Vec<usize>, Vec<(usize, Timestamp)>);

async fn live(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (quotas, clock) = quotas();
    let (mut model, mut held) = (Model::default(), Vec::<Held>::new());
    for step in steps {
        let now = clock.now();
        match step {
            Step::Admit(asked) => {
                let quota = |(name, rate, at_once): &Limits| Quota {
                    name: NAMES[*name],
                    requests_per_minute: *rate,
                    concurrent: *at_once,
                };
                let answer = quotas.admit(&asked.iter().map(quota).collect::<Vec<_>>()).await;
                prop_assert_eq!(answer.as_ref().err().copied(), model.judge(&asked, now).err());
                let Ok(admission) = answer else { continue };
                let names: Vec<_> = asked.iter().map(|(name, ..)| *name).collect();
                names.iter().for_each(|name| model.under_way[*name] += 1);
                let counted = asked.iter().filter(|(_, rate, _)| rate.is_some());
                let counted: Vec<_> = counted.map(|(name, ..)| (*name, now)).collect();
                model.accepted.extend(&counted);
                held.push((admission, names, counted));
            }
            Step::Adopt(names) => {
                let adopted: Vec<_> = names.iter().map(|name| NAMES[*name]).collect();
                names.iter().for_each(|name| model.under_way[*name] += 1);
                held.push((quotas.adopt(&adopted).await, names, Vec::new()));
            }
            Step::End(nth) if !held.is_empty() => {
                let (admission, names, _) = held.remove(nth % held.len());
                drop(admission);
                names.iter().for_each(|name| model.under_way[*name] -= 1);
            }
            Step::Refuse(nth) if !held.is_empty() => {
                let (admission, names, counted) = held.remove(nth % held.len());
                admission.refused();
                names.iter().for_each(|name| model.under_way[*name] -= 1);
                for place in counted {
                    let found = model.accepted.iter().position(|accepted| *accepted == place);
                    model.accepted.remove(found.unwrap());
                }
            }
            Step::Advance(millis) => clock.advance(Duration::from_millis(millis)),
            Step::Restore(name, ago_millis) => {
                let ago = |millis: &u32| now.minus(Duration::from_millis(u64::from(*millis)));
                let moments: Vec<_> = ago_millis.iter().map(ago).collect();
                quotas.restore(NAMES[name], &moments).await;
                model.accepted.extend(moments.into_iter().map(|at| (name, at)));
            }
            Step::End(_) | Step::Refuse(_) => {}
        }
        for (name, text) in NAMES.into_iter().enumerate() {
            let quota = Quota { name: text, requests_per_minute: Some(7), concurrent: Some(7) };
            prop_assert_eq!(quotas.load(&quota).await, model.load(name, clock.now()));
        }
    }
    Ok(())
}

proptest! {
    /// Whatever happens in whatever order, every answer is the model's.
    #[test]
    fn answers_are_the_models(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(steps))?;
    }
}
