//! Which things are scarce, and how much of each there is.

use std::collections::HashMap;

use provider::{Bonus, Calendar, FreeCredits, Kind, MicroUsd, Timestamp};
use routing::{Leftover, Resource, Supply};

use super::whole;

/// So much that nobody can use it up.
const BOUNDLESS: f64 = 1e15;

/// Something of which there is only so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// Prepaid units of an account, `provider/name`.
    Units {
        /// The account.
        account: String,
        /// What a unit makes.
        kind: Kind,
        /// Within what.
        window: Calendar,
    },
    /// An account's money for units past its allowance.
    Overage {
        /// The account.
        account: String,
    },
    /// An account's balance.
    Balance {
        /// The account.
        account: String,
    },
    /// The part of an account's balance that the vendor gives away and fills up again.
    FreeCredits {
        /// The account.
        account: String,
    },
    /// A team's budget.
    Budget {
        /// The team.
        team: String,
    },
    /// An account's slots for work at once, in seconds within the coming hour: a slot that cheap work holds
    /// is taken from dear work.
    Lanes {
        /// The account.
        account: String,
    },
}

/// A scarce thing as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Scarce {
    /// What.
    pub thing: Thing,
    /// Units, US dollars, or seconds of a slot.
    pub left: f64,
    /// What taking one more costs those who come later: US dollars a unit or a second; of money, dollars a
    /// dollar, beyond itself.
    pub worth: f64,
}

/// Every scarce thing, each with its supplies and with who draws on it.
#[derive(Debug, Clone, Default)]
pub struct Things {
    /// Each with what is left of it.
    list: Vec<(Thing, Resource, f64)>,
    accounts: HashMap<String, OfAccount>,
    teams: HashMap<String, Vec<usize>>,
}

/// What an account has, by place in the list.
#[derive(Debug, Clone, Default)]
pub(super) struct OfAccount {
    pub(super) units: Vec<(Kind, usize)>,
    pub(super) overage: Option<usize>,
    pub(super) balance: Option<usize>,
    pub(super) lanes: Option<usize>,
    pub(super) free: Option<usize>,
    /// What a unit past the allowance costs.
    pub(super) prices: Vec<(Kind, MicroUsd)>,
}

impl Things {
    pub(super) fn of_account(&self, account: &str) -> Option<&OfAccount> {
        self.accounts.get(account)
    }

    pub(super) fn of_team(&self, team: &str) -> &[usize] {
        self.teams.get(team).map_or(&[], Vec::as_slice)
    }

    /// Every thing with its place and what is left of it now.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Thing, f64)> {
        self.list.iter().enumerate().map(|(index, (thing, _, left))| (index, thing, *left))
    }

    /// The resources, in the order of their places.
    pub(super) fn resources(&self) -> Vec<Resource> {
        self.list.iter().map(|(_, resource, _)| resource.clone()).collect()
    }

    /// Whether both have the same things in the same places.
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        let names =
            |things: &Self| things.list.iter().map(|(thing, ..)| thing.clone()).collect::<Vec<_>>();
        names(self) == names(other)
    }

    /// Units of a window: what is left of this one, and the whole of the next, if it is asked for.
    pub fn add_units(
        &mut self,
        account: &str,
        (kind, window): (Kind, Calendar),
        (left, resets_at): (u32, Timestamp),
        (limit, end): (u32, Timestamp),
    ) {
        // A day's limit is set anew so often that only today's is looked at.
        let next = if window == Calendar::Month { f64::from(limit) } else { BOUNDLESS };
        let supplies = [(resets_at, f64::from(left)), (end, next)];
        let thing = Thing::Units { account: account.to_owned(), kind, window };
        let place = self.add(thing, Leftover::Lost, supplies);
        self.account(account).units.push((kind, place));
    }

    /// Money for units past the allowance: what is left of this month's carries over.
    pub fn add_overage(
        &mut self,
        account: &str,
        (left, resets_at): (MicroUsd, Timestamp),
        (cap, end): (MicroUsd, Timestamp),
        prices: &[(Kind, MicroUsd)],
    ) {
        let supplies = [(resets_at, whole(left)), (end, whole(left) + whole(cap))];
        let thing = Thing::Overage { account: account.to_owned() };
        let place = self.add(thing, Leftover::Carried, supplies);
        let account = self.account(account);
        account.overage = Some(place);
        account.prices = prices.to_vec();
    }

    /// A balance, which an operator fills up by then.
    pub(super) fn add_balance(
        &mut self,
        account: &str,
        (balance, filled_up_by): (MicroUsd, Timestamp),
        end: Timestamp,
    ) {
        let supplies = [(filled_up_by, whole(balance)), (end, BOUNDLESS)];
        let thing = Thing::Balance { account: account.to_owned() };
        let place = self.add(thing, Leftover::Carried, supplies);
        self.account(account).balance = Some(place);
    }

    /// The given part of a balance, of which the next bonus may be lost.
    pub(super) fn add_free(&mut self, account: &str, free: &FreeCredits, end: Timestamp) {
        let left = whole(free.left);
        let next = free.bonuses.iter().map(|bonus| bonus.next).min().unwrap_or(end).min(end);
        let comes = |by: Timestamp| free.bonuses.iter().map(|one| coming(one, by)).sum::<f64>();
        // What is not spent before the next bonus, and leaves no room for it.
        let lost = free.most.map_or(0.0, |most| left + comes(next) - whole(most)).min(left);
        let (leftover, supplies) = match lost > 0.0 {
            true => (Leftover::Lost, [(next, lost), (end, comes(end))]),
            false => (Leftover::Carried, [(next, left), (end, left + comes(end))]),
        };
        let thing = Thing::FreeCredits { account: account.to_owned() };
        let place = self.add(thing, leftover, supplies);
        self.list[place].2 = left;
        self.account(account).free = Some(place);
    }

    /// Slots of an account: seconds of them until then. Beyond that nothing that is decided now holds any.
    pub(super) fn add_lanes(
        &mut self,
        account: &str,
        (seconds, until): (f64, Timestamp),
        end: Timestamp,
    ) {
        let supplies = [(until, seconds), (end, BOUNDLESS)];
        let thing = Thing::Lanes { account: account.to_owned() };
        let place = self.add(thing, Leftover::Lost, supplies);
        self.account(account).lanes = Some(place);
    }

    /// A team's budget.
    pub(super) fn add_budget(
        &mut self,
        team: &str,
        (left, until): (MicroUsd, Timestamp),
        end: Timestamp,
    ) {
        let supplies = [(until, whole(left)), (end, BOUNDLESS)];
        let thing = Thing::Budget { team: team.to_owned() };
        let place = self.add(thing, Leftover::Lost, supplies);
        self.teams.entry(team.to_owned()).or_default().push(place);
    }

    fn account(&mut self, account: &str) -> &mut OfAccount {
        self.accounts.entry(account.to_owned()).or_default()
    }

    fn add(&mut self, thing: Thing, leftover: Leftover, supplies: [(Timestamp, f64); 2]) -> usize {
        let [(first, left), (end, _)] = supplies;
        // What lasts until the end anyway has no second part.
        let parts = if first < end { 2 } else { 1 };
        let supply = |(until, amount): (Timestamp, f64)| Supply { until: until.millis(), amount };
        let supplies = supplies.into_iter().take(parts).map(supply).collect();
        self.list.push((thing, Resource::new(leftover, supplies), left));
        self.list.len() - 1
    }
}

/// How much a bonus brings until then, what comes at that moment counted.
#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
fn coming(bonus: &Bonus, by: Timestamp) -> f64 {
    if by < bonus.next {
        return 0.0;
    }
    let times = by.since(bonus.next).as_secs() / bonus.every.as_secs().max(1) + 1;
    times as f64 * whole(bonus.amount)
}
