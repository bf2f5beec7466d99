//! Where the newest snapshot of a group is kept.

#[cfg(feature = "test-fakes")]
mod memory;
#[cfg(feature = "rocksdb-log-store")]
mod rocksdb;

use std::fmt::Debug;
use std::future::Future;
use std::io;

#[cfg(any(feature = "rocksdb-log-store", feature = "test-fakes"))]
use crate::SnapshotMeta;
use crate::{RaftTypes, Snapshot};

#[cfg(feature = "test-fakes")]
pub use memory::MemorySnapshots;
#[cfg(feature = "rocksdb-log-store")]
pub use rocksdb::{RocksdbSnapshots, SNAPSHOT_FAMILY};

/// Keeps one snapshot: the newest. What a state machine saves to and starts from.
///
/// Clones keep the same snapshot.
pub trait SnapshotKeeper<C: RaftTypes>: Clone + Debug + Send + Sync + 'static {
    /// Keeps a snapshot in place of the one before. One that does not cover more than the one that
    /// is kept changes nothing: a snapshot that was being built when a newer one came from the
    /// leader does not replace it.
    ///
    /// Durable when it returns, and not before: after a crash within it, this snapshot is kept or
    /// the one before, whole. Dropping the future may leave either.
    ///
    /// # Errors
    /// The store failed, or has no encoding for the snapshot; the one before is still kept.
    fn save(&self, snapshot: Snapshot<C>) -> impl Future<Output = Result<(), io::Error>> + Send;

    /// The snapshot that is kept, if there is one.
    ///
    /// # Errors
    /// The store failed, or a record in it is damaged: the error says which.
    fn current(&self) -> impl Future<Output = Result<Option<Snapshot<C>>, io::Error>> + Send;
}

/// Whether a snapshot covers more than another one.
#[cfg(any(feature = "rocksdb-log-store", feature = "test-fakes"))]
fn covers_more<C: RaftTypes>(new: &SnapshotMeta<C>, old: &SnapshotMeta<C>) -> bool {
    new.last_log_id > old.last_log_id
}
