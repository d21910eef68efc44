//! Single flight: of equal work in flight one is done, and the others wait for it.
//!
//! # Who does it
//! The first is the leader, whoever comes after it follows. A leader shares its answer with everybody, or
//! hands over: then one follower, the one that waits longest, leads from there on and the others follow it.
//! So a failure is tried again once at a time, never by everybody at once. A leader that is dropped hands
//! over; a follower that is dropped is passed over.
//!
//! # Before it has begun
//! A leader may yet be turned away (a budget, a database that is full). Who follows learns with
//! [`Follow::begun`] that it no longer can be, and need not write anything down before.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::CacheKey;

/// Knows which work is in flight.
#[async_trait::async_trait]
pub trait SingleFlight: Send + Sync + fmt::Debug {
    /// Leads this work, or follows whoever leads it. `name` is what followers are told of their leader.
    async fn enter(&self, key: &CacheKey, name: &str) -> Entered;

    /// Follows whoever leads this work, if anybody does.
    async fn follow(&self, key: &CacheKey, name: &str) -> Option<Follow>;
}

/// Whether somebody leads or follows.
#[derive(Debug)]
pub enum Entered {
    /// It is theirs to do.
    Lead(Lead),
    /// Somebody does it.
    Follow(Follow),
}

/// What an implementation does for a leader.
pub trait Leading: Send + Sync + fmt::Debug {
    /// It will not be turned away any more.
    fn begin(&self);
    /// Everybody gets this answer, and the work is over.
    fn share(&self, answer: Bytes);
    /// One follower leads from now on; without any the work is over.
    fn hand_over(&self);
}

/// Somebody's work that others may wait for. Dropped, it is handed over.
#[derive(Debug)]
pub struct Lead(Option<Arc<dyn Leading>>);

impl Lead {
    /// For implementations.
    pub fn new(leading: Arc<dyn Leading>) -> Self {
        Self(Some(leading))
    }

    /// It will not be turned away any more.
    pub fn begin(&self) {
        if let Some(leading) = &self.0 {
            leading.begin();
        }
    }

    /// Everybody who follows gets this answer.
    pub fn share(mut self, answer: Bytes) {
        if let Some(leading) = self.0.take() {
            leading.share(answer);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if let Some(leading) = self.0.take() {
            leading.hand_over();
        }
    }
}

/// What comes of following.
#[derive(Debug)]
pub enum Outcome {
    /// The leader's answer.
    Shared(Bytes),
    /// The leader has none: it is theirs to do now.
    Lead(Lead),
    /// Nobody knows: whoever knew is gone. Enter again.
    Lost,
}

/// Somebody who waits for another one's work.
#[derive(Debug)]
pub struct Follow {
    leader: String,
    begun: watch::Receiver<bool>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Follow {
    /// For implementations: who leads, whether it has begun, and where what comes of it is told.
    pub fn new(
        leader: String,
        begun: watch::Receiver<bool>,
        outcome: oneshot::Receiver<Outcome>,
    ) -> Self {
        Self { leader, begun, outcome }
    }

    /// Who led when this began to follow.
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// Returns the follower once the leader can be turned away no longer, or what came of it before.
    ///
    /// # Errors
    /// What came of it.
    pub async fn begun(self) -> Result<Self, Outcome> {
        let Self { leader, mut begun, mut outcome } = self;
        let has_begun = tokio::select! {
            biased;
            outcome = &mut outcome => return Err(outcome.unwrap_or(Outcome::Lost)),
            begun = begun.wait_for(|begun| *begun) => begun.is_ok(),
        };
        match has_begun {
            true => Ok(Self { leader, begun, outcome }),
            // Who could tell is gone, and has told what came of it, if anything.
            false => Err(outcome.await.unwrap_or(Outcome::Lost)),
        }
    }

    /// What comes of it.
    pub async fn outcome(self) -> Outcome {
        self.outcome.await.unwrap_or(Outcome::Lost)
    }
}
