use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(row: Value) -> Spend {
    Spend::read(&row).unwrap_or_else(|| panic!("not read: {row}"))
}

const DAY: &str = "2026-02-20 12:00:05";

fn charge(spends: &[Value], creations: &[&str]) -> Option<i64> {
    let spends: Vec<Spend> = spends.iter().cloned().map(read).collect();
    let window = Window { from: at("2026-02-20 12:00:00"), to: at("2026-02-20 12:01:00") };
    let credit = MicroUsd::from_micros(1000);
    charged(&spends, creations, "image", window, credit).map(MicroUsd::micros)
}

#[test]
fn a_creations_number_is_found_wherever_it_stands() {
    for row in [
        json!({"transaction_id": 9, "amount": -24, "creation_id": 6147, "created_at": DAY}),
        json!({"id": "9", "amount": "-24.00", "reference": {"type": "creation", "id": "6147"},
            "timestamp": 1_771_588_805}),
        json!({"id": 9, "credits": 24, "description": "image generation #6147", "date": DAY}),
        json!({"id": 9, "credits": 24, "note": "Creation 6147 (image)"}),
        json!({"id": 9, "credits": 24, "link": "https://generor.com/creations/6147?x=1"}),
        json!({"id": 9, "credits": 24, "creations": [6147, 6148]}),
        json!({"id": 9, "credits": 24.0, "meta": {"items": [{"creation": "6147"}]}}),
    ] {
        let spend = read(row.clone());
        assert!(spend.names("6147"), "{row}");
        assert_eq!(spend.amount, Credits::whole(24), "{row}");
    }
}

#[test]
fn other_numbers_are_no_creations() {
    let row = json!({"id": 6147, "amount": -6147, "balance_after": 6147, "user_id": 6147,
        "model_id": 6147, "created_at": 6147, "description": "6147 credits for an image"});
    assert!(!read(row).names("6147"));
    assert!(Spend::read(&json!({"id": 1, "note": "a row without an amount"})).is_none());
    assert!(Spend::read(&json!("6147")).is_none());
}

#[test]
fn moments_are_read_in_every_form() {
    for moment in [
        json!(DAY),
        json!("2026-02-20T12:00:05Z"),
        json!(1_771_588_805),
        json!(1_771_588_805_000_i64),
        json!("1771588805"),
    ] {
        let spend = read(json!({"amount": 1, "timestamp": moment}));
        assert_eq!(spend.at, Some(at(DAY)), "{moment}");
    }
    assert_eq!(read(json!({"amount": 1, "date": "yesterday"})).at, None);
}

#[test]
fn what_names_the_creation_is_its_charge() {
    let named =
        |id: u32, amount: i64| json!({"amount": amount, "creation_id": id, "created_at": DAY});
    let all = [named(6146, -1), named(6147, -24), named(6148, -5)];
    assert_eq!(charge(&all, &["6147"]), Some(24_000));
    assert_eq!(charge(&all, &["6147", "6148"]), Some(29_000), "one row for each of a call");
    assert_eq!(charge(&all, &["6150"]), None, "rows of others are not ours");
}

#[test]
fn rows_that_name_nothing_count_where_they_agree() {
    let row = |credits: u32, note: &str, date: &str| json!({"id": 1, "credits": credits, "note": note, "date": date});
    let late = "2026-02-20 12:30:00";
    let one = [
        row(24, "image generation", DAY),
        row(3, "joke generation", DAY),
        row(80, "image generation", late),
    ];
    assert_eq!(charge(&one, &["6147"]), Some(24_000));
    let two = [row(24, "image generation", DAY), row(24, "image generation", DAY)];
    assert_eq!(charge(&two, &["6147"]), Some(24_000));
    let differ = [row(24, "image generation", DAY), row(25, "image generation", DAY)];
    assert_eq!(charge(&differ, &["6147"]), None, "nobody can tell which");
    assert_eq!(charge(&[row(24, "", late)], &["6147"]), None);
    assert_eq!(charge(&[row(24, "", DAY)], &["6147"]), Some(24_000));
}
