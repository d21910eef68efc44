//! What one setting comes to: sums, and how they stood at the end of each day.

use std::collections::BTreeMap;

use provider::{Calendar, Kind, MicroUsd, Timestamp};

use super::books::Books;

/// What one setting comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Row {
    /// The setting's name.
    pub(crate) label: String,
    /// What vendors charge.
    pub(crate) charged: MicroUsd,
    /// What plans cost besides.
    pub(crate) fees: MicroUsd,
    /// Units of allowances.
    pub(crate) units: BTreeMap<Kind, Use>,
    /// Requests made, by provider.
    pub(crate) served: BTreeMap<String, u64>,
    /// Requests that nobody could take.
    pub(crate) nobody: u64,
    /// The days of the span.
    pub(crate) days: Vec<Day>,
}

/// How units of one kind were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Use {
    /// Within the allowance.
    pub(crate) used: u64,
    /// Past it, for money.
    pub(crate) bought: u64,
    /// Left at the end of each month that the span touches, added up.
    pub(crate) unused: u64,
}

/// How it stood at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Day {
    /// Its beginning.
    pub(crate) day: Timestamp,
    /// Charged so far.
    pub(crate) charged: MicroUsd,
    /// Units of the month that are left, by kind.
    pub(crate) left: BTreeMap<Kind, u64>,
}

impl Row {
    /// All that it costs.
    pub(crate) fn total(&self) -> MicroUsd {
        self.charged + self.fees
    }

    /// Ends every day that is over at that moment. The books are left in the last of them: what is left of
    /// a month goes with it.
    pub(super) fn end_days(&mut self, books: &mut Books, from: Timestamp, at: Timestamp) {
        let last = self.days.last().map(|last| Calendar::Day.end(last.day));
        let mut day = last.unwrap_or_else(|| Calendar::Day.start(from));
        while Calendar::Day.end(day) <= at {
            let end = Calendar::Day.end(day);
            self.end_day(books, day, end);
            day = end;
        }
    }

    /// Ends the span.
    pub(super) fn end(&mut self, mut books: Books, (from, to): (Timestamp, Timestamp)) {
        self.end_days(&mut books, from, to);
        let last = self.days.last().map(|last| Calendar::Day.end(last.day));
        let day = last.unwrap_or_else(|| Calendar::Day.start(from));
        if day < to {
            self.end_day(&mut books, day, to);
        }
        for (kind, unused) in books.unused() {
            self.units.entry(kind).or_default().unused = unused;
        }
    }

    fn end_day(&mut self, books: &mut Books, day: Timestamp, end: Timestamp) {
        books.turn(Timestamp::from_millis(end.millis() - 1), true);
        self.days.push(Day { day, charged: self.charged, left: books.left() });
    }

    pub(super) fn take(&mut self, kind: Kind, units: u32, bought: u32) {
        if units > 0 || bought > 0 {
            let line = self.units.entry(kind).or_default();
            line.used += u64::from(units);
            line.bought += u64::from(bought);
        }
    }
}
