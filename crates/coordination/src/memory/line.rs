//! Those who wait, in the order of asking.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::Notify;

/// One waiting line. Only its head is ever woken, so a freed slot wakes one task, not all.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Waiter>);

#[derive(Debug)]
struct Waiter {
    number: u64,
    bell: Arc<Notify>,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Joins the end. `number` must be greater than that of anybody here.
    pub(super) fn join(&mut self, number: u64) -> Arc<Notify> {
        let bell = Arc::new(Notify::new());
        self.0.push_back(Waiter { number, bell: Arc::clone(&bell) });
        bell
    }

    pub(super) fn is_head(&self, number: u64) -> bool {
        self.0.front().is_some_and(|head| head.number == number)
    }

    /// Leaves, from wherever in the line.
    pub(super) fn leave(&mut self, number: u64) {
        if let Ok(place) = self.0.binary_search_by_key(&number, |waiter| waiter.number) {
            self.0.remove(place);
        }
    }

    /// Wakes the head. A head that does not sleep yet finds the ring stored.
    pub(super) fn wake(&self) {
        if let Some(head) = self.0.front() {
            head.bell.notify_one();
        }
    }
}
