//! The engine's storage: reads from memory, writes in batches, one sync for each batch.
//!
//! OmniPaxos calls its storage while it handles a message, and panics on an error. So no call of
//! [`Buffered`] fails or touches the disk: it changes a [`View`] in memory, from which all reads are
//! served, and notes what has become different. The [`StorageControl`] of the same storage then
//! writes everything that differs as one atomic batch, and syncs. The first failure is latched:
//! nothing is written after it, and whoever runs the engine must let nothing out that depends on
//! what was not written.

mod buffered;
mod control;
#[cfg(feature = "rocksdb-storage")]
mod rocksdb;
mod view;

pub use buffered::{Buffered, BufferedControl};
pub use control::{Medium, StorageControl, StorageError, SyncedStorage, Written};
#[cfg(feature = "rocksdb-storage")]
pub use rocksdb::{LOG_FAMILY, Rocksdb, RocksdbStorage, STATE_FAMILY};
pub use view::{Dirty, View};
