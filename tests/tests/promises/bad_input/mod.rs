//! Bad input: a 4xx of the contract that names the parameter; nothing is charged, and the process lives.

mod fields;
mod files;
mod requests;

use bytes::Bytes;
use serde_json::Value;
use tests::{Client, Gateway, Team, Vendor};

use crate::image;

const IMAGES: &str = "/v1/images/generations";
const NATIVE: &str = "/v1/generations";

/// Status, code and parameter of a refusal.
type Refusal = (u16, &'static str, Option<&'static str>);

const INVALID: &str = "invalid_request";
const UNKNOWN: &str = "unsupported_parameter";
const NOT_JSON: Refusal = (400, "invalid_json", None);

fn invalid(param: &'static str) -> Refusal {
    (400, INVALID, Some(param))
}

fn unknown(param: &'static str) -> Refusal {
    (400, UNKNOWN, Some(param))
}

/// What was sent, and what must come back.
struct Case {
    name: &'static str,
    path: &'static str,
    body: Bytes,
    status: u16,
    code: &'static str,
    param: Option<&'static str>,
}

fn case(
    name: &'static str,
    path: &'static str,
    body: impl Into<Bytes>,
    (status, code, param): Refusal,
) -> Case {
    Case { name, path, body: body.into(), status, code, param }
}

/// The smallest native request, with more.
fn native(more: &Value) -> String {
    let mut body = image("x");
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body.to_string()
}

/// Every case, told as one list of what went wrong.
async fn all_refused(client: &Client, content_type: &str, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in cases {
        let headers = [("content-type", content_type)];
        let reply = client.send("POST", case.path, &headers, case.body).await;
        let wanted = (case.status, case.code.to_owned(), case.param.map(str::to_owned));
        let got = reply.refusal();
        if got != wanted {
            wrong.push(format!("{}: {got:?} and not {wanted:?}: {}", case.name, reply.text()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Nothing happened.
async fn assert_untouched(vendor: &Vendor, gateway: &mut Gateway, team: &Team) {
    assert!(vendor.charges().await.is_empty(), "something was charged");
    assert_eq!(vendor.count("generate").await, 0, "something was sent");
    assert_eq!(team.generations().await, Vec::<Value>::new(), "something became a generation");
    assert!(gateway.is_alive(), "{}", gateway.logged());
    assert!(!gateway.logged().contains("panicked"), "{}", gateway.logged());
    // And good work is still done.
    assert_eq!(team.generate(&image("after all that")).await["status"], "completed");
}
