//! One watch channel per generation that somebody watches.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Events, Subscription};

type Channels<T> = Arc<Mutex<HashMap<String, watch::Sender<Option<Arc<T>>>>>>;

/// [`Events`] within one process.
pub struct MemoryEvents<T>(Channels<T>);

impl<T> Default for MemoryEvents<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> MemoryEvents<T> {
    /// How many generations are watched now.
    pub fn watched(&self) -> usize {
        self.0.lock().len()
    }
}

impl<T> fmt::Debug for MemoryEvents<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEvents").field("watched", &self.watched()).finish()
    }
}

impl<T: Send + Sync + 'static> Events<T> for MemoryEvents<T> {
    fn publish(&self, id: &str, event: Arc<T>) {
        if let Some(channel) = self.0.lock().get(id) {
            channel.send_replace(Some(event));
        }
    }

    fn subscribe(&self, id: &str) -> Subscription<T> {
        let newest = {
            let mut channels = self.0.lock();
            let fresh = || watch::Sender::new(None);
            channels.entry(id.to_owned()).or_insert_with(fresh).subscribe()
        };
        let channels = Arc::clone(&self.0);
        let id = id.to_owned();
        Subscription::new(newest, move || {
            let mut channels = channels.lock();
            if channels.get(&id).is_some_and(|channel| channel.receiver_count() == 0) {
                channels.remove(&id);
            }
        })
    }
}
