//! One generation while it runs in this process: its current state, who watches it, and whether it
//! can still be called back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use records::Generation;
use tokio::sync::watch;

const OPEN: u8 = 0;
const SENT: u8 = 1;
const CANCELLED: u8 = 2;

/// The bytes of small fresh outputs by asset, so that an answer need not read them back.
pub type Inline = Arc<BTreeMap<String, Bytes>>;

/// A running generation.
#[derive(Debug)]
pub(crate) struct Flight {
    state: watch::Sender<Arc<Generation>>,
    /// Told once, at the end: most callers wait for nothing else, and a wake for each change in between
    /// would cost more than the change.
    ended: watch::Sender<bool>,
    /// Cancelling and sending race for this; whoever moves it first wins.
    gate: AtomicU8,
    /// Set when the caller's deadline has passed: what runs ends, nothing new begins.
    closed: AtomicBool,
    inline: Mutex<Inline>,
}

impl Flight {
    pub(crate) fn new(generation: Generation) -> Arc<Self> {
        Arc::new(Self {
            ended: watch::Sender::new(generation.status.is_final()),
            state: watch::Sender::new(Arc::new(generation)),
            gate: AtomicU8::new(OPEN),
            closed: AtomicBool::new(false),
            inline: Mutex::default(),
        })
    }

    /// The state now.
    pub(crate) fn now(&self) -> Arc<Generation> {
        Arc::clone(&self.state.borrow())
    }

    /// A watcher that sees the state now and each that follows.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Generation>> {
        self.state.subscribe()
    }

    /// Changes the state and tells every watcher.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Generation)) {
        self.state.send_modify(|state| change(Arc::make_mut(state)));
        if self.state.borrow().status.is_final() {
            self.ended.send_if_modified(|ended| !std::mem::replace(ended, true));
        }
    }

    /// Returns when the generation is final.
    pub(crate) async fn ended(&self) {
        // The sender lives as long as this flight.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Whether anybody waits for its end, or for what comes before.
    pub(crate) fn is_watched(&self) -> bool {
        self.ended.receiver_count() > 0 || self.state.receiver_count() > 0
    }

    /// The first byte is about to go to a vendor; false where it was cancelled before.
    pub(crate) fn pass_gate(&self) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match self.gate.compare_exchange(OPEN, SENT, order.0, order.1) {
            Ok(_) => true,
            Err(seen) => seen == SENT,
        }
    }

    /// Calls it back; false where something has gone to a vendor already.
    pub(crate) fn cancel(&self) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match self.gate.compare_exchange(OPEN, CANCELLED, order.0, order.1) {
            Ok(_) => true,
            Err(seen) => seen == CANCELLED,
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.gate.load(Ordering::Acquire) == CANCELLED
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn keep_inline(&self, asset: &str, bytes: Bytes) {
        Arc::make_mut(&mut self.inline.lock()).insert(asset.to_owned(), bytes);
    }

    pub(crate) fn inline(&self) -> Inline {
        Arc::clone(&self.inline.lock())
    }
}
