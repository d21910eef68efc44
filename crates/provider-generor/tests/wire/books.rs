//! Lost answers, looked for in the vendor's books.

use std::time::Duration;

use bytes::Bytes;
use provider::{
    Charge, ErrorKind, Found, Input, Kind, Lost, MicroUsd, Output, Provider, Recovered, Result,
    Retry, Role, Timestamp, Work,
};
use provider_conformance::Answer;
use serde_json::{Value, json};

use crate::adapter::{Scene, location, ok, page, refused};

const DATE: &str = "Fri, 20 Feb 2026 12:00:10 GMT";
const PROMPT: &str = "A sunset over mountains";

fn lost(work: Work) -> Lost {
    let sent_at = Timestamp::parse("2026-02-20T12:00:00Z").unwrap();
    let after = |seconds| sent_at.plus(Duration::from_secs(seconds));
    Lost { work, sent_at, lost_at: after(5), now: after(10) }
}

fn picture(id: u32, at: &str) -> Value {
    json!({"creation_id": id, "generator": "image", "prompt": PROMPT, "type": "img",
        "created_at": at, "images": [{"url": format!("/users/2/img/image-{id}.png")}]})
}

fn spend(id: u32, credits: u32) -> Value {
    json!({"transaction_id": 1, "type": "spend", "amount": -i64::from(credits), "creation_id": id,
        "created_at": "2026-02-20 12:00:04"})
}

/// Books of one page each, and nothing else.
fn books(creations: Vec<Value>, spends: Vec<Value>) -> Scene {
    Scene::of(move |_, path| match path.split('?').next().unwrap_or_default() {
        "/creations" => page(&creations, false).header("date", DATE),
        "/credits/transactions" => page(&spends, false),
        _ => refused(404, "NOT_FOUND"),
    })
}

async fn recovered(scene: &Scene, work: Work) -> Result<Vec<Found>> {
    match scene.adapter.recover(scene.call(), &lost(work)).await? {
        Recovered::Candidates(found) => Ok(found),
        Recovered::CannotTell => panic!("the books tell"),
    }
}

async fn found(scene: &Scene, work: Work) -> Vec<Found> {
    recovered(scene, work).await.unwrap()
}

fn image() -> Work {
    Work::image("10003", PROMPT)
}

fn exact(micros: i64) -> Charge {
    Charge::exact(MicroUsd::from_micros(micros))
}

#[tokio::test]
async fn the_lost_work_is_found_with_its_charge() {
    let creations = vec![
        json!({"creation_id": 6148, "prompt": "another", "generator": "image",
            "created_at": "2026-02-20 12:00:03"}),
        picture(6147, "2026-02-20 12:00:02"),
        picture(6101, "2026-02-20 11:00:00"),
    ];
    let scene = books(creations, vec![spend(6148, 80), spend(6147, 24)]);
    let all = found(&scene, image()).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].reference, "6147");
    assert_eq!(all[0].finished.charge, exact(24_000));
    assert_eq!(all[0].created_at, Timestamp::parse("2026-02-20T12:00:02Z"));
    assert!(location(&all[0].finished).contains("/users/2/img/image-6147.png"));
    assert_eq!(
        scene.asked(),
        [
            "GET /creations?generator=image&sort=newest&page=1&per_page=100",
            "GET /credits/transactions?type=spend&page=1&per_page=100"
        ]
    );
    assert_eq!(scene.turns.taken(), 2, "each look takes a turn");
}

#[tokio::test]
async fn what_is_not_there_costs_one_look() {
    let scene = books(vec![picture(6101, "2026-02-20 11:00:00")], vec![spend(6101, 24)]);
    assert!(found(&scene, image()).await.is_empty());
    assert_eq!(scene.asked().len(), 1, "{:?}", scene.asked());
}

#[tokio::test]
async fn pages_are_read_until_they_are_older_than_the_call() {
    let scene = Scene::of(|_, path| {
        let (first, second) = (path.contains("page=1&"), path.contains("page=2&"));
        let at = |second| format!("2026-02-20 12:00:{second:02}");
        let rows = match (path.starts_with("/creations"), first, second) {
            (true, true, _) => vec![picture(6150, &at(9)), picture(6149, &at(8))],
            // Rows that came meanwhile have moved one from the first page to the second.
            (true, _, true) => vec![picture(6149, &at(8)), picture(6147, "2026-02-20 11:59:00")],
            (false, true, _) => vec![spend(6150, 25)],
            (false, _, true) => vec![spend(6149, 26)],
            _ => panic!("read too far: {path}"),
        };
        page(&rows, !second || path.starts_with("/creations")).header("date", DATE)
    });
    let all = found(&scene, image()).await;
    let charges: Vec<_> =
        all.iter().map(|row| (row.reference.as_str(), row.finished.charge)).collect();
    assert_eq!(charges, [("6149", exact(26_000)), ("6150", exact(25_000))]);
    assert_eq!(scene.asked().len(), 4, "{:?}", scene.asked());
}

#[tokio::test]
async fn the_vendors_clock_may_be_an_hour_ahead() {
    let rows = vec![picture(6147, "2026-02-20 13:00:02"), picture(6146, "2026-02-20 12:00:02")];
    let scene = Scene::of(move |_, path| match path.starts_with("/creations") {
        true => page(&rows, false).header("date", "Fri, 20 Feb 2026 13:00:10 GMT"),
        false => page(&[spend(6147, 24)], false),
    });
    let all = found(&scene, image()).await;
    assert_eq!(all.iter().map(|row| row.reference.as_str()).collect::<Vec<_>>(), ["6147"]);
}

#[tokio::test]
async fn a_list_without_outputs_is_asked_about_one_by_one() {
    for (status, whole, is_found) in [
        ("completed", true, true),
        ("zz_unheard_of", true, true),
        ("zz_unheard_of", false, false),
        ("pending", true, false),
        ("generating", true, false),
        ("failed", true, false),
        ("cancelled", true, false),
    ] {
        let scene = Scene::of(move |_, path| {
            let mut bare = picture(6147, "2026-02-20 12:00:02");
            bare["images"] = json!([]);
            match path.split('?').next().unwrap_or_default() {
                "/creations" => page(&[bare], false).header("date", DATE),
                "/creations/6147/status" => ok(json!({"creation_id": 6147, "status": status})),
                "/creations/6147" if whole => ok(picture(6147, "2026-02-20 12:00:02")),
                "/creations/6147" => ok(bare),
                "/credits/transactions" => page(&[spend(6147, 24)], false),
                other => panic!("not to be asked: {other}"),
            }
        });
        let all = found(&scene, image()).await;
        assert_eq!(!all.is_empty(), is_found, "{status} {whole}: {all:?}");
        if is_found {
            assert!(location(&all[0].finished).contains("image-6147.png"), "{all:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_creation_beside_it_is_no_part_of_it() {
    let mut failed = picture(6148, "2026-02-20 12:00:02");
    failed["status"] = json!("failed");
    let scene = books(vec![failed, picture(6147, "2026-02-20 12:00:02")], vec![spend(6147, 24)]);
    let all = found(&scene, image()).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].reference, "6147");
}

#[tokio::test]
async fn a_prompt_that_is_cut_short_is_looked_up() {
    for (prompt, is_found) in [(PROMPT, true), ("A sunset over the sea", false)] {
        let scene = Scene::of(move |_, path| {
            let mut short = picture(6147, "2026-02-20 12:00:02");
            short["prompt"] = json!("A sunset over...");
            let mut whole = short.clone();
            whole["prompt"] = json!(prompt);
            match path.split('?').next().unwrap_or_default() {
                "/creations" => page(&[short], false).header("date", DATE),
                "/creations/6147/status" => ok(json!({"status": "completed"})),
                "/creations/6147" => ok(whole),
                _ => page(&[spend(6147, 24)], false),
            }
        });
        assert_eq!(!found(&scene, image()).await.is_empty(), is_found, "{prompt}");
    }
}

#[tokio::test]
async fn a_charge_that_names_nothing_is_taken_where_it_is_the_only_one() {
    let row = |credits: u32| {
        json!({"id": 9, "type": "spend", "credits": credits, "note": "image generation",
            "date": "2026-02-20 12:00:04"})
    };
    let creations = || vec![picture(6147, "2026-02-20 12:00:02")];
    let one = books(creations(), vec![row(24)]);
    assert_eq!(found(&one, image()).await[0].finished.charge, exact(24_000));
    // Listed with 6 credits, five times at most; the two rows do not tell which is whose.
    let at_most = Charge::at_most(MicroUsd::from_micros(30_000));
    let two = books(creations(), vec![row(24), row(12)]);
    assert_eq!(found(&two, image()).await[0].finished.charge, at_most);
    let none = books(creations(), Vec::new());
    assert_eq!(found(&none, image()).await[0].finished.charge, at_most);
}

#[tokio::test]
async fn creations_that_no_charge_tells_apart_are_nobodys() {
    let row = |credits: u32| {
        json!({"id": 9, "type": "spend", "credits": credits, "note": "image generation",
            "date": "2026-02-20 12:00:04"})
    };
    let at = "2026-02-20 12:00:02";
    let creations = || vec![picture(6149, at), picture(6148, at), picture(6147, at)];
    // One charge of three creations: the call that made them may be another generation's.
    for spends in [Vec::new(), vec![row(72)], vec![row(24), row(48)]] {
        let scene = books(creations(), spends);
        let error = recovered(&scene, image()).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Safe { after: None });
    }
    let scene = books(creations(), vec![row(24), row(24), row(24)]);
    assert_eq!(found(&scene, image()).await.len(), 3);
    let scene = books(creations(), vec![row(72)]);
    assert_eq!(
        found(&scene, Work { count: 3, ..image() }).await.len(),
        1,
        "all that were asked for"
    );
}

#[tokio::test]
async fn a_call_of_several_is_one() {
    let at = "2026-02-20 12:00:02";
    let creations = vec![picture(6149, at), picture(6148, at), picture(6147, at)];
    let scene = books(creations, vec![spend(6147, 24)]);
    let all = found(&scene, Work { count: 3, ..image() }).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].reference.as_str(), all[0].finished.outputs.len()), ("6147", 3));
    assert!(all[0].finished.adjustments.is_empty());
    assert!(found(&scene, image()).await.is_empty(), "three are not the one that was asked for");
}

#[tokio::test]
async fn words_are_found_whichever_default_they_were_sent_to() {
    for slug in ["joke", "text"] {
        let row = json!({"creation_id": 6144, "generator": slug, "prompt": PROMPT,
            "created_at": "2026-02-20 12:00:02", "generator_data": {"text": "Bugs!"}});
        let scene = books(vec![row], vec![spend(6144, 1)]);
        let work = Work { kind: Kind::Text, ..Work::image("37", PROMPT) };
        let all = found(&scene, work).await;
        assert_eq!(all[0].finished.outputs, [Output::Text("Bugs!".to_owned())], "{slug}");
        assert!(!scene.asked()[0].contains("generator="), "{:?}", scene.asked());
    }
}

#[tokio::test]
async fn what_was_made_of_a_picture_alone_is_found() {
    let source = Input {
        role: Role::Source,
        media_type: "image/png".to_owned(),
        bytes: Bytes::new(),
        url: None,
    };
    let work = Work { kind: Kind::Vision, inputs: vec![source], ..Work::image("34", "") };
    for prompt in [json!(""), Value::Null] {
        let row = json!({"creation_id": 6144, "generator": "vision", "prompt": prompt,
            "created_at": "2026-02-20 12:00:02", "text": "A cat."});
        let scene = books(vec![row], vec![spend(6144, 3)]);
        let all = found(&scene, work.clone()).await;
        assert_eq!(all[0].finished.outputs, [Output::Text("A cat.".to_owned())]);
        assert_eq!(all[0].finished.charge, exact(3000));
    }
}

#[tokio::test]
async fn a_model_that_is_gone_from_the_catalogue_was_sent_all_the_same() {
    let scene = books(vec![picture(6147, "2026-02-20 12:00:02")], vec![spend(6147, 24)]);
    let all = found(&scene, Work::image("19999", PROMPT)).await;
    assert_eq!(all[0].finished.charge, exact(24_000));
    // Without a charge nor a price nothing is claimed: it is asked again.
    let scene = books(vec![picture(6147, "2026-02-20 12:00:02")], Vec::new());
    let error = recovered(&scene, Work::image("19999", PROMPT)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Safe { after: None });
}

#[tokio::test]
async fn a_key_without_the_scope_cannot_tell_and_half_of_the_books_is_no_word() {
    let scene = Scene::of(|_, _| refused(403, "FORBIDDEN"));
    let word = scene.adapter.recover(scene.call(), &lost(image())).await.unwrap();
    assert_eq!(word, Recovered::CannotTell, "asking again would change nothing");
    let scene = Scene::of(|_, path| match path.starts_with("/creations") {
        true => page(&[picture(6147, "2026-02-20 12:00:02")], false).header("date", DATE),
        false => Answer::new(503, "text/html", "oops"),
    });
    let error = recovered(&scene, image()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "half of the books is not enough");
    assert!(matches!(error.retry(), Retry::Safe { .. }));
}

/// One picture may be equal work's that asked for one: a series takes it when it can make no more.
#[tokio::test]
async fn fewer_than_were_asked_for_are_taken_only_when_no_more_can_come() {
    let scene = books(vec![picture(6147, "2026-02-20 12:00:02")], vec![spend(6147, 6)]);
    let pair = Work { count: 2, ..image() };
    assert_eq!(found(&scene, pair.clone()).await, [], "the series may still be at work");
    let lost = lost(pair);
    let over = Lost { now: lost.sent_at.plus(Duration::from_secs(600)), ..lost };
    let word = scene.adapter.recover(scene.call(), &over).await.unwrap();
    let Recovered::Candidates(found) = word else { panic!("the books tell") };
    let [short] = found.as_slice() else { panic!("one of them: {found:?}") };
    assert_eq!((short.reference.as_str(), short.finished.outputs.len()), ("6147", 1));
    assert!(short.finished.adjustments.contains_key("count"));
}

#[tokio::test]
async fn a_list_without_an_end_is_no_word() {
    let scene =
        Scene::of(|_, _| page(&[picture(6147, "2026-02-20 12:00:02")], true).header("date", DATE));
    let error = recovered(&scene, image()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Failed, Retry::Safe { after: None }));
    assert!(scene.asked().len() <= 50);
}
