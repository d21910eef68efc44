//! The shapes of the answers, field by field and in the order of the vendor's pages.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    answer::Answer,
    books::{Charge, Standing},
    clock,
    faults::FaultKind,
    pictures::Picture,
};

/// What an answer is told besides the charge: addresses, labels, and the oddity of an injected fault.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) base_url: &'a str,
    /// What to say of a picture's type instead of the truth.
    pub(crate) label: Option<&'a str>,
    pub(crate) expiry_s: u32,
    pub(crate) oddity: Option<FaultKind>,
}

impl<'a> Telling<'a> {
    fn is(&self, kind: FaultKind) -> bool {
        self.oddity == Some(kind)
    }

    fn mime(&self, picture: &Picture) -> &'a str {
        if self.is(FaultKind::WrongMime) {
            "application/x-zekron"
        } else {
            self.label.unwrap_or_else(|| picture.mime())
        }
    }

    fn expires_ms(&self, charge: &Charge) -> i64 {
        charge.created_at_ms.saturating_add(i64::from(self.expiry_s) * 1000)
    }

    fn unknown(&self) -> Option<Unknown> {
        self.is(FaultKind::UnknownFields)
            .then_some(Unknown { queue_region: "eu-9", moderation: Some(vec![7, 8]) })
    }
}

/// Fields that no page of the vendor's names.
#[derive(Serialize)]
struct Unknown {
    queue_region: &'static str,
    moderation: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Envelope<T> {
    success: bool,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

#[derive(Serialize)]
struct Generated<'a> {
    id: u64,
    token: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    model: &'a str,
    prompt: &'a str,
    size: &'a str,
    image: Image<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
    remaining_balance: String,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

#[derive(Serialize)]
struct Image<'a> {
    url: String,
    b64_json: &'static str,
    mime_type: &'a str,
    expires_at: String,
}

/// As the generation's answer writes a moment.
fn zoned(ms: i64) -> String {
    clock::date(ms).format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// As the history writes a moment: the page shows no zone there.
fn unzoned(ms: i64) -> String {
    clock::date(ms).format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn image_url(base_url: &str, token: &str) -> String {
    format!("{base_url}/v1/images/{token}")
}

pub(crate) fn generated(charge: &Charge, picture: &Picture, telling: &Telling<'_>) -> Answer {
    let body = Envelope {
        success: true,
        data: Generated {
            id: charge.id,
            token: &charge.token,
            kind: if telling.is(FaultKind::UnknownFields) { "remix" } else { &charge.kind },
            model: &charge.model,
            prompt: &charge.prompt,
            size: &charge.size,
            image: Image {
                url: image_url(telling.base_url, &charge.token),
                b64_json: "",
                mime_type: telling.mime(picture),
                expires_at: zoned(telling.expires_ms(charge)),
            },
            cost: (!telling.is(FaultKind::MissingCost)).then(|| charge.cost_micros.dollars(4)),
            remaining_balance: charge.balance_after_micros.dollars(4),
            unknown: telling.unknown(),
        },
        created_at: Some(zoned(charge.created_at_ms)),
        unknown: telling.unknown(),
    };
    with_base64(Answer::json(StatusCode::OK, &body), picture)
}

/// Puts the picture between the quotes that were left empty for it. Inside a JSON string a quote is escaped, so no
/// prompt can contain the place that is looked for.
fn with_base64(mut answer: Answer, picture: &Picture) -> Answer {
    const PLACE: &[u8] = b"\"b64_json\":\"";
    let text = answer.frames.concat();
    let found = text.windows(PLACE.len()).position(|window| window == PLACE);
    if let Some(at) = found.map(|at| at + PLACE.len()) {
        let text = Bytes::from(text);
        let mut frames = vec![text.slice(..at)];
        frames.extend(picture.base64());
        frames.push(text.slice(at..));
        answer.frames = frames;
    }
    answer
}

#[derive(Serialize)]
struct Previewed<'a> {
    id: String,
    url: String,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
    created_at: String,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

pub(crate) fn previewed(charge: &Charge, telling: &Telling<'_>) -> Answer {
    // The decimal is written as it stands: a float would not carry every micro-dollar.
    let cost = RawValue::from_string(charge.cost_micros.dollars(0)).ok();
    let data = Previewed {
        id: format!("img_{}", charge.token),
        url: format!("{}/storage/img_{}.png", telling.base_url, charge.token),
        model: &charge.model,
        cost: cost.filter(|_| !telling.is(FaultKind::MissingCost)),
        created_at: clock::date(charge.created_at_ms).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        unknown: telling.unknown(),
    };
    let body = Envelope { success: true, data, created_at: None, unknown: telling.unknown() };
    Answer::json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct Balance {
    balance: String,
    total_spent: String,
    total_generations: usize,
    currency: &'static str,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

pub(crate) fn balance(standing: &Standing, telling: &Telling<'_>) -> Answer {
    let data = Balance {
        balance: standing.balance_micros.dollars(4),
        total_spent: standing.spent_micros.dollars(4),
        total_generations: standing.charges,
        currency: "USD",
        unknown: telling.unknown(),
    };
    let body = Envelope { success: true, data, created_at: None, unknown: telling.unknown() };
    Answer::json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct History<'a> {
    generations: Vec<Row<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    token: &'a str,
    prompt: &'a str,
    model: &'a str,
    size: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
    status: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    image_url: String,
    expires_at: String,
    created_at: String,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Pagination {
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) has_more: bool,
}

fn row<'a>(charge: &'a Charge, telling: &Telling<'_>) -> Row<'a> {
    let strange = telling.is(FaultKind::UnknownFields);
    Row {
        id: charge.id,
        token: &charge.token,
        prompt: &charge.prompt,
        model: &charge.model,
        size: &charge.size,
        cost: (!telling.is(FaultKind::MissingCost)).then(|| charge.cost_micros.dollars(4)),
        status: if strange { "archived" } else { "completed" },
        kind: if strange { "remix" } else { &charge.kind },
        image_url: image_url(telling.base_url, &charge.token),
        expires_at: unzoned(telling.expires_ms(charge)),
        created_at: unzoned(charge.created_at_ms),
        unknown: telling.unknown(),
    }
}

pub(crate) fn history(
    page: &[Arc<Charge>],
    pagination: Pagination,
    telling: &Telling<'_>,
) -> Answer {
    let generations = page.iter().map(|charge| row(charge, telling)).collect();
    let data = History { generations, pagination };
    let body = Envelope { success: true, data, created_at: None, unknown: telling.unknown() };
    Answer::json(StatusCode::OK, &body)
}
