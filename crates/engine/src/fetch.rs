//! Bringing a vendor's outputs home: fetched where they lie, kept as they were asked for.

use std::time::Duration;

use provider::{Finished, Output, OutputSink, Receipt, RemoteOutput, SinkError};

use crate::{
    attempt::{Underway, Verdict},
    keep::Kept,
    turns::AccountPace,
};

/// Tries to bring bytes home before they are given up as lost.
const TRIES: u32 = 8;
/// The first rest between two of them; it doubles.
const FIRST_REST: Duration = Duration::from_millis(500);

impl Underway {
    /// Fetches what the vendor keeps for us; the charge is on the books.
    pub(crate) async fn bring_home(self, finished: Finished, session: assets::BlobSink) -> Verdict {
        let mut session = session;
        let mut outputs = Vec::with_capacity(finished.outputs.len());
        for output in finished.outputs {
            let output = match output {
                Output::Remote(remote) => match self.fetch(&remote, &mut session).await {
                    Ok(receipt) => Output::Written(receipt),
                    Err(reason) => return self.lost_output(reason).await,
                },
                here => here,
            };
            outputs.push(output);
        }
        if let (false, Some(job)) = (self.journey.request.store, &finished.reference) {
            // The bytes are here and nobody may keep them: the vendor shall not either.
            self.engine().forget(self.step(), job).await;
        }
        let kept = self.collect(&outputs, session).await;
        self.conclude(None, kept, finished.adjustments).await
    }

    async fn fetch(
        &self,
        remote: &RemoteOutput,
        session: &mut assets::BlobSink,
    ) -> Result<Receipt, String> {
        let engine = self.engine();
        let mut rest = FIRST_REST;
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.fetch_once(remote, session).await {
                Ok(receipt) => return Ok(receipt),
                Err(FetchError::Gone(reason)) => return Err(reason),
                Err(FetchError::Passing(reason)) => last = reason,
            }
            tracing::warn!(attempt = %self.id, reason = %last, "an output could not be fetched yet");
            let clock = engine.clock();
            clock.sleep_until(clock.now().plus(engine.jitter(rest))).await;
            rest *= 2;
        }
        Err(last)
    }

    async fn fetch_once(
        &self,
        remote: &RemoteOutput,
        session: &mut assets::BlobSink,
    ) -> Result<Receipt, FetchError> {
        let pace = AccountPace::new(self.engine(), self.account()).await;
        let mut writer = session.open(provider::OutputHint::default()).await?;
        let adapter = &self.step().listing.vendor.adapter;
        if let Err(error) = adapter.fetch(pace.call(), remote, &mut *writer).await {
            let reason = format!("{} {}", error.public(), error.private());
            return Err(match error.kind() {
                provider::ErrorKind::NotFound => FetchError::Gone(reason),
                _ => FetchError::Passing(reason),
            });
        }
        Ok(writer.finish().await?)
    }

    /// The outputs' facts, converted where another format was asked for.
    pub(crate) async fn collect(
        &self,
        outputs: &[Output],
        mut session: assets::BlobSink,
    ) -> Result<Vec<Kept>, String> {
        let mut all = Vec::with_capacity(outputs.len());
        for output in outputs {
            let kept = match output {
                Output::Text(text) => Kept::text(text.clone()),
                Output::Written(receipt) => {
                    let stored = session.take(receipt).ok_or("an output was not kept")?;
                    let mut kept = self.engine().keep(&self.journey, stored).await?;
                    if !self.journey.request.store {
                        self.whole(&mut kept).await?;
                    }
                    kept
                }
                Output::Remote(_) => return Err("an output is still at the provider".to_owned()),
            };
            all.push(kept);
        }
        Ok(all)
    }

    /// Bytes that nobody may keep go into the one answer, however many they are.
    async fn whole(&self, kept: &mut Kept) -> Result<(), String> {
        let Some(stored) = kept.stored.as_mut().filter(|stored| stored.inline.is_none()) else {
            return Ok(());
        };
        let most = self.engine().settings().max_asset_bytes;
        let bytes = self.journey.store().bytes(&stored.id, most).await;
        stored.inline = Some(bytes.map_err(|error| error.to_string())?);
        Ok(())
    }
}

enum FetchError {
    /// The vendor no longer has it.
    Gone(String),
    /// Another try may bring it.
    Passing(String),
}

impl From<SinkError> for FetchError {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::TooLarge { .. } => Self::Gone(error.to_string()),
            SinkError::Storage(reason) => Self::Passing(reason),
        }
    }
}
