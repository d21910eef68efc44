//! Generor, simulated: estimate and generate, paid in credits, nine types of media.
//!
//! `POST /generators/{slug}/estimate` tells what a call would cost and how long it would take; `POST /generators/{slug}/generate`
//! is one call that lasts until its creations are there, and tells what it did cost, which is not always the same. The
//! creations lie on the site under `/users/...`, outside the API's base `/api/v1`, which is part of
//! [`Running::base_url`](crate::Running::base_url) as it is of the page's base URL. Around them the page's whole catalogue:
//! models, creations, credits, keys, users, teams, comments and ratings.
//!
//! A line of its books is a [`Charge`] in whole credits: one for each call that was done. `GET /books` shows `generations`
//! besides, with the order as it was understood: what was dropped or ignored silently, and that privacy was 0, PUBLIC,
//! where nobody asked for another. A generation that a killed process had begun has failed, and cost nothing. In the
//! request log what came for bytes counts as `results`. The control port has two more requests:
//!
//! | request | what it does |
//! | --- | --- |
//! | `POST /credits` | `{"key": ..., "total": N}` sets what an account has, `"add": N` adds paid credits, as a transaction of `"type"` |
//! | `POST /tier` | `{"key": ..., "tier": "pro"}` puts an account into a tier |
//!
//! Where the page is silent: windows of the rates begin with the clock's minute, hour and day, as its example's reset
//! does; whoever brings a key that is none is refused everywhere and counted by address; a discount is rounded down,
//! a charge up, and begins with two items; the estimate is set aside when a call begins, and no charge takes an account
//! below nothing; `estimate` needs no prompt, no scope and no references; what a model can't use is ignored, more than it
//! can use is refused; only what was completed is listed, in the order in which it was begun; addresses are open to
//! whoever has them until the creation is deleted.

mod account;
mod catalogue;
mod community;
mod control;
mod creations;
mod drawing;
mod entries;
mod fields;
mod generation;
mod generators;
mod ledger;
mod media;
mod models;
mod order;
mod people;
mod quote;
mod rates;
mod references;
mod refusal;
mod reply;
mod routes;
mod service;
mod settings;
mod sound;
mod teams;
mod words;
mod work;

use std::{io, sync::Arc};

use parking_lot::Mutex;
use serde_json::{Map, Value};

pub use self::{
    catalogue::{MediaType, Model, Unit, VideoModel},
    generation::Charge,
    order::{Order, Reference},
    routes::endpoints,
    settings::{FetchFrom, Latencies, Limits, Purses, Rate, Settings, Tier, TransactionShape},
};
use self::{entries::Entry, ledger::Ledger, rates::Rates};
pub use crate::latency::Latency;
use crate::{
    backstage::{Backstage, Knobs, Vendor},
    clock::ClockCommand,
    control::Outcome,
    keys::ApiKey,
    pictures::Studio,
    running::{Bound, Placement, Running},
    server::{Received, Tasks},
};

/// The simulated Generor.
#[derive(Debug)]
pub struct Generor {
    stage: Backstage,
    rates: Rates,
    books: Mutex<Ledger>,
    studio: Arc<Studio>,
    knobs: Knobs<Settings>,
    own_url: String,
    tasks: Tasks,
}

impl Generor {
    /// Binds both ports, reads back what an earlier process left in the folder, and serves.
    pub async fn start(settings: Settings, placement: Placement) -> io::Result<Running> {
        let bound = Bound::at(&placement).await?;
        let folder = placement.state_dir.as_deref();
        let journal = folder.map(|folder| folder.join("generor.journal.jsonl"));
        let books = Ledger::open(journal.as_deref())?;
        let tasks = Tasks::default();
        let generor = Arc::new(Self {
            stage: Backstage::new(placement.clock, settings.clock_offset_ms),
            rates: Rates::default(),
            books: Mutex::new(books),
            studio: Arc::new(Studio::open(folder.map(|folder| folder.join("sources")))?),
            knobs: Knobs::new(settings),
            own_url: bound.base_url()?,
            tasks: tasks.clone(),
        });
        bound.run(generor, tasks)
    }

    fn settings(&self) -> Arc<Settings> {
        self.knobs.get()
    }
}

impl Vendor for Generor {
    fn name(&self) -> &'static str {
        "generor"
    }

    fn base_path(&self) -> &'static str {
        routes::BASE
    }

    fn backstage(&self) -> &Backstage {
        &self.stage
    }

    fn shown_settings(&self) -> Value {
        let mut shown = self.knobs.document();
        if let Some(keys) = shown.get_mut("keys") {
            *keys = self.settings().keys.iter().map(ApiKey::fingerprint).collect();
        }
        shown
    }

    fn merge_settings(&self, change: Value) -> Result<(), String> {
        self.knobs.merge(change)
    }

    fn restore_settings(&self) {
        let settings = self.knobs.restore();
        self.stage.clock.obey(&ClockCommand::Follow(settings.clock_offset_ms));
    }

    fn books(&self, since: u64) -> Map<String, Value> {
        control::books(self, since)
    }

    fn reset_books(&self) -> io::Result<()> {
        self.rates.forget();
        self.books.lock().write(Entry::Reset {})
    }

    fn close_books(&self) {
        self.books.lock().close();
    }

    fn own_control(&self, request: &Received) -> Option<Outcome> {
        control::answer(self, request)
    }
}
