//! Why a node does not start, or does not stop.

use std::path::PathBuf;
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
    /// The store is that of another group of members. Two lists may have quorums that do not meet, and
    /// then two leaders.
    #[error(
        "the store in {dir} belongs to the members {stored}, and the settings name {given}; start the \
         node with the list that it had"
    )]
    OtherMembers {
        /// The store's directory.
        dir: PathBuf,
        /// The members that the store was first started with.
        stored: String,
        /// Those of the settings.
        given: String,
    },
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
