//! Settling: the charge goes on the books once, the bytes are kept, the attempt ends.
//!
//! Where the bytes came with the answer all of it is one commit, and for a generation of one call it
//! is the same commit that ends the generation. Where the bytes are still at the vendor the charge is
//! booked first: whatever happens to the bytes, the money is known.

use std::{sync::Arc, time::Duration};

use coordination::UnitsEnd;
use provider::{
    Adjustments, Finished, Found, MicroUsd, Output, OutputSink, Receipt, RemoteOutput, SinkError,
    Ticket, Timestamp,
};
use records::{Asset, Attempt, Booking, Change, EndAttempt, Failure, Outcome, Purse};

use crate::{
    Account, Code, Engine, Vendor,
    attempt::{Underway, Verdict},
    drive,
    journey::{Made, failure},
    keep::Kept,
    plan::Step,
    turns::AccountPace,
};

/// Tries to bring bytes home before they are given up as lost.
const FETCH_TRIES: u32 = 8;
/// The first rest between two of them; it doubles.
const FETCH_REST: Duration = Duration::from_millis(500);
/// Tries to have a result deleted at the vendor.
const FORGET_TRIES: u32 = 4;

impl Underway {
    /// Settles finished work.
    pub(crate) async fn settle(mut self, finished: Finished, session: assets::BlobSink) -> Verdict {
        // The vendor is done with it: its slot there is free before the bytes are looked at.
        self.held.lease = None;
        self.held.judged(false);
        self.engine().health().works(&self.account().id, self.started_at);
        self.tell_balance(finished.balance);
        self.learn(&finished.charge);
        let remote = remote_outputs(&finished);
        let booking = self.booking(&finished, &remote);
        if remote.is_empty() {
            let kept = self.collect(&finished.outputs, session).await;
            return self.conclude(Some(booking), kept, finished.adjustments).await;
        }
        self.engine().must_apply(vec![Change::Book(Box::new(booking.clone()))]).await;
        self.show_booking(&booking);
        self.bring_home(finished, session).await
    }

    /// Settles work that was found in the vendor's books; it is booked already.
    pub(crate) async fn settle_found(mut self, finished: Finished) -> Verdict {
        self.held.lease = None;
        self.held.judged(false);
        let session = self.journey.session();
        self.bring_home(finished, session).await
    }

    /// Claims a row of the vendor's books for this attempt and books it; false where it is another's.
    pub(crate) async fn claim(&self, found: &Found) -> bool {
        if let Some(reference) = &self.booked {
            return *reference == found.reference;
        }
        let remote = remote_outputs(&found.finished);
        let mut booking = self.booking(&found.finished, &remote);
        booking.reference = Some(found.reference.clone());
        let change = Change::Book(Box::new(booking.clone()));
        match self.engine().records().apply(vec![change]).await {
            Ok(()) => {
                self.show_booking(&booking);
                self.learn(&found.finished.charge);
                true
            }
            Err(records::Error::Claimed(_)) => false,
            Err(error) => {
                tracing::error!(%error, attempt = %self.id, "a charge could not be booked yet");
                false
            }
        }
    }

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
        let mut rest = FETCH_REST;
        let mut last = String::new();
        for _ in 0..FETCH_TRIES {
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
    async fn collect(
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

    /// Ends the attempt: with outputs, or with a charge for something that cannot be used.
    async fn conclude(
        mut self,
        booking: Option<Booking>,
        kept: Result<Vec<Kept>, String>,
        adjustments: Adjustments,
    ) -> Verdict {
        let at = self.engine().clock().now();
        let reason = kept.as_ref().err();
        let outcome = if reason.is_none() { Outcome::Completed } else { Outcome::Failed };
        let mut changes = self.end_of(booking.as_ref(), reason, at);
        let saved = self.saved();
        let engine = self.engine().clone();
        changes.extend(self.held.end_units(&engine, UnitsEnd::Used).await);
        let mut outputs = Vec::new();
        let mut more = adjustments;
        let measured = |kept: &Kept| kept.stored.as_ref().is_some_and(|s| s.width.is_some());
        if kept.iter().flatten().any(measured) {
            // What came is known now; what was expected of it no longer matters.
            more.remove("size");
        }
        for kept in kept.iter().flatten() {
            if let Some(asset) = &kept.stored {
                if self.journey.request.store {
                    changes.push(Change::Asset(Box::new(self.asset(asset, at))));
                }
                if let Some(bytes) = &asset.inline {
                    self.journey.flight.keep_inline(&asset.id, bytes.clone());
                }
            }
            more.extend(kept.adjustments.clone());
            outputs.push(kept.record(at.plus(self.engine().settings().asset_ttl)));
        }
        // After the deadline the generation has its end; what comes now is added to it.
        let late = self.journey.flight.is_closed() && !outputs.is_empty();
        if late {
            // Outputs are added to an end that is written.
            self.journey.flight.ended().await;
            changes.push(drive::late(&self.journey, outputs.clone()));
        }
        let defer = self.journey.is_single() && kept.is_ok() && !late;
        if !defer {
            self.engine().must_apply(std::mem::take(&mut changes)).await;
        }
        if let Some(booking) = &booking {
            self.show_booking(booking);
        }
        self.show_end(outcome, at);
        if late {
            self.journey.flight.update(|state| state.outputs.append(&mut outputs));
        }
        if let Err(reason) = kept {
            tracing::error!(attempt = %self.id, %reason, "a paid output cannot be used");
            return Verdict::Over(unusable());
        }
        let by = (
            self.provider().to_owned(),
            self.step().listing.model().name.clone(),
            self.account().name.clone(),
        );
        let equal = defer.then_some(self.equal);
        Verdict::Made(Box::new(Made {
            outputs,
            adjustments: more,
            by,
            saved,
            rest: changes,
            equal,
        }))
    }

    /// The end of the attempt as it is written: its charge, its outcome, and, where nothing could be kept,
    /// that the team does not bear it.
    fn end_of(
        &self,
        booking: Option<&Booking>,
        reason: Option<&String>,
        at: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::with_capacity(6);
        changes.extend(booking.cloned().map(|booking| Change::Book(Box::new(booking))));
        changes.push(Change::EndAttempt(EndAttempt {
            attempt: self.id.clone(),
            outcome: if reason.is_none() { Outcome::Completed } else { Outcome::Failed },
            detail: reason.cloned(),
            keep_reserved: false,
            at,
        }));
        if reason.is_some() && self.is_charged_for_certain(booking) {
            changes.push(Change::Lose { attempt: self.id.clone(), at });
        }
        changes
    }

    /// A paid output is gone at the vendor: the loss stays on the books, with the evidence.
    pub(crate) async fn lost_output(mut self, reason: String) -> Verdict {
        tracing::error!(attempt = %self.id, %reason, "a paid output is lost");
        let detail = Some(format!("a paid output is lost: {reason}"));
        self.close(Outcome::Failed, detail, None, UnitsEnd::Used).await;
        if self.is_charged_for_certain(None) {
            let (attempt, at) = (self.id.clone(), self.engine().clock().now());
            self.engine().must_apply(vec![Change::Lose { attempt, at }]).await;
        }
        Verdict::Over(unusable())
    }

    /// Whether the vendor has certainly charged for it, now or before.
    fn is_charged_for_certain(&self, booking: Option<&Booking>) -> bool {
        if let Some(booking) = booking {
            return !booking.uncertain && !booking.amount.is_zero();
        }
        let state = self.journey.flight.now();
        let own = state.attempts.iter().find(|attempt| attempt.id == self.id);
        own.is_some_and(|attempt| !attempt.uncertain && !attempt.charged.is_zero())
    }

    /// What a prepaid unit saved: the price of the next best provider that could have made it.
    fn saved(&self) -> MicroUsd {
        if self.held.purse() != Purse::Allowance {
            return MicroUsd::ZERO;
        }
        let other = |step: &&Step| step.listing.vendor.name != self.provider();
        self.journey.steps.iter().find(other).map_or(MicroUsd::ZERO, |step| step.call.expected)
    }

    fn booking(&self, finished: &Finished, remote: &[records::Remote]) -> Booking {
        Booking {
            attempt: self.id.clone(),
            reference: finished.reference.clone(),
            amount: finished.charge.amount + self.held.price(),
            uncertain: !finished.charge.certain,
            purse: self.held.purse(),
            remote: remote.to_vec(),
            at: self.engine().clock().now(),
        }
    }

    fn asset(&self, stored: &assets::Stored, at: Timestamp) -> Asset {
        Asset {
            id: stored.id.clone(),
            team: self.journey.team.clone(),
            generation: Some(self.journey.id.clone()),
            media_type: stored.media_type.to_owned(),
            bytes: stored.bytes,
            hash: stored.hash,
            width: stored.width,
            height: stored.height,
            millis: stored.millis,
            created_at: at,
            expires_at: at.plus(self.engine().settings().asset_ttl),
        }
    }

    /// What the charge says of its vendor's estimates.
    fn learn(&self, charge: &provider::Charge) {
        let (true, Some(estimated)) = (charge.certain, charge.estimated) else { return };
        let model = self.step().listing.name();
        let engine = self.engine();
        if let Some(learned) = engine.prices().learn(&model, estimated, charge.amount) {
            engine.observer().drift(self.provider(), &model, learned.ratio);
        }
    }

    fn tell_balance(&self, balance: Option<MicroUsd>) {
        if let Some(balance) = balance {
            self.engine().told_balance(&self.step().listing.vendor, self.account(), balance);
        }
    }

    pub(crate) fn show_booking(&self, booking: &Booking) {
        self.show(|attempt| {
            attempt.charged += booking.amount;
            attempt.uncertain |= booking.uncertain;
            attempt.reference.clone_from(&booking.reference);
        });
        self.journey.flight.update(|state| {
            state.cost.charged += booking.amount;
            if booking.uncertain {
                state.cost.uncertain += booking.amount;
            }
        });
        let model = self.step().listing.name();
        let team = &self.journey.team;
        self.engine().observer().booked(team, self.provider(), &model, booking.amount);
    }
}

/// What a vendor is to delete.
#[derive(Debug, Clone, Copy)]
enum Leftover<'a> {
    /// A job.
    Job(&'a Ticket),
    /// Finished work: what it was claimed by, and its outputs.
    Work(&'a str, &'a [RemoteOutput]),
}

impl Leftover<'_> {
    const fn reference(&self) -> &str {
        match self {
            Self::Job(ticket) => ticket.reference.as_str(),
            Self::Work(reference, _) => reference,
        }
    }
}

impl Engine {
    /// Has the vendor delete what it keeps of a job.
    pub(crate) async fn forget(&self, step: &Step, job: &str) {
        let ticket = Ticket { reference: job.to_owned(), look_after: Duration::ZERO };
        self.delete_there(&step.listing.vendor, &step.account, Leftover::Job(&ticket)).await;
    }

    /// Has the vendors delete what they keep of ended attempts, where they can and the account is still
    /// ours. Nobody waits for it.
    pub(crate) fn forget_work(&self, attempts: &[Attempt]) {
        for attempt in attempts {
            let Some(reference) = attempt.reference.clone() else { continue };
            let Some(vendor) = self.market().vendor(&attempt.provider) else { continue };
            let account = vendor.account(&attempt.account);
            let Some(account) = account.filter(|_| vendor.description().can_forget) else {
                continue;
            };
            let (engine, vendor) = (self.clone(), Arc::clone(vendor));
            let outputs: Vec<_> = attempt.remote.iter().map(RemoteOutput::from).collect();
            self.spawn(async move {
                let work = Leftover::Work(&reference, &outputs);
                engine.delete_there(&vendor, &account, work).await;
            });
        }
    }

    async fn delete_there(&self, vendor: &Vendor, account: &Arc<Account>, what: Leftover<'_>) {
        let mut rest = FETCH_REST;
        let reference = what.reference();
        for _ in 0..FORGET_TRIES {
            let pace = AccountPace::new(self, account).await;
            let told = match what {
                Leftover::Job(ticket) => vendor.adapter.cancel(pace.call(), ticket).await,
                Leftover::Work(reference, outputs) => {
                    vendor.adapter.forget(pace.call(), reference, outputs).await
                }
            };
            // While it rests, its credential may be replaced.
            drop(pace);
            match told {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(account = %account.id, reference, ?error, "not deleted there yet");
                }
            }
            self.clock().sleep_until(self.clock().now().plus(self.jitter(rest))).await;
            rest *= 2;
        }
        tracing::error!(
            account = %account.id,
            reference,
            "the provider could not be made to delete a result"
        );
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

fn unusable() -> Failure {
    failure(Code::ProviderError, "the provider did the work, but its output cannot be used")
}

fn remote_outputs(finished: &Finished) -> Vec<records::Remote> {
    let remote = |output: &Output| match output {
        Output::Remote(remote) => Some(remote.into()),
        Output::Written(_) | Output::Text(_) => None,
    };
    finished.outputs.iter().filter_map(remote).collect()
}
