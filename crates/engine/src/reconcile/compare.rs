//! Two lists of charges, laid side by side.
//!
//! The vendor's own name of the work decides. Where one of the sides does not tell it, equal amounts
//! belong together, the nearest moments first. What is left over on either side is a difference.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use provider::{MicroUsd, StatementCharge, Timestamp, Told};
use records::{Claimed, DriftEntry};

use super::{Difference, DifferenceKind, drifts::Drifts, there::There};

/// Clocks differ, and a charge is not booked in the moment in which it is made.
const SKEW: Duration = Duration::from_secs(2 * 60);
/// How far apart charges without a name may be and still be the same one, the nearest first: a queued job
/// is booked when it is done, a lost one when it is found.
const NEAR: [Duration; 4] =
    [SKEW, Duration::from_secs(10 * 60), Duration::from_secs(60 * 60), super::AROUND];
/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) now: Timestamp,
}

impl Span {
    /// What one side alone has from the last minutes may still come to the other.
    fn is_settled(self, at: Timestamp) -> bool {
        self.holds(at) && at < self.now.minus(SKEW)
    }

    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Our side.
#[derive(Debug, Clone, Default)]
pub(super) struct Here {
    pub(super) claims: Vec<Claimed>,
    pub(super) drifts: Vec<DriftEntry>,
    /// Since when attempts are under way whose charges are not booked yet.
    pub(super) open: Vec<Timestamp>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) booked: MicroUsd,
    pub(super) charged: MicroUsd,
    pub(super) differences: Vec<Difference>,
}

/// A charge of the vendor's with what was given back of it.
#[derive(Debug)]
struct Theirs {
    /// Under which its drift is entered.
    name: String,
    reference: Option<String>,
    amount: MicroUsd,
    at: Timestamp,
}

/// Compares an account's charges of a span. Where the vendor does not tell each charge only ours are
/// added up.
pub(super) fn compare(account: &str, span: Span, there: &There, here: Here) -> Compared {
    let Told::Each { but } = &there.told else {
        let within = here.claims.iter().filter(|ours| span.holds(ours.booked_at));
        let booked = within.map(|ours| ours.charged).sum();
        return Compared { booked, ..Compared::default() };
    };
    let drifts = Drifts::of(account, &here.drifts);
    let (pairs, theirs, ours) = matched(gathered(&there.charges), here.claims);
    let mut side = Side { drifts, whole: !there.incomplete, out: Compared::default() };
    for (theirs, ours) in pairs {
        if span.holds(theirs.at) {
            side.pair(&theirs, &ours);
        }
    }
    for theirs in theirs.iter().filter(|theirs| span.is_settled(theirs.at)) {
        let begun = |since: &Timestamp| since.minus(SKEW) <= theirs.at;
        side.missing_here(theirs, here.open.iter().any(begun));
    }
    for ours in ours.iter().filter(|ours| span.is_settled(ours.booked_at)) {
        if !but.contains(&ours.model) {
            side.missing_there(ours);
        }
    }
    let mut compared = side.out;
    compared.differences.sort_by(|a, b| (a.at, &a.drift).cmp(&(b.at, &b.drift)));
    compared
}

/// The vendor's entries, those of the same work put together, oldest first.
fn gathered(charges: &[StatementCharge]) -> Vec<Theirs> {
    let mut by_name: BTreeMap<String, Theirs> = BTreeMap::new();
    let mut alike: HashMap<(MicroUsd, Timestamp), u32> = HashMap::new();
    for charge in charges {
        let name = match (&charge.reference, &charge.entry) {
            (Some(reference), _) => format!("work {reference}"),
            (None, Some(entry)) => format!("entry {entry}"),
            (None, None) => {
                let count = alike.entry((charge.amount, charge.at)).or_default();
                *count += 1;
                format!("charge {} {} {count}", charge.amount.micros(), charge.at.millis())
            }
        };
        let theirs = by_name.entry(name.clone()).or_insert_with(|| Theirs {
            name,
            reference: charge.reference.clone(),
            amount: MicroUsd::ZERO,
            at: charge.at,
        });
        theirs.amount += charge.amount;
        theirs.at = theirs.at.min(charge.at);
    }
    let mut all: Vec<Theirs> = by_name.into_values().collect();
    all.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    all
}

/// Charges that belong together, and what is left of both sides.
type Matched = (Vec<(Theirs, Claimed)>, Vec<Theirs>, Vec<Claimed>);

fn matched(theirs: Vec<Theirs>, ours: Vec<Claimed>) -> Matched {
    let (mut named, mut others) = (HashMap::new(), Vec::new());
    for claim in ours {
        match claim.reference.clone() {
            // No two attempts claim the same work, so that nothing is put aside here.
            Some(reference) => others.extend(named.insert(reference, claim)),
            None => others.push(claim),
        }
    }
    let (mut pairs, mut strange, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
    for charge in theirs {
        let Some(reference) = &charge.reference else {
            unnamed.push(charge);
            continue;
        };
        match named.remove(reference) {
            Some(claim) => pairs.push((charge, claim)),
            None => strange.push(charge),
        }
    }
    // A charge without a name may be any of ours; one that names a work that none of ours names may only be
    // one of those that name none.
    let ours = named.into_values().chain(others).collect();
    let (unnamed, left) = nearest(unnamed, ours, &mut pairs);
    let (mut left, others): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|claim| claim.reference.is_some());
    let (mut theirs, others) = nearest(strange, others, &mut pairs);
    theirs.extend(unnamed);
    left.extend(others);
    (pairs, theirs, left)
}

/// Puts equal amounts together, those nearest in time first.
fn nearest(
    mut theirs: Vec<Theirs>,
    mut ours: Vec<Claimed>,
    pairs: &mut Vec<(Theirs, Claimed)>,
) -> (Vec<Theirs>, Vec<Claimed>) {
    theirs.sort_by_key(|charge| (charge.amount, charge.at));
    ours.sort_by_key(|claim| (claim.charged, claim.booked_at));
    for near in NEAR {
        let (mut left, mut kept) = (Vec::new(), Vec::new());
        let (mut charges, mut claims) =
            (theirs.into_iter().peekable(), ours.into_iter().peekable());
        while let (Some(charge), Some(claim)) = (charges.peek(), claims.peek()) {
            let is_alike = charge.amount == claim.charged
                && claim.booked_at.since(charge.at) <= near
                && charge.at.since(claim.booked_at) <= near;
            let is_before = (charge.amount, charge.at) < (claim.charged, claim.booked_at);
            if is_alike {
                pairs.extend(charges.next().zip(claims.next()));
            } else if is_before {
                left.extend(charges.next());
            } else {
                kept.extend(claims.next());
            }
        }
        left.extend(charges);
        kept.extend(claims);
        (theirs, ours) = (left, kept);
    }
    (theirs, ours)
}

/// Where the sums and the differences gather.
#[derive(Debug)]
struct Side {
    drifts: Drifts,
    whole: bool,
    out: Compared,
}

impl Side {
    fn pair(&mut self, theirs: &Theirs, ours: &Claimed) {
        let name = attempt(ours);
        let booked = ours.charged + self.drifts.of_both(&name, &theirs.name);
        self.enter(Difference {
            kind: DifferenceKind::Amount,
            reference: theirs.reference.clone().or_else(|| ours.reference.clone()),
            generation: Some(ours.generation.clone()),
            booked,
            charged: theirs.amount,
            at: theirs.at,
            certain: self.whole,
            drift: self.drifts.next(&name),
        });
    }

    /// `may_come`: an attempt under way may be what it was charged for.
    fn missing_here(&mut self, theirs: &Theirs, may_come: bool) {
        self.enter(Difference {
            kind: DifferenceKind::MissingHere,
            reference: theirs.reference.clone(),
            generation: None,
            booked: self.drifts.sum(&theirs.name),
            charged: theirs.amount,
            at: theirs.at,
            certain: self.whole && !may_come,
            drift: self.drifts.next(&theirs.name),
        });
    }

    fn missing_there(&mut self, ours: &Claimed) {
        let name = attempt(ours);
        self.enter(Difference {
            kind: DifferenceKind::MissingThere,
            reference: ours.reference.clone(),
            generation: Some(ours.generation.clone()),
            booked: ours.charged + self.drifts.sum(&name),
            charged: MicroUsd::ZERO,
            at: ours.booked_at,
            certain: self.whole && !ours.uncertain,
            drift: self.drifts.next(&name),
        });
    }

    fn enter(&mut self, difference: Difference) {
        self.out.booked += difference.booked;
        self.out.charged += difference.charged;
        if difference.booked != difference.charged {
            self.out.differences.push(difference);
        }
    }
}

/// The attempt is what stays of a charge when its generation is forgotten.
fn attempt(ours: &Claimed) -> String {
    format!("attempt {}", ours.attempt)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
