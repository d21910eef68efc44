//! A request's way through the house: which place it goes to, whose key it brings, whether it may come in, what goes
//! wrong with it on order, and which piece of the house answers.

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};

use super::{
    Zsky,
    books::Customer,
    calendar::Month,
    links,
    order::{Kind, Order},
    refusal::Refusal,
    settings::Settings,
    shapes, storage,
};
use crate::{
    answer::{Answer, Ending},
    faults::{Fault, FaultKind, PathClass},
    keys::KeyId,
    server::{Received, Service},
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Generate(Kind),
    Job(String),
    Usage,
    Rotate,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        if let Some(id) = path.strip_prefix("/v1/jobs/") {
            return Some(Self::Job(id.to_owned()));
        }
        match path {
            "/v1/images/generate" => Some(Self::Generate(Kind::Image)),
            "/v1/videos/generate" => Some(Self::Generate(Kind::Video)),
            "/v1/usage" => Some(Self::Usage),
            "/v1/keys/rotate" => Some(Self::Rotate),
            _ => None,
        }
    }

    fn class(&self) -> PathClass {
        match self {
            Self::Generate(_) => PathClass::Generate,
            Self::Job(_) => PathClass::Jobs,
            Self::Usage => PathClass::Usage,
            Self::Rotate => PathClass::Rotate,
        }
    }

    fn methods(&self) -> &'static str {
        match self {
            Self::Generate(_) | Self::Rotate => "POST",
            Self::Job(_) => "GET, DELETE",
            Self::Usage => "GET",
        }
    }
}

impl Service for Zsky {
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
        let key = presented(&request.headers).map(|key| KeyId::of(key).fingerprint);
        let method = request.method.as_str();
        let number = self.stage.requests.received(class, method, &request.path, key, now_ms);
        let (answer, fault) = self.answer(place, &request, now_ms).await;
        let status = (answer.ending != Ending::Reset).then_some(answer.status.as_u16());
        self.stage.requests.answered(number, status, fault.map(|fault| fault.name()));
        answer
    }
}

/// One request that was let in.
struct Visit<'a> {
    request: &'a Received,
    customer: Customer,
    settings: &'a Settings,
    oddity: Option<FaultKind>,
    now_ms: i64,
}

impl Visit<'_> {
    fn is_strange(&self) -> bool {
        self.oddity == Some(FaultKind::UnknownFields)
    }
}

impl Zsky {
    async fn answer(
        self: &Arc<Self>,
        place: Option<Place>,
        request: &Received,
        now_ms: i64,
    ) -> (Answer, Option<Fault>) {
        let settings = self.settings();
        let Some(place) = place else { return (Refusal::no_such_place().answer(), None) };
        if !place.methods().split(", ").any(|method| method == request.method.as_str()) {
            return (Refusal::wrong_method(place.methods()).answer(), None);
        }
        let customer = match self.let_in(&place, request, &settings, now_ms) {
            Ok(customer) => customer,
            Err(refusal) => return (refusal.answer(), None),
        };
        let fault = self.stage.faults.draw(place.class(), &settings.faults, settings.seed);
        let oddity = fault.as_ref().map(|fault| fault.kind);
        let outcome = if fault.as_ref().is_some_and(Fault::before_work) {
            Ok(Answer::new(StatusCode::OK, "text/plain", Vec::new()))
        } else {
            let visit = Visit { request, customer, settings: &settings, oddity, now_ms };
            self.serve(&place, visit).await
        };
        let worded = fault.as_ref().and_then(|fault| spoken(fault, &settings));
        let is_worded = worded.is_some();
        let mut answer = worded.map_or(outcome, Err).unwrap_or_else(|refusal| refusal.answer());
        if let Some(fault) = fault.as_ref().filter(|_| !is_worded) {
            answer = fault.spoil(answer).await;
        }
        (answer, fault)
    }

    /// Key, suspension and rate.
    fn let_in(
        &self,
        place: &Place,
        request: &Received,
        settings: &Settings,
        now_ms: i64,
    ) -> Result<Customer, Refusal> {
        let presented = presented(&request.headers).ok_or_else(Refusal::unknown_key)?;
        let customer = self.customer(presented).ok_or_else(Refusal::unknown_key)?;
        if self.books.at(now_ms, settings).is_suspended(&customer.account, now_ms) {
            return Err(Refusal::suspended());
        }
        if settings.limits.polls_count || place.class() == PathClass::Generate {
            let per_minute = settings.limits.per_minute;
            let admitted =
                self.stage.limiter.admit(&customer.account, now_ms, per_minute, u32::MAX);
            // Jobs at once are counted by the books: a request is over long before its job.
            drop(admitted.map_err(|too_many| {
                let wait_s = settings.retry_after.then_some(too_many.retry_after_s);
                let message = format!("Rate limit exceeded ({per_minute} requests per minute)");
                Refusal::too_many(message, wait_s)
            })?);
        }
        Ok(customer)
    }

    /// Whose key that is.
    pub(crate) fn customer(&self, presented: &str) -> Option<Customer> {
        let settings = self.settings();
        let accepted = if settings.keys.is_empty() {
            presented.strip_prefix("zsky_live_").is_some_and(|rest| !rest.is_empty())
        } else {
            settings.keys.iter().any(|known| known.matches(presented))
        };
        let key = KeyId::of(presented);
        let account = self.books.account_of(&key, accepted)?;
        Some(Customer { account, key })
    }

    async fn serve(self: &Arc<Self>, place: &Place, visit: Visit<'_>) -> Result<Answer, Refusal> {
        match place {
            Place::Generate(kind) => self.generate(*kind, &visit).await,
            Place::Job(id) if visit.request.method.as_str() == "DELETE" => self.purge(id, &visit),
            Place::Job(id) => self.state(id, &visit),
            Place::Usage => {
                let month = Month::of(visit.now_ms);
                let books = self.books.at(visit.now_ms, visit.settings);
                let account = books.accounts.get(&visit.customer.account);
                let tally = account.map(|account| account.month(month)).unwrap_or_default();
                drop(books);
                Ok(shapes::usage(tally, month, &visit.settings.allowance, visit.is_strange()))
            }
            Place::Rotate => self.rotate(&visit),
        }
    }

    async fn generate(self: &Arc<Self>, kind: Kind, visit: &Visit<'_>) -> Result<Answer, Refusal> {
        let Ok(body) = &visit.request.body else {
            return Err(Refusal::bad("Request body is too large"));
        };
        let order = Order::read(kind, body)?;
        let store = visit.request.headers.get("x-zsky-store");
        let inline = store.is_some_and(|store| store.as_bytes() == b"0");
        let job = self.take_in(order, &visit.customer, inline, visit.oddity, visit.settings)?;
        if inline {
            self.inline(&job, visit.oddity, visit.settings).await
        } else {
            Ok(shapes::submitted(&job, visit.is_strange()))
        }
    }

    fn state(&self, id: &str, visit: &Visit<'_>) -> Result<Answer, Refusal> {
        let (settings, now_ms) = (visit.settings, visit.now_ms);
        let books = self.books.at(now_ms, settings);
        let record = books.own(&visit.customer.account, id, now_ms, settings);
        let record = record.cloned().ok_or_else(Refusal::no_job)?;
        drop(books);
        let has_result = record.has_result(now_ms, settings.retention_s);
        let result_url = has_result.then(|| self.result_url(&record.job, settings, now_ms));
        Ok(shapes::state(&record, result_url, settings, visit.is_strange()))
    }

    fn result_url(&self, job: &super::job::Job, settings: &Settings, now_ms: i64) -> String {
        let extension = match job.order.kind {
            Kind::Image if settings.picture_bytes.is_some() => "png",
            Kind::Image => settings.image_format.extension(),
            Kind::Video => "mp4",
        };
        let path = storage::path(&job.id, extension);
        let query = links::signed(settings.seed, &path, now_ms, settings.link_expiry_s);
        let base = settings.results_url.as_deref().unwrap_or(&self.own_results_url);
        format!("{base}{path}?{query}")
    }

    fn purge(&self, id: &str, visit: &Visit<'_>) -> Result<Answer, Refusal> {
        let mut books = self.books.at(visit.now_ms, visit.settings);
        let account = &visit.customer.account;
        books.own(account, id, visit.now_ms, visit.settings).ok_or_else(Refusal::no_job)?;
        books.purge(id).map_err(|error| {
            tracing::warn!(%error, "the books could not be written");
            Refusal::failed()
        })?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    fn rotate(&self, visit: &Visit<'_>) -> Result<Answer, Refusal> {
        let ticket = self.books.ticket();
        let key = format!("zsky_live_{}", self.secret("key", ticket, 40));
        let mut books = self.books.at(visit.now_ms, visit.settings);
        books.rotate(&visit.customer, &KeyId::of(&key), ticket).map_err(|error| {
            tracing::warn!(%error, "the books could not be written");
            Refusal::failed()
        })?;
        drop(books);
        let field = &visit.settings.rotated_key_field;
        Ok(shapes::rotated(field, &key, visit.is_strange()))
    }
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key")?.to_str().ok().map(str::trim).filter(|key| !key.is_empty())
}

/// The faults that the vendor words itself.
fn spoken(fault: &Fault, settings: &Settings) -> Option<Refusal> {
    match fault.kind {
        FaultKind::Status500 => Some(Refusal::failed()),
        FaultKind::Status503 => Some(Refusal::no_workers()),
        FaultKind::RateLimited => {
            let wait_s = settings.retry_after.then_some(fault.retry_after_s);
            Some(Refusal::too_many("Rate limit exceeded", wait_s))
        }
        FaultKind::Unauthorised => Some(Refusal::unknown_key()),
        FaultKind::Blocked => Some(Refusal::unsafe_prompt()),
        _ => None,
    }
}
