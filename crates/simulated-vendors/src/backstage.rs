//! What every simulated vendor has behind its counter, whatever it sells: its clock, limits, faults, request log and
//! settings; and what the control port needs from a vendor. The books are each vendor's own, for one sells by the piece
//! and the next by the month.

use std::{fmt, io, sync::Arc};

use parking_lot::RwLock;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    clock::{Clock, VendorClock},
    control::Outcome,
    faults::Faults,
    limits::Limiter,
    requests::RequestLog,
    server::Received,
};

#[derive(Debug)]
pub(crate) struct Backstage {
    pub(crate) clock: VendorClock,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
}

impl Backstage {
    pub(crate) fn new(clock: Arc<dyn Clock>, offset_ms: i64) -> Self {
        Self {
            clock: VendorClock::new(clock, offset_ms),
            limiter: Arc::default(),
            faults: Faults::default(),
            requests: RequestLog::default(),
        }
    }
}

/// A vendor as its control port sees it.
pub(crate) trait Vendor: fmt::Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;
    /// What follows the address in the base URL of the vendor's page.
    fn base_path(&self) -> &'static str {
        ""
    }
    fn backstage(&self) -> &Backstage;
    /// The settings, keys shown as fingerprints.
    fn shown_settings(&self) -> Value;
    /// Merges a partial document (RFC 7386) into the settings; a document that does not fit changes nothing.
    fn merge_settings(&self, change: Value) -> Result<(), String>;
    /// The settings of the start again.
    fn restore_settings(&self);
    /// The books: `charges` after that number, `keys`, and whatever else this vendor keeps.
    fn books(&self, since: u64) -> Map<String, Value>;
    fn reset_books(&self) -> io::Result<()>;
    /// No charge can be made from here on.
    fn close_books(&self);
    /// A control that this vendor has and others have not.
    fn own_control(&self, request: &Received) -> Option<Outcome>;
}

/// Settings that can be changed while the vendor runs, and put back.
#[derive(Debug)]
pub(crate) struct Knobs<S> {
    now: RwLock<Arc<S>>,
    at_start: Arc<S>,
}

impl<S: Serialize + DeserializeOwned> Knobs<S> {
    pub(crate) fn new(settings: S) -> Self {
        let at_start = Arc::new(settings);
        Self { now: RwLock::new(Arc::clone(&at_start)), at_start }
    }

    pub(crate) fn get(&self) -> Arc<S> {
        Arc::clone(&self.now.read())
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::to_value(self.get().as_ref()).unwrap_or_default()
    }

    pub(crate) fn merge(&self, change: Value) -> Result<(), String> {
        let mut settings = self.now.write();
        let mut document =
            serde_json::to_value(settings.as_ref()).map_err(|error| error.to_string())?;
        merge(&mut document, change);
        *settings = Arc::new(serde_json::from_value(document).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// The settings of the start again, which are answered.
    pub(crate) fn restore(&self) -> Arc<S> {
        *self.now.write() = Arc::clone(&self.at_start);
        Arc::clone(&self.at_start)
    }
}

/// A JSON merge patch, RFC 7386.
fn merge(target: &mut Value, change: Value) {
    match change {
        Value::Object(change) => {
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            if let Value::Object(target) = target {
                for (name, value) in change {
                    if value.is_null() {
                        target.remove(&name);
                    } else {
                        merge(target.entry(name).or_insert(Value::Null), value);
                    }
                }
            }
        }
        other => *target = other,
    }
}
