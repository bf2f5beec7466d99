//! What the handles of a store and its threads share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::engine::Engine;
use crate::folder::Folder;
use crate::log::Log;
use crate::queue::Queue;
use crate::{Identity, StoreError};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: Folder,
    pub(crate) identity: Identity,
    pub(crate) is_new: bool,
    pub(crate) starts: u64,
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: Queue,
    pub(crate) log: Mutex<Log>,
    /// A `Direct` exists.
    pub(crate) direct: AtomicBool,
    pub(crate) failure: watch::Sender<Option<StoreError>>,
    /// Set once RocksDB is closed and the lock is gone.
    pub(crate) closed: watch::Sender<bool>,
}

impl Shared {
    /// Runs a change of the log, if nothing has failed yet; its failure is the last thing that
    /// happens, since nobody knows what a disk holds after a failed sync.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Log) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut log: MutexGuard<'_, Log> = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        self.sound()?;
        change(&mut log).map_err(|error| self.fail(error))
    }

    /// Begins the next file of the log if the present one is full.
    pub(crate) fn turn_if_due(&self) -> Result<(), StoreError> {
        self.change(|log| if log.is_due() { log.turn() } else { Ok(()) })
    }

    /// False if it is taken.
    pub(crate) fn take_direct(&self) -> bool {
        !self.direct.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn release_direct(&self) {
        self.direct.store(false, Ordering::Release);
    }

    /// Runs a read, if nothing has failed yet.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.sound()?;
        read(&self.engine).map_err(|error| self.fail(error))
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.failure.borrow().clone()
    }

    fn sound(&self) -> Result<(), StoreError> {
        self.failure().map_or(Ok(()), Err)
    }

    /// The first failure counts and is returned; that a store is closed is none.
    pub(crate) fn fail(&self, error: StoreError) -> StoreError {
        if matches!(
            error,
            StoreError::Closed { .. } | StoreError::UnknownFamily { .. }
        ) {
            return error;
        }
        let first = self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert_with(|| error.clone());
            first
        });
        if first {
            tracing::error!(dir = %self.folder.dir.display(), %error, "the store failed");
        }
        self.failure().unwrap_or(error)
    }

    /// Why nothing more is accepted.
    pub(crate) fn refusal(&self) -> StoreError {
        let closed = || StoreError::Closed {
            dir: self.folder.dir.clone(),
        };
        self.failure().unwrap_or_else(closed)
    }
}
