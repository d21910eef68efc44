//! Leaders and who waits for them, behind one short lock.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::{CacheKey, Entered, Follow, Lead, Leading, Outcome, SingleFlight};

/// [`SingleFlight`] within one process.
#[derive(Debug, Default)]
pub struct MemorySingleFlight(All);

type All = Arc<Mutex<HashMap<CacheKey, Work>>>;

/// Work in flight.
#[derive(Debug)]
struct Work {
    leader: String,
    begun: watch::Sender<bool>,
    /// Whoever waits longest is first.
    followers: VecDeque<(String, oneshot::Sender<Outcome>)>,
}

impl Work {
    fn follow(&mut self, name: &str) -> Follow {
        // Those who gave up at the front are never asked: they need not be remembered.
        while self.followers.front().is_some_and(|(_, follower)| follower.is_closed()) {
            self.followers.pop_front();
        }
        let (tell, told) = oneshot::channel();
        self.followers.push_back((name.to_owned(), tell));
        Follow::new(self.leader.clone(), self.begun.subscribe(), told)
    }
}

#[derive(Debug)]
struct MemoryLeading {
    key: CacheKey,
    all: All,
}

impl MemorySingleFlight {
    /// How many different works are in flight.
    pub fn tracked(&self) -> usize {
        self.0.lock().len()
    }
}

fn lead(key: CacheKey, all: &All) -> Lead {
    Lead::new(Arc::new(MemoryLeading { key, all: Arc::clone(all) }))
}

#[async_trait::async_trait]
impl SingleFlight for MemorySingleFlight {
    async fn enter(&self, key: &CacheKey, name: &str) -> Entered {
        let mut all = self.0.lock();
        if let Some(work) = all.get_mut(key) {
            return Entered::Follow(work.follow(name));
        }
        let begun = watch::Sender::new(false);
        let work = Work { leader: name.to_owned(), begun, followers: VecDeque::new() };
        all.insert(*key, work);
        Entered::Lead(lead(*key, &self.0))
    }

    async fn follow(&self, key: &CacheKey, name: &str) -> Option<Follow> {
        self.0.lock().get_mut(key).map(|work| work.follow(name))
    }
}

impl MemoryLeading {
    /// The follower who is next, if anybody still waits; it is the leader's name from here on. Without one
    /// the work is forgotten.
    fn next(&self) -> Option<oneshot::Sender<Outcome>> {
        let mut all = self.all.lock();
        let work = all.get_mut(&self.key)?;
        while let Some((name, follower)) = work.followers.pop_front() {
            if !follower.is_closed() {
                work.leader = name;
                work.begun.send_replace(false);
                return Some(follower);
            }
        }
        all.remove(&self.key);
        None
    }
}

impl Leading for MemoryLeading {
    fn begin(&self) {
        if let Some(work) = self.all.lock().get(&self.key) {
            work.begun.send_replace(true);
        }
    }

    fn share(&self, answer: Bytes) {
        let Some(work) = self.all.lock().remove(&self.key) else { return };
        for (_, follower) in work.followers {
            // Who gave up needs no answer.
            let _ = follower.send(Outcome::Shared(answer.clone()));
        }
    }

    fn hand_over(&self) {
        if let Some(follower) = self.next() {
            // One that gave up at this very moment drops the lead, and so hands it over again: the lock is
            // free here.
            let _ = follower.send(Outcome::Lead(lead(self.key, &self.all)));
        }
    }
}
