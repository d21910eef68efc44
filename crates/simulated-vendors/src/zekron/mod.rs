//! Zekron, simulated: synchronous pictures, paid per picture, in two dialects of HTTP.
//!
//! `preview` is `POST /api/v1/zekron-image-1:image-preview`, which answers with an address under `/storage`; `v1` is
//! `POST /v1/generate` with the picture in the answer, and the picture by token, the balance and the history
//! beside it. One key is one account: its balance and its limits are shared by both dialects, its history is `v1`'s alone.

mod order;
mod refusal;
mod service;
mod settings;
mod shapes;
mod work;

use std::{io, sync::Arc};

use parking_lot::RwLock;
use serde_json::Value;

pub use self::settings::{ErrorCodes, Latency, Limits, PriceRange, Prices, Settings};
use crate::{
    backstage::{Backstage, Vendor, merge},
    clock::ClockCommand,
    keys::{ApiKey, KeyId},
    money::Micros,
    pictures::Studio,
    running::{Bound, Placement, Running},
    server::Tasks,
};

/// The simulated Zekron.
#[derive(Debug)]
pub struct Zekron {
    stage: Backstage,
    studio: Arc<Studio>,
    settings: RwLock<Arc<Settings>>,
    at_start: Arc<Settings>,
    own_url: String,
    tasks: Tasks,
}

impl Zekron {
    /// Binds both ports, reads back what an earlier process left in the folder, and serves.
    pub async fn start(settings: Settings, placement: Placement) -> io::Result<Running> {
        let bound = Bound::at(&placement).await?;
        let folder = placement.state_dir.as_deref();
        let journal = folder.map(|folder| folder.join("zekron.journal.jsonl"));
        let stage = Backstage::open(placement.clock, settings.clock_offset_ms, journal.as_deref())?;
        let studio = Studio::open(folder.map(|folder| folder.join("sources")))?;
        let tasks = Tasks::default();
        let settings = Arc::new(settings);
        let zekron = Arc::new(Self {
            stage,
            studio: Arc::new(studio),
            settings: RwLock::new(Arc::clone(&settings)),
            at_start: settings,
            own_url: bound.base_url()?,
            tasks: tasks.clone(),
        });
        bound.run(zekron, tasks)
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
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
        let settings = self.settings();
        let mut shown = serde_json::to_value(settings.as_ref()).unwrap_or_default();
        if let Some(keys) = shown.get_mut("keys") {
            *keys = settings.keys.iter().map(ApiKey::fingerprint).collect();
        }
        shown
    }

    fn merge_settings(&self, change: Value) -> Result<(), String> {
        let mut settings = self.settings.write();
        let mut document =
            serde_json::to_value(settings.as_ref()).map_err(|error| error.to_string())?;
        merge(&mut document, change);
        *settings = Arc::new(serde_json::from_value(document).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn restore_settings(&self) {
        *self.settings.write() = Arc::clone(&self.at_start);
        self.stage.clock.obey(&ClockCommand::Follow(self.at_start.clock_offset_ms));
    }

    fn account(&self, key: &str) -> KeyId {
        KeyId::of(key)
    }

    fn opening_balance(&self) -> Micros {
        self.settings().starting_balance_micros
    }
}
