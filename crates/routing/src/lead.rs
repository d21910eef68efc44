//! Who goes first: weights between models of equal standing, and a canary's share.
//!
//! The policy orders the candidates; these wishes of an operator only change who of them is asked first.
//! Everybody else stands by in the policy's order, so that a new vendor that is tried this way costs no
//! request its end. Whose turn it is follows from a number that is a request's own (of its generation's
//! id), so that it is the same for every way of splitting it, and after a restart.

use serde::{Deserialize, Serialize};

use crate::{Plan, Verdict};

/// What a candidate's model is to its alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of equal standing; goes first as often as its weight says, where any has one.
    Regular {
        /// Beside the others' weights; 0 never goes first.
        weight: u32,
    },
    /// A model that is tried: it goes first with its share of the requests, and is the last resort of
    /// all others.
    Canary {
        /// In requests of a million.
        per_million: u32,
    },
}

/// One candidate, as the choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant {
    /// Which model it is of; accounts at one model share its weight.
    pub model: usize,
    /// What that model is.
    pub role: Role,
}

/// Why a candidate has its place, where it is not the policy alone that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It goes first: its turn by weight.
    Weight,
    /// It goes first: its turn as the canary.
    Canary,
    /// It is the canary, and it is not its turn: behind all others.
    Behind,
}

impl Turn {
    /// Whether it goes first because of it.
    pub const fn leads(self) -> bool {
        matches!(self, Self::Weight | Self::Canary)
    }
}

/// The model whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// As in [`Entrant::model`].
    pub model: usize,
    /// Why.
    pub turn: Turn,
}

/// Whose turn it is among those who may be asked; nobody's where the policy alone decides. The number is
/// the request's own, as even as a hash.
pub fn draw(usable: impl Iterator<Item = Entrant>, drawn: u64) -> Option<Lead> {
    let mut models: Vec<(usize, u64)> = Vec::new();
    let mut canary = None;
    for Entrant { model, role } in usable {
        match role {
            Role::Canary { per_million } => canary = Some((model, u64::from(per_million))),
            Role::Regular { weight } if models.iter().all(|(known, _)| *known != model) => {
                models.push((model, weight.into()));
            }
            Role::Regular { .. } => {}
        }
    }
    // Two independent draws out of one number.
    let (high, low) = (drawn >> 32, drawn & u64::from(u32::MAX));
    if let Some((model, per_million)) = canary
        && high % 1_000_000 < per_million
    {
        return Some(Lead { model, turn: Turn::Canary });
    }
    // By the models' own order, lest the policy's order decide which numbers are whose.
    models.sort_unstable();
    let total: u64 = models.iter().map(|(_, weight)| weight).sum();
    let mut left = low.checked_rem(total)?;
    for (model, weight) in models {
        if left < weight {
            return Some(Lead { model, turn: Turn::Weight });
        }
        left -= weight;
    }
    None
}

impl Plan {
    /// The candidates that may be asked, as the choice sees them.
    pub fn usable<'a>(&'a self, entrants: &'a [Entrant]) -> impl Iterator<Item = Entrant> + 'a {
        self.order.iter().filter_map(|index| entrants.get(*index).copied())
    }

    /// Puts first whose turn it is, and a canary whose turn it is not last; behind and before them the
    /// policy's order holds. `entrants` are the candidates in the order in which they were given.
    #[must_use]
    pub fn led_by(mut self, entrants: &[Entrant], lead: Option<Lead>) -> Self {
        let turn = |index: &usize| {
            let Entrant { model, role } = *entrants.get(*index)?;
            match lead {
                Some(lead) if lead.model == model => Some(lead.turn),
                _ => matches!(role, Role::Canary { .. }).then_some(Turn::Behind),
            }
        };
        // Stable: within each group the policy's order holds.
        self.order.sort_by_key(|index| match turn(index) {
            Some(Turn::Weight | Turn::Canary) => 0,
            None => 1,
            Some(Turn::Behind) => 2,
        });
        for (rank, index) in self.order.iter().enumerate() {
            if let Some(Verdict::Usable(standing)) = self.verdicts.get_mut(*index) {
                (standing.rank, standing.turn) = (rank, turn(index));
            }
        }
        self
    }
}

#[cfg(test)]
#[path = "lead_tests.rs"]
mod tests;
