//! Units of allowances, kept count of by day and month as vendors do it.

use std::collections::BTreeMap;

use engine::scarcity::Things;
use provider::{Calendar, Kind, Limits, MicroUsd, Timestamp};

use super::{Spent, Terms};

/// The books of every account with a plan.
#[derive(Debug, Clone)]
pub(super) struct Books {
    accounts: BTreeMap<String, Book>,
    /// What was left at the ends of months, by kind.
    unused: BTreeMap<Kind, u64>,
    at: Timestamp,
}

#[derive(Debug, Clone)]
struct Book {
    limits: Limits,
    month: BTreeMap<Kind, u32>,
    today: BTreeMap<Kind, u32>,
    /// Spent on units past the allowance, in this month and before.
    spent: MicroUsd,
    spent_before: MicroUsd,
    months_before: i64,
}

/// Units as they are taken, and what those past the allowance cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) units: u32,
    pub(super) bought: u32,
    pub(super) price: MicroUsd,
}

impl Books {
    /// As of a moment, with what was used in its month before.
    pub(super) fn new(terms: &Terms, at: Timestamp) -> Self {
        let book = |(account, limits): &(String, Limits)| {
            let used = terms.used.iter().filter(|(of, _, _)| of == account);
            let book = Book {
                limits: limits.clone(),
                month: used.map(|(_, kind, units)| (*kind, *units)).collect(),
                today: BTreeMap::new(),
                spent: MicroUsd::ZERO,
                spent_before: MicroUsd::ZERO,
                months_before: 0,
            };
            (account.clone(), book)
        };
        let planned = terms.accounts.iter().filter(|(_, limits)| !limits.allowances.is_empty());
        Self { accounts: planned.map(book).collect(), unused: BTreeMap::new(), at }
    }

    /// Time goes on to that moment. What months that end leave is counted if `counts`.
    pub(super) fn turn(&mut self, at: Timestamp, counts: bool) {
        if at >= Calendar::Day.end(self.at) {
            self.accounts.values_mut().for_each(|book| book.today.clear());
        }
        let mut month = Calendar::Month.end(self.at);
        while at >= month {
            if counts {
                self.count_unused();
            }
            self.accounts.values_mut().for_each(Book::turn_month);
            month = Calendar::Month.end(month);
        }
        self.at = self.at.max(at);
    }

    /// What a request of that many units would take, or why it gets none.
    pub(super) fn look(&self, account: &str, kind: Kind, units: u32) -> Result<Taken, String> {
        let book = self.accounts.get(account);
        let book = book.filter(|book| book.limits.is_prepaid(kind));
        let book = book.ok_or_else(|| format!("{account} has no plan with units of that kind"))?;
        book.look(kind, units)
    }

    /// Takes units, whether there are any or not.
    pub(super) fn take(&mut self, account: &str, kind: Kind, units: u32) -> Taken {
        let Some(book) = self.accounts.get_mut(account) else {
            return Taken { units, ..Taken::default() };
        };
        let bought = book.beyond(kind, units);
        let price = book.price(kind).unwrap_or_default().times(i64::from(bought));
        book.note(kind, (units - bought, bought), price);
        Taken { units: units - bought, bought, price }
    }

    /// Takes what an attempt really took.
    pub(super) fn note(&mut self, kind: Kind, spent: &Spent) {
        if let Some(book) = self.accounts.get_mut(&spent.place.account) {
            let price = if spent.bought > 0 { spent.charged } else { MicroUsd::ZERO };
            book.note(kind, (spent.units, spent.bought), price);
        }
    }

    /// Units of the month that are left, by kind.
    pub(super) fn left(&self) -> BTreeMap<Kind, u64> {
        let mut left = BTreeMap::new();
        for book in self.accounts.values() {
            for limit in &book.limits.allowances {
                if limit.window == Calendar::Month {
                    *left.entry(limit.kind).or_default() += u64::from(book.left(limit.kind));
                }
            }
        }
        left
    }

    /// What was left at the ends of months, and is left now.
    pub(super) fn unused(mut self) -> BTreeMap<Kind, u64> {
        self.count_unused();
        self.unused
    }

    fn count_unused(&mut self) {
        for (kind, left) in self.left() {
            *self.unused.entry(kind).or_default() += left;
        }
    }

    /// Everything scarce as it stands, until an end.
    pub(super) fn things(&self, end: Timestamp) -> Things {
        let mut things = Things::default();
        for (account, book) in &self.accounts {
            for limit in &book.limits.allowances {
                let left = match limit.window {
                    Calendar::Day => limit.units.saturating_sub(book.today(limit.kind)),
                    Calendar::Month => book.left(limit.kind),
                };
                let resets_at = limit.window.end(self.at);
                let window = (limit.kind, limit.window);
                things.add_units(account, window, (left, resets_at), (limit.units, end));
            }
            if let Some(overage) = &book.limits.overage {
                let left = (book.budget() - book.spent).max(MicroUsd::ZERO);
                let now = (left, Calendar::Month.end(self.at));
                things.add_overage(account, now, (overage.monthly_cap, end), &overage.prices);
            }
        }
        things
    }
}

impl Book {
    fn look(&self, kind: Kind, units: u32) -> Result<Taken, String> {
        let cap = self.limits.allowance(kind, Calendar::Day);
        if cap.is_some_and(|cap| self.today(kind).saturating_add(units) > cap) {
            return Err(format!("the day's {kind} units are used up"));
        }
        let bought = self.beyond(kind, units);
        if bought == 0 {
            return Ok(Taken { units, ..Taken::default() });
        }
        let price = self.price(kind).map(|price| price.times(i64::from(bought)));
        match price.filter(|price| self.spent + *price <= self.budget()) {
            Some(price) => Ok(Taken { units: units - bought, bought, price }),
            None => Err(format!("the month's {kind} units are used up")),
        }
    }

    /// How many of so many units lie past the month's.
    fn beyond(&self, kind: Kind, units: u32) -> u32 {
        match self.limits.allowance(kind, Calendar::Month) {
            Some(limit) => {
                let used = self.month.get(&kind).copied().unwrap_or(0);
                used.saturating_add(units).saturating_sub(limit).min(units)
            }
            None => 0,
        }
    }

    fn price(&self, kind: Kind) -> Option<MicroUsd> {
        self.limits.overage.as_ref().and_then(|overage| overage.price(kind))
    }

    /// What may be spent on overage in this month: its own money and what earlier ones left of theirs.
    fn budget(&self) -> MicroUsd {
        let cap = self.limits.overage.as_ref().map(|overage| overage.monthly_cap);
        let cap = cap.unwrap_or_default();
        cap + (cap.times(self.months_before) - self.spent_before).max(MicroUsd::ZERO)
    }

    fn left(&self, kind: Kind) -> u32 {
        let limit = self.limits.allowance(kind, Calendar::Month).unwrap_or(0);
        limit.saturating_sub(self.month.get(&kind).copied().unwrap_or(0))
    }

    fn today(&self, kind: Kind) -> u32 {
        self.today.get(&kind).copied().unwrap_or(0)
    }

    fn note(&mut self, kind: Kind, (units, bought): (u32, u32), price: MicroUsd) {
        *self.month.entry(kind).or_default() += units;
        *self.today.entry(kind).or_default() += units + bought;
        self.spent += price;
    }

    fn turn_month(&mut self) {
        self.month.clear();
        self.spent_before += self.spent;
        self.spent = MicroUsd::ZERO;
        self.months_before += 1;
    }
}

#[cfg(test)]
mod tests {
    use provider::{AllowanceLimit, Overage};

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Five images a month, three a day, two cents for one more, and four cents for that a month.
    fn books() -> Books {
        let limit = |window, units| AllowanceLimit { kind: Kind::Image, window, units };
        let mut limits = Limits::none(std::time::Duration::from_secs(60));
        limits.allowances = vec![limit(Calendar::Month, 5), limit(Calendar::Day, 3)];
        limits.overage = Some(Overage {
            prices: vec![(Kind::Image, MicroUsd::from_micros(20_000))],
            monthly_cap: MicroUsd::from_micros(40_000),
        });
        let terms = Terms { accounts: vec![("p/a".to_owned(), limits)], used: Vec::new() };
        Books::new(&terms, at("2026-01-30T10:00:00Z"))
    }

    fn price(books: &mut Books, units: u32) -> Result<i64, String> {
        books.look("p/a", Kind::Image, units)?;
        Ok(books.take("p/a", Kind::Image, units).price.micros())
    }

    #[test]
    fn days_and_months_end_and_overage_is_bought_within_its_cap() {
        let mut books = books();
        assert_eq!(price(&mut books, 2), Ok(0));
        assert!(price(&mut books, 2).unwrap_err().contains("day's"), "three a day");
        books.turn(at("2026-01-31T00:00:00Z"), true);
        assert_eq!(price(&mut books, 3), Ok(0));
        books.turn(at("2026-02-01T00:00:00Z"), true);
        assert_eq!(books.left(), [(Kind::Image, 5)].into());
        for day in ["01", "02"] {
            books.turn(at(&format!("2026-02-{day}T00:00:00Z")), true);
            assert_eq!(price(&mut books, if day == "01" { 3 } else { 2 }), Ok(0));
        }
        // January's four cents are carried over: eight in all.
        books.turn(at("2026-02-03T00:00:00Z"), true);
        assert_eq!(price(&mut books, 3), Ok(60_000));
        books.turn(at("2026-02-04T00:00:00Z"), true);
        assert_eq!(price(&mut books, 1), Ok(20_000));
        assert!(price(&mut books, 1).unwrap_err().contains("month's"), "the cap is reached");
        assert_eq!(books.unused(), [(Kind::Image, 0)].into());
    }

    #[test]
    fn a_request_may_lie_across_the_end_of_the_allowance() {
        let mut books = books();
        price(&mut books, 3).unwrap();
        books.turn(at("2026-01-31T00:00:00Z"), true);
        assert_eq!(books.look("p/a", Kind::Image, 3).unwrap().bought, 1);
        assert_eq!(price(&mut books, 3), Ok(20_000));
        assert!(
            books.look("p/a", Kind::Video, 1).is_err()
                && books.look("p/b", Kind::Image, 1).is_err()
        );
    }

    #[test]
    fn what_months_leave_is_added_up() {
        let mut books = books();
        price(&mut books, 1).unwrap();
        books.turn(at("2026-03-02T00:00:00Z"), true);
        price(&mut books, 2).unwrap();
        assert_eq!(books.unused(), [(Kind::Image, 4 + 5 + 3)].into());
    }
}
