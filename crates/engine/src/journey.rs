//! One generation under way: what its calls share, and what became of each of them.
//!
//! A call ends wherever it is when it ends: in the task that accepted the generation, in one that
//! the poller started when a vendor's queue was done with it, or in one that a restart began. So the
//! ends are gathered here, and whoever brings the last one finishes the generation.

use std::sync::Arc;

use coordination::{Admission, Share};
use parking_lot::Mutex;
use provider::{Kind, MicroUsd, Timestamp};
use records::{Change, Failure, OutputRecord, Status};

use crate::{
    AliasRules, Code, Engine, Request,
    attempt::Equal,
    budgets::Spender,
    cache::Sharing,
    decision::Decision,
    flight::Flight,
    plan::{Planned, Step},
};

/// Everything that the attempts of one generation share.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) engine: Engine,
    pub(crate) flight: Arc<Flight>,
    pub(crate) request: Request,
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: Vec<u8>,
    pub(crate) id: String,
    pub(crate) team: String,
    pub(crate) key: String,
    /// Who pays.
    pub(crate) spender: Spender,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Timestamp>,
    /// How its alias chooses among its candidates.
    pub(crate) rules: Arc<AliasRules>,
    /// What its end does for those who ask for the same.
    pub(crate) share: Sharing,
    /// The hash of an idempotent request's body.
    body: Option<[u8; 32]>,
    /// Who was considered, where it was decided just now.
    decision: Option<Decision>,
    ends: Mutex<Ends>,
    /// Its places among those that may be under way at once, until it is final.
    admission: Mutex<Option<Admission>>,
    /// Where outputs go that nobody may keep.
    memory: Option<assets::Store>,
}

#[derive(Debug)]
struct Ends {
    open: usize,
    /// The deadline passed before all had ended: the generation has its end already.
    late: bool,
    ended: Vec<(usize, SlotEnd)>,
}

/// How one call of a generation ended.
#[derive(Debug)]
pub(crate) enum SlotEnd {
    /// With outputs. `rest` is what is still to be written, where it was left to the end.
    Made(Box<Made>),
    /// Without.
    Not(Status, Failure),
}

/// A call that made something.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) outputs: Vec<OutputRecord>,
    pub(crate) adjustments: provider::Adjustments,
    /// Provider, the provider's own name of the model, account.
    pub(crate) by: (String, String, String),
    /// What a prepaid unit saved against the next best provider's price.
    pub(crate) saved: MicroUsd,
    /// What is still to be written, with the generation's end.
    pub(crate) rest: Vec<Change>,
    /// Lives until the claim in `rest` is written: equal work that is lost must not take it.
    pub(crate) equal: Option<Equal>,
}

/// Every call has ended.
#[derive(Debug)]
pub(crate) struct AllEnded {
    /// In the order of the calls.
    pub(crate) ends: Vec<SlotEnd>,
    /// The generation had its end before.
    pub(crate) late: bool,
}

impl Journey {
    pub(crate) fn new(
        engine: Engine,
        flight: Arc<Flight>,
        planned: Planned,
        (spender, admission): (Spender, Admission),
        body: Option<[u8; 32]>,
    ) -> Self {
        let state = flight.now();
        let deadline = planned.request.routing.deadline;
        let late = state.status.is_final();
        let ends = Ends { open: planned.slots.len(), late, ended: Vec::new() };
        Self {
            engine,
            kind: planned.resolved.kind,
            memory: (!planned.request.store).then(assets::Store::memory),
            request: planned.request,
            steps: planned.steps,
            slots: planned.slots,
            id: state.id.clone(),
            team: state.team.clone(),
            key: state.key.clone(),
            spender,
            admission: Mutex::new(Some(admission)),
            deadline: deadline.map(|span| state.created_at.plus(span)),
            rules: planned.resolved.rules,
            share: Sharing::default(),
            body,
            decision: planned.decision,
            ends: Mutex::new(ends),
            flight,
        }
    }

    /// The same, whose end others may share.
    #[must_use]
    pub(crate) fn sharing(self, share: Sharing) -> Self {
        Self { share, ..self }
    }

    pub(crate) fn body(&self) -> Option<[u8; 32]> {
        self.body
    }

    /// How it was decided, to be written with it. Of a shadow that is not kept: decisions tell what will be
    /// wanted, and nothing is saved for what takes only what is left.
    pub(crate) fn decided(&self, at: Timestamp) -> Option<Change> {
        let decision = self.decision.as_ref().filter(|_| !self.is_shadow())?;
        Some(Change::Decide { generation: self.id.clone(), at, body: decision.to_kept() })
    }

    /// Whose turn it is in an account's line, and how much of it.
    pub(crate) fn share(&self) -> Share<'_> {
        Share { team: &self.team, weight: self.spender.team.rules.weight.unwrap_or(1).max(1) }
    }

    /// It is final, or became no generation: its places are free.
    pub(crate) fn leave(&self) -> Option<Admission> {
        self.admission.lock().take()
    }

    /// What is preferred.
    pub(crate) fn policy(&self) -> routing::Policy {
        self.request.routing.policy.unwrap_or_else(|| self.engine.settings().policy)
    }

    /// Whether the whole generation is one call, so that its end can be written with the call's.
    pub(crate) fn is_single(&self) -> bool {
        self.slots.len() == 1
    }

    /// Where outputs are kept: with everybody's, or in memory alone.
    pub(crate) fn store(&self) -> &assets::Store {
        self.memory.as_ref().unwrap_or_else(|| self.engine.store())
    }

    /// A sink for one call's outputs.
    pub(crate) fn session(&self) -> assets::BlobSink {
        let ids = self.engine.ids().clone();
        self.store().sink(move || ids.next("ast_"), self.engine.settings().max_asset_bytes)
    }

    /// One call has ended. Whoever brings the last end gets them all.
    pub(crate) fn ended(&self, slot: usize, end: SlotEnd) -> Option<AllEnded> {
        let mut ends = self.ends.lock();
        ends.ended.push((slot, end));
        ends.open = ends.open.saturating_sub(1);
        if ends.open > 0 {
            return None;
        }
        let mut all = std::mem::take(&mut ends.ended);
        all.sort_by_key(|(slot, _)| *slot);
        let in_order = all.into_iter().map(|(_, end)| end).collect();
        Some(AllEnded { ends: in_order, late: ends.late })
    }

    /// The deadline passed; false where all had ended before, or it had passed already.
    pub(crate) fn expire(&self) -> bool {
        let mut ends = self.ends.lock();
        ends.open > 0 && !std::mem::replace(&mut ends.late, true)
    }
}

pub(crate) fn failure(code: Code, message: impl Into<String>) -> Failure {
    Failure { code: code.as_str().to_owned(), message: message.into() }
}
