#![doc = include_str!("../README.md")]

mod config;
mod events;
#[cfg(feature = "test-fakes")]
mod fakes;
mod keyspace;
mod lease;
mod lifecycle;
#[cfg(feature = "rocksdb-log-store")]
mod log_store;
mod machine;
mod network;
#[cfg(feature = "rocksdb-log-store")]
mod node;
#[cfg(feature = "rocksdb-log-store")]
mod record;
mod snapshots;
mod types;

pub use config::{ConfigError, Experiment, GroupTimes, checked};
pub use events::{LeadershipEvent, Role, leadership_events};
#[cfg(feature = "test-fakes")]
pub use fakes::MemoryLogStore;
pub use keyspace::{Flat, GroupPrefixed, KeySpace};
#[cfg(feature = "test-fakes")]
pub use lease::TokioClock;
pub use lease::{Following, Keeper, KeeperError, KeeperSettings, Proof, ProveError, RaftBallot};
pub use lifecycle::{Bootstrap, BootstrapError, ChangeError, Lifecycle, TransferError};
#[cfg(feature = "rocksdb-log-store")]
pub use log_store::{LOG_FAMILY, META_FAMILY, RocksdbLogReader, RocksdbLogStore, TailLimits};
pub use machine::{Machine, MachineHandle, MachineSnapshotBuilder, StateMachine};
pub use network::{
    Client, GroupNetwork, Network, NetworkCounts, NetworkSettings, PartialLimits, PeerAddress,
    Serving,
};
#[cfg(feature = "rocksdb-log-store")]
pub use node::{Begin, NodeMachine, PrepareLinks, RaftNode, RaftNodeError, RaftNodeSettings};
#[cfg(feature = "rocksdb-log-store")]
pub use record::RecordError;
#[cfg(feature = "test-fakes")]
pub use snapshots::MemorySnapshots;
pub use snapshots::SnapshotKeeper;
#[cfg(feature = "rocksdb-log-store")]
pub use snapshots::{RocksdbSnapshots, SNAPSHOT_FAMILY};
pub use types::{
    Entry, LeaderId, LogId, Members, Payload, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload,
    StoredMembership, Vote, WriteAnswer,
};

pub use tsoracle_lease::{BootClock, Clock, LeaseObserver};

#[doc(hidden)]
pub use openraft;
