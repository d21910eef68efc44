//! Drift that was entered before: what is on the books is no difference any more.

use std::collections::{HashMap, HashSet};

use provider::MicroUsd;
use records::DriftEntry;

/// Characters of a hash in the name of an entry.
const NAME_CHARS: usize = 24;

/// Drift that is on the books, by what it was entered for.
#[derive(Debug)]
pub(super) struct Drifts {
    account: String,
    /// The sum and the number of entries, by the hash in their names.
    entered: HashMap<String, (MicroUsd, u32)>,
}

impl Drifts {
    pub(super) fn of(account: &str, drifts: &[DriftEntry]) -> Self {
        let mut entered: HashMap<String, (MicroUsd, u32)> = HashMap::new();
        let mut seen = HashSet::new();
        for drift in drifts.iter().filter(|drift| seen.insert(&drift.id)) {
            let Some((hash, _)) = drift.id.rsplit_once('_') else { continue };
            let (sum, count) = entered.entry(hash.to_owned()).or_default();
            *sum += drift.amount;
            *count += 1;
        }
        Self { account: account.to_owned(), entered }
    }

    /// The same for the same charge, whenever it is looked at.
    fn hash(&self, name: &str) -> String {
        let hash = blake3::hash(format!("{}\0{name}", self.account).as_bytes()).to_hex();
        format!("adj_{}", hash.get(..NAME_CHARS).unwrap_or_default())
    }

    pub(super) fn sum(&self, name: &str) -> MicroUsd {
        self.entered.get(&self.hash(name)).map_or(MicroUsd::ZERO, |(sum, _)| *sum)
    }

    /// What was entered while only one of the sides had the charge counts for the two.
    pub(super) fn of_both(&self, name: &str, other: &str) -> MicroUsd {
        self.sum(name) + self.sum(other)
    }

    /// The name of the next entry: two who found the same difference enter it once.
    pub(super) fn next(&self, name: &str) -> String {
        let hash = self.hash(name);
        let count = self.entered.get(&hash).map_or(0, |(_, count)| *count);
        format!("{hash}_{count}")
    }
}
