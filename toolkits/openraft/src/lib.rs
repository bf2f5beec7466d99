#![doc = include_str!("../README.md")]

mod config;
mod events;
#[cfg(feature = "test-fakes")]
mod fakes;
mod lease;
mod lifecycle;
mod network;
mod types;

pub use config::{ConfigError, GroupTimes, checked};
pub use events::{LeadershipEvent, Role, leadership_events};
#[cfg(feature = "test-fakes")]
pub use fakes::MemoryLogStore;
#[cfg(feature = "test-fakes")]
pub use lease::TokioClock;
pub use lease::{
    BootClock, Clock, Following, Keeper, KeeperError, KeeperSettings, LeaseObserver, Proof,
    ProveError, RaftBallot,
};
pub use lifecycle::{Bootstrap, BootstrapError, ChangeError, Lifecycle, TransferError};
pub use network::{
    Client, GroupNetwork, Network, NetworkCounts, NetworkSettings, PartialLimits, PeerAddress,
    Serving,
};
pub use types::{
    Entry, LeaderId, LogId, Members, Payload, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload,
    StoredMembership, Vote,
};

#[doc(hidden)]
pub use openraft;
