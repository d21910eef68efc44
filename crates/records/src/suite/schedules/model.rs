//! What the records must do, simple enough to be believed: every sum is added up anew.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{ATTEMPTS, Case, GENERATIONS, Limit, Owner, Step};
use crate::{AttemptState, Error};

/// Why the model refuses a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Used,
    Stale,
    Claimed,
    Twice,
    Budget,
}

impl Refusal {
    pub(super) const fn of(error: &Error) -> Self {
        match error {
            Error::Used(_) => Self::Used,
            Error::Stale(_) => Self::Stale,
            Error::Claimed(_) => Self::Claimed,
            Error::Storage(_) => Self::Twice,
            Error::Budget(_) => Self::Budget,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Generation {
    /// The day of its end.
    pub(super) ended: Option<i64>,
    pub(super) erased: bool,
    pub(super) charged: i64,
    pub(super) uncertain: i64,
    reserve: i64,
    outputs_reserved: u64,
    made: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) state: AttemptState,
    pub(super) charged: i64,
    booked: bool,
    uncertain: bool,
    corrected: bool,
    lost: bool,
    held: i64,
    reference: Option<u8>,
}

/// What a team bears: with which key, on which day.
#[derive(Debug, Clone, Copy)]
struct Charge {
    key: usize,
    day: i64,
    amount: i64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) day: i64,
    limits: Vec<Limit>,
    pub(super) generations: BTreeMap<usize, Generation>,
    pub(super) attempts: BTreeMap<usize, Attempt>,
    charges: Vec<Charge>,
    /// Entries of the ledger.
    pub(super) entries: usize,
    /// Keys with which a vendor charged more than was held, and those whose generations made more than
    /// was asked for: no budget can help that.
    overcharged: BTreeSet<usize>,
    overmade: BTreeSet<usize>,
}

/// How a span stands: charged, held, outputs, outputs under way.
pub(super) type Stands = (i64, i64, u64, u64);

impl Model {
    pub(super) fn of(case: &Case) -> Self {
        Self { limits: case.limits.clone(), ..Self::default() }
    }

    pub(super) fn stands(&self, owner: Owner, total: bool) -> Stands {
        let within = |day: i64| total || day == self.day;
        let charges = self.charges.iter().filter(|one| owner.has(one.key) && within(one.day));
        let charged = charges.map(|one| one.amount).sum();
        let of = |n: &usize| owner.has(key(*n));
        let attempts = self.attempts.iter().filter(|(n, _)| of(&(**n % GENERATIONS)));
        let own = || self.generations.iter().filter(|(n, _)| of(n)).map(|(_, one)| one);
        let held = attempts.map(|(_, one)| one.held).sum::<i64>();
        let reserved = own().map(|one| one.reserve).sum::<i64>();
        let made = own().filter(|one| one.ended.is_some_and(within)).map(|one| one.made).sum();
        (charged, held + reserved, made, own().map(|one| one.outputs_reserved).sum())
    }

    /// Whether every budget of a key covers so much more.
    fn covers(&self, key: usize, amount: i64, outputs: u64) -> bool {
        self.limits.iter().filter(|limit| limit.owner.has(key)).all(|limit| {
            let (charged, held, made, under_way) = self.stands(limit.owner, limit.total);
            let fits = |most: i64| amount == 0 || charged.max(0) + held + amount <= most;
            let few = |most: u64| outputs == 0 || made + under_way + outputs <= most;
            limit.micros.is_none_or(fits) && limit.outputs.is_none_or(few)
        })
    }

    /// A hard budget that is passed though no vendor charged more than was held.
    pub(super) fn passed(&self) -> Option<&Limit> {
        self.limits.iter().find(|limit| {
            let (charged, held, made, under_way) = self.stands(limit.owner, limit.total);
            let blame = |keys: &BTreeSet<usize>| keys.iter().any(|key| limit.owner.has(*key));
            limit.micros.is_some_and(|most| charged.max(0) + held > most)
                && !blame(&self.overcharged)
                || limit.outputs.is_some_and(|most| made + under_way > most)
                    && !blame(&self.overmade)
        })
    }

    pub(super) fn make(&mut self, step: Step) -> Result<(), Refusal> {
        match step {
            Step::Accept { n, micros, outputs } => self.accept(n, micros, outputs),
            Step::Attempt { n, micros } => self.begin(n, micros),
            Step::Lost(n) => {
                let attempt = self.attempts.get_mut(&n).ok_or(Refusal::Stale)?;
                if matches!(attempt.state, AttemptState::Fetching | AttemptState::Ended) {
                    return Err(Refusal::Stale);
                }
                attempt.state = AttemptState::Lost;
                Ok(())
            }
            Step::Book { n, micros, uncertain, reference, remote } => {
                self.book(n, micros, uncertain, reference, remote)
            }
            Step::EndAttempt { n, keep } => self.end_attempt(n, keep),
            Step::End { n, outputs } => self.end(n, outputs),
            Step::Late { n, outputs } => self.late(n, outputs),
            Step::Erase(n) => match self.generations.get_mut(&n) {
                Some(generation) if !generation.erased => {
                    generation.erased = true;
                    Ok(())
                }
                _ => Err(Refusal::Stale),
            },
            Step::Correct { n, micros } => self.correct(n, micros),
            Step::Lose(n) => self.lose(n),
        }
    }

    fn accept(&mut self, n: usize, micros: i64, outputs: u64) -> Result<(), Refusal> {
        if self.generations.contains_key(&n) {
            return Err(Refusal::Used);
        }
        if !self.covers(key(n), micros, outputs) {
            return Err(Refusal::Budget);
        }
        let new =
            Generation { reserve: micros, outputs_reserved: outputs, ..Generation::default() };
        self.generations.insert(n, new);
        Ok(())
    }

    fn begin(&mut self, n: usize, micros: i64) -> Result<(), Refusal> {
        let of = n % GENERATIONS;
        let open = self.generations.get(&of).filter(|one| one.ended.is_none());
        let moved = open.ok_or(Refusal::Stale)?.reserve.min(micros);
        if self.attempts.contains_key(&n) {
            return Err(Refusal::Twice);
        }
        if !self.covers(key(of), micros - moved, 0) {
            return Err(Refusal::Budget);
        }
        self.generations.entry(of).or_default().reserve -= moved;
        let new = Attempt {
            state: AttemptState::Submitting,
            charged: 0,
            booked: false,
            uncertain: false,
            corrected: false,
            lost: false,
            held: micros,
            reference: None,
        };
        self.attempts.insert(n, new);
        Ok(())
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
        if attempt.booked {
            return Err(Refusal::Stale);
        }
        if taken {
            return Err(Refusal::Claimed);
        }
        let key = key(n % GENERATIONS);
        if micros > attempt.held {
            self.overcharged.insert(key);
        }
        (attempt.booked, attempt.charged, attempt.uncertain) = (true, micros, uncertain);
        (attempt.reference, attempt.held) = (reference, 0);
        if remote && attempt.state != AttemptState::Ended {
            attempt.state = AttemptState::Fetching;
        }
        let generation = self.generations.entry(n % GENERATIONS).or_default();
        generation.charged += micros;
        generation.uncertain += if uncertain { micros } else { 0 };
        self.charges.push(Charge { key, day: self.day, amount: micros });
        self.entries += if micros > 0 { 2 } else { 0 };
        Ok(())
    }

    fn end_attempt(&mut self, n: usize, keep: bool) -> Result<(), Refusal> {
        let attempt = self.attempts.get_mut(&n).ok_or(Refusal::Stale)?;
        if attempt.state == AttemptState::Ended {
            return Err(Refusal::Stale);
        }
        attempt.state = AttemptState::Ended;
        let free = std::mem::take(&mut attempt.held);
        let generation = self.generations.entry(n % GENERATIONS).or_default();
        if keep && generation.ended.is_none() {
            generation.reserve += free;
        }
        Ok(())
    }

    fn end(&mut self, n: usize, outputs: u64) -> Result<(), Refusal> {
        let found = self.generations.get_mut(&n).filter(|one| one.ended.is_none());
        let generation = found.ok_or(Refusal::Stale)?;
        if outputs > generation.outputs_reserved {
            self.overmade.insert(key(n));
        }
        (generation.ended, generation.made) = (Some(self.day), outputs);
        (generation.reserve, generation.outputs_reserved) = (0, 0);
        Ok(())
    }

    fn late(&mut self, n: usize, outputs: u64) -> Result<(), Refusal> {
        let found = self.generations.get_mut(&n).filter(|one| one.ended.is_some());
        let generation = found.ok_or(Refusal::Stale)?;
        if !generation.erased {
            generation.made += outputs;
            self.overmade.insert(key(n));
        }
        Ok(())
    }

    fn correct(&mut self, n: usize, micros: i64) -> Result<(), Refusal> {
        let attempt = self.attempts.get_mut(&n).filter(|one| one.booked).ok_or(Refusal::Stale)?;
        if attempt.charged < micros {
            return Err(Refusal::Stale);
        }
        if attempt.corrected {
            return Err(Refusal::Twice);
        }
        let generation = self.generations.entry(n % GENERATIONS).or_default();
        generation.charged -= micros;
        generation.uncertain -= if attempt.uncertain { micros } else { 0 };
        attempt.uncertain &= attempt.charged > micros;
        (attempt.charged, attempt.corrected) = (attempt.charged - micros, true);
        self.entries += 2;
        if !attempt.lost {
            let key = key(n % GENERATIONS);
            self.charges.push(Charge { key, day: self.day, amount: -micros });
        }
        Ok(())
    }

    fn lose(&mut self, n: usize) -> Result<(), Refusal> {
        let found = self.attempts.get_mut(&n).filter(|one| one.booked);
        let attempt = found.filter(|one| !one.lost && !one.uncertain).ok_or(Refusal::Stale)?;
        if attempt.charged > 0 {
            attempt.lost = true;
            self.entries += 2;
            let key = key(n % GENERATIONS);
            self.charges.push(Charge { key, day: self.day, amount: -attempt.charged });
        }
        Ok(())
    }
}

/// The key that a generation was asked for with.
pub(super) const fn key(generation: usize) -> usize {
    generation % super::steps::KEYS
}

const _: () = assert!(ATTEMPTS > GENERATIONS);
