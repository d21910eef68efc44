use serde_json::json;

use provider::{Output, Retry};

use super::*;

fn key() -> SecretString {
    SecretString::from("gnr_live_00112233445566778899aabbccddeeff00112233".to_owned())
}

fn asked(adjustments: &Adjustments, count: u8) -> Asked<'_> {
    Asked {
        kind: Kind::Image,
        count,
        sent: vec!["https://gateway.example/inputs/1"],
        adjustments,
        upper: Some(MicroUsd::from_micros(30_000)),
        credit: MicroUsd::from_micros(1000),
    }
}

fn answer(data: Value) -> Vec<u8> {
    json!({"success": true, "data": data}).to_string().into_bytes()
}

fn picture(id: u64) -> Value {
    json!({"creation_id": id, "image_url": format!("/users/2/img/image-{id}.webp")})
}

#[test]
fn fewer_creations_than_asked_for_are_told() {
    let none = Adjustments::new();
    let body = answer(json!({"credit_cost": 12, "creations": [picture(6147), picture(6148)]}));
    let made = finished(&body, &asked(&none, 4), &key()).unwrap();
    assert_eq!(made.outputs.len(), 2);
    assert_eq!(made.reference.as_deref(), Some("6147"));
    let count = &made.adjustments["count"];
    assert_eq!((&count.requested, &count.used), (&json!(4), &json!(2)));
    let whole = finished(&body, &asked(&none, 2), &key()).unwrap();
    assert!(whole.adjustments.is_empty(), "{whole:?}");
}

#[test]
fn a_call_goes_by_its_lowest_number_in_whichever_order_they_come() {
    let none = Adjustments::new();
    let creations = json!([picture(10_001), picture(9_999), picture(10_000)]);
    let body = answer(json!({"credit_cost": 12, "creations": creations}));
    let made = finished(&body, &asked(&none, 3), &key()).unwrap();
    assert_eq!(made.reference.as_deref(), Some("9999"));
    let Output::Remote(first) = &made.outputs[0] else { panic!("{made:?}") };
    assert!(first.location.contains("image-10001"), "the outputs keep their order: {made:?}");
}

#[test]
fn a_creation_without_an_output_is_none() {
    let none = Adjustments::new();
    let body = answer(json!({"credit_cost": 12, "creations": [
        null, 7, "x", {"error": "failed"}, {"image_url": "https://gateway.example/inputs/1"},
        picture(6148)]}));
    let made = finished(&body, &asked(&none, 2), &key()).unwrap();
    assert_eq!(made.reference.as_deref(), Some("6148"), "the first that is one");
    assert!(matches!(made.outputs.as_slice(), [Output::Remote(_)]), "{made:?}");
}

#[test]
fn what_we_changed_and_what_the_vendor_changed_become_one() {
    let ours = Adjustment {
        requested: json!("1920x1088"),
        used: json!("16:9"),
        reason: "the vendor takes proportions and chooses the pixels".to_owned(),
    };
    let before: Adjustments =
        [("size".to_owned(), ours.clone()), ("seconds".to_owned(), ours)].into();
    let body = answer(json!({"credit_cost": 12, "creations": [picture(6147)], "adjustments": {
        "size": {"requested": "16:9", "used": "1:1", "reason": "gnr_live_0011 makes squares"},
        "zz_unknown": {"requested": 1, "used": 2}, "count": {"requested": 1, "used": 1}}}));
    let made = finished(&body, &asked(&before, 1), &key()).unwrap().adjustments;
    assert_eq!(made["size"].requested, json!("1920x1088"), "what the caller said");
    assert_eq!(made["size"].used, json!("1:1"), "what the vendor used");
    assert_eq!(made["size"].reason, "[key] makes squares");
    assert_eq!(made["seconds"], before["seconds"]);
    assert_eq!(made["zz_unknown"].used, json!(2));
    assert!(!made.contains_key("count"), "nothing was changed");
}

#[test]
fn a_charge_that_cannot_be_read_is_the_most_that_it_can_be() {
    let none = Adjustments::new();
    let body = answer(json!({"credit_cost": "many", "creations": [picture(6147)]}));
    let made = finished(&body, &asked(&none, 1), &key()).unwrap();
    assert_eq!(made.charge, Charge::at_most(MicroUsd::from_micros(30_000)));
    let nobody_knows = Asked { upper: None, ..asked(&none, 1) };
    let error = finished(&body, &nobody_knows, &key()).unwrap_err();
    assert_eq!(error.retry(), Retry::Unknown { ended: true }, "never nothing");
}

#[test]
fn a_refusal_within_a_success_is_one() {
    let refused = |code: &str| {
        let body = json!({"success": false, "error": {"code": code, "message": "no"}}).to_string();
        data(body.as_bytes(), Effect::Paid, &key()).unwrap_err()
    };
    assert_eq!(refused("RATE_LIMIT_EXCEEDED").retry(), Retry::Safe { after: None });
    assert_eq!(refused("SERVER_ERROR").retry(), Retry::Unknown { ended: true });
    assert_eq!(refused("zz_unheard_of").retry(), Retry::Unknown { ended: true });
    let both = json!({"success": false, "data": {"creations": []}}).to_string();
    assert!(data(both.as_bytes(), Effect::Paid, &key()).is_err());
}

#[test]
fn a_balance_is_the_total_or_the_purses() {
    let credit = MicroUsd::from_micros(1000);
    let of = |data: Value| balance(data, credit).map(|(total, _)| total.micros());
    let page = json!({"total": 1250, "paid": 1000, "free": 200, "earned": 50, "max": 250});
    assert_eq!(of(page.clone()).unwrap(), 1_250_000);
    let free = |data: Value| balance(data, credit).unwrap().1;
    let of_page = free(page).unwrap();
    assert_eq!(
        (of_page.left.micros(), of_page.most),
        (200_000, Some(MicroUsd::from_micros(250_000)))
    );
    assert_eq!(free(json!({"total": 1250})), None, "it is not told apart");
    assert_eq!(of(json!({"total": "?", "paid": "1000", "free": 200})).unwrap(), 1_200_000);
    for unreadable in [json!({}), json!([1250]), json!({"total": null}), Value::Null] {
        assert!(of(unreadable.clone()).is_err(), "{unreadable}");
    }
}
