//! What a contended account and a busy team's quotas cost.
//!
//! A line is measured at the moment that matters: a slot becomes free, the next one of all those who
//! wait takes it, and its team asks again. It must cost about the same however long the line is.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has no figure")]

use std::{
    collections::HashMap,
    future::Future,
    hint::black_box,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use coordination::{
    Busy, Lease, Quota, Quotas, Share, Turns,
    memory::{MemoryQuotas, MemoryTurns},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use provider::{Clock, Limits, Sleep, SystemClock, Timestamp};

const TEAMS: usize = 40;

/// A clock that shows the next millisecond whenever it is looked at, so that each request that is
/// admitted lets an old one pass.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Timestamp) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Lease, Busy>> + Send + 'a>>;

/// Says which of those who wait was woken, as a runtime's queue does.
struct Ring(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// An account's only slot, and those who wait for it.
struct Line<'a> {
    turns: &'a MemoryTurns,
    limits: &'a Limits,
    teams: &'a [String],
    woken: Arc<Mutex<Vec<usize>>>,
    waiting: HashMap<usize, Waiting<'a>>,
    held: Option<Lease>,
}

impl<'a> Line<'a> {
    fn ask(&mut self, number: usize) {
        let team = number % TEAMS;
        let weight = if team == 0 { 3 } else { 1 };
        let share = Share { team: &self.teams[team], weight };
        self.waiting.insert(number, self.turns.lease("a", self.limits, share, None));
        assert!(self.poll(number).is_none(), "the slot is taken");
    }

    fn poll(&mut self, number: usize) -> Option<Lease> {
        let waker = Waker::from(Arc::new(Ring(number, Arc::clone(&self.woken))));
        let waiting = self.waiting.get_mut(&number)?;
        match waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(lease) => {
                self.waiting.remove(&number);
                lease.ok()
            }
            Poll::Pending => None,
        }
    }

    /// The slot goes on to the next one, who will ask again.
    fn serve(&mut self) {
        self.held = None;
        loop {
            let number = self.woken.lock().unwrap().pop().unwrap();
            if let Some(lease) = self.poll(number) {
                self.held = Some(lease);
                return self.ask(number);
            }
        }
    }
}

fn line(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let limits = Limits { concurrent: Some(1), ..Limits::none(Duration::ZERO) };
    let teams: Vec<_> = (0..TEAMS).map(|team| format!("team_{team:026}")).collect();
    let mut group = criterion.benchmark_group("a slot goes to the next of a line");
    group.throughput(Throughput::Elements(1));
    for waiters in [40, 2_000, 20_000] {
        let turns = MemoryTurns::new(Arc::new(SystemClock), Duration::ZERO);
        let held = runtime.block_on(turns.try_lease("a", &limits)).ok();
        let (woken, waiting) = (Arc::default(), HashMap::new());
        let mut line = Line { turns: &turns, limits: &limits, teams: &teams, woken, waiting, held };
        for number in 0..waiters {
            line.ask(number);
        }
        group.bench_function(BenchmarkId::from_parameter(waiters), |bencher| {
            bencher.iter(|| line.serve());
        });
    }
}

fn quotas(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let quotas = MemoryQuotas::new(Arc::new(Ticking::default()));
    let names: Vec<_> = (0..TEAMS)
        .map(|team| (format!("team_{team:026}"), format!("team_{team:026}/image")))
        .collect();
    let next = AtomicU64::new(0);
    let asked = |rate| {
        let turn = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
        let (team, kind) = &names[turn % TEAMS];
        [team, kind].map(|name| Quota {
            name,
            requests_per_minute: Some(rate),
            concurrent: Some(1_000),
        })
    };
    let mut group = criterion.benchmark_group("quotas of a team and of its kind");
    group.throughput(Throughput::Elements(1));
    // 40 teams with 1,500 requests each in their minutes.
    let admit = || runtime.block_on(quotas.admit(black_box(&asked(2_000)))).unwrap();
    for _ in 0..60_000 {
        drop(admit());
    }
    group.bench_function("admitted", |bencher| bencher.iter(admit));
    group.bench_function("refused after all", |bencher| bencher.iter(|| admit().refused()));
    group.bench_function("denied", |bencher| {
        bencher.iter(|| runtime.block_on(quotas.admit(black_box(&asked(0)))).unwrap_err());
    });
}

criterion_group!(benches, line, quotas);
criterion_main!(benches);
