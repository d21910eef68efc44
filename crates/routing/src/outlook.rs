//! What is scarce, what is expected to come, and so what a unit of anything scarce is worth.
//!
//! An outlook is made anew now and then from three things: every resource as it stands, the demand
//! that was seen, and requests that stand for those to come. It is what a router asks on every
//! decision: what does a unit cost those who come later, and when is more of it to be had?

use crate::{Demand, Forecast, Resource, Stretch, Typical, set_bid_prices};

/// Rounds of pricing from nothing, and from the last time.
const FIRST_ROUNDS: usize = 6;
const ROUNDS: usize = 2;

/// The worth of what is scarce, as of the last time that it was looked at.
#[derive(Debug, Clone, Default)]
pub struct Outlook {
    resources: Vec<Resource>,
}

impl Outlook {
    /// Nothing looked at yet: everything is free.
    pub const fn new() -> Self {
        Self { resources: Vec::new() }
    }

    /// Prices every resource for what is to come from now until an end, both in Unix milliseconds.
    ///
    /// `fresh` are the resources as they stand, their supplies from now on; a [`crate::Draw`] names
    /// one by its place. Prices of the last time are where the search begins, as long as there are as
    /// many resources as then. `typical` stand for the requests to come, `waiting` are those that
    /// wait already.
    pub fn solve(
        &mut self,
        now: i64,
        end: i64,
        fresh: Vec<Resource>,
        demand: &Demand,
        typical: &[Typical],
        waiting: &[Typical],
    ) {
        let ahead = ahead(now, end, &fresh, demand);
        let known = self.resources.len() == fresh.len();
        let rounds = if known { ROUNDS } else { FIRST_ROUNDS };
        let last = std::mem::replace(&mut self.resources, fresh);
        if known {
            self.resources.iter_mut().zip(&last).for_each(|(now, last)| now.start_from(last));
        }
        let forecast = Forecast { ahead: &ahead, typical, waiting };
        set_bid_prices(&mut self.resources, forecast, rounds);
    }

    /// What a unit of a resource is worth at a moment, in micro-USD; nothing where it is not known.
    pub fn worth(&self, resource: usize, at: i64) -> f64 {
        self.resources.get(resource).map_or(0.0, |resource| resource.price(at))
    }

    /// The moments between two at which something scarce is renewed, in order.
    pub fn renewals(&self, now: i64, until: i64) -> Vec<i64> {
        renewals(&self.resources, now, until)
    }
}

fn renewals(resources: &[Resource], now: i64, until: i64) -> Vec<i64> {
    let supplies = resources.iter().flat_map(|resource| &resource.supplies);
    let mut moments: Vec<i64> =
        supplies.map(|supply| supply.until).filter(|at| *at > now && *at < until).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// The time ahead, cut wherever something is renewed; never empty.
fn ahead(now: i64, end: i64, resources: &[Resource], demand: &Demand) -> Vec<Stretch> {
    let expected = demand.expected(now);
    let mut cuts = renewals(resources, now, end);
    cuts.push(end.max(now));
    let mut from = now;
    let stretch = |until: i64| {
        let requests = expected.requests(from, until);
        let doubt = demand.doubt(&expected, now, until);
        Stretch { from: std::mem::replace(&mut from, until), requests, doubt }
    };
    cuts.into_iter().map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draw, Leftover, Supply, Way};

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    /// Monday, 5 January 1970.
    const START: i64 = 4 * DAY;
    const END: i64 = START + 28 * DAY;

    /// Requests whose next best costs 1, 2, … 100, equally often, each served by one unit.
    fn ladder() -> Vec<Typical> {
        let step = |cost: i32| Typical {
            weight: 0.01,
            ways: vec![
                Way { cash: f64::from(cost), draws: Vec::new() },
                Way { cash: 0.0, draws: vec![Draw { resource: 0, amount: 1.0 }] },
            ],
        };
        (1..=100).map(step).collect()
    }

    fn allowance(supplies: &[(i64, f64)]) -> Resource {
        let supply = |(until, amount): &(i64, f64)| Supply { until: *until, amount: *amount };
        Resource::new(Leftover::Lost, supplies.iter().map(supply).collect())
    }

    /// One request an hour for so many days.
    fn hourly(days: i64) -> Demand {
        let mut demand = Demand::new(START);
        (0..days * 24).for_each(|hour| demand.saw(START + hour * HOUR));
        demand
    }

    #[test]
    fn before_it_looks_everything_is_free() {
        let outlook = Outlook::new();
        assert!(outlook.worth(0, START).abs() < 1e-9);
        assert!(outlook.renewals(START, END).is_empty());
    }

    #[test]
    fn wanted_units_are_worth_what_the_first_one_without_pays_and_spare_ones_nothing() {
        let now = START + 14 * DAY;
        let demand = hourly(14);
        let worth = |amount: f64| {
            let mut outlook = Outlook::new();
            let fresh = vec![allowance(&[(END, amount)])];
            outlook.solve(now, END, fresh, &demand, &ladder(), &[]);
            outlook.worth(0, now)
        };
        // 336 are to come; half of them get a unit, or all of them and more.
        assert!((44.0..=56.0).contains(&worth(168.0)), "{}", worth(168.0));
        assert!(worth(600.0).abs() < 1e-9, "{}", worth(600.0));
    }

    #[test]
    fn a_supply_that_just_suffices_is_worth_something_for_what_may_come() {
        let now = START + 2 * DAY;
        let demand = hourly(2);
        let expected = demand.expected(now).requests(now, END);
        let worth = |share: f64| {
            let mut outlook = Outlook::new();
            let fresh = vec![allowance(&[(END, expected * share)])];
            outlook.solve(now, END, fresh, &demand, &ladder(), &[]);
            outlook.worth(0, now)
        };
        assert!((1.0..30.0).contains(&worth(1.01)), "{}", worth(1.01));
        assert!(worth(3.0).abs() < 1e-9, "{}", worth(3.0));
    }

    #[test]
    fn what_waits_is_counted_too() {
        let demand = Demand::new(START);
        let urgent = ladder().split_off(90);
        let mut outlook = Outlook::new();
        let fresh = vec![allowance(&[(END, 4.0)])];
        outlook.solve(START, END, fresh, &demand, &[], &urgent);
        assert!((95.9..=96.1).contains(&outlook.worth(0, START)), "{}", outlook.worth(0, START));
    }

    #[test]
    fn renewals_are_told_once_and_in_order() {
        let mut outlook = Outlook::new();
        let fresh = vec![
            allowance(&[(START + 9 * DAY, 1.0), (END, 1.0)]),
            allowance(&[(START + 3 * DAY, 1.0), (START + 9 * DAY, 1.0), (i64::MAX, 1.0)]),
        ];
        outlook.solve(START, END, fresh, &hourly(1), &ladder(), &[]);
        assert_eq!(outlook.renewals(START, END), [START + 3 * DAY, START + 9 * DAY]);
        assert_eq!(outlook.renewals(START + 3 * DAY, START + 9 * DAY), [0_i64; 0]);
    }

    #[test]
    fn after_the_last_moment_it_still_stands() {
        let mut outlook = Outlook::new();
        let fresh = || vec![allowance(&[(END, 1.0)])];
        outlook.solve(END + DAY, END, fresh(), &hourly(1), &ladder(), &[]);
        assert!(outlook.worth(0, END + DAY).abs() < 1e-9, "nothing is to come");
    }

    #[test]
    fn another_number_of_resources_begins_from_nothing() {
        let demand = hourly(14);
        let now = START + 14 * DAY;
        let mut outlook = Outlook::new();
        outlook.solve(now, END, vec![allowance(&[(END, 168.0)])], &demand, &ladder(), &[]);
        let two = || vec![allowance(&[(END, 168.0)]), allowance(&[(END, 5.0)])];
        outlook.solve(now, END, two(), &demand, &ladder(), &[]);
        let mut other = Outlook::new();
        other.solve(now, END, two(), &demand, &ladder(), &[]);
        for resource in 0..2 {
            let (this, that) = (outlook.worth(resource, now), other.worth(resource, now));
            assert!((this - that).abs() < 1e-9, "{resource}: {this} {that}");
        }
    }
}
