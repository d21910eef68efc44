//! Random schedules: what there is to do, and the changes that do it.

use proptest::prelude::*;
use provider::{MicroUsd, Timestamp};

use super::{
    super::{
        budgets::DAY,
        samples::{
            accepts, at, attempt, attempts, booking, books, end, hash, idempotent, key, output,
            remote, team,
        },
    },
    model,
};
use crate::{
    Booking, Change, Check, EndAttempt, EndGeneration, KeyHash, Lost, NewAttempt, NewGeneration,
    Outcome, Reserve, Span, Status,
};

/// Generation `n` is asked for with key `n % KEYS`, attempt `n` belongs to generation `n % GENERATIONS`.
pub(super) const GENERATIONS: usize = 3;
pub(super) const ATTEMPTS: usize = 4;
pub(super) const KEYS: usize = 3;
pub(super) const TEAMS: usize = 2;

/// One change, by number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Accept { n: usize, micros: i64, outputs: u64 },
    Attempt { n: usize, micros: i64 },
    Lost(usize),
    Book { n: usize, micros: i64, uncertain: bool, reference: Option<u8>, remote: bool },
    EndAttempt { n: usize, keep: bool },
    End { n: usize, outputs: u64 },
    Late { n: usize, outputs: u64 },
    Erase(usize),
    Correct { n: usize, micros: i64 },
    Lose(usize),
}

/// A list of changes that are made together, perhaps on a new day; the process may die after it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) night: bool,
    pub(super) list: Vec<Step>,
    pub(super) crash: bool,
}

/// Whose a budget is. The last key is the second team's, the others are the first's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Team(usize),
    Key(usize),
}

impl Owner {
    const fn team(key: usize) -> usize {
        if key + 1 < KEYS { 0 } else { 1 }
    }

    pub(super) const fn has(self, key: usize) -> bool {
        match self {
            Self::Team(team) => Self::team(key) == team,
            Self::Key(own) => own == key,
        }
    }
}

/// A hard budget, for a day or for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) owner: Owner,
    pub(super) total: bool,
    pub(super) micros: Option<i64>,
    pub(super) outputs: Option<u64>,
}

/// Budgets, and what happens under them.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) limits: Vec<Limit>,
    pub(super) rounds: Vec<Round>,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let limits = proptest::collection::vec(limit(), 0..4);
    let rounds = proptest::collection::vec(round(), 6..11);
    (limits, rounds).prop_map(|(limits, rounds)| Case { limits, rounds })
}

fn limit() -> impl Strategy<Value = Limit> {
    let owner = prop_oneof![(0..TEAMS).prop_map(Owner::Team), (0..KEYS).prop_map(Owner::Key)];
    let micros = proptest::option::weighted(0.8, 0..150_i64);
    let outputs = proptest::option::weighted(0.3, 0..6_u64);
    (owner, any::<bool>(), micros, outputs).prop_map(|(owner, total, micros, outputs)| Limit {
        owner,
        total,
        micros,
        outputs,
    })
}

fn round() -> impl Strategy<Value = Round> {
    let rarely = || proptest::bool::weighted(0.15);
    // Of a long list one step is refused nearly always, and then all of it is.
    let one = step().prop_map(|step| vec![step]);
    let list = prop_oneof![3 => one, 1 => proptest::collection::vec(step(), 2..4)];
    (rarely(), list, rarely()).prop_map(|(night, list, crash)| Round { night, list, crash })
}

fn step() -> impl Strategy<Value = Step> {
    let (generation, attempt) = (0..GENERATIONS, 0..ATTEMPTS);
    let amount = || prop_oneof![1 => Just(0_i64), 5 => 1..60_i64];
    let book = (
        attempt.clone(),
        prop_oneof![1 => Just(0_i64), 5 => 1..40_i64],
        proptest::bool::weighted(0.3),
        proptest::option::of(0..4_u8),
        any::<bool>(),
    );
    prop_oneof![
        5 => (generation.clone(), amount(), 0..3_u64)
            .prop_map(|(n, micros, outputs)| Step::Accept { n, micros, outputs }),
        6 => (attempt.clone(), amount()).prop_map(|(n, micros)| Step::Attempt { n, micros }),
        1 => attempt.clone().prop_map(Step::Lost),
        5 => book.prop_map(|(n, micros, uncertain, reference, remote)| Step::Book {
            n, micros, uncertain, reference, remote
        }),
        3 => (attempt.clone(), any::<bool>()).prop_map(|(n, keep)| Step::EndAttempt { n, keep }),
        2 => (generation.clone(), 0..3_u64).prop_map(|(n, outputs)| Step::End { n, outputs }),
        1 => (generation.clone(), 1..3_u64).prop_map(|(n, outputs)| Step::Late { n, outputs }),
        1 => generation.prop_map(Step::Erase),
        2 => (attempt.clone(), 0..40_i64).prop_map(|(n, micros)| Step::Correct { n, micros }),
        1 => attempt.prop_map(Step::Lose),
    ]
}

/// The names of one case's rows, so that many cases fit in one database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names(pub(super) usize);

impl Names {
    pub(super) fn team(self, n: usize) -> String {
        format!("team_{}_{n}", self.0)
    }

    fn key(self, n: usize) -> String {
        format!("key_{}_{n}", self.0)
    }

    pub(super) fn generation(self, n: usize) -> String {
        format!("gen_{}_{n}", self.0)
    }

    pub(super) fn attempt(self, n: usize) -> String {
        format!("att_{}_{n}", self.0)
    }

    /// The team of the key of a generation.
    pub(super) fn team_of(self, generation: usize) -> String {
        self.team(Owner::team(model::key(generation)))
    }

    /// The teams and their keys.
    pub(super) fn people(self) -> Vec<Change> {
        let teams = (0..TEAMS).map(|n| Change::Team(team(&self.team(n))));
        let keys = (0..KEYS).map(|n| {
            let KeyHash(mut bytes) = hash(u8::try_from(n).unwrap());
            bytes[..8].copy_from_slice(&self.0.to_le_bytes());
            Change::Key(key(&self.key(n), &self.team(Owner::team(n))), KeyHash(bytes))
        });
        teams.chain(keys).collect()
    }

    pub(super) fn span(self, owner: Owner, total: bool, day: i64) -> Span {
        let owner = match owner {
            Owner::Team(n) => self.team(n),
            Owner::Key(n) => self.key(n),
        };
        if total {
            let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
            return Span { owner, since, until };
        }
        Span { owner, since: at(day * DAY), until: at((day + 1) * DAY) }
    }

    /// The budgets of a generation's key.
    fn checks(self, case: &Case, generation: usize, day: i64) -> Vec<Check> {
        let own = case.limits.iter().filter(|limit| limit.owner.has(model::key(generation)));
        own.map(|limit| Check {
            span: self.span(limit.owner, limit.total, day),
            limit: limit.micros.map(MicroUsd::from_micros),
            outputs: limit.outputs,
        })
        .collect()
    }

    pub(super) fn change(self, case: &Case, step: Step, day: i64) -> Change {
        let now = at(day * DAY + 5);
        match step {
            Step::Accept { n, micros, outputs } => accepts(NewGeneration {
                key: self.key(model::key(n)),
                at: now,
                reserve: Reserve { amount: MicroUsd::from_micros(micros), outputs },
                checks: self.checks(case, n, day),
                ..idempotent(&self.generation(n), &self.team_of(n), &n.to_string(), 1)
            }),
            Step::Attempt { n, micros } => attempts(NewAttempt {
                team: self.team_of(n % GENERATIONS),
                key: self.key(model::key(n % GENERATIONS)),
                account: self.0.to_string(),
                upper: MicroUsd::from_micros(micros),
                at: now,
                checks: self.checks(case, n % GENERATIONS, day),
                ..attempt(&self.attempt(n), &self.generation(n % GENERATIONS))
            }),
            Step::Lost(n) => {
                Change::Lost { attempt: self.attempt(n), lost: Lost { at: now, ended: false } }
            }
            Step::Book { n, micros, uncertain, reference, remote: far } => {
                let reference = reference.map(|n| n.to_string());
                let sample = booking(&self.attempt(n), reference.as_deref(), micros);
                let remote = if far { vec![remote("there")] } else { Vec::new() };
                books(Booking { uncertain, remote, at: now, ..sample })
            }
            Step::EndAttempt { n, keep } => Change::EndAttempt(EndAttempt {
                attempt: self.attempt(n),
                outcome: Outcome::Failed,
                detail: None,
                keep_reserved: keep,
                at: now,
            }),
            Step::End { n, outputs } => Change::EndGeneration(Box::new(EndGeneration {
                outputs: (0..outputs).map(|_| output("ast_1")).collect(),
                at: now,
                ..end(&self.generation(n), Status::Failed)
            })),
            Step::Late { n, outputs } => Change::LateOutputs {
                generation: self.generation(n),
                outputs: (0..outputs).map(|_| output("ast_2")).collect(),
            },
            Step::Erase(n) => Change::Erase { generation: self.generation(n) },
            Step::Correct { n, micros } => {
                let amount = MicroUsd::from_micros(micros);
                Change::Correct { attempt: self.attempt(n), amount, at: now }
            }
            Step::Lose(n) => Change::Lose { attempt: self.attempt(n), at: now },
        }
    }
}
