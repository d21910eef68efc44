//! Equal attempts in flight at one account.
//!
//! # Why
//! When the answer to a paid call is lost, the vendor's history tells what became of it, but it
//! names work by what was asked for. Were an equal attempt in flight at the same account, its work
//! and the lost one's would look alike and each could claim the other's. So a recovery waits until
//! no equal attempt is in flight ([`LostFlight::settled`]), and while one is pending no new equal
//! attempt begins ([`Fingerprints::enter`]). Several lost attempts do not wait for each other: what
//! they asked for is the same, so whichever claims which work, each work is claimed once.

use std::{fmt, sync::Arc};

/// Knows which equal attempts are in flight. "Equal" is the caller's word: the same account and the
/// same fingerprint of what is asked for.
#[async_trait::async_trait]
pub trait Fingerprints: Send + Sync + fmt::Debug {
    /// Begins an attempt, once no equal attempt is lost and unresolved at this account.
    async fn enter(&self, account: &str, fingerprint: &[u8]) -> Flight;

    /// A lost attempt of a killed process; call it before new attempts begin.
    async fn adopt_lost(&self, account: &str, fingerprint: &[u8]) -> LostFlight;
}

/// One attempt's place among its equals; what an implementation provides.
#[async_trait::async_trait]
pub trait Place: Send + Sync + fmt::Debug {
    /// The attempt, in flight until now, is lost from now on: in one step, so that no equal attempt
    /// begins in between.
    fn lose(&self);
    /// The attempt, in flight until now, is over.
    fn land(&self);
    /// The attempt, lost until now, is resolved.
    fn resolve(&self);
    /// Returns when no equal attempt is in flight.
    async fn settled(&self);
}

/// An attempt in flight. Dropped, it is over.
#[derive(Debug)]
pub struct Flight(Option<Arc<dyn Place>>);

impl Flight {
    /// For implementations.
    pub fn new(place: Arc<dyn Place>) -> Self {
        Self(Some(place))
    }

    /// The answer is lost: from here on no equal attempt begins until the result is dropped.
    pub fn into_lost(mut self) -> LostFlight {
        let place = self.0.take();
        if let Some(place) = &place {
            place.lose();
        }
        LostFlight(place)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.land();
        }
    }
}

/// A lost attempt. Dropped, it is resolved.
#[derive(Debug)]
pub struct LostFlight(Option<Arc<dyn Place>>);

impl LostFlight {
    /// For implementations; the place must count as lost already.
    pub fn new(place: Arc<dyn Place>) -> Self {
        Self(Some(place))
    }

    /// Returns when no equal attempt is in flight, so that the vendor's history can be read.
    pub async fn settled(&self) {
        if let Some(place) = &self.0 {
            place.settled().await;
        }
    }
}

impl Drop for LostFlight {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.resolve();
        }
    }
}
