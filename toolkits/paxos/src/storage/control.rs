//! What a storage offers beside OmniPaxos' own trait: writing, syncing, and what the lease keeps.

use std::time::Duration;

use omnipaxos::storage::{Entry, Storage};

use super::{Dirty, View};

/// A storage whose changes wait in memory until they are written and synced through its control.
pub trait SyncedStorage<T: Entry>: Storage<T> + Send + 'static {
    /// Writes and syncs it.
    type Control: StorageControl;

    /// Another handle on the same storage. The engine takes the storage itself for good.
    fn control(&self) -> Self::Control;
}

/// Writes and syncs a storage that the engine has changed. Its calls may block as long as the disk
/// does, and belong on the engine's thread.
pub trait StorageControl: Send + 'static {
    /// Writes every change since the last call as one batch, whole or not at all.
    ///
    /// # Errors
    /// The storage's first failure, now and in every later call.
    fn write(&mut self) -> Result<Written, StorageError>;

    /// Makes everything that was written durable. On disk when this returns: every change up to the
    /// last [`write`](Self::write).
    ///
    /// # Errors
    /// As [`write`](Self::write); what was written since the last sync is then unknown, for good.
    fn sync(&mut self) -> Result<(), StorageError>;

    /// Whether the log ends with a stop-sign, decided or not.
    fn has_stopsign(&self) -> bool;

    /// The longest grant of a lease that was ever recorded here.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn longest_grant(&mut self) -> Result<Option<Duration>, StorageError>;

    /// Records the longest grant. Durable when this returns.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn record_longest_grant(&mut self, longest: Duration) -> Result<(), StorageError>;
}

/// What a batch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// Nothing had changed.
    Nothing,
    /// Only a decided index, or what a compaction of decided entries leaves. A crash may take it
    /// back, together with everything written later; the cluster knows it again. No sync is due.
    Relaxed,
    /// A promise, an accepted round, entries or a stop-sign: sync before anybody learns of them.
    NeedsSync,
}

/// Where batches go: RocksDB, or memory in tests.
pub trait Medium<T: Entry>: Send + 'static {
    /// Writes what `dirty` names in `view`, whole or not at all, and after all earlier batches.
    ///
    /// # Errors
    /// [`StorageError`]; nothing is written after it.
    fn write(&mut self, view: &View<T>, dirty: &Dirty) -> Result<(), StorageError>;

    /// Makes everything that was written durable.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn sync(&mut self) -> Result<(), StorageError>;

    /// The longest grant on record.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn longest_grant(&mut self) -> Result<Option<Duration>, StorageError>;

    /// Records the longest grant durably.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn record_longest_grant(&mut self, longest: Duration) -> Result<(), StorageError>;
}

/// A storage that cannot go on. Permanent: stop the node.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// The store failed.
    #[cfg(feature = "rocksdb-storage")]
    #[error(transparent)]
    Store(#[from] tsoracle_store::StoreError),
    /// What is stored is not what was written.
    #[error("the log's {what} is damaged: {why}; replace this member of the cluster")]
    Damaged {
        /// Which part.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value of the service has no encoding.
    #[error("the log's {what} cannot be encoded: {why}; mend the type's Serialize")]
    NoEncoding {
        /// Which part.
        what: String,
        /// The refusal.
        why: String,
    },
    /// The medium refused.
    #[error("the log cannot be made durable: {why}")]
    Refused {
        /// Why.
        why: String,
    },
}
