//! The ledger as pages and as a CSV, whether it adds up, and what was spent.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Call, House, painter::COST};

async fn paint(house: &House, key: &str) {
    let headers = [("content-type", "application/json")];
    let call = Call::new(Method::POST, "/v1/images/generations");
    let body = r#"{"prompt": "x", "cache": "off"}"#.into();
    house.send(Call { key: Some(key), headers: &headers, body, ..call }).await.expect(200);
}

async fn team_of(house: &House, key: &str) -> String {
    let call = Call { key: Some(key), ..Call::new(Method::GET, "/v1/usage") };
    house.send(call).await.expect(200)["team"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn the_ledger_is_narrowed_by_what_is_asked() {
    let house = House::new().await;
    paint(&house, &house.key).await;
    paint(&house, &house.stranger).await;
    let team = team_of(&house, &house.key).await;
    let all = house.operate(Method::GET, "/admin/v1/ledger", "").await.expect(200);
    let row = all["data"].as_array().unwrap().iter().find(|row| row["team"] == *team).unwrap();
    let key = row["key"].as_str().unwrap();
    for (query, wanted) in [
        (String::new(), 4),
        (format!("?team={team}"), 2),
        (format!("?key={key}"), 2),
        (format!("?key={key}&team=team_none"), 0),
        ("?provider=painter".to_owned(), 4),
        ("?provider=other".to_owned(), 0),
        ("?from=2027-01-15&to=2027-01-16".to_owned(), 4),
        ("?to=2027-01-15".to_owned(), 0),
        ("?from=2027-01-16&format=json".to_owned(), 0),
    ] {
        let path = format!("/admin/v1/ledger{query}");
        let found = house.operate(Method::GET, &path, "").await.expect(200);
        assert_eq!(found["data"].as_array().unwrap().len(), wanted, "{query}");
    }
    for (query, param) in [
        ("form=2027-01-16", "query"),
        ("format=xml", "format"),
        ("format=csv&limit=5", "limit"),
        ("format=csv&cursor=a+b", "cursor"),
        ("limit=1000", "limit"),
        ("from=x", "from"),
        ("from=2027-01-16&to=2027-01-15", "from"),
    ] {
        let refused = house.operate(Method::GET, &format!("/admin/v1/ledger?{query}"), "").await;
        refused.refused(400, "invalid_request", Some(param));
    }
}

#[actix_web::test]
async fn a_csv_has_every_entry_with_the_columns_of_json() {
    let house = House::new().await;
    for _ in 0..15 {
        paint(&house, &house.key).await;
    }
    let page = house.operate(Method::GET, "/admin/v1/ledger?limit=100", "").await.expect(200);
    let rows = page["data"].as_array().unwrap();
    assert_eq!(rows.len(), 30);
    let answer = house.operate(Method::GET, "/admin/v1/ledger?format=csv", "").await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let mut lines = answer.text().split_terminator("\r\n");
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(
        columns.join(","),
        "id,transaction,at,account,amount_usd,kind,team,key,provider,model,generation"
    );
    assert_eq!(lines.clone().count(), rows.len());
    for (line, row) in lines.zip(rows) {
        for (cell, column) in line.split(',').zip(&columns) {
            assert_eq!(row[column], cell, "{column}");
        }
    }
    let cursor = rows[9]["id"].as_str().unwrap();
    let rest = format!("/admin/v1/ledger?format=csv&cursor={cursor}");
    let rest = house.operate(Method::GET, &rest, "").await;
    assert_eq!(rest.text().lines().count(), 21);
    let none = house.operate(Method::GET, "/admin/v1/ledger?format=csv&team=none", "").await;
    assert_eq!(none.text().lines().count(), 1);
}

#[actix_web::test]
async fn the_books_are_checked_on_demand() {
    let house = House::new().await;
    paint(&house, &house.key).await;
    let verdict = house.operate(Method::GET, "/admin/v1/ledger/verify", "").await.expect(200);
    assert_eq!(verdict, json!({"ok": true, "findings": []}));
}

#[actix_web::test]
async fn spending_is_told_by_what_is_asked() {
    let house = House::new().await;
    paint(&house, &house.key).await;
    paint(&house, &house.key).await;
    paint(&house, &house.stranger).await;
    let (crew, strangers) =
        (team_of(&house, &house.key).await, team_of(&house, &house.stranger).await);
    let usd = |micros: i64| format!("0.{micros:06}");
    let ask = async |query: &str| {
        house.operate(Method::GET, &format!("/admin/v1/usage{query}"), "").await.expect(200)
    };
    let by_team = ask("").await;
    assert_eq!(by_team["from"], "2027-01-01T00:00:00.000Z");
    let line = |team: &str| {
        let rows = by_team["data"].as_array().unwrap();
        rows.iter().find(|row| row["team"] == *team).unwrap().clone()
    };
    let wanted = json!({"team": crew, "generations": 2, "charged_usd": usd(2 * COST),
        "saved_usd": "0.000000", "units": 0, "plan_fee_usd": "0.000000"});
    assert_eq!(line(&crew), wanted);
    assert_eq!(line(&strangers)["charged_usd"], usd(COST));
    assert_eq!(by_team["plans"], json!([]));

    let all = ask("?by=day,provider,model,kind,team,key").await;
    let rows = all["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((&row["day"], &row["kind"]), (&json!("2027-01-15"), &json!("image")));
        assert_eq!((&row["provider"], &row["model"]), (&json!("painter"), &json!("painter/oil")));
        assert_eq!(row["saved_usd"], Value::Null);
    }
    let one = ask(&format!("?by=provider&team={strangers}")).await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&one["data"][0]["provider"], &one["data"][0]["charged_usd"]),
        (&json!("painter"), &json!(usd(COST)))
    );
    assert_eq!(ask("?provider=other").await["data"], json!([]));
    assert_eq!(ask("?from=2026-01-01&to=2027-01-15").await["data"], json!([]));
    for (query, param) in [
        ("by=colour", "by"),
        ("by=team,team", "by"),
        ("by=", "by"),
        ("from=2025-01-01", "from"),
        ("from=2027-02-01", "from"),
        ("to=x", "to"),
        ("group=team", "query"),
    ] {
        let refused = house.operate(Method::GET, &format!("/admin/v1/usage?{query}"), "").await;
        refused.refused(400, "invalid_request", Some(param));
    }
    let typo =
        Call { key: Some(&house.key), ..Call::new(Method::GET, "/v1/usage?form=2027-01-01") };
    house.send(typo).await.refused(400, "invalid_request", Some("query"));
}

#[actix_web::test]
async fn a_plan_that_nobody_uses_is_shown_with_its_whole_fee() {
    let house = House::new().await;
    let body = r#"{"provider": "painter", "name": "prepaid", "key": "k"}"#;
    house.operate(Method::POST, "/admin/v1/accounts", body).await.expect(201);
    paint(&house, &house.key).await;
    let path = "/admin/v1/usage?from=2026-12-20";
    let told = house.operate(Method::GET, path, "").await.expect(200);
    let plan = json!({"provider": "painter", "accounts": ["prepaid"],
        "monthly_fee_usd": "99.000000", "fee_usd": "198.000000", "units": 0,
        "shared_usd": "0.000000", "unshared_usd": "198.000000"});
    assert_eq!(told["plans"], json!([plan]));
    assert_eq!(told["data"][0]["plan_fee_usd"], "0.000000");
    let other = house.operate(Method::GET, "/admin/v1/usage?provider=other", "").await.expect(200);
    assert_eq!(other["plans"], json!([]));
}

#[actix_web::test]
async fn the_vendors_books_are_compared_for_a_bounded_span() {
    let house = House::new().await;
    paint(&house, &house.key).await;
    let path = "/admin/v1/ledger/reconciliation";
    let told = house.operate(Method::GET, path, "").await.expect(200);
    assert_eq!(told["from"], "2027-01-01T00:00:00.000Z");
    let one = &told["data"][0];
    assert_eq!((&one["provider"], &one["account"]), (&json!("painter"), &json!("main")));
    // The painter has no books of its own: there is nothing to differ from.
    assert_eq!((&one["told"], &one["charged_usd"]), (&json!("nothing"), &Value::Null));
    assert_eq!(one["differences"], json!([]));
    let booked = house.operate(Method::POST, path, "").await.expect(200);
    assert_eq!(booked["booked"], 0);
    for (query, param) in [
        ("from=2026-01-01", "from"),
        ("from=2027-01-10&to=2027-01-01", "from"),
        ("to=x", "to"),
        ("account=main", "query"),
    ] {
        let refused = house.operate(Method::GET, &format!("{path}?{query}"), "").await;
        refused.refused(400, "invalid_request", Some(param));
    }
}
