//! Random schedules, held against a model that is simple enough to be believed.

use std::{cell::Cell, collections::BTreeMap, future::Future, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use provider::MicroUsd;

use super::samples::{accepts, at, attempts, booking, books, ended, ends, idempotent, remote};
use crate::{AttemptState, Booking, Change, Error, Lost, NewAttempt, Page, Records, Status};

/// One change, by number: three generations, of which attempt `n` belongs to generation `n % 3`.
#[derive(Debug, Clone, Copy)]
enum Step {
    Accept(usize),
    Attempt(usize),
    Lose(usize),
    Book { attempt: usize, micros: i64, uncertain: bool, reference: Option<u8>, remote: bool },
    EndAttempt(usize),
    End(usize),
    Erase(usize),
}

const GENERATIONS: usize = 3;
const ATTEMPTS: usize = 6;

fn step() -> impl Strategy<Value = Step> {
    let book = (
        0..ATTEMPTS,
        prop_oneof![Just(0_i64), 1..1000_i64],
        any::<bool>(),
        proptest::option::of(0..3_u8),
        any::<bool>(),
    );
    prop_oneof![
        3 => (0..GENERATIONS).prop_map(Step::Accept),
        4 => (0..ATTEMPTS).prop_map(Step::Attempt),
        1 => (0..ATTEMPTS).prop_map(Step::Lose),
        4 => book.prop_map(|(attempt, micros, uncertain, reference, remote)| Step::Book {
            attempt, micros, uncertain, reference, remote
        }),
        3 => (0..ATTEMPTS).prop_map(Step::EndAttempt),
        2 => (0..GENERATIONS).prop_map(Step::End),
        1 => (0..GENERATIONS).prop_map(Step::Erase),
    ]
}

/// Why the model refuses a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Used,
    Stale,
    Claimed,
    Twice,
}

impl Refusal {
    const fn of(error: &Error) -> Self {
        match error {
            Error::Used(_) => Self::Used,
            Error::Stale(_) => Self::Stale,
            Error::Claimed(_) => Self::Claimed,
            Error::Storage(_) => Self::Twice,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Generation {
    ended: bool,
    erased: bool,
    charged: i64,
    uncertain: i64,
}

#[derive(Debug, Clone)]
struct Attempt {
    state: AttemptState,
    held: bool,
    booked: Option<i64>,
    reference: Option<u8>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    generations: BTreeMap<usize, Generation>,
    attempts: BTreeMap<usize, Attempt>,
}

impl Model {
    fn make(&mut self, step: Step) -> Result<(), Refusal> {
        match step {
            Step::Accept(n) => match self.generations.insert(n, Generation::default()) {
                None => Ok(()),
                Some(_) => Err(Refusal::Used),
            },
            Step::Attempt(n) => self.begin(n),
            Step::Lose(n) => {
                let attempt = self.attempts.get_mut(&n).ok_or(Refusal::Stale)?;
                if matches!(attempt.state, AttemptState::Fetching | AttemptState::Ended) {
                    return Err(Refusal::Stale);
                }
                attempt.state = AttemptState::Lost;
                Ok(())
            }
            Step::Book { attempt, micros, uncertain, reference, remote } => {
                self.book(attempt, micros, uncertain, reference, remote)
            }
            Step::EndAttempt(n) => {
                let attempt = self.attempts.get_mut(&n).ok_or(Refusal::Stale)?;
                if attempt.state == AttemptState::Ended {
                    return Err(Refusal::Stale);
                }
                (attempt.state, attempt.held) = (AttemptState::Ended, false);
                Ok(())
            }
            Step::End(n) => match self.generations.get_mut(&n) {
                Some(generation) if !generation.ended => {
                    generation.ended = true;
                    Ok(())
                }
                _ => Err(Refusal::Stale),
            },
            Step::Erase(n) => match self.generations.get_mut(&n) {
                Some(generation) if !generation.erased => {
                    generation.erased = true;
                    Ok(())
                }
                _ => Err(Refusal::Stale),
            },
        }
    }

    fn begin(&mut self, n: usize) -> Result<(), Refusal> {
        let open = self.generations.get(&(n % GENERATIONS)).is_some_and(|one| !one.ended);
        if !open {
            return Err(Refusal::Stale);
        }
        let new =
            Attempt { state: AttemptState::Submitting, held: true, booked: None, reference: None };
        match self.attempts.insert(n, new) {
            None => Ok(()),
            Some(_) => Err(Refusal::Twice),
        }
    }

    fn book(
        &mut self,
        n: usize,
        micros: i64,
        uncertain: bool,
        reference: Option<u8>,
        remote: bool,
    ) -> Result<(), Refusal> {
        let taken =
            self.attempts.values().any(|one| reference.is_some() && one.reference == reference);
        let attempt = self.attempts.get_mut(&n).ok_or(Refusal::Stale)?;
        if attempt.booked.is_some() {
            return Err(Refusal::Stale);
        }
        if taken {
            return Err(Refusal::Claimed);
        }
        attempt.booked = Some(micros);
        attempt.reference = reference;
        attempt.held = false;
        if remote && attempt.state != AttemptState::Ended {
            attempt.state = AttemptState::Fetching;
        }
        let generation = self.generations.entry(n % GENERATIONS).or_default();
        generation.charged += micros;
        generation.uncertain += if uncertain { micros } else { 0 };
        Ok(())
    }
}

/// The names of one schedule's rows, so that all schedules fit in one database.
struct Names {
    team: String,
    case: u32,
}

impl Names {
    fn generation(&self, n: usize) -> String {
        format!("gen_{}_{n}", self.case)
    }

    fn attempt(&self, n: usize) -> String {
        format!("att_{}_{n}", self.case)
    }

    fn change(&self, step: Step) -> Change {
        match step {
            Step::Accept(n) => {
                accepts(idempotent(&self.generation(n), &self.team, &n.to_string(), 1))
            }
            Step::Attempt(n) => attempts(NewAttempt {
                team: self.team.clone(),
                account: self.case.to_string(),
                upper: MicroUsd::from_micros(1000),
                ..super::samples::attempt(&self.attempt(n), &self.generation(n % GENERATIONS))
            }),
            Step::Lose(n) => {
                Change::Lost { attempt: self.attempt(n), lost: Lost { at: at(12), ended: false } }
            }
            Step::Book { attempt, micros, uncertain, reference, remote: far } => {
                let reference = reference.map(|n| n.to_string());
                let sample = booking(&self.attempt(attempt), reference.as_deref(), micros);
                let remote = if far { vec![remote("there")] } else { Vec::new() };
                books(Booking { uncertain, remote, ..sample })
            }
            Step::EndAttempt(n) => ended(&self.attempt(n)),
            Step::End(n) => ends(&self.generation(n), Status::Failed),
            Step::Erase(n) => Change::Erase { generation: self.generation(n) },
        }
    }
}

/// Lists of one to three changes in any order do exactly what the model says, and the money of the
/// records is the money of the model.
///
/// # Panics
/// With the shortest schedule that does not.
pub fn random_schedules<F, K>(fresh: fn() -> F)
where
    F: Future<Output = (Arc<dyn Records>, K)>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (records, _kept) = runtime.block_on(fresh());
    let case = Cell::new(0);
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let schedules = proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..40);
    let outcome = TestRunner::new(config).run(&schedules, |schedule| {
        case.set(case.get() + 1);
        let names = Names { team: format!("team_{}", case.get()), case: case.get() };
        runtime.block_on(check(&records, &names, &schedule))
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}

async fn check(
    records: &Arc<dyn Records>,
    names: &Names,
    schedule: &[Vec<Step>],
) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for list in schedule {
        let mut next = model.clone();
        let expected = list.iter().try_for_each(|step| next.make(*step));
        let changes = list.iter().map(|step| names.change(*step)).collect();
        let made = records.apply(changes).await;
        prop_assert_eq!(made.map_err(|error| Refusal::of(&error)), expected, "{:?}", list);
        if expected.is_ok() {
            model = next;
        }
    }
    compare(records, names, &model).await
}

async fn compare(
    records: &Arc<dyn Records>,
    names: &Names,
    model: &Model,
) -> Result<(), TestCaseError> {
    for (n, expected) in &model.generations {
        let found = records.generation(&names.team, &names.generation(*n)).await.unwrap();
        prop_assert_eq!(found.is_none(), expected.erased);
        let Some(found) = found else { continue };
        prop_assert_eq!(found.status == Status::Failed, expected.ended);
        prop_assert_eq!(found.cost.charged.micros(), expected.charged);
        prop_assert_eq!(found.cost.uncertain.micros(), expected.uncertain);
        for attempt in &found.attempts {
            let number = (0..ATTEMPTS).find(|n| names.attempt(*n) == attempt.id).unwrap();
            let expected = &model.attempts[&number];
            prop_assert_eq!(attempt.state, expected.state);
            prop_assert_eq!(attempt.charged.micros(), expected.booked.unwrap_or(0));
        }
    }
    let holds = model.attempts.values().filter(|attempt| attempt.held).count();
    let held = records.held(&names.team).await.unwrap().micros();
    prop_assert_eq!(held, i64::try_from(holds).unwrap() * 1000);
    let booked: Vec<i64> = model.attempts.values().filter_map(|attempt| attempt.booked).collect();
    let entries = records.ledger(Some(&names.team), Page::first(100)).await.unwrap();
    prop_assert_eq!(entries.len(), booked.iter().filter(|micros| **micros > 0).count() * 2);
    prop_assert_eq!(entries.iter().map(|entry| entry.amount.micros()).sum::<i64>(), 0);
    let usage = records.usage(&names.team, at(0), at(99)).await.unwrap();
    prop_assert_eq!(usage.charged.micros(), booked.iter().sum::<i64>());
    Ok(())
}
