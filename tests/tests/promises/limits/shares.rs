//! Scarce places at a vendor are shared between teams: who asks for much makes nobody wait for all of it.
//!
//! The order in which the vendor did the work is asserted, never a time.

use serde_json::json;
use tests::{Team, Vendor};

use super::{latency, slow_house};
use crate::image;

/// Puts so many generations of a team in the line.
async fn flood(team: &Team, name: &str, count: usize) {
    for number in 0..count {
        team.begin(&image(&format!("{name} {number}"))).await;
    }
}

/// Whose work the vendor did, in the order in which it was done.
async fn order(vendor: &Vendor, count: usize) -> Vec<String> {
    let charges = vendor.charged(count).await;
    let first = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    charges.iter().map(|charge| first(charge["prompt"].as_str().unwrap_or_default())).collect()
}

/// How many of them are this team's.
fn count(order: &[String], name: &str) -> usize {
    order.iter().filter(|one| *one == name).count()
}

#[tokio::test]
async fn a_team_with_three_requests_does_not_wait_for_sixty_of_another() {
    const FLOOD: usize = 60;
    // The first two are at work until everybody stands in line.
    let (vendor, gateway) = slow_house(2, 3000).await;
    let (loud, quiet) = (gateway.team("loud").await, gateway.team("quiet").await);
    flood(&loud, "loud", FLOOD).await;
    latency(&vendor, 1).await;
    flood(&quiet, "quiet", 3).await;
    let before = vendor.charges().await.len();
    let order = order(&vendor, FLOOD + 3).await;
    let last = order.iter().rposition(|name| name == "quiet").expect("the quiet team's");
    // Two at work, and from then on in turns; a pair at work at once may end in any order.
    let passed = count(&order[before..last], "loud");
    assert!(passed <= 2 + 3 + 2, "{passed} of the flood came first: {order:?}");
    assert!(count(&order[last..], "loud") > FLOOD / 2, "there was no flood: {order:?}");
}

#[tokio::test]
async fn a_weight_is_a_share() {
    const EACH: usize = 24;
    let (vendor, gateway) = slow_house(1, 3000).await;
    let heavy = gateway.team_with("heavy", &json!({ "weight": 3 })).await;
    let light = gateway.team_with("light", &json!({ "weight": 1 })).await;
    flood(&heavy, "heavy", EACH).await;
    latency(&vendor, 1).await;
    flood(&light, "light", EACH).await;
    let before = vendor.charges().await.len();
    let order = order(&vendor, 2 * EACH).await;
    let shared = &order[before + 1..before + 17];
    let heavier = count(shared, "heavy");
    assert!((11..=13).contains(&heavier), "{heavier} of 16 for a weight of 3 to 1: {order:?}");
}

#[tokio::test]
async fn a_changed_weight_holds_for_what_is_asked_from_then_on() {
    const EACH: usize = 12;
    let (vendor, gateway) = slow_house(1, 3000).await;
    let (first, second) = (gateway.team("first").await, gateway.team("second").await);
    let path = format!("/admin/v1/teams/{}", second.id);
    drop(gateway.admin().patch(&path, &json!({ "weight": 5 })).await.expect(200));
    flood(&first, "first", EACH).await;
    latency(&vendor, 1).await;
    flood(&second, "second", EACH).await;
    let before = vendor.charges().await.len();
    let order = order(&vendor, 2 * EACH).await;
    let shared = &order[before + 1..before + 13];
    let heavier = count(shared, "second");
    assert!((9..=11).contains(&heavier), "{heavier} of 12 for a weight of 5 to 1: {order:?}");
}
