//! Sending what is due: many receivers at a time, a few of one team, each try written down.

use std::{collections::HashMap, fmt, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use provider::Timestamp;
use records::{Change, Delivery, DeliveryState, DeliveryTried};
use secrecy::ExposeSecret as _;

use super::signing::{body, sign};
use crate::Engine;

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
/// The receiver is gone for good, and says so.
const GONE: u16 = 410;

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
    async fn post(&self, delivery: &Delivery) -> Result<u16, String> {
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
}
