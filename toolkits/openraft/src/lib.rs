#![doc = include_str!("../README.md")]

mod keyspace;
#[cfg(feature = "rocksdb-log-store")]
mod log_store;
mod machine;
#[cfg(feature = "rocksdb-log-store")]
mod record;
mod snapshots;
mod types;

pub use keyspace::{Flat, GroupPrefixed, KeySpace};
#[cfg(feature = "rocksdb-log-store")]
pub use log_store::{LOG_FAMILY, META_FAMILY, RocksdbLogReader, RocksdbLogStore, TailLimits};
pub use machine::{Machine, MachineHandle, MachineSnapshotBuilder, StateMachine};
#[cfg(feature = "rocksdb-log-store")]
pub use record::RecordError;
#[cfg(feature = "test-fakes")]
pub use snapshots::MemorySnapshots;
pub use snapshots::SnapshotKeeper;
#[cfg(feature = "rocksdb-log-store")]
pub use snapshots::{RocksdbSnapshots, SNAPSHOT_FAMILY};
pub use types::{
    Entry, LeaderId, LogId, Members, Payload, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload,
    StoredMembership, Vote,
};

#[doc(hidden)]
pub use openraft;
