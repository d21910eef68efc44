//! Random schedules of whatever happens to generations and their money, under random budgets, held
//! against a model that is simple enough to be believed.
//!
//! Many cases run side by side in one database, each with teams of its own, in rounds: so they race for
//! commits, and the books are verified once a round for all of them. A case that fails runs again alone,
//! and is made shorter as long as it fails.

mod model;
mod steps;

use std::{collections::BTreeMap, future::Future, sync::Arc};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio::task::JoinSet;

use self::{
    model::{Model, Refusal},
    steps::{ATTEMPTS, Case, Names, TEAMS, case},
};
use crate::{LedgerEntry, LedgerFilter, Page, Records, Result, Status};

const CASES: usize = 10_000;
/// Side by side.
const TOGETHER: usize = 200;

/// Which of the cases went wrong, and how.
type Wrong = (usize, String);

/// Records that can die and be opened again.
struct Opened<K> {
    records: Arc<dyn Records>,
    kept: K,
    again: fn(&K) -> Arc<dyn Records>,
}

impl<K> Opened<K> {
    fn crash(self) -> Self {
        let Self { records, kept, again } = self;
        drop(records);
        Self { records: again(&kept), kept, again }
    }
}

/// Lists of changes in any order do exactly what the model says, whoever else writes and whenever the
/// process dies; the books add up after every one of them, no hard budget is passed while vendors charge
/// no more than is held, and nobody is refused whom the budgets cover.
///
/// # Panics
/// With the shortest schedule for which that is not so.
pub fn random_schedules<F, K>(fresh: fn() -> F, again: fn(&K) -> Arc<dyn Records>)
where
    F: Future<Output = (Arc<dyn Records>, K)>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |cases: Vec<Case>| {
        runtime.block_on(async {
            let (records, kept) = fresh().await;
            together(Opened { records, kept, again }, &cases).await
        })
    };
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    for _ in 0..CASES / TOGETHER {
        let new = |runner: &mut TestRunner| case().new_tree(runner).unwrap();
        let mut trees: Vec<_> = (0..TOGETHER).map(|_| new(&mut runner)).collect();
        let Err((nth, why)) = run(trees.iter().map(ValueTree::current).collect()) else {
            continue;
        };
        let tree = trees.swap_remove(nth);
        let whole = tree.current();
        let alone = |case: Case| run(vec![case]).map_err(|(_, why)| TestCaseError::fail(why));
        let shortest = runner.run_one(tree, alone);
        assert!(shortest.is_ok(), "{shortest:?}");
        unreachable!("only beside others: {why}: {whole:?}");
    }
}

async fn together<K>(mut opened: Opened<K>, cases: &[Case]) -> Result<(), Wrong> {
    let people = (0..cases.len()).flat_map(|n| Names(n).people()).collect();
    opened.records.apply(people).await.unwrap();
    let mut models: Vec<Model> = cases.iter().map(Model::of).collect();
    let rounds = cases.iter().map(|case| case.rounds.len()).max().unwrap_or_default();
    for round in 0..rounds {
        make(&opened.records, cases, &mut models, round).await?;
        // One's death is everybody's.
        if cases[0].rounds.get(round).is_some_and(|round| round.crash) {
            opened = opened.crash();
        }
        stands(&opened.records, cases, &models).await?;
        let findings = opened.records.verify().await.unwrap();
        if let Some(first) = findings.first() {
            let belongs = |n: &usize| {
                let place = first.place.split(['_', ' ']).nth(1);
                place == Some(n.to_string().as_str())
            };
            let nth = (0..cases.len()).find(belongs).unwrap_or_default();
            return Err((nth, format!("the books do not add up: {findings:?}")));
        }
    }
    let entries = opened.records.ledger(LedgerFilter::default(), Page::first(u32::MAX)).await;
    let mut of_teams: BTreeMap<String, Vec<LedgerEntry>> = BTreeMap::new();
    for entry in entries.unwrap() {
        of_teams.entry(entry.team.clone()).or_default().push(entry);
    }
    for (n, model) in models.iter().enumerate() {
        compare(&opened.records, &of_teams, Names(n), model).await.map_err(|why| (n, why))?;
    }
    Ok(())
}

/// Makes one round of each case, all at once.
async fn make(
    records: &Arc<dyn Records>,
    cases: &[Case],
    models: &mut [Model],
    round: usize,
) -> Result<(), Wrong> {
    let mut racing = JoinSet::new();
    let mut expected = Vec::new();
    for (n, (case, model)) in cases.iter().zip(models).enumerate() {
        let Some(round) = case.rounds.get(round) else {
            expected.push(Ok(()));
            continue;
        };
        model.day += i64::from(round.night);
        let mut next = model.clone();
        let result = round.list.iter().try_for_each(|step| next.make(*step));
        if result.is_ok() {
            *model = next;
        }
        expected.push(result);
        let change = |step: &_| Names(n).change(case, *step, model.day);
        let changes = round.list.iter().map(change).collect();
        let records = Arc::clone(records);
        racing.spawn(async move { (n, records.apply(changes).await) });
    }
    for (n, made) in racing.join_all().await {
        let told = made.as_ref().map_err(Refusal::of).copied();
        if told != expected[n] {
            return Err((n, format!("round {round}: {made:?}, not {:?}", expected[n])));
        }
    }
    Ok(())
}

/// Every budget stands as the model says, and none is passed.
async fn stands(records: &Arc<dyn Records>, cases: &[Case], models: &[Model]) -> Result<(), Wrong> {
    let (mut spans, mut expected) = (Vec::new(), Vec::new());
    for (n, (case, model)) in cases.iter().zip(models).enumerate() {
        if let Some(limit) = model.passed() {
            return Err((
                n,
                format!("{limit:?} is passed: {:?}", model.stands(limit.owner, limit.total)),
            ));
        }
        for limit in &case.limits {
            spans.push(Names(n).span(limit.owner, limit.total, model.day));
            expected.push((n, limit, model.stands(limit.owner, limit.total)));
        }
    }
    let found = records.standings(spans).await.unwrap();
    for ((n, limit, expected), found) in expected.into_iter().zip(found) {
        let found =
            (found.charged.micros(), found.held.micros(), found.outputs, found.outputs_held);
        if found != expected {
            return Err((n, format!("{limit:?} stands at {found:?}, not {expected:?}")));
        }
    }
    Ok(())
}

/// What is kept of a case is what the model has.
async fn compare(
    records: &Arc<dyn Records>,
    entries: &BTreeMap<String, Vec<LedgerEntry>>,
    names: Names,
    model: &Model,
) -> Result<(), String> {
    let same = |what: &str, found: i64, expected: i64| match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found}, not {expected}")),
    };
    for (n, expected) in &model.generations {
        let (team, id) = (names.team_of(*n), names.generation(*n));
        let found = records.generation(&team, &id).await.unwrap();
        same("generations", found.iter().len() as i64, i64::from(!expected.erased))?;
        let Some(found) = found else { continue };
        let over = i64::from(found.status == Status::Failed);
        same(&id, over, i64::from(expected.ended.is_some()))?;
        same(&id, found.cost.charged.micros(), expected.charged)?;
        same(&id, found.cost.uncertain.micros(), expected.uncertain)?;
        for attempt in &found.attempts {
            let number = (0..ATTEMPTS).find(|n| names.attempt(*n) == attempt.id).unwrap();
            let expected = &model.attempts[&number];
            same(&attempt.id, i64::from(attempt.state == expected.state), 1)?;
            same(&attempt.id, attempt.charged.micros(), expected.charged)?;
        }
    }
    let mut counted = 0;
    for n in 0..TEAMS {
        let team = names.team(n);
        let (charged, held, ..) = model.stands(steps::Owner::Team(n), true);
        same("held", records.held(&team).await.unwrap().micros(), held)?;
        let own = entries.get(&team).map_or(&[][..], Vec::as_slice);
        let borne = own.iter().filter(|entry| entry.account.starts_with("team:"));
        same("charged", borne.map(|entry| -entry.amount.micros()).sum(), charged)?;
        counted += own.len();
    }
    match counted == model.entries {
        true => Ok(()),
        false => Err(format!("{counted} entries, not {}", model.entries)),
    }
}
