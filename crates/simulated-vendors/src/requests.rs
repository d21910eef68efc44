//! What was asked and what was answered: the recent requests one by one, all of them as counts.

use std::collections::{BTreeMap, VecDeque};

use chrono::SecondsFormat;
use parking_lot::Mutex;
use serde::Serialize;

use crate::clock;

const REMEMBERED: usize = 1000;

/// One received request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RequestRecord {
    number: u64,
    method: String,
    path: String,
    key: Option<String>,
    /// Absent while the answer is being made, and for a connection that was reset.
    status: Option<u16>,
    /// The fault that was injected, if any.
    fault: Option<String>,
    at: String,
}

#[derive(Debug, Default)]
struct Inner {
    received: u64,
    by_path: BTreeMap<String, u64>,
    by_status: BTreeMap<String, u64>,
    recent: VecDeque<RequestRecord>,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Inner>);

/// Counts of everything received since start or reset.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RequestCounts {
    total: u64,
    by_class: BTreeMap<String, u64>,
    by_status: BTreeMap<String, u64>,
}

impl RequestLog {
    /// Notes a request, and answers the number by which its answer is noted.
    pub(crate) fn received(
        &self,
        class: &str,
        method: &str,
        path: &str,
        key: Option<String>,
        now_ms: i64,
    ) -> u64 {
        let mut inner = self.0.lock();
        inner.received += 1;
        let number = inner.received;
        *inner.by_path.entry(class.to_owned()).or_default() += 1;
        if inner.recent.len() == REMEMBERED {
            inner.recent.pop_front();
        }
        let at = clock::date(now_ms).to_rfc3339_opts(SecondsFormat::Millis, true);
        inner.recent.push_back(RequestRecord {
            number,
            method: method.to_owned(),
            path: path.chars().take(300).collect(),
            key,
            status: None,
            fault: None,
            at,
        });
        number
    }

    pub(crate) fn answered(&self, number: u64, status: Option<u16>, fault: Option<String>) {
        let mut inner = self.0.lock();
        let counted = status.map_or_else(|| "reset".to_owned(), |status| status.to_string());
        *inner.by_status.entry(counted).or_default() += 1;
        if let Some(record) = inner.recent.iter_mut().rev().find(|r| r.number == number) {
            record.status = status;
            record.fault = fault;
        }
    }

    pub(crate) fn counts(&self) -> RequestCounts {
        let inner = self.0.lock();
        RequestCounts {
            total: inner.by_path.values().sum(),
            by_class: inner.by_path.clone(),
            by_status: inner.by_status.clone(),
        }
    }

    pub(crate) fn recent(&self) -> Vec<RequestRecord> {
        self.0.lock().recent.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.0.lock();
        // Numbers go on, so that an answer still in the making does not mark a younger request.
        let received = inner.received;
        *inner = Inner { received, ..Inner::default() };
    }
}
