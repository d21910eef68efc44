//! Looking at generations and assets, waiting for them, calling them back, erasing them.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use provider::{Kind, Timestamp};
use records::{Asset, Change, Generation, Page, Status, Usage};
use tokio::sync::watch;

use crate::{Code, Engine, Inline, Refusal, Request, Result, flight::Flight};

/// A generation after a wait.
#[derive(Debug, Clone)]
pub struct Done {
    /// As it stands; final unless the wait was over before.
    pub generation: Arc<Generation>,
    /// The bytes of small fresh outputs, by asset.
    pub inline: Inline,
}

impl Done {
    /// A generation whose bytes are in the store.
    pub fn of(generation: Arc<Generation>) -> Self {
        Self { generation, inline: Inline::default() }
    }
}

/// Sees a generation's states: the present one first, then each change, then the end.
#[derive(Debug)]
pub struct Watch {
    first: Option<Arc<Generation>>,
    rest: Option<watch::Receiver<Arc<Generation>>>,
}

impl Watch {
    /// The next state; `None` after the final one.
    pub async fn next(&mut self) -> Option<Arc<Generation>> {
        let state = match self.first.take() {
            Some(first) => first,
            None => {
                let rest = self.rest.as_mut()?;
                rest.changed().await.ok()?;
                Arc::clone(&rest.borrow_and_update())
            }
        };
        if state.status.is_final() {
            self.rest = None;
        }
        Some(state)
    }
}

impl Engine {
    /// Waits until the generation is final, until `until`, or until the engine has come to its end.
    ///
    /// # Errors
    /// `not_found` for what is not this team's.
    pub async fn wait(&self, team: &str, id: &str, until: Option<Timestamp>) -> Result<Done> {
        let Some(flight) = self.flight(id).filter(|flight| flight.now().team == team) else {
            let generation = self.recorded(team, id).await?;
            return Ok(Done { generation, inline: Inline::default() });
        };
        self.end_of(&flight, until).await;
        Ok(Done { generation: flight.now(), inline: flight.inline() })
    }

    pub(crate) async fn end_of(&self, flight: &Flight, until: Option<Timestamp>) {
        let late = async {
            match until {
                Some(until) => self.clock().sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = flight.ended() => {}
            () = late => {}
            () = self.halted() => {}
        }
    }

    /// One generation of the team.
    ///
    /// # Errors
    /// `not_found` for what is not this team's.
    pub async fn generation(&self, team: &str, id: &str) -> Result<Arc<Generation>> {
        match self.flight(id).map(|flight| flight.now()) {
            Some(state) if state.team == team => Ok(state),
            _ => self.recorded(team, id).await,
        }
    }

    async fn recorded(&self, team: &str, id: &str) -> Result<Arc<Generation>> {
        let found = self.records().generation(team, id).await?;
        found.map(Arc::new).ok_or_else(|| Refusal::not_found("generation"))
    }

    /// The team's generations, newest first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn generations(
        &self,
        team: &str,
        kind: Option<Kind>,
        page: Page,
    ) -> Result<Vec<Generation>> {
        Ok(self.records().generations(team, kind, page).await?)
    }

    /// Watches a generation; whoever comes late still sees the final state.
    ///
    /// # Errors
    /// `not_found` for what is not this team's.
    pub async fn subscribe(&self, team: &str, id: &str) -> Result<Watch> {
        if let Some(flight) = self.flight(id).filter(|flight| flight.now().team == team) {
            let mut rest = flight.watch();
            let first = Arc::clone(&rest.borrow_and_update());
            return Ok(Watch { first: Some(first), rest: Some(rest) });
        }
        Ok(Watch { first: Some(self.recorded(team, id).await?), rest: None })
    }

    /// Calls a generation back, as long as nothing has gone to a vendor.
    ///
    /// # Errors
    /// `not_cancellable` from the first byte on: no vendor documents a way to call work back.
    pub async fn cancel(&self, team: &str, id: &str) -> Result<Arc<Generation>> {
        let too_late = || {
            let message = "it has gone to a provider, which cannot call it back";
            Refusal::new(Code::NotCancellable, message)
        };
        let Some(flight) = self.flight(id).filter(|flight| flight.now().team == team) else {
            let found = self.recorded(team, id).await?;
            return if found.status == Status::Cancelled { Ok(found) } else { Err(too_late()) };
        };
        if !flight.cancel() {
            return Err(too_late());
        }
        // The generation's own task writes the end: it goes on if this caller hangs up.
        flight.update(|_| {});
        self.end_of(&flight, None).await;
        Ok(flight.now())
    }

    /// Removes a generation's words and outputs, and has the vendors do the same, where they can; the
    /// books keep the money.
    ///
    /// # Errors
    /// `not_found`; `not_ready` while it runs, because what is paid for must be settled first.
    pub async fn erase(&self, team: &str, id: &str) -> Result<()> {
        let in_flight = self.flight(id).is_some_and(|flight| flight.now().team == team);
        // The records alone know what lies at the vendors.
        let generation = self.recorded(team, id).await?;
        if in_flight || !generation.status.is_final() {
            let message = "it is still running; delete it when it has ended";
            return Err(Refusal::new(Code::NotReady, message));
        }
        self.wipe(&generation).await?;
        self.wipe_shadow_of(id, &generation.model).await
    }

    /// The same with one that is over, whosever it is.
    pub(crate) async fn wipe(&self, generation: &Generation) -> Result<()> {
        self.records().apply(vec![Change::Erase { generation: generation.id.clone() }]).await?;
        let places = generation.outputs.iter().filter_map(|output| output.place());
        self.delete_unshared(places.map(str::to_owned).collect()).await;
        self.forget_work(&generation.attempts);
        Ok(())
    }

    /// Deletes bytes that no asset names any more. Nothing that is deleted here can be named again: whoever
    /// shares an asset needs its row, and that is gone.
    pub(crate) async fn delete_unshared(&self, places: Vec<String>) {
        let unknown = match self.records().unknown_assets(places).await {
            Ok(unknown) => unknown,
            Err(error) => {
                tracing::warn!(%error, "bytes were not deleted; the sweep finds them");
                return;
            }
        };
        for place in unknown {
            if let Err(error) = self.store().delete(&place).await {
                tracing::warn!(%error, asset = %place, "bytes were not deleted; the sweep finds them");
            }
        }
    }

    /// The request of a generation, unless it was erased.
    pub fn request_of(&self, generation: &Generation) -> Option<Request> {
        serde_json::from_str(&generation.request).ok()
    }

    /// What the team was charged.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn usage(&self, team: &str, from: Timestamp, to: Timestamp) -> Result<Usage> {
        Ok(self.records().usage(team, None, from, to).await?)
    }

    /// Keeps an upload, streamed.
    ///
    /// # Errors
    /// `request_too_large`, or whatever the stream itself says.
    pub async fn upload<S>(&self, team: &str, data: S) -> Result<Asset>
    where
        S: Stream<Item = Result<Bytes>> + Send + Unpin,
    {
        let mut data = data;
        let id = self.ids().next("ast_");
        let most = self.settings().max_asset_bytes;
        let mut writer = self.store().writer(&id, most).map_err(|e| Refusal::internal(&e))?;
        while let Some(chunk) = data.next().await {
            writer.push(chunk?).await.map_err(too_large)?;
        }
        let stored = writer.keep().await.map_err(too_large)?;
        self.record_upload(team, stored).await
    }

    /// One asset; whether the asker may see it is for the caller to check.
    ///
    /// # Errors
    /// `not_found`, or `expired` once its time is over.
    pub async fn asset(&self, id: &str) -> Result<Asset> {
        let found = self.records().asset(id).await?;
        let asset = found.ok_or_else(|| Refusal::not_found("asset"))?;
        if asset.expires_at <= self.clock().now() {
            return Err(Refusal::new(Code::Expired, "this asset has expired"));
        }
        Ok(asset)
    }

    /// The bytes that lie at an asset's place, or a part of them.
    ///
    /// # Errors
    /// `not_found` where they are gone.
    pub async fn read(&self, place: &str, range: Option<Range<u64>>) -> Result<assets::Blob> {
        self.store().read(place, range).await.map_err(|error| unreadable(place, &error))
    }

    /// The same bytes in base64.
    ///
    /// # Errors
    /// `not_found` where they are gone.
    pub async fn read_base64(&self, place: &str) -> Result<assets::Base64> {
        self.store().base64(place).await.map_err(|error| unreadable(place, &error))
    }

    /// A signed link to an asset.
    pub fn asset_link(&self, id: &str, expires_at: Timestamp) -> String {
        let query = self.links().sign(id, expires_at);
        format!("{}/v1/assets/{id}?{query}", self.public_url())
    }

    /// Whether a link's signature is good and its time not over.
    ///
    /// # Errors
    /// `forbidden` for a link that nobody here signed, `expired` for one that was good once.
    pub fn check_link(&self, id: &str, exp: &str, sig: &str) -> Result<()> {
        self.links().verify(id, exp, sig, self.clock().now()).map_err(|error| match error {
            assets::LinkError::Invalid => Refusal::new(Code::Forbidden, error.to_string()),
            assets::LinkError::Expired => Refusal::new(Code::Expired, error.to_string()),
        })
    }

    /// Whether only this machine can reach us under the public address.
    pub(crate) fn is_loopback(&self) -> bool {
        let url = self.public_url();
        let host = url.split("://").nth(1).unwrap_or(&url);
        ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
    }
}

fn unreadable(place: &str, error: &assets::StoreError) -> Refusal {
    tracing::error!(%error, asset = %place, "an asset's bytes cannot be read");
    Refusal::not_found("asset")
}

fn too_large(error: provider::SinkError) -> Refusal {
    match error {
        provider::SinkError::TooLarge { limit } => {
            let message = format!("the file is larger than {limit} bytes");
            Refusal::new(Code::RequestTooLarge, message)
        }
        provider::SinkError::Storage(reason) => Refusal::internal(&reason),
    }
}
