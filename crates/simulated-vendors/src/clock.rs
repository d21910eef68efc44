//! The vendor's own clock. A vendor and its customer never agree on the time to the millisecond, and a test of a
//! 24 h expiry cannot wait a day: so every stamp, window and expiry here reads a clock that the control port can
//! set still, push forward or let follow the machine's again. Waiting (latency) is real time, not this clock's.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeZone as _, Utc};
use parking_lot::Mutex;
use serde::Deserialize;

/// Where the vendor's clock takes its time from while it follows.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Unix milliseconds, UTC.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the crate's one reading of the machine's time; the crate knows no other crate's clock"
    )]
    fn now_ms(&self) -> i64 {
        Utc::now().timestamp_millis()
    }
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Following { offset_ms: i64 },
    Still { at_ms: i64 },
}

/// A command to the clock, as `POST /clock` takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockCommand {
    /// Stand still at this moment (RFC 3339).
    Set(DateTime<Utc>),
    /// Move on (or back) by so many milliseconds, still or following as before.
    AdvanceMs(i64),
    /// Follow the machine's clock again, at this offset in milliseconds.
    Follow(i64),
}

#[derive(Debug)]
pub(crate) struct VendorClock {
    base: Arc<dyn Clock>,
    mode: Mutex<Mode>,
}

impl VendorClock {
    pub(crate) fn new(base: Arc<dyn Clock>, offset_ms: i64) -> Self {
        Self { base, mode: Mutex::new(Mode::Following { offset_ms }) }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        match *self.mode.lock() {
            Mode::Following { offset_ms } => self.base.now_ms().saturating_add(offset_ms),
            Mode::Still { at_ms } => at_ms,
        }
    }

    pub(crate) fn obey(&self, command: &ClockCommand) {
        let mut mode = self.mode.lock();
        *mode = match (*mode, command) {
            (_, ClockCommand::Set(at)) => Mode::Still { at_ms: at.timestamp_millis() },
            (_, ClockCommand::Follow(offset_ms)) => Mode::Following { offset_ms: *offset_ms },
            (Mode::Still { at_ms }, ClockCommand::AdvanceMs(by)) => {
                Mode::Still { at_ms: at_ms.saturating_add(*by) }
            }
            (Mode::Following { offset_ms }, ClockCommand::AdvanceMs(by)) => {
                Mode::Following { offset_ms: offset_ms.saturating_add(*by) }
            }
        };
    }
}

/// The moment as a date; a clock pushed beyond the calendar shows the epoch rather than failing.
pub(crate) fn date(ms: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(ms).single().unwrap_or(DateTime::UNIX_EPOCH)
}

/// As the `Date` header wants it.
pub(crate) fn http_date(ms: i64) -> String {
    date(ms).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
