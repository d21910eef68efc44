//! Memory in flight, counted in bytes.

use std::{sync::Arc, time::Duration};

use provider::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The semaphore counts units of this many bytes, since its permits are numbered in 32 bits.
const UNIT: u64 = 1024;

/// How many bytes may be held in memory at once by everybody together. Past it, callers wait in the
/// order of asking, and after a while are told to come again.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    free: Arc<Semaphore>,
    units: u32,
    clock: Arc<dyn Clock>,
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub struct Held(OwnedSemaphorePermit);

/// The budget did not give the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Others held on to theirs for too long.
    #[error("too many bytes are in flight")]
    Exhausted,
    /// It could never give that many.
    #[error("more bytes than may ever be in flight at once")]
    TooLarge,
}

impl ByteBudget {
    /// A budget of `bytes`, at least one KiB.
    pub fn new(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let most = u64::from(u32::MAX >> 3);
        let units = u32::try_from((bytes / UNIT).clamp(1, most)).unwrap_or(1);
        let free = usize::try_from(units).unwrap_or(1);
        Self { free: Arc::new(Semaphore::new(free)), units, clock }
    }

    /// Takes `bytes`, rounded up to whole KiB, waiting at most `patience` for them.
    ///
    /// # Errors
    /// [`BudgetError::Exhausted`] when the wait was in vain, [`BudgetError::TooLarge`] at once where
    /// it would have to be.
    pub async fn acquire(&self, bytes: u64, patience: Duration) -> Result<Held, BudgetError> {
        let units = units(bytes).filter(|units| *units <= self.units);
        let units = units.ok_or(BudgetError::TooLarge)?;
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(units) {
            return Ok(Held(permit));
        }
        let deadline = self.clock.now().plus(patience);
        tokio::select! {
            biased;
            permit = Arc::clone(&self.free).acquire_many_owned(units) => {
                permit.map(Held).map_err(|_| BudgetError::Exhausted)
            }
            () = self.clock.sleep_until(deadline) => Err(BudgetError::Exhausted),
        }
    }

    /// Bytes that nobody holds.
    pub fn free(&self) -> u64 {
        u64::try_from(self.free.available_permits()).unwrap_or(0) * UNIT
    }
}

impl Held {
    /// Gives back all but `bytes`, once it is known that fewer are needed.
    pub fn shrink_to(&mut self, bytes: u64) {
        let keep = units(bytes).and_then(|units| usize::try_from(units).ok());
        let surplus = self.0.num_permits().saturating_sub(keep.unwrap_or(usize::MAX));
        drop(self.0.split(surplus));
    }
}

fn units(bytes: u64) -> Option<u32> {
    u32::try_from(bytes.div_ceil(UNIT)).ok()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use provider::{ManualClock, Timestamp};

    use super::*;

    fn budget(bytes: u64) -> (ByteBudget, ManualClock) {
        let clock = ManualClock::at(Timestamp::from_millis(0));
        (ByteBudget::new(bytes, Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn past_the_budget_one_waits_and_then_gives_up() {
        let (budget, clock) = budget(10 * UNIT);
        let mut held = budget.acquire(9 * UNIT + 1, Duration::ZERO).await.unwrap();
        assert_eq!(budget.free(), 0);
        let mut waits = Box::pin(budget.acquire(1, Duration::from_secs(1)));
        assert!(waits.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert_eq!(waits.await.err(), Some(BudgetError::Exhausted));
        let mut waits = Box::pin(budget.acquire(2 * UNIT, Duration::from_secs(1)));
        assert!(waits.as_mut().now_or_never().is_none());
        held.shrink_to(8 * UNIT);
        assert!(waits.await.is_ok());
        drop(held);
        assert_eq!(budget.free(), 10 * UNIT);
    }

    #[tokio::test]
    async fn what_never_fits_is_refused_at_once() {
        let (budget, _) = budget(10 * UNIT);
        let refused = budget.acquire(11 * UNIT, Duration::from_secs(1)).await;
        assert_eq!(refused.err(), Some(BudgetError::TooLarge));
        let refused = budget.acquire(u64::MAX, Duration::from_secs(1)).await;
        assert_eq!(refused.err(), Some(BudgetError::TooLarge));
    }
}
