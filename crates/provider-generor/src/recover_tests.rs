use serde_json::json;

use provider::{Adjustments, MicroUsd, Work};

use super::*;
use crate::client::Page;

const NOON: &str = "2026-02-20 12:00:00";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn lost(prompt: &str, count: u8) -> Lost {
    let sent_at = at(NOON);
    let lost_at = sent_at.plus(Duration::from_secs(5));
    let work = Work { count, ..Work::image("10003", prompt) };
    Lost { work, sent_at, lost_at, now: lost_at }
}

fn search<'a>(lost: &'a Lost, adjustments: &'a Adjustments) -> Search<'a> {
    Search {
        lost,
        prompt: &lost.work.prompt,
        slugs: vec!["image"],
        asked: Asked {
            kind: Kind::Image,
            count: lost.work.count,
            sent: Vec::new(),
            adjustments,
            upper: Some(MicroUsd::from_micros(30_000)),
            credit: MicroUsd::from_micros(1000),
        },
        ceiling: Duration::from_secs(60),
    }
}

fn window(search: &Search<'_>) -> Window {
    Window::of(search.lost, search.ceiling, search.lost.now, search.lost.now)
}

fn listed(id: u32, second: u32) -> Value {
    json!({"creation_id": id, "generator": "image", "prompt": "a fox", "type": "img",
        "created_at": format!("2026-02-20 12:00:{second:02}"),
        "images": [{"url": format!("/users/2/img/image-{id}.png")}]})
}

fn rows(search: &Search<'_>, all: &[Value]) -> Vec<Row> {
    let mut rows: Vec<Row> =
        all.iter().filter_map(|row| search.accept(row.clone(), window(search))).collect();
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    rows
}

fn charge(id: u32, credits: i64) -> Spend {
    let row = json!({"amount": -credits, "creation_id": id, "created_at": NOON});
    Spend::read(&row).unwrap()
}

/// The creations by call, each call as its numbers.
fn calls(count: u8, all: &[Value], spends: &[Spend]) -> Vec<Vec<String>> {
    let (lost, none) = (lost("a fox", count), Adjustments::new());
    let search = search(&lost, &none);
    let calls = together(rows(&search, all), spends, count.into());
    calls.into_iter().map(|call| call.into_iter().map(|row| row.id).collect()).collect()
}

#[test]
fn a_row_that_shows_something_else_is_another() {
    let (lost, none) = (lost("a fox", 1), Adjustments::new());
    let search = search(&lost, &none);
    let accepts = |change: &dyn Fn(&mut Value)| {
        let mut row = listed(6147, 1);
        change(&mut row);
        search.accept(row, window(&search)).is_some()
    };
    assert!(accepts(&|_| {}));
    assert!(accepts(&|row| row["type"] = json!("zz_unheard_of")));
    assert!(accepts(&|row| row["created_at"] = json!("some time ago")));
    assert!(accepts(&|row| row["model_id"] = json!("10003")));
    assert!(accepts(&|row| row["generator_data"] = json!({"model_id": 10003})));
    assert!(accepts(&|row| row["prompt"] = json!(" a fox\n")));
    for (name, value) in [
        ("generator", json!("wallart")),
        ("prompt", json!("another fox")),
        ("type", json!("video")),
        ("created_at", json!("2026-02-20 11:59:57")),
        ("created_at", json!("2026-02-20 12:01:08")),
        ("model_id", json!(10001)),
        ("generator_data", json!({"model_id": 10001})),
        ("creation_id", json!(null)),
    ] {
        assert!(!accepts(&|row| row[name] = value.clone()), "{name}: {value}");
    }
}

#[test]
fn a_prompt_that_the_list_cuts_short_is_not_sure() {
    let (lost, none) = (lost("a fox in the snow at dawn", 1), Adjustments::new());
    let search = search(&lost, &none);
    assert_eq!(search.same_prompt(Some("a fox in the snow at dawn")), Some(true));
    assert_eq!(search.same_prompt(Some("a fox in the...")), Some(false));
    assert_eq!(search.same_prompt(Some("a fox in …")), Some(false));
    assert_eq!(search.same_prompt(None), Some(false), "the list may leave it out");
    assert_eq!(search.same_prompt(Some("a dog in the...")), None);
    assert_eq!(search.same_prompt(Some("a fox in the snow")), None);
}

#[test]
fn the_window_moves_with_the_vendors_clock() {
    let lost = lost("a fox", 1);
    let theirs = lost.now.plus(Duration::from_secs(3600));
    let window = Window::of(&lost, Duration::from_secs(60), theirs, lost.now);
    assert!(window.holds(at("2026-02-20 13:00:00")) && window.holds(at("2026-02-20 12:59:58")));
    assert!(window.holds(at("2026-02-20 13:01:07")) && !window.holds(at("2026-02-20 13:01:08")));
    assert!(!window.holds(at(NOON)));
}

#[test]
fn a_list_is_read_until_it_is_older_than_the_window() {
    let lost = lost("a fox", 1);
    let window = Window::of(&lost, Duration::from_secs(60), lost.now, lost.now);
    let passed = |times: &[&str]| {
        let rows = times.iter().map(|at| json!({"created_at": at})).collect();
        window.passed(&Page { rows, has_next: true, date: None }, created_at)
    };
    assert!(passed(&["2026-02-20 12:00:09", "2026-02-20 11:59:57"]));
    assert!(!passed(&["2026-02-20 12:00:09", "2026-02-20 11:59:58"]));
    assert!(!passed(&["2026-02-20 11:00:00", "2026-02-20 12:00:09"]), "oldest first");
    assert!(!passed(&["2026-02-20 11:00:00", "2026-02-20 11:00:00"]), "no order is shown");
    assert!(!passed(&[]));
}

#[test]
fn creations_of_one_charge_are_one_call() {
    let four = [listed(10, 1), listed(11, 1), listed(9, 1), listed(12, 1)];
    assert_eq!(calls(4, &four, &[charge(9, 24)]), [["9", "10", "11", "12"]], "the first is named");
    let whole = Spend::read(&json!({"amount": 24, "creations": [9, 10, 11, 12]})).unwrap();
    assert_eq!(calls(4, &four, &[whole]), [["9", "10", "11", "12"]], "all are named");
    let each = [9, 10, 11, 12].map(|id| charge(id, 6));
    assert_eq!(calls(4, &four, &each), [["9", "10", "11", "12"]], "each has its own");
    assert_eq!(calls(4, &four, &[]), [["9", "10", "11", "12"]], "nothing is named");
}

#[test]
fn calls_of_the_same_second_are_told_apart() {
    let four = [listed(9, 1), listed(10, 1), listed(11, 1), listed(12, 1)];
    let pairs = [["9", "10"], ["11", "12"]];
    assert_eq!(calls(2, &four, &[charge(9, 24), charge(11, 24)]), pairs);
    assert_eq!(calls(2, &four, &[]), pairs);
    let singles: Vec<Spend> = [9, 10, 11, 12].map(|id| charge(id, 6)).into();
    assert_eq!(calls(1, &four, &singles), [["9"], ["10"], ["11"], ["12"]]);
    let one_by_one = [listed(9, 1), listed(10, 9), listed(11, 17)];
    assert_eq!(calls(3, &one_by_one, &[charge(9, 24)]), [["9", "10", "11"]]);
    assert_eq!(calls(1, &one_by_one, &[charge(9, 24)]), [["9"], ["10"], ["11"]]);
    let later = [listed(9, 1), listed(10, 9)];
    assert_eq!(calls(2, &later, &[]), [["9"], ["10"]], "one call's are made at once");
}

#[test]
fn a_call_that_made_more_is_another() {
    let all = [listed(9, 1), listed(10, 1), listed(11, 1), listed(12, 1)];
    let spends = [charge(9, 24), charge(12, 6)];
    assert_eq!(calls(1, &all, &spends), [["12"]], "9, 10 and 11 are another call's");
}

#[test]
fn numbers_are_in_the_order_of_numbers() {
    let two = [listed(10_000, 1), listed(9_999, 1)];
    assert_eq!(calls(2, &two, &[]), [["9999", "10000"]]);
}

#[test]
fn a_call_is_settled_with_its_charge_and_its_first_number() {
    let (lost, none) = (lost("a fox", 4), Adjustments::new());
    let search = search(&lost, &none);
    let all = [listed(9, 1), listed(10, 1)];
    let made = rows(&search, &all);
    let settle = |spends: &[Spend]| search.settle(&made, spends, window(&search)).unwrap().unwrap();
    let (short, found) = settle(&[charge(9, 24)]);
    assert!(short, "two of four");
    assert_eq!(found.reference, "9");
    assert_eq!(found.finished.charge, Charge::exact(MicroUsd::from_micros(24_000)));
    assert_eq!(found.finished.outputs.len(), 2);
    assert_eq!(found.finished.adjustments["count"].used, json!(2));
    let (_, found) = settle(&[]);
    assert_eq!(found.finished.charge, Charge::at_most(MicroUsd::from_micros(30_000)));
}

#[test]
fn a_price_that_nobody_knows_is_not_nothing() {
    let (lost, none) = (lost("a fox", 1), Adjustments::new());
    let mut search = search(&lost, &none);
    search.asked.upper = None;
    let made = rows(&search, &[listed(9, 1)]);
    let error = search.settle(&made, &[], window(&search)).unwrap_err();
    assert_eq!(error.retry(), Retry::Safe { after: None });
}

#[test]
fn what_goes_on_is_not_there_yet() {
    let (lost, none) = (lost("a fox", 2), Adjustments::new());
    let search = search(&lost, &none);
    let mut made = rows(&search, &[listed(9, 1), listed(10, 1)]);
    made[1].is_going = true;
    assert!(search.settle(&made, &[charge(9, 24)], window(&search)).unwrap().is_none());
}
