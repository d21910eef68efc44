//! The price of writing one generation: accepted and attempted, then booked, kept and ended.
//!
//! Alone it is the latency that a caller waits for; 64 in parallel share their commits, and the time
//! of one is what the writing thread needs for it. What hard budgets add to that is in `budgets`.

#[path = "settle/budgets.rs"]
mod budgets;

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use provider::{Kind, MicroUsd, Timestamp};
use records::{
    Asset, Booking, CacheResult, Change, EndAttempt, EndGeneration, NewAttempt, NewGeneration,
    Outcome, OutputRecord, Purse, Records, Reserve, Status,
    sqlite::{Durability, Sqlite},
};
use tokio::{runtime::Runtime, task::JoinSet};

/// Generations that begin before the first of them is settled: as many as may be under way.
const TOGETHER: u64 = 256;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn begin(n: u64) -> Vec<Change> {
    let generation = format!("gen_{n:026}");
    let accept = NewGeneration {
        id: generation.clone(),
        team: format!("team_{:025}", n % 7),
        key: format!("key_{:026}", n % 7),
        kind: Kind::Image,
        model: "photo".to_owned(),
        request: format!("{{\"prompt\":\"{}\"}}", "a fox in the snow, ".repeat(15)),
        metadata: BTreeMap::new(),
        estimated: MicroUsd::from_micros(26_000),
        at: NOW,
        idempotency: None,
        running: true,
        worker: "wrk_1".to_owned(),
        reserve: Reserve::default(),
        checks: Vec::new(),
        cache: CacheResult::Miss,
        source: None,
    };
    let attempt = NewAttempt {
        id: format!("att_{n:026}"),
        generation,
        team: accept.team.clone(),
        key: accept.key.clone(),
        slot: 0,
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        model: "zekron-image-1".to_owned(),
        count: 1,
        upper: MicroUsd::from_micros(40_000),
        at: Timestamp::from_millis(NOW.millis() + n.cast_signed()),
        hold_until: NOW,
        checks: Vec::new(),
    };
    vec![Change::Accept(Box::new(accept)), Change::Attempt(Box::new(attempt))]
}

fn settle(n: u64) -> Vec<Change> {
    let (generation, attempt) = (format!("gen_{n:026}"), format!("att_{n:026}"));
    let id = format!("ast_{n:026}");
    let booking = Booking {
        attempt: attempt.clone(),
        // As a vendor names its work: with no order.
        reference: Some(format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        amount: MicroUsd::from_micros(26_700),
        uncertain: false,
        purse: Purse::Balance,
        remote: Vec::new(),
        at: NOW,
    };
    let asset = Asset {
        id: id.clone(),
        team: format!("team_{:025}", n % 7),
        generation: Some(generation.clone()),
        media_type: "image/png".to_owned(),
        bytes: 1_500_000,
        hash: [7; 32],
        width: Some(1024),
        height: Some(1024),
        millis: None,
        created_at: NOW,
        expires_at: Timestamp::from_millis(NOW.millis() + n.cast_signed()),
        blob: None,
    };
    let output = OutputRecord {
        asset: Some(id),
        media_type: "image/png".to_owned(),
        width: Some(1024),
        height: Some(1024),
        bytes: 1_500_000,
        expires_at: Some(NOW),
        ..OutputRecord::default()
    };
    let end = EndGeneration {
        id: generation,
        status: Status::Completed,
        outputs: vec![output],
        made_by: Some(("zekron".to_owned(), "zekron-image-1".to_owned(), "main".to_owned())),
        adjustments: BTreeMap::new(),
        error: None,
        at: NOW,
        source: None,
    };
    let over = EndAttempt {
        attempt,
        outcome: Outcome::Completed,
        detail: None,
        keep_reserved: false,
        at: NOW,
    };
    vec![
        Change::Book(Box::new(booking)),
        Change::Asset(Box::new(asset)),
        Change::EndAttempt(over),
        Change::EndGeneration(Box::new(end)),
    ]
}

type Step = fn(u64) -> Vec<Change>;

/// Applies a step to `count` generations from `first` on, `parallel` at a time.
async fn drive(records: &Arc<Sqlite>, step: Step, first: u64, count: u64, parallel: u64) {
    let next = Arc::new(AtomicU64::new(first));
    let mut tasks = JoinSet::new();
    for _ in 0..parallel {
        let (records, next) = (Arc::clone(records), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= first + count {
                    return;
                }
                let applied = records.apply(step(n)).await;
                assert!(applied.is_ok(), "{applied:?}");
            }
        });
    }
    tasks.join_all().await;
}

fn fresh(folder: &Path) -> Arc<Sqlite> {
    open(folder, Durability::Process)
}

fn open(folder: &Path, durability: Durability) -> Arc<Sqlite> {
    let opened = Sqlite::open(&folder.join("atelier.db"), durability);
    assert!(opened.is_ok(), "{opened:?}");
    opened.map(Arc::new).unwrap_or_else(|error| unreachable!("{error}"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"))
}

fn writing(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap_or_else(|error| unreachable!("{error}"));
    let folder = folder();
    let records = fresh(folder.path());
    let mut done = 0;
    for parallel in [1, 64] {
        let mut group = criterion.benchmark_group(format!("{parallel} in parallel"));
        group.throughput(Throughput::Elements(1));
        let mut measure = |name: &str, begun: bool, step: Step| {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|count| {
                    let mut spent = Duration::ZERO;
                    let end = done + count;
                    while done < end {
                        let few = (end - done).min(TOGETHER);
                        if begun {
                            runtime.block_on(drive(&records, begin, done, few, parallel));
                        }
                        let started = Instant::now();
                        runtime.block_on(drive(&records, step, done, few, parallel));
                        spent += started.elapsed();
                        done += few;
                    }
                    spent
                });
            });
        };
        measure("accept, attempt", false, begin);
        measure("book, asset, end", true, settle);
        group.finish();
    }
}

fn reading(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap_or_else(|error| unreachable!("{error}"));
    let folder = folder();
    let records = fresh(folder.path());
    runtime.block_on(drive(&records, begin, 0, 10_000, 64));
    runtime.block_on(drive(&records, settle, 0, 10_000, 64));
    let mut n: u64 = 0;
    criterion.bench_function("read a generation", |bencher| {
        bencher.iter(|| {
            n = (n + 7919) % 10_000;
            let (team, id) = (format!("team_{:025}", n % 7), format!("gen_{n:026}"));
            black_box(runtime.block_on(records.generation(&team, &id)))
        });
    });
    criterion.bench_function("read an asset", |bencher| {
        bencher.iter(|| {
            n = (n + 7919) % 10_000;
            black_box(runtime.block_on(records.asset(&format!("ast_{n:026}"))))
        });
    });
    criterion.bench_function("open a new database", |bencher| {
        bencher.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            for _ in 0..count {
                let folder = self::folder();
                let started = Instant::now();
                let opened = fresh(folder.path());
                spent += started.elapsed();
                drop(opened);
            }
            spent
        });
    });
}

criterion_group!(benches, writing, reading, budgets::checking);
criterion_main!(benches);
