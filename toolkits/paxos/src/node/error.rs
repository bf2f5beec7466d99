//! Why a node does not start, or does not stop.

use std::time::Duration;

use tsoracle_peer_transport::AlreadyRegistered;
use tsoracle_store::StoreError;

use crate::StartError;
use crate::storage::StorageError;

/// What keeps a [`PaxosNode`](crate::PaxosNode) from starting or stopping.
#[derive(Debug, thiserror::Error)]
pub enum PaxosNodeError {
    /// The store: held by somebody, damaged, another node's, or its disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store holds cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The links: a port that is taken, an address that cannot be.
    #[error(transparent)]
    Links(#[from] tsoracle_peer_transport::StartError),
    /// The group's number is served twice.
    #[error(transparent)]
    Served(#[from] AlreadyRegistered),
    /// The runner: members or times that cannot work, or an engine that refuses.
    #[error(transparent)]
    Runner(#[from] StartError),
    /// A thread of the start ended by itself.
    #[error("the start was broken off: {why}")]
    BrokenOff {
        /// Its words.
        why: String,
    },
    /// Something did not let go, most often a disk. It goes on by itself.
    #[error("not done within {within:?}; the disk may hang")]
    Stalled {
        /// The time that the caller gave.
        within: Duration,
    },
}
