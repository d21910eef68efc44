//! A few connections that only read.

use std::{path::Path, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema;
use crate::{Error, Result};

/// Connections: one is kept from lists, so that point reads find it free.
const READERS: usize = 3;

/// The reading connections.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    /// Turns for lists. It bounds the blocking threads too.
    lists: Semaphore,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = |_| schema::open_reader(path).map(Mutex::new);
        let connections = (0..READERS).map(open).collect::<Result<_>>()?;
        Ok(Self { connections, lists: Semaphore::new(READERS - 1) })
    }

    /// Reads a row or few by key, here and now; on a blocking thread only where every connection is
    /// taken.
    pub(super) async fn point<T, F>(self: &Arc<Self>, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if let Some(conn) = self.free() {
            return read(&conn);
        }
        self.list(read).await
    }

    /// Reads what may take long, on a blocking thread.
    pub(super) async fn list<T, F>(self: &Arc<Self>, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let gone = |error: &dyn std::fmt::Display| Error::Storage(format!("a read died: {error}"));
        let _turn = self.lists.acquire().await.map_err(|error| gone(&error))?;
        let readers = Arc::clone(self);
        let work = move || match readers.free() {
            Some(conn) => read(&conn),
            // All are taken by point reads, which are over in microseconds.
            None => match readers.connections.first() {
                Some(first) => read(&first.lock()),
                None => Err(Error::Storage("there is no connection to read".to_owned())),
            },
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| gone(&error))?
    }

    fn free(&self) -> Option<MutexGuard<'_, Connection>> {
        self.connections.iter().find_map(Mutex::try_lock)
    }
}
