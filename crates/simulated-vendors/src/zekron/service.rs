//! A request's way through the house: which page it follows, who sends it, whether it may, what goes wrong with it on
//! order, and which piece of the house answers.

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode, header::AUTHORIZATION};

use super::{
    Zekron,
    order::Order,
    refusal::{Dialect, Refusal},
    settings::{ACTUAL, Settings},
    shapes::{self, Pagination, Telling},
    work::Customer,
};
use crate::{
    answer::{Answer, Ending},
    control::parameter,
    faults::{Fault, FaultKind, PathClass},
    keys::KeyId,
    limits::Slot,
    pictures::Picture,
    server::{Received, Service},
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Generate,
    Preview,
    Image(String),
    /// The storage host asks for no key: an address is its own secret.
    Storage(String),
    Balance,
    Generations,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        if let Some(token) = path.strip_prefix("/v1/images/") {
            return Some(Self::Image(token.to_owned()));
        }
        if let Some(name) = path.strip_prefix("/storage/img_") {
            return name.strip_suffix(".png").map(|token| Self::Storage(token.to_owned()));
        }
        match path {
            "/v1/generate" => Some(Self::Generate),
            "/v1/balance" => Some(Self::Balance),
            "/v1/generations" => Some(Self::Generations),
            "/api/v1/zekron-image-1:image-preview" | "/api/v1/zekron-image-1%3Aimage-preview" => {
                Some(Self::Preview)
            }
            _ => None,
        }
    }

    fn class(&self) -> PathClass {
        match self {
            Self::Generate | Self::Preview => PathClass::Generate,
            Self::Image(_) | Self::Storage(_) => PathClass::Images,
            Self::Balance => PathClass::Balance,
            Self::Generations => PathClass::Generations,
        }
    }

    fn method(&self) -> &'static str {
        if self.class() == PathClass::Generate { "POST" } else { "GET" }
    }
}

/// One request, once the house knows what it is about.
#[derive(Debug)]
struct Visit {
    place: Place,
    dialect: Dialect,
    settings: Arc<Settings>,
    now_ms: i64,
}

/// Who comes in.
#[derive(Debug, Clone)]
enum Entry {
    Anybody,
    Account(KeyId, Arc<Slot>),
}

impl Service for Zekron {
    fn now_ms(&self) -> i64 {
        self.stage.clock.now_ms()
    }

    fn max_body(&self) -> usize {
        self.settings().max_body_bytes
    }

    async fn handle(self: Arc<Self>, request: Received) -> Answer {
        let now_ms = self.now_ms();
        let place = Place::of(&request.path);
        let class = place.as_ref().map_or("unknown", |place| place.class().name());
        let key = bearer(&request.headers).map(|key| KeyId::of(key).fingerprint);
        let method = request.method.as_str();
        let number = self.stage.requests.received(class, method, &request.path, key, now_ms);
        let (answer, fault) = self.answer(place, request, now_ms).await;
        let status = (answer.ending != Ending::Reset).then_some(answer.status.as_u16());
        self.stage.requests.answered(number, status, fault.map(|fault| fault.name()));
        answer
    }
}

impl Zekron {
    async fn answer(
        self: &Arc<Self>,
        place: Option<Place>,
        request: Received,
        now_ms: i64,
    ) -> (Answer, Option<Fault>) {
        let settings = self.settings();
        let v1 = request.path.starts_with("/v1/");
        let dialect = if v1 { Dialect::V1 } else { Dialect::Preview };
        let refuse = |refusal: &Refusal| refusal.answer(dialect, settings.error_codes, now_ms);
        let Some(place) = place else { return (refuse(&Refusal::not_found()), None) };
        if request.method.as_str() != place.method() {
            return (refuse(&Refusal::wrong_method(place.method())), None);
        }
        let entry = match self.let_in(&place, &request, &settings, now_ms) {
            Ok(entry) => entry,
            Err(refusal) => return (refuse(&refusal), None),
        };
        // Held to the end of the answer's making, so that a slow answer takes a slot as slow work does.
        let held = entry.clone();
        let fault = self.stage.faults.draw(place.class(), &settings.faults, settings.seed);
        let visit = Visit { place, dialect, settings: Arc::clone(&settings), now_ms };
        let outcome = if fault.as_ref().is_some_and(Fault::before_work) {
            Ok(Answer::new(StatusCode::OK, "text/plain", Vec::new()))
        } else {
            self.serve(&visit, request, entry, fault.as_ref().map(|fault| fault.kind)).await
        };
        let outcome = fault.as_ref().and_then(spoken).map_or(outcome, Err);
        let mut answer = outcome.unwrap_or_else(|refusal| refuse(&refusal));
        if let Some(fault) = &fault {
            answer = fault.spoil(answer).await;
        }
        drop(held);
        (answer, fault)
    }

    /// Key and limits.
    fn let_in(
        &self,
        place: &Place,
        request: &Received,
        settings: &Settings,
        now_ms: i64,
    ) -> Result<Entry, Refusal> {
        if matches!(place, Place::Storage(_)) {
            return Ok(Entry::Anybody);
        }
        let refuse = |code, message| Refusal::new(StatusCode::UNAUTHORIZED, code, message);
        let key =
            bearer(&request.headers).ok_or_else(|| refuse("unauthorized", "Missing API key"))?;
        let known = if settings.keys.is_empty() {
            key.len() > 3 && key.starts_with("zk_")
        } else {
            settings.keys.iter().any(|known| known.matches(key))
        };
        if !known {
            return Err(refuse("invalid_api_key", "Invalid or inactive API key"));
        }
        let key = KeyId::of(key);
        let limits = settings.limits;
        let slot = self
            .stage
            .limiter
            .admit(&key.hash, now_ms, limits.per_minute, limits.concurrent)
            .map_err(|too_many| Refusal::too_many(too_many.retry_after_s))?;
        Ok(Entry::Account(key, Arc::new(slot)))
    }

    async fn serve(
        self: &Arc<Self>,
        visit: &Visit,
        request: Received,
        entry: Entry,
        oddity: Option<FaultKind>,
    ) -> Result<Answer, Refusal> {
        let Entry::Account(key, slot) = entry else {
            return match &visit.place {
                Place::Storage(token) => self.picture(visit, token, None, oddity).await,
                _ => Err(Refusal::failed()),
            };
        };
        match &visit.place {
            Place::Image(token) | Place::Storage(token) => {
                self.picture(visit, token, Some(&key), oddity).await
            }
            Place::Balance => {
                let standing = self.books.standing(&key, visit.settings.starting_balance_micros);
                Ok(shapes::balance(&standing, &self.telling(visit, oddity)))
            }
            Place::Generations => Ok(self.generations(visit, &request.query, &key, oddity)),
            Place::Generate | Place::Preview => {
                let order = order(visit, &request)?;
                let customer = Customer { key, slot };
                let settings = Arc::clone(&visit.settings);
                let (charge, picture) = self.make(order, visit.dialect, settings, customer).await?;
                let telling = self.telling(visit, oddity);
                let bad = oddity == Some(FaultKind::BadPicture);
                let picture = if bad { Picture::ruined() } else { picture };
                Ok(match visit.dialect {
                    Dialect::V1 => shapes::generated(&charge, &picture, &telling),
                    Dialect::Preview => shapes::previewed(&charge, &telling),
                })
            }
        }
    }

    fn telling<'a>(&'a self, visit: &'a Visit, oddity: Option<FaultKind>) -> Telling<'a> {
        let settings = &visit.settings;
        Telling {
            base_url: settings.public_url.as_deref().unwrap_or(&self.own_url),
            label: (settings.image_label != ACTUAL).then_some(settings.image_label.as_str()),
            expiry_s: settings.expiry_s,
            oddity,
        }
    }

    fn generations(
        &self,
        visit: &Visit,
        query: &str,
        key: &KeyId,
        oddity: Option<FaultKind>,
    ) -> Answer {
        let limit = parameter(query, "limit").unwrap_or(20_usize).clamp(1, 100);
        let offset = parameter(query, "offset").unwrap_or(0_usize);
        let dialect = Dialect::V1.name();
        let (page, total) = self.books.history(key, dialect, limit, offset);
        let has_more = offset.saturating_add(page.len()) < total;
        let pagination = Pagination { total, limit, offset, has_more };
        shapes::history(&page, pagination, &self.telling(visit, oddity))
    }

    /// A picture's bytes. Without a key (the storage host) the token alone opens it; with one, only its owner's.
    async fn picture(
        self: &Arc<Self>,
        visit: &Visit,
        token: &str,
        key: Option<&KeyId>,
        oddity: Option<FaultKind>,
    ) -> Result<Answer, Refusal> {
        let charge = self.books.find(token);
        let charge = charge.filter(|charge| charge.dialect == visit.dialect.name());
        let charge = charge.ok_or_else(Refusal::not_found)?;
        if key.is_some_and(|key| key.hash != charge.account) {
            let message = "No permission to access resource";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "access_denied", message));
        }
        let age_ms = visit.now_ms.saturating_sub(charge.created_at_ms);
        if age_ms >= i64::from(visit.settings.expiry_s) * 1000 {
            return Err(Refusal::new(StatusCode::GONE, "expired", "Image has expired"));
        }
        let mut picture = self.drawn(charge).await?;
        if oddity == Some(FaultKind::BadPicture) {
            picture = Picture::ruined();
        }
        let wrong = oddity == Some(FaultKind::WrongMime);
        let mime = if wrong { "application/x-zekron" } else { picture.mime() };
        Ok(Answer::new(StatusCode::OK, mime, picture.frames()))
    }
}

fn order(visit: &Visit, request: &Received) -> Result<Order, Refusal> {
    let Ok(body) = &request.body else {
        let (status, code) = (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large");
        return Err(Refusal::new(status, code, "Request body is too large"));
    };
    match visit.dialect {
        Dialect::V1 => Order::v1(body, &visit.settings.prices),
        Dialect::Preview => Order::preview(body, &visit.settings.prices),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// The faults that the vendor words itself.
fn spoken(fault: &Fault) -> Option<Refusal> {
    match fault.kind {
        FaultKind::Status500 => Some(Refusal::failed()),
        FaultKind::RateLimited => Some(Refusal::too_many(fault.retry_after_s)),
        FaultKind::Unpaid => Some(Refusal::unpaid()),
        FaultKind::Unauthorised => {
            let (status, code) = (StatusCode::UNAUTHORIZED, "invalid_api_key");
            Some(Refusal::new(status, code, "Invalid or inactive API key"))
        }
        FaultKind::Blocked => {
            let message = "Your prompt was rejected by our content policy";
            Some(Refusal::bad("content_policy_violation", message))
        }
        _ => None,
    }
}
