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
//! Nobody: a task sleeps until the next row is due, at most `AT_ONCE` receivers are spoken to at a
//! time, and at most `PER_TEAM` of one team, so that a receiver that never answers holds up its own
//! team only.

mod sending;
mod signing;

use std::fmt;

use provider::Timestamp;
use records::{Change, Delivery, NewDelivery, Page};
use secrecy::SecretString;
use tokio::sync::Notify;

pub(crate) use self::{sending::deliver, signing::purpose};
use crate::{Engine, Generation, Refusal, Request, Result, Status, Webhook, keys::Actor};

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
