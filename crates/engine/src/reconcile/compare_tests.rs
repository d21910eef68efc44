use std::collections::HashSet;

use super::*;

const NOON: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((NOON + seconds) * 1000)
}

fn usd(micros: i64) -> MicroUsd {
    MicroUsd::from_micros(micros)
}

/// Ours: an attempt `aN` that claimed a work, or none.
fn claim(number: i64, reference: Option<&str>, micros: i64, seconds: i64) -> Claimed {
    Claimed {
        attempt: format!("a{number}"),
        generation: format!("g{number}"),
        model: "one".to_owned(),
        reference: reference.map(str::to_owned),
        charged: usd(micros),
        uncertain: false,
        booked_at: at(seconds),
    }
}

/// Theirs.
fn charge(reference: Option<&str>, micros: i64, seconds: i64) -> StatementCharge {
    StatementCharge {
        entry: None,
        reference: reference.map(str::to_owned),
        amount: usd(micros),
        at: at(seconds),
    }
}

fn each(charges: &[StatementCharge]) -> There {
    let told = Told::Each { but: Vec::new() };
    There { charges: charges.to_vec(), told, incomplete: false, problem: None }
}

/// An hour from noon on, looked at two hours later.
fn hour() -> Span {
    Span { from: at(0), to: at(3600), now: at(3 * 3600) }
}

fn look(there: &There, here: Here) -> Compared {
    compare("scripted/main", hour(), there, here)
}

fn claims(claims: &[Claimed]) -> Here {
    Here { claims: claims.to_vec(), ..Here::default() }
}

/// What is wrong, with what is booked and charged.
fn lines(compared: &Compared) -> Vec<(DifferenceKind, i64, i64)> {
    let line = |d: &Difference| (d.kind, d.booked.micros(), d.charged.micros());
    let net: MicroUsd = compared.differences.iter().map(|d| d.charged - d.booked).sum();
    assert_eq!(net, compared.charged - compared.booked, "differences explain the sums");
    compared.differences.iter().map(line).collect()
}

#[test]
fn books_that_agree_differ_in_nothing() {
    let there = each(&[charge(Some("x"), 26_700, 10), charge(Some("y"), 27_100, 20)]);
    let ours = claims(&[claim(1, Some("y"), 27_100, 21), claim(2, Some("x"), 26_700, 50)]);
    let compared = look(&there, ours);
    assert_eq!(lines(&compared), []);
    assert_eq!((compared.booked, compared.charged), (usd(53_800), usd(53_800)));
}

#[test]
fn each_kind_of_difference_is_told_with_its_place() {
    let there = each(&[charge(Some("x"), 26_700, 10), charge(Some("y"), 30_000, 20)]);
    let ours = claims(&[claim(1, Some("y"), 27_100, 21), claim(2, Some("z"), 5, 40)]);
    let compared = look(&there, ours);
    assert_eq!(
        lines(&compared),
        [
            (DifferenceKind::MissingHere, 0, 26_700),
            (DifferenceKind::Amount, 27_100, 30_000),
            (DifferenceKind::MissingThere, 5, 0),
        ]
    );
    let [here, amount, there] = compared.differences.as_slice() else { unreachable!() };
    assert_eq!((here.reference.as_deref(), &here.generation, here.at), (Some("x"), &None, at(10)));
    assert_eq!((amount.generation.as_deref(), amount.at), (Some("g1"), at(20)));
    assert_eq!((there.reference.as_deref(), there.at), (Some("z"), at(40)));
    assert!(compared.differences.iter().all(|difference| difference.certain));
}

#[test]
fn clocks_may_differ_at_the_ends_of_the_span() {
    // Made before the span by the vendor's clock, booked in it; and the other way round at its end.
    let there = each(&[charge(Some("x"), 1, -90), charge(Some("y"), 2, 3599)]);
    let ours = claims(&[claim(1, Some("x"), 1, 5), claim(2, Some("y"), 2, 3700)]);
    let compared = look(&there, ours.clone());
    assert_eq!(lines(&compared), []);
    assert_eq!(compared.charged, usd(2), "it belongs to the span in which the vendor made it");
    // In the span before, the first one is not missing either.
    let before = Span { from: at(-3600), to: at(0), now: at(3 * 3600) };
    let compared = compare("scripted/main", before, &there, ours);
    assert_eq!((lines(&compared), compared.charged), (vec![], usd(1)));
}

#[test]
fn what_is_a_minute_old_may_still_come_to_the_other_side() {
    let there = each(&[charge(Some("x"), 1, 100)]);
    let ours = claims(&[claim(2, Some("z"), 5, 110)]);
    let now = |seconds| Span { now: at(seconds), ..hour() };
    let soon = compare("scripted/main", now(150), &there, ours.clone());
    assert_eq!(soon, Compared::default());
    let later = compare("scripted/main", now(300), &there, ours);
    assert_eq!(later.differences.len(), 2);
}

#[test]
fn charges_without_a_name_are_found_by_amount_and_the_nearest_moment() {
    let there = each(&[charge(None, 24, 0), charge(None, 24, 1800), charge(None, 80, 1800)]);
    let ours = claims(&[claim(1, Some("x"), 24, 1805), claim(2, None, 80, 1900)]);
    let compared = look(&there, ours);
    assert_eq!(lines(&compared), [(DifferenceKind::MissingHere, 0, 24)]);
    assert_eq!(compared.differences[0].at, at(0), "the nearest one is ours");
    // Booked a day later it is another one.
    let there = each(&[charge(None, 24, 0)]);
    let ours = claims(&[claim(1, None, 24, 25 * 3600)]);
    assert_eq!(lines(&look(&there, ours)), [(DifferenceKind::MissingHere, 0, 24)]);
}

#[test]
fn a_name_that_the_books_have_forgotten_is_found_by_amount() {
    let there = each(&[charge(Some("x"), 24, 10), charge(Some("y"), 24, 600)]);
    let ours = claims(&[claim(1, None, 24, 605), claim(2, Some("z"), 24, 12)]);
    let compared = look(&there, ours);
    // Two names are two works, however alike.
    assert_eq!(
        lines(&compared),
        [(DifferenceKind::MissingHere, 0, 24), (DifferenceKind::MissingThere, 24, 0)]
    );
    assert_eq!(compared.differences[0].reference.as_deref(), Some("x"));
}

#[test]
fn what_was_given_back_counts_against_its_charge() {
    let there = each(&[
        charge(Some("x"), -24, 900),
        charge(Some("x"), 24, 10),
        charge(Some("y"), 24, 20),
        charge(Some("y"), -4, 800),
    ]);
    let ours = claims(&[claim(1, Some("x"), 24, 11), claim(2, Some("y"), 20, 21)]);
    assert_eq!(lines(&look(&there, ours)), [(DifferenceKind::Amount, 24, 0)]);
}

#[test]
fn what_the_vendor_lists_nowhere_is_no_difference() {
    let mut there = each(&[charge(Some("x"), 24, 10)]);
    there.told = Told::Each { but: vec!["two".to_owned()] };
    let other = Claimed { model: "two".to_owned(), ..claim(2, Some("img_1"), 28, 20) };
    let compared = look(&there, claims(&[claim(1, Some("x"), 24, 11), other]));
    assert_eq!((lines(&compared), compared.booked), (vec![], usd(24)));
}

#[test]
fn a_vendor_that_tells_sums_leaves_ours_alone() {
    let mut there = each(&[]);
    there.told = Told::Totals;
    let ours = claims(&[claim(1, None, 50_000, 11), claim(2, None, 7, -5)]);
    let compared = look(&there, ours);
    assert_eq!((compared.booked, compared.differences.len()), (usd(50_000), 0));
}

#[test]
fn what_cannot_be_known_is_not_certain() {
    let there = each(&[charge(Some("x"), 24, 600)]);
    let sure = |there: &There, here: Here| {
        let compared = look(there, here);
        assert_eq!(compared.differences.len(), 1, "{compared:?}");
        compared.differences[0].certain
    };
    let open = |since| Here { open: vec![at(since)], ..Here::default() };
    assert!(sure(&there, Here::default()));
    assert!(sure(&there, open(900)), "what was begun later did not make it");
    assert!(!sure(&there, open(590)), "it may be the one under way");
    let half = There { incomplete: true, ..each(&[charge(Some("x"), 24, 600)]) };
    assert!(!sure(&half, Here::default()));
    let ceiling = Claimed { uncertain: true, ..claim(1, None, 58_000, 60) };
    assert!(!sure(&each(&[]), claims(&[ceiling])));
}

/// Enters everything that is certain.
fn entered(compared: &Compared) -> Vec<DriftEntry> {
    let entry = |d: &Difference| DriftEntry {
        id: d.drift.clone(),
        provider: "scripted".to_owned(),
        account: "main".to_owned(),
        amount: d.charged - d.booked,
        at: at(4000),
    };
    compared.differences.iter().filter(|d| d.certain).map(entry).collect()
}

#[test]
fn drift_is_entered_once_and_goes_with_its_charge() {
    let there = each(&[charge(Some("x"), 24, 10), charge(Some("y"), 30, 20)]);
    let ours = claims(&[claim(1, Some("y"), 27, 21), claim(2, Some("z"), 5, 40)]);
    let first = look(&there, ours.clone());
    let mut drifts = entered(&first);
    assert_eq!(drifts.iter().map(|drift| drift.amount.micros()).sum::<i64>(), 24 + 3 - 5);
    let again = look(&there, Here { drifts: drifts.clone(), ..ours.clone() });
    assert_eq!(lines(&again), [], "what is on the books is no difference");
    assert_eq!(again.booked, usd(54));
    // The charge that was missing here is booked after all: its drift has to go.
    let mut late = ours;
    late.claims.push(claim(3, Some("x"), 24, 3000));
    late.drifts.clone_from(&drifts);
    let third = look(&there, late.clone());
    assert_eq!(lines(&third), [(DifferenceKind::Amount, 48, 24)]);
    drifts.extend(entered(&third));
    let names: HashSet<&str> = drifts.iter().map(|drift| drift.id.as_str()).collect();
    assert_eq!(names.len(), drifts.len(), "each entry has a name of its own");
    late.drifts = drifts;
    assert_eq!(lines(&look(&there, late)), []);
}

#[test]
fn the_name_of_a_drift_is_its_charges_at_its_account() {
    let there = each(&[charge(None, 24, 10), charge(None, 24, 10)]);
    let one = look(&there, Here::default());
    let names: HashSet<_> = one.differences.iter().map(|d| d.drift.clone()).collect();
    assert_eq!(names.len(), 2, "two alike are two");
    let other = compare("scripted/other", hour(), &there, Here::default());
    assert!(other.differences.iter().all(|d| !names.contains(&d.drift)));
    assert_eq!(one, look(&there, Here::default()), "and the same every time");
}
