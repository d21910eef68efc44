//! Zekron, simulated: synchronous pictures, paid per picture, in two dialects of HTTP.
//!
//! `preview` is `POST /api/v1/zekron-image-1:image-preview`, which answers with an address under `/storage`; `v1` is
//! `POST /v1/generate` with the picture in the answer, and the picture by token, the balance and the history
//! beside it. One key is one account: its balance and its limits are shared by both dialects, its history is `v1`'s alone.
//!
//! Its own control is `POST /balance`: `{"key": ..., "micros": N}` sets what a key has, `{"key": ..., "add_micros": N}`
//! tops it up. A line of its books is a [`Charge`](crate::Charge).

mod control;
mod order;
mod refusal;
mod service;
mod settings;
mod shapes;
mod work;

use std::{io, sync::Arc};

use serde_json::{Map, Value, json};

pub use self::settings::{ErrorCodes, Limits, PriceRange, Prices, Settings};
pub use crate::latency::Latency;
use crate::{
    backstage::{Backstage, Knobs, Vendor},
    books::Books,
    clock::ClockCommand,
    control::Outcome,
    keys::ApiKey,
    pictures::Studio,
    running::{Bound, Placement, Running},
    server::{Received, Tasks},
};

/// The simulated Zekron.
#[derive(Debug)]
pub struct Zekron {
    stage: Backstage,
    studio: Arc<Studio>,
    books: Arc<Books>,
    knobs: Knobs<Settings>,
    own_url: String,
    tasks: Tasks,
}

impl Zekron {
    /// Binds both ports, reads back what an earlier process left in the folder, and serves.
    pub async fn start(settings: Settings, placement: Placement) -> io::Result<Running> {
        let bound = Bound::at(&placement).await?;
        let folder = placement.state_dir.as_deref();
        let journal = folder.map(|folder| folder.join("zekron.journal.jsonl"));
        let books = Books::open(journal.as_deref())?;
        let stage = Backstage::new(placement.clock, settings.clock_offset_ms);
        let studio = Studio::open(folder.map(|folder| folder.join("sources")))?;
        let tasks = Tasks::default();
        let zekron = Arc::new(Self {
            stage,
            studio: Arc::new(studio),
            books: Arc::new(books),
            knobs: Knobs::new(settings),
            own_url: bound.base_url()?,
            tasks: tasks.clone(),
        });
        bound.run(zekron, tasks)
    }

    fn settings(&self) -> Arc<Settings> {
        self.knobs.get()
    }
}

impl Vendor for Zekron {
    fn name(&self) -> &'static str {
        "zekron"
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
        let mut charges = self.books.charges();
        charges.retain(|charge| charge.id > since);
        let charges: Vec<_> = charges.iter().map(AsRef::as_ref).collect();
        Map::from_iter([
            ("charges".to_owned(), json!(charges)),
            ("keys".to_owned(), json!(self.books.standings())),
        ])
    }

    fn reset_books(&self) -> io::Result<()> {
        self.books.reset()
    }

    fn close_books(&self) {
        self.books.close();
    }

    fn own_control(&self, request: &Received) -> Option<Outcome> {
        control::answer(self, request)
    }
}
