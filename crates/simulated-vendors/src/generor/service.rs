//! A request's way through the house: which endpoint it asks for, who sends it, whether it may, what goes wrong with it
//! on order, and which piece of the house answers.

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::json;

use super::{
    Generor,
    entries::{KeyRow, Scope},
    fields::Fields,
    refusal::Refusal,
    reply::{Page, Reply},
    routes::{self, Act, BASE, Door, Found, Lost},
    settings::{Rate, Settings},
};
use crate::{
    answer::{Answer, Ending},
    faults::{Fault, FaultKind, PathClass},
    keys::KeyId,
    server::{Received, Service},
};

/// Who comes.
#[derive(Debug)]
enum Caller {
    Nobody,
    /// With a key that is none.
    Stranger,
    Customer(Box<KeyRow>),
}

/// One request that was let in.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) request: &'a Received,
    pub(crate) holes: Vec<String>,
    customer: Option<KeyRow>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) oddity: Option<FaultKind>,
    pub(crate) now_ms: i64,
}

impl Visit<'_> {
    /// The key that was brought, if any was.
    pub(crate) fn customer(&self) -> Option<&KeyRow> {
        self.customer.as_ref()
    }

    /// The key that had to be brought.
    pub(crate) fn owner(&self) -> Result<&KeyRow, Refusal> {
        self.customer.as_ref().ok_or_else(Refusal::unauthorised)
    }

    pub(crate) fn hole(&self, number: usize) -> &str {
        self.holes.get(number).map_or("", String::as_str)
    }

    /// What stands in a hole as an id; what is none is the id of nothing.
    pub(crate) fn id(&self, number: usize) -> u64 {
        self.hole(number).parse().unwrap_or(0)
    }

    pub(crate) fn body(&self) -> Result<&[u8], Refusal> {
        let body = self.request.body.as_ref();
        body.map(AsRef::as_ref).map_err(|_| Refusal::invalid("The request body is too large"))
    }

    pub(crate) fn fields(&self) -> Result<Fields, Refusal> {
        Fields::read(self.body()?)
    }

    pub(crate) fn page(&self) -> Page {
        Page::of(&self.request.query)
    }
}

impl Service for Generor {
    fn now_ms(&self) -> i64 {
        self.stage.clock.now_ms()
    }

    fn max_body(&self) -> usize {
        self.settings().max_body_bytes
    }

    async fn handle(self: Arc<Self>, request: Received) -> Answer {
        let now_ms = self.now_ms();
        let method = request.method.as_str();
        let under_base = request.path.strip_prefix(BASE);
        let found = under_base.map(|path| routes::find(method, path));
        let class = match &found {
            Some(Ok(found)) => found.route.class().name(),
            None if request.path.starts_with("/users/") => PathClass::Results.name(),
            _ => "unknown",
        };
        let key = bearer(&request.headers).map(|key| KeyId::of(key).fingerprint);
        let number = self.stage.requests.received(class, method, &request.path, key, now_ms);
        let (answer, fault) = match found {
            Some(found) => self.answer(found, &request, now_ms).await,
            None => self.deliver(&request).await,
        };
        let status = (answer.ending != Ending::Reset).then_some(answer.status.as_u16());
        self.stage.requests.answered(number, status, fault.map(|fault| fault.name()));
        answer
    }
}

impl Generor {
    async fn answer(
        self: &Arc<Self>,
        found: Result<Found, Lost>,
        request: &Received,
        now_ms: i64,
    ) -> (Answer, Option<Fault>) {
        let settings = self.settings();
        let caller = match self.caller(&request.headers, &settings, now_ms) {
            Ok(caller) => caller,
            Err(error) => return (Refusal::broken(&error).answer(), None),
        };
        let (who, rate, tier) = self.rate(&caller, request, &settings);
        let told = self.rates.admit(&who, now_ms, rate);
        let refused = |refusal: Refusal| (told.on(refusal.answer(), tier), None);
        if let Some(seconds) = told.retry_after_s {
            return refused(Refusal::too_many(seconds));
        }
        let (found, customer) = match let_in(found, caller) {
            Ok(let_in) => let_in,
            Err(refusal) => return refused(refusal),
        };
        let class = found.route.class();
        let fault = self.stage.faults.draw(class, &settings.faults, settings.seed);
        let oddity = fault.as_ref().map(|fault| fault.kind);
        let outcome = if fault.as_ref().is_some_and(Fault::before_work) {
            Reply::ok(json!({}))
        } else {
            let holes = found.holes;
            let visit = Visit { request, holes, customer, settings, oddity, now_ms };
            self.serve(found.route.act, &visit).await
        };
        let outcome = fault.as_ref().and_then(spoken).map_or(outcome, Err);
        let answer = outcome.map(|reply| odd(reply, oddity).answer());
        let mut answer = told.on(answer.unwrap_or_else(|refusal| refusal.answer()), tier);
        if let Some(fault) = &fault {
            answer = fault.spoil(answer).await;
        }
        (answer, fault)
    }

    /// Whose key that is. One that the books do not know is an account of its own if it is accepted at all.
    fn caller(
        &self,
        headers: &HeaderMap,
        settings: &Settings,
        now_ms: i64,
    ) -> std::io::Result<Caller> {
        if !headers.contains_key(AUTHORIZATION) {
            return Ok(Caller::Nobody);
        }
        let Some(presented) = bearer(headers) else { return Ok(Caller::Stranger) };
        let key = KeyId::of(presented);
        let mut books = self.books.lock();
        if books.key(&key.hash).is_none() && is_accepted(presented, settings) {
            books.join(&key, presented, settings.opening, now_ms)?;
        }
        if let Some(user_id) = books.key(&key.hash).map(|row| row.user_id) {
            books.give_bonuses(user_id, (settings.daily_bonus, settings.free_max), now_ms)?;
        }
        let known = books.key(&key.hash).filter(|row| row.alive);
        Ok(known.map_or(Caller::Stranger, |row| Caller::Customer(Box::new(row.clone()))))
    }

    /// As whom a caller is counted, how often that may come, and what its tier is called.
    fn rate(
        &self,
        caller: &Caller,
        request: &Received,
        settings: &Settings,
    ) -> (String, Rate, &'static str) {
        if let Caller::Customer(row) = caller {
            let books = self.books.lock();
            let tier = books.accounts.get(&row.user_id).and_then(|account| account.tier);
            let tier = tier.unwrap_or(settings.tier);
            return (row.hash.clone(), settings.limits.of(tier), tier.name());
        }
        let per_minute = settings.limits.anonymous_per_minute;
        let rate = Rate { per_minute, per_hour: u64::MAX, per_day: u64::MAX };
        (format!("address {}", request.peer), rate, "anonymous")
    }

    async fn serve(self: &Arc<Self>, act: Act, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        match act {
            Act::Generators => Ok(self.generators(visit)),
            Act::Generator => self.generator(visit),
            Act::Models => self.models(visit),
            Act::ModelsOf => self.models_of(visit),
            Act::Model => self.model(visit),
            Act::Estimate => self.estimate(visit),
            Act::Generate => self.generate(visit).await,
            Act::GeneratorCreations
            | Act::Creations
            | Act::PublicCreations
            | Act::Search
            | Act::UserCreations
            | Act::TeamCreations
            | Act::Feed => self.browse(act, visit),
            Act::Creation => self.creation(visit),
            Act::Status => self.status(visit),
            Act::ChangeCreation => self.change_creation(visit),
            Act::DeleteCreation => self.delete_creation(visit),
            Act::Me => self.me(visit),
            Act::ChangeMe => self.change_me(visit),
            Act::Balance => self.balance(visit),
            Act::Transactions => self.transactions(visit),
            Act::Keys => self.keys(visit),
            Act::MakeKey => self.make_key(visit),
            Act::RevokeKey => self.revoke_key(visit),
            Act::User => self.user(visit),
            Act::Followers | Act::Following => self.follow_list(act, visit),
            Act::Follow | Act::Unfollow | Act::DoesFollow => self.follow(act, visit),
            Act::Comments => self.comments(visit),
            Act::Comment => self.comment(visit),
            Act::DeleteComment => self.delete_comment(visit),
            Act::Vote => self.vote(visit),
            Act::Rating => self.rating(visit),
            Act::Rate => self.rate_creation(visit),
            Act::Teams => self.teams(visit),
            Act::MakeTeam => self.make_team(visit),
            Act::JoinTeam => self.join_team(visit),
            Act::Team => self.team(visit),
            Act::LeaveTeam | Act::AddMember | Act::RemoveMember | Act::Invite => {
                self.change_team(act, visit)
            }
        }
    }
}

/// There is such a place, and this caller may ask for it.
fn let_in(found: Result<Found, Lost>, caller: Caller) -> Result<(Found, Option<KeyRow>), Refusal> {
    // A key that is none is refused even where none was needed: its sender believes to have one.
    let row = match caller {
        Caller::Stranger => return Err(Refusal::unauthorised()),
        Caller::Nobody => None,
        Caller::Customer(row) => Some(*row),
    };
    let found = found.map_err(|lost| match lost {
        Lost::Path => Refusal::not_found("Endpoint"),
        Lost::Method(allow) => Refusal::wrong_method(allow),
    })?;
    let Some(row) = row else {
        let is_open = found.route.door == Door::Open;
        return if is_open { Ok((found, None)) } else { Err(Refusal::unauthorised()) };
    };
    let scope = match (found.route.act, found.route.method) {
        // It costs nothing and writes nothing, and is open to those without any key.
        (Act::Estimate, _) => None,
        (Act::Generate, _) => Some(Scope::Generate),
        (_, "GET") => Some(Scope::Read),
        _ => Some(Scope::Write),
    };
    if scope.is_some_and(|scope| !row.may(scope)) {
        let message = "Valid key but insufficient permissions or scope";
        return Err(Refusal::forbidden(message));
    }
    Ok((found, Some(row)))
}

pub(crate) fn is_accepted(presented: &str, settings: &Settings) -> bool {
    if settings.keys.is_empty() {
        presented.strip_prefix(KEY_START).is_some_and(|rest| !rest.is_empty())
    } else {
        settings.keys.iter().any(|known| known.matches(presented))
    }
}

/// How every key begins.
pub(crate) const KEY_START: &str = "gnr_live_";

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
        FaultKind::Unauthorised => Some(Refusal::unauthorised()),
        FaultKind::Blocked => Some(Refusal::unsafe_prompt()),
        _ => None,
    }
}

/// Fields that the page does not name, and one that it does left out.
fn odd(mut reply: Reply, oddity: Option<FaultKind>) -> Reply {
    let Some(data) = reply.data.as_object_mut() else { return reply };
    match oddity {
        Some(FaultKind::UnknownFields) => {
            data.insert("render_region".to_owned(), json!("eu-9"));
            data.insert("moderation".to_owned(), json!([7, 8]));
        }
        Some(FaultKind::MissingCost) => {
            for name in ["credit_cost", "credits_remaining"] {
                data.remove(name);
            }
        }
        _ => {}
    }
    reply
}

/// Nothing is there.
pub(crate) fn no_such_file() -> Answer {
    let page = "<html><head><title>404 Not Found</title></head></html>";
    Answer::new(StatusCode::NOT_FOUND, "text/html", vec![page.into()])
}
