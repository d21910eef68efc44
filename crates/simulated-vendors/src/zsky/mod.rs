//! ZSky, simulated: queued images and clips for a flat price a month.
//!
//! `POST /v1/images/generate` and `/v1/videos/generate` take a job in; `GET /v1/jobs/{id}` tells how it stands, and gives
//! a signed link to another host once it is completed; `DELETE` purges it. `GET /v1/usage` counts the month,
//! `POST /v1/keys/rotate` gives a new key for the old one. With `X-ZSky-Store: 0` the bytes come inline and are kept nowhere.
//!
//! A line of its books is a [`Charge`]: one unit of allowance, written when its job ends. `GET /books` shows `jobs` besides,
//! and of each key the counters of the vendor's present month and day, its attempts and rejections, its overage and its
//! suspension. In the request log, what came to the storage host counts as `results`, and as `credential_leak` when
//! it brought a credential. The control port has two more requests:
//!
//! | request | what it does |
//! | --- | --- |
//! | `POST /overage` | `{"key": ..., "monthly_cap_cents": N}` opts in from this month on; null opts out |
//! | `POST /suspension` | `{"key": ..., "for_s": N}` suspends the key; 0 lifts it |

mod account;
mod books;
mod calendar;
mod control;
mod job;
mod ledger;
mod links;
mod order;
mod refusal;
mod service;
mod settings;
mod shapes;
mod storage;
mod work;

use std::{io, sync::Arc};

use serde_json::{Map, Value};
use tokio::net::TcpListener;

use self::{books::Books, storage::Storage};
pub use self::{
    job::Charge,
    order::{Kind, Order},
    settings::{Allowance, Events, Inline, Limits, Safety, Settings, Suspension},
};
pub use crate::latency::Latency;
use crate::{
    backstage::{Backstage, Knobs, Vendor},
    clock::ClockCommand,
    control::Outcome,
    keys::ApiKey,
    pictures::Studio,
    running::{Bound, Placement, Running},
    server::{self, Received, Tasks},
};

/// The simulated ZSky.
#[derive(Debug)]
pub struct Zsky {
    stage: Backstage,
    books: Books,
    studio: Arc<Studio>,
    knobs: Knobs<Settings>,
    own_url: String,
    own_results_url: String,
}

impl Zsky {
    /// Binds its three ports, reads back what an earlier process left in the folder, and serves.
    pub async fn start(settings: Settings, placement: Placement) -> io::Result<Running> {
        let bound = Bound::at(&placement).await?;
        let results = TcpListener::bind(placement.results).await?;
        let folder = placement.state_dir.as_deref();
        let journal = folder.map(|folder| folder.join("zsky.journal.jsonl"));
        let books = Books::open(journal.as_deref())?;
        let zsky = Arc::new(Self {
            stage: Backstage::new(placement.clock, settings.clock_offset_ms),
            books,
            studio: Arc::new(Studio::open(None)?),
            knobs: Knobs::new(settings),
            own_url: bound.base_url()?,
            own_results_url: format!("http://{}", results.local_addr()?),
        });
        let tasks = Tasks::default();
        let storage = Arc::new(Storage(Arc::clone(&zsky)));
        drop(tasks.spawn(server::serve(results, storage, tasks.clone())));
        bound.run(zsky, tasks)
    }

    fn settings(&self) -> Arc<Settings> {
        self.knobs.get()
    }
}

impl Vendor for Zsky {
    fn name(&self) -> &'static str {
        "zsky"
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
        self.books.reset()
    }

    fn close_books(&self) {
        self.books.close();
    }

    fn own_control(&self, request: &Received) -> Option<Outcome> {
        control::answer(self, request)
    }
}
