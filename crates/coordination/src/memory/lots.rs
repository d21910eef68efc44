//! Prepaid units of accounts: each account's book behind one short lock.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use provider::{Allowance, Clock, Kind, Limits, MicroUsd};

use super::book::Book;
use crate::{Gone, LotLoad, Lots, Past, Taken, UnitsEnd};

/// [`Lots`] within one process.
pub struct MemoryLots {
    clock: Arc<dyn Clock>,
    books: Mutex<HashMap<String, Book>>,
}

impl fmt::Debug for MemoryLots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLots").field("accounts", &self.books.lock().len()).finish()
    }
}

impl MemoryLots {
    /// Units by this clock's days and months.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, books: Mutex::default() }
    }

    /// How many attempts of an account are remembered one by one.
    pub fn tracked(&self, account: &str) -> usize {
        self.books.lock().get(account).map_or(0, Book::tracked)
    }

    /// Does something to an account's book, turned to this day.
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut books = self.books.lock();
        let book = books.entry(account.to_owned()).or_default();
        book.turn(self.clock.now());
        act(book)
    }
}

#[async_trait::async_trait]
impl Lots for MemoryLots {
    async fn look(
        &self,
        account: &str,
        limits: &Limits,
        kind: Kind,
        units: u32,
    ) -> Result<MicroUsd, Gone> {
        self.with(account, |book| book.price(limits, kind, units)).map(|(_, price)| price)
    }

    async fn take(
        &self,
        account: &str,
        limits: &Limits,
        kind: Kind,
        units: u32,
        attempt: &str,
    ) -> Result<Taken, Gone> {
        self.with(account, |book| book.take(limits, kind, units, attempt))
    }

    async fn end(&self, account: &str, taken: Taken, end: UnitsEnd) {
        self.with(account, |book| book.end(&taken.attempt, end));
    }

    async fn restore(&self, account: &str, past: Past) {
        self.with(account, |book| book.restore(past));
    }

    async fn told(&self, account: &str, limits: &Limits, told: &[Allowance]) -> Vec<Taken> {
        self.with(account, |book| told.iter().flat_map(|told| book.told(limits, told)).collect())
    }

    async fn load(&self, account: &str, limits: &Limits) -> Vec<LotLoad> {
        self.with(account, |book| book.load(limits))
    }
}
