//! The price of hard budgets: check, hold and settle of one generation, 64 in parallel, with a budget for
//! the day and one for the month of the team and of the key; the same without any budget; and the bare rows
//! of a generation that nobody pays for.
//!
//! The figures are the CPU time of the whole process for one generation, callers and writing thread; the
//! wall time of the same is in a group of its own. What budgets cost is the difference of the first two
//! lines, what check, hold and settling cost together that of the first and the last.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration, time::Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use provider::{MicroUsd, Timestamp};
use records::{
    Change, Check, Key, KeyHash, Records, Reserve, Rules, Span, Team,
    sqlite::{Durability, Sqlite},
};
use tokio::runtime::Runtime;

use super::{NOW, Step, begin, drive, folder, open, settle};

const PARALLEL: u64 = 64;
const DAY: i64 = 86_400_000;

/// What this process has run, in and out of the kernel, to the hundredth of a second: as `/proc` tells it.
fn cpu() -> Duration {
    let told = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the process may have spaces in it, and ends with a parenthesis.
    let fields = told.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn people(n: u64) -> Vec<Change> {
    let team = Team {
        id: format!("team_{n:025}"),
        name: String::new(),
        models: Vec::new(),
        rules: Rules::default(),
        created_at: NOW,
        revoked_at: None,
    };
    let key = Key {
        id: format!("key_{n:026}"),
        team: team.id.clone(),
        name: String::new(),
        prefix: String::new(),
        scopes: Vec::new(),
        models: Vec::new(),
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let hash = KeyHash([u8::try_from(n).unwrap_or_default(); 32]);
    vec![Change::Team(team), Change::Key(key, hash)]
}

/// Budgets of a day and of thirty, in money and in outputs.
fn checks(owner: &str) -> impl Iterator<Item = Check> {
    let midnight = NOW.millis() / DAY * DAY;
    [1, 30].into_iter().map(move |days| Check {
        span: Span {
            owner: owner.to_owned(),
            since: Timestamp::from_millis(midnight),
            until: Timestamp::from_millis(midnight + days * DAY),
        },
        limit: Some(MicroUsd::from_micros(i64::MAX / 2)),
        outputs: Some(u64::MAX / 2),
    })
}

/// A generation as it begins under budgets.
fn checked(n: u64) -> Vec<Change> {
    let mut changes = begin(n);
    for change in &mut changes {
        let (checked, team, key) = match change {
            Change::Accept(new) => {
                let upper = MicroUsd::from_micros(40_000);
                new.reserve = Reserve { amount: upper, outputs: 1 };
                (&mut new.checks, &new.team, &new.key)
            }
            Change::Attempt(new) => (&mut new.checks, &new.team, &new.key),
            _ => continue,
        };
        checked.extend(checks(team).chain(checks(key)));
    }
    changes
}

/// Begins and settles `count` generations, and tells the process's CPU time and the wall's.
fn live(
    runtime: &Runtime,
    records: &Arc<Sqlite>,
    first: u64,
    count: u64,
    (begins, ends): (Step, Step),
) -> (Duration, Duration) {
    let (ran, started) = (cpu(), Instant::now());
    let (mut done, end) = (first, first + count);
    while done < end {
        let few = (end - done).min(super::TOGETHER);
        runtime.block_on(drive(records, begins, done, few, PARALLEL));
        runtime.block_on(drive(records, ends, done, few, PARALLEL));
        done += few;
    }
    (cpu().saturating_sub(ran), started.elapsed())
}

/// A settlement as the engine writes it, without the asset.
fn paid(n: u64) -> Vec<Change> {
    settle(n).into_iter().filter(|change| !matches!(change, Change::Asset(_))).collect()
}

/// A generation without an attempt: nothing is checked, held or settled.
fn bare(n: u64) -> Vec<Change> {
    begin(n).into_iter().filter(|change| matches!(change, Change::Accept(_))).collect()
}

/// Its end.
fn over(n: u64) -> Vec<Change> {
    settle(n).into_iter().filter(|change| matches!(change, Change::EndGeneration(_))).collect()
}

/// What is compared.
const LIVES: [(&str, (Step, Step)); 3] = [
    ("with four budgets", (checked, paid)),
    ("without budgets", (begin, paid)),
    ("that nobody pays for", (bare, over)),
];

pub(super) fn checking(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap_or_else(|error| unreachable!("{error}"));
    for (durability, kept) in [(Durability::Process, "process"), (Durability::Full, "full")] {
        for of_cpu in [true, false] {
            let told = if of_cpu { "CPU" } else { "wall" };
            let name = format!("a generation, {told}, {PARALLEL} in parallel, durability {kept}");
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(1));
            // Few samples, each long beside a hundredth of a second.
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.measurement_time(Duration::from_secs(10));
            for (name, steps) in LIVES {
                let folder = folder();
                let records = open(folder.path(), durability);
                let known = (0..7).flat_map(people).collect();
                let made = runtime.block_on(records.apply(known));
                assert!(made.is_ok(), "{made:?}");
                let mut done = 0;
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|count| {
                        let (ran, passed) = live(&runtime, &records, done, count, steps);
                        done += count;
                        if of_cpu { ran } else { passed }
                    });
                });
            }
            group.finish();
        }
    }
}
