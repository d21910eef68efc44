//! What every simulated vendor has behind its counter, whatever it sells: its clock, books, limits, faults and
//! request log; and what the control port needs from a vendor.

use std::{fmt, io, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    books::Books,
    clock::{Clock, VendorClock},
    faults::Faults,
    keys::KeyId,
    limits::Limiter,
    money::Micros,
    requests::RequestLog,
};

#[derive(Debug)]
pub(crate) struct Backstage {
    pub(crate) clock: VendorClock,
    pub(crate) books: Arc<Books>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
}

impl Backstage {
    pub(crate) fn open(
        clock: Arc<dyn Clock>,
        offset_ms: i64,
        journal: Option<&Path>,
    ) -> io::Result<Self> {
        Ok(Self {
            clock: VendorClock::new(clock, offset_ms),
            books: Arc::new(Books::open(journal)?),
            limiter: Arc::default(),
            faults: Faults::default(),
            requests: RequestLog::default(),
        })
    }
}

/// A vendor as its control port sees it.
pub(crate) trait Vendor: fmt::Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn backstage(&self) -> &Backstage;
    /// The settings, keys shown as fingerprints.
    fn shown_settings(&self) -> Value;
    /// Merges a partial document (RFC 7386) into the settings; a document that does not fit changes nothing.
    fn merge_settings(&self, change: Value) -> Result<(), String>;
    /// The settings of the start again.
    fn restore_settings(&self);
    fn account(&self, key: &str) -> KeyId;
    fn opening_balance(&self) -> Micros;
}

/// A JSON merge patch, RFC 7386.
pub(crate) fn merge(target: &mut Value, change: Value) {
    match change {
        Value::Object(change) => {
            if !target.is_object() {
                *target = Value::Object(serde_json::Map::new());
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
