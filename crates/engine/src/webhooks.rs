//! Webhooks: the end of a generation, told to an address of the caller's, after the Standard
//! Webhooks specification.
//!
//! # A promise is a row
//! The delivery is written in the commit that ends the generation, so no kill comes between the two;
//! it says where it stands, and one task ([`deliver`]) works through what is due. A try may be made
//! twice where a process dies before it wrote down how the first one went: receivers know a
//! repetition by its `webhook-id`, which is the delivery's id at every try.
//!
//! # Only ends
//! The four final states are events, not `queued` and `running`: who wants to see those watches the
//! stream of events. So a delivery is about something that changes no more, and the order in which
//! deliveries arrive means nothing.
//!
//! # Who waits for whom
//! Nobody: a task sleeps until the next row is due, at most [`AT_ONCE`] receivers are spoken to at a
//! time, and at most [`PER_TEAM`] of one team, so that a receiver that never answers holds up its own
//! team only.

use std::{collections::HashMap, fmt, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use provider::Timestamp;
use records::{Change, Delivery, DeliveryState, DeliveryTried, NewDelivery, Page};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::sync::Notify;

use crate::{Engine, Generation, Refusal, Request, Result, Status, Webhook, keys::Actor};

/// Receivers spoken to at a time.
const AT_ONCE: usize = 16;
/// Of them those of one team.
const PER_TEAM: usize = 4;
/// How long a receiver may take to answer; `fetch.timeout` where that is shorter.
const PATIENCE: Duration = Duration::from_secs(15);
/// The waits between tries, as the specification proposes them: ten tries over three days.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];
/// How long to leave the records alone after they failed.
const RECORDS_REST: Duration = Duration::from_secs(10);
/// Bytes of a secret.
const SECRET: usize = 32;
/// The receiver is gone for good, and says so.
const GONE: u16 = 410;

/// How a generation is written for receivers: the gateway knows, the engine does not.
pub trait Payload: Send + Sync + fmt::Debug {
    /// The generation as a JSON document, its links signed just now.
    ///
    /// # Errors
    /// Why it cannot be written, for the log.
    fn document(
        &self,
        engine: &Engine,
        generation: &Generation,
    ) -> std::result::Result<String, String>;
}

impl Webhook {
    /// What may be asked for, as events' names: the final states.
    pub fn event(status: Status) -> String {
        format!("generation.{}", status.as_str())
    }

    /// The status that an event's name stands for, if it is one that is told.
    pub fn status_of(event: &str) -> Option<Status> {
        let name = event.strip_prefix("generation.")?;
        Self::all().into_iter().find(|status| status.as_str() == name)
    }

    /// Every status that is told.
    pub fn all() -> Vec<Status> {
        Status::ALL.into_iter().filter(|status| status.is_final()).collect()
    }
}

/// The change that has a generation's end told, where its request asks for that. It belongs into the
/// commit that ends the generation; after that commit, [`Engine::delivery_written`].
pub(crate) fn change_for(
    engine: &Engine,
    request: &Request,
    generation: &str,
    team: &str,
    status: Status,
    at: Timestamp,
) -> Option<Change> {
    let webhook = request.webhook.as_ref()?;
    let asked = webhook.events.contains(&status);
    asked.then(|| {
        Change::Delivery(Box::new(NewDelivery {
            id: engine.ids().next("dlv_"),
            team: team.to_owned(),
            generation: generation.to_owned(),
            event: Webhook::event(status),
            url: webhook.url.clone(),
            at,
        }))
    })
}

/// Wakes the task that delivers.
#[derive(Debug, Default)]
pub(crate) struct Bell(Notify);

/// The tries under way: each is its delivery's id when it is over.
#[derive(Default)]
struct UnderWay {
    tries: FuturesUnordered<BoxFuture<'static, String>>,
    /// Whose they are, by delivery.
    teams: HashMap<String, String>,
}

impl UnderWay {
    fn room(&self) -> usize {
        AT_ONCE.saturating_sub(self.teams.len())
    }

    fn of(&self, team: &str) -> usize {
        self.teams.values().filter(|other| *other == team).count()
    }

    /// Teams that wait for their own receivers.
    fn busy(&self) -> Vec<String> {
        let mut teams: Vec<String> = self.teams.values().cloned().collect();
        teams.sort_unstable();
        teams.dedup();
        teams.retain(|team| self.of(team) >= PER_TEAM);
        teams
    }

    /// Begins a try, unless there is no room or it is under way already.
    fn begin(&mut self, engine: &Engine, delivery: Delivery) -> bool {
        let (id, team) = (delivery.id.clone(), delivery.team.clone());
        if self.teams.contains_key(&id) || self.room() == 0 || self.of(&team) >= PER_TEAM {
            return false;
        }
        self.teams.insert(id.clone(), team);
        let engine = engine.clone();
        let work = async move {
            engine.attempt_delivery(delivery).await;
            id
        };
        self.tries.push(work.boxed());
        true
    }
}

/// Delivers what is due, until the engine stops.
pub(crate) async fn deliver(engine: Engine) {
    let clock = engine.clock();
    let mut under_way = UnderWay::default();
    loop {
        let next = engine.begin_due(&mut under_way).await.unwrap_or_else(|error| {
            tracing::error!(%error, "webhook deliveries cannot be read");
            Some(clock.now().plus(RECORDS_REST))
        });
        let due = match next {
            Some(at) => clock.sleep_until(at),
            None => Box::pin(std::future::pending()),
        };
        tokio::select! {
            Some(over) = under_way.tries.next(), if !under_way.tries.is_empty() => {
                under_way.teams.remove(&over);
            }
            () = engine.bell().0.notified() => {}
            () = due => {}
            () = engine.stopping().cancelled() => break,
        }
    }
    // A receiver that is about to answer need not be told again after the next start.
    while under_way.tries.next().await.is_some() {}
}

impl Engine {
    /// Refuses an address that may not be told anything, before its request becomes a generation.
    ///
    /// # Errors
    /// `invalid_request` naming `webhook.url`.
    pub async fn check_webhook(&self, webhook: &Webhook) -> Result<()> {
        let checked = self.fetcher().check(&webhook.url).await;
        checked.map_err(|error| Refusal::field("webhook.url", error.to_string()))
    }

    /// A new secret for a team, which signs from now on; it is told this once. The one before signs
    /// nothing more.
    ///
    /// # Errors
    /// `not_found` for a team that is not there.
    pub async fn renew_webhook_secret(&self, by: &Actor, team: &str) -> Result<SecretString> {
        let (secret, change) = self.new_secret(team, true)?;
        let audit = self.keys().entry(by, "team.webhook_secret", team, None, None);
        match self.records().apply(vec![change, audit]).await {
            Ok(()) => Ok(secret),
            Err(records::Error::Stale(_)) => Err(Refusal::not_found("team")),
            Err(other) => Err(other.into()),
        }
    }

    /// The delivery log, newest first, of one team and one generation or of all.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn deliveries(
        &self,
        team: Option<&str>,
        generation: Option<&str>,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        Ok(self.records().deliveries(team, generation, page).await?)
    }

    /// Tries a delivery once more, at once, whatever became of it before. Where that fails, the
    /// waits go on from where they stood.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn redeliver(&self, by: &Actor, id: &str) -> Result<Delivery> {
        let change = Change::Redeliver { delivery: id.to_owned(), at: self.clock().now() };
        let audit = self.keys().entry(by, "webhook.redeliver", id, None, None);
        let missing = || Refusal::not_found("delivery");
        match self.records().apply(vec![change, audit]).await {
            Ok(()) => self.delivery_written(),
            Err(records::Error::Stale(_)) => return Err(missing()),
            Err(other) => return Err(other.into()),
        }
        self.records().delivery(id).await?.ok_or_else(missing)
    }

    /// A delivery was written: it is due.
    pub(crate) fn delivery_written(&self) {
        self.bell().0.notify_one();
    }

    /// Begins what is due and has room; when something is due next.
    async fn begin_due(&self, under_way: &mut UnderWay) -> records::Result<Option<Timestamp>> {
        let now = self.clock().now();
        loop {
            // What is under way is still due in the records: it is read too, and passed over.
            let most = under_way.room() + under_way.teams.len();
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            let due = self.records().due_deliveries(now, under_way.busy(), most).await?;
            let mut begun = 0;
            for delivery in due {
                begun += usize::from(under_way.begin(self, delivery));
            }
            // A team may have filled the page: the next one is without it, if it is busy now.
            if begun == 0 || under_way.room() == 0 {
                return self.records().next_delivery(now).await;
            }
        }
    }

    /// One try, from the request to the row that says how it went.
    async fn attempt_delivery(&self, delivery: Delivery) {
        let answer = self.post(&delivery).await;
        let at = self.clock().now();
        let (state, next_at) = match answer {
            Ok(200..=299) => (DeliveryState::Delivered, None),
            Ok(GONE) => (DeliveryState::Failed, None),
            _ => match self.wait_after(delivery.tries) {
                Some(wait) => (DeliveryState::Pending, Some(at.plus(wait))),
                None => (DeliveryState::Failed, None),
            },
        };
        let error = match &answer {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("it answered with status {status}")),
            Err(reason) => Some(reason.clone()),
        };
        if state == DeliveryState::Failed {
            tracing::warn!(delivery = %delivery.id, team = %delivery.team, ?error, "a webhook failed");
        }
        self.observer().webhook(state);
        let tried = DeliveryTried {
            delivery: delivery.id,
            due: delivery.next_at,
            at,
            status: answer.ok().map(u32::from),
            error,
            state,
            next_at,
        };
        match self.records().apply(vec![Change::DeliveryTried(Box::new(tried))]).await {
            // Gone with its generation, which was erased while the receiver was told.
            Ok(()) | Err(records::Error::Stale(_)) => {}
            Err(error) => {
                tracing::error!(%error, "a webhook's try cannot be written down");
                // It is still due. Trying on as if nothing were wrong would flood the receiver.
                self.clock().sleep_until(at.plus(RECORDS_REST)).await;
            }
        }
    }

    /// How long to wait after a try that failed, as the `before` ones did; none after the last one.
    fn wait_after(&self, before: u32) -> Option<Duration> {
        let wait = *WAITS.get(usize::try_from(before).ok()?)?;
        // Between the wait and a tenth more, so that what failed together does not come back together.
        Some(wait * 9 / 10 + self.jitter(wait / 5))
    }

    /// Tells the receiver; the status that it answers with.
    async fn post(&self, delivery: &Delivery) -> std::result::Result<u16, String> {
        let failed = |error: &dyn fmt::Display| {
            tracing::error!(%error, delivery = %delivery.id, "a webhook cannot be made");
            "it could not be made; the gateway's log says why".to_owned()
        };
        let found = self.records().generation(&delivery.team, &delivery.generation).await;
        let generation = found.map_err(|error| failed(&error))?;
        let generation = generation.ok_or_else(|| "the generation is gone".to_owned())?;
        let document = self.0.parts.payload.document(self, &generation);
        let document = document.map_err(|error| failed(&error))?;
        let body = body(&delivery.event, delivery.created_at, &document);
        let secret = self.webhook_secret(&delivery.team).await.map_err(|error| failed(&error))?;
        let at = self.clock().now().seconds();
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", delivery.id.clone()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", sign(secret.expose_secret(), &delivery.id, at, &body)),
        ];
        let sent = self.fetcher().post(&delivery.url, &headers, Bytes::from(body), PATIENCE).await;
        sent.map_err(|error| error.to_string())
    }

    /// What signs a team's deliveries. A team that has none gets one: it learns it by renewing it.
    async fn webhook_secret(&self, team: &str) -> std::result::Result<SecretSlice<u8>, String> {
        let text = |error: &dyn fmt::Display| error.to_string();
        let read = || self.records().webhook_secret(team);
        let mut sealed = read().await.map_err(|error| text(&error))?;
        if sealed.is_none() {
            let (_, change) = self.new_secret(team, false).map_err(|error| text(&error))?;
            self.records().apply(vec![change]).await.map_err(|error| text(&error))?;
            sealed = read().await.map_err(|error| text(&error))?;
        }
        let sealed = sealed.ok_or_else(|| "the team has no secret".to_owned())?;
        self.vault().open(&purpose(team), &sealed).map_err(|error| text(&error))
    }

    /// A secret as it is told, and the change that keeps it.
    fn new_secret(&self, team: &str, replace: bool) -> Result<(SecretString, Change)> {
        let mut bytes = [0_u8; SECRET];
        let entropy = &*self.0.parts.entropy;
        entropy.fill(&mut bytes);
        let sealed = self.vault().seal(&purpose(team), &bytes, entropy);
        let sealed = sealed.map_err(|error| Refusal::internal(&error))?;
        let told = format!("whsec_{}", base64_simd::STANDARD.encode_to_string(bytes));
        let change = Change::WebhookSecret { team: team.to_owned(), sealed, replace };
        Ok((told.into(), change))
    }
}

/// What a team's secret is sealed for.
pub(crate) fn purpose(team: &str) -> String {
    format!("{team}/webhook")
}

/// What the receiver reads; `document` is JSON already.
fn body(event: &str, at: Timestamp, document: &str) -> String {
    format!(r#"{{"type":"{event}","timestamp":"{at}","data":{document}}}"#)
}

/// The signature of a body, as the specification writes it.
fn sign(secret: &[u8], id: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", base64_simd::STANDARD.encode_to_string(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_the_specifications() {
        let secret =
            base64_simd::STANDARD.decode_to_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at, body) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let signed = sign(&secret, id, at, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn events_are_the_four_ends() {
        let names: Vec<String> = Webhook::all().into_iter().map(Webhook::event).collect();
        let ends = ["completed", "failed", "blocked", "cancelled"];
        assert_eq!(names, ends.map(|end| format!("generation.{end}")));
        for (name, status) in names.iter().zip(Webhook::all()) {
            assert_eq!(Webhook::status_of(name), Some(status));
        }
        for none in ["", "completed", "generation.", "generation.running", "generation.Completed"] {
            assert_eq!(Webhook::status_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_body_is_one_json_document() {
        let text = body("generation.failed", Timestamp::from_millis(0), r#"{"id":"gen_1"}"#);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["type"], "generation.failed");
        assert_eq!(read["timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(read["data"]["id"], "gen_1");
    }
}
