//! A small trace made by hand, played through the protocol.

use std::io::BufReader;

use serde_json::{Value, json};

use super::play;

/// A Monday, 2 March 2026, at nine.
const START: i64 = 1_772_442_000_000;
const DAY: i64 = 86_400_000;

fn hello(month_images: u64) -> Value {
    let prices = json!({ "min": 20_000, "max": 25_000, "max_side": 1024, "ms": 6_000 });
    json!({ "type": "hello", "protocol": 1, "t": START, "config": {
        "start": START, "end": START + 20 * DAY,
        "vendors": {
            "zekron": { "lanes": 5, "per_minute": 60, "balance": 900_000_000,
                "topups": [], "models": { "zekron-xl": prices } },
            "zsky": { "lanes": 3, "per_minute": 20, "month_images": month_images,
                "month_videos": 300, "day_images": 200, "day_videos": 50,
                "used_images": 0, "used_videos": 0,
                "overage": { "on": false, "cap": 0, "image": 50_000, "video": 500_000 } },
            "generor": { "per_minute": 30, "per_hour": 500, "per_day": 5_000,
                "micro_usd_per_credit": 1_000 },
        },
        "teams": { "press": { "budget": 900_000_000, "spent": 0 } },
        "unknown": "is not read",
    }})
}

fn request(id: &str, at: i64, quotes: &Value) -> Value {
    json!({ "type": "request", "t": at, "id": id, "kind": "image", "class": "standard",
        "team": "press", "n": 1, "size": 1024, "prompt_chars": 100, "deadline": at + 600_000,
        "penalty": 400_000, "quotes": quotes, "need": "decision" })
}

fn both() -> Value {
    json!([
        { "candidate": "zekron/zekron-xl", "est": 22_500, "est_ms": 6_000 },
        { "candidate": "zsky/image", "est": 0, "est_ms": 8_000 },
    ])
}

fn outcome(id: &str, at: i64, more: &Value) -> Value {
    let mut outcome = json!({ "type": "outcome", "t": at, "id": id, "candidate": "zsky/image",
        "status": "success", "cost": 0, "team_charge": 0, "latency_ms": 8_000, "units": 1,
        "settled": true, "in_time": true, "need": "none" });
    if let (Some(outcome), Some(more)) = (outcome.as_object_mut(), more.as_object()) {
        outcome.extend(more.clone());
    }
    outcome
}

fn replies(messages: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
    let mut output = Vec::new();
    play(BufReader::new(lines.join("\n").as_bytes()), &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn ample_allowance_is_free_and_every_line_has_its_answer() {
    let messages = [
        hello(1_000),
        request("a", START + 1_000, &both()),
        outcome("a", START + 9_000, &json!({})),
        json!({ "type": "end", "t": START + 10_000 }),
    ];
    assert_eq!(
        replies(&messages),
        [json!({ "ready": true }), json!({ "candidate": "zsky/image" }), json!({})]
    );
}

#[test]
fn an_allowance_that_is_used_up_is_not_asked() {
    let said = replies(&[hello(0), request("a", START + 1_000, &both())]);
    assert_eq!(said[1], json!({ "candidate": "zekron/zekron-xl" }));
}

#[test]
fn scarce_units_are_kept_for_what_is_dear_elsewhere() {
    // Six cheap requests to one dear one, an hour apart, and units for a fifth of them.
    let dear = json!([
        { "candidate": "zsky/image", "est": 0, "est_ms": 8_000 },
        { "candidate": "generor/10030", "est": 300_000, "est_ms": 35_000 },
    ]);
    let mut messages = vec![hello(90)];
    for hour in 0..200 {
        let (id, at) = (format!("r{hour}"), START + hour * 3_600_000);
        let quotes = if hour % 7 == 6 { dear.clone() } else { both() };
        messages.push(request(&id, at, &quotes));
        // Only what was sent is heard of; the rest is ignored.
        messages.push(outcome(&id, at + 8_000, &json!({})));
    }
    let said = replies(&messages);
    let sent = |hour: usize| said[1 + 2 * hour]["candidate"].clone();
    let late = 100..200_usize;
    for hour in late.clone().filter(|hour| hour % 7 == 6) {
        assert_eq!(sent(hour), "zsky/image", "{hour}");
    }
    let cheap = late.filter(|hour| hour % 7 != 6 && sent(*hour) == "zsky/image").count();
    assert!(cheap < 30, "{cheap} units went to what costs 0.02 elsewhere");
}

#[test]
fn blocked_work_goes_elsewhere_and_is_not_tried_again() {
    let blocked = json!({ "status": "blocked", "code": 451, "settled": false, "need": "decision" });
    let messages =
        [hello(1_000), request("a", START + 1_000, &both()), outcome("a", START + 5_000, &blocked)];
    assert_eq!(replies(&messages)[2], json!({ "candidate": "zekron/zekron-xl" }));
}

#[test]
fn who_has_time_waits_for_a_lane_and_goes_when_it_is_free() {
    let only = json!([
        { "candidate": "zsky/image", "est": 0, "est_ms": 8_000 },
        { "candidate": "generor/10030", "est": 300_000, "est_ms": 35_000 },
    ]);
    let mut messages = vec![hello(1_000)];
    for (index, id) in (0..).zip(["a", "b", "c", "d"]) {
        messages.push(request(id, START + index, &only));
    }
    messages.push(outcome("a", START + 6_000, &json!({})));
    let said = replies(&messages);
    for sent in &said[1..4] {
        assert_eq!(*sent, json!({ "candidate": "zsky/image" }));
    }
    let wait = said[4]["defer_s"].as_f64().unwrap();
    assert!((1.0..10.0).contains(&wait), "{wait}");
    assert_eq!(said[5], json!({ "also": [{ "id": "d", "candidate": "zsky/image" }] }));
}

#[test]
fn what_costs_more_than_its_penalty_is_given_up_at_the_last_moment() {
    let dear = json!([{ "candidate": "generor/20090", "est": 9_000_000, "est_ms": 60_000 }]);
    let wake = |at: i64| json!({ "type": "wake", "t": at, "id": "a", "need": "decision" });
    let messages = [hello(0), request("a", START, &dear), wake(START + 520_000)];
    let said = replies(&messages);
    let wait = said[1]["defer_s"].as_f64().unwrap();
    assert!((500.0..600.0).contains(&wait), "{wait}");
    assert_eq!(said[2], json!({ "reject": true }));
}

#[test]
fn a_ceiling_is_never_broken_knowingly() {
    let quotes = json!([
        { "candidate": "zekron/zekron-xl", "est": 22_500, "est_ms": 6_000 },
        { "candidate": "generor/10030", "est": 300_000, "est_ms": 35_000 },
    ]);
    let mut asked = request("a", START, &quotes);
    asked["max_price"] = json!(15_000);
    let last = json!({ "type": "wake", "t": START + 595_000, "id": "a", "need": "decision" });
    assert_eq!(replies(&[hello(0), asked, last])[2], json!({ "reject": true }));
}

#[test]
fn a_line_that_is_none_ends_the_run() {
    let play = |text: &str| play(BufReader::new(text.as_bytes()), Vec::new());
    assert!(play("{").unwrap_err().to_string().starts_with("line 1 is not of the protocol"));
    let early = play(r#"{"type":"wake","t":1,"id":"a"}"#).unwrap_err().to_string();
    assert_eq!(early, "line 1: the first message must be hello");
}
