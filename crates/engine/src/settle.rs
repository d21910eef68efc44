//! Settling: the charge goes on the books once, the bytes are kept, the attempt ends.
//!
//! Where the bytes came with the answer all of it is one commit, and for a generation of one call it
//! is the same commit that ends the generation. Where the bytes are still at the vendor the charge is
//! booked first: whatever happens to the bytes, the money is known.

use coordination::UnitsEnd;
use provider::{Adjustments, Finished, Found, MicroUsd, Output, Timestamp};
use records::{Asset, Booking, Change, EndAttempt, Failure, Outcome, Purse};

use crate::{
    Code,
    attempt::{Underway, Verdict},
    finish,
    journey::{Journey, Made, failure},
    keep::Kept,
    plan::{Step, work},
};

impl Underway {
    /// Settles finished work.
    pub(crate) async fn settle(mut self, finished: Finished, session: assets::BlobSink) -> Verdict {
        // The vendor is done with it: its slot there is free before the bytes are looked at.
        self.held.lease = None;
        self.held.judged(false);
        self.vendor_did_well();
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
    ///
    /// # Errors
    /// Where nobody knows whether it is booked now. It must not be cut off: it may be written all the same.
    pub(crate) async fn claim(&self, found: &Found) -> records::Result<bool> {
        if let Some(reference) = &self.booked {
            return Ok(*reference == found.reference);
        }
        let remote = remote_outputs(&found.finished);
        let mut booking = self.booking(&found.finished, &remote);
        booking.reference = Some(found.reference.clone());
        let change = Change::Book(Box::new(booking.clone()));
        match self.engine().records().apply(vec![change]).await {
            Ok(()) => {
                self.show_booking(&booking);
                self.learn(&found.finished.charge);
                Ok(true)
            }
            Err(records::Error::Claimed(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the attempt: with outputs, or with a charge for something that cannot be used.
    pub(crate) async fn conclude(
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
            changes.push(finish::late(&self.journey, outputs.clone()));
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
            blob: None,
        }
    }

    /// What the charge says of its vendor's prices.
    fn learn(&self, charge: &provider::Charge) {
        let Journey { engine, request, kind, .. } = &*self.journey;
        let listing = &self.step().listing;
        let work = work(request, *kind, listing, self.count, Vec::new());
        engine.learn_charge(listing, self.account(), &work, charge);
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
            attempt.remote.clone_from(&booking.remote);
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
