//! Why a node does not start, or does not stop.

use std::io;
use std::time::Duration;

use tsoracle_peer_transport::{AlreadyRegistered, StartError};
use tsoracle_store::StoreError;

use crate::{BootstrapError, ConfigError, KeeperError};

/// What keeps a [`RaftNode`](crate::RaftNode) from starting or stopping.
#[derive(Debug, thiserror::Error)]
pub enum RaftNodeError {
    /// The store: held by somebody, damaged, another node's, or its disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store holds cannot be read.
    #[error("the store's records: {0}")]
    Records(#[source] io::Error),
    /// The links: a port that is taken, an address that cannot be.
    #[error(transparent)]
    Links(#[from] StartError),
    /// The group's number is served twice.
    #[error(transparent)]
    Served(#[from] AlreadyRegistered),
    /// Settings that the lease or the log could not be trusted with.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The lease cannot be kept.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The store and the way to begin do not fit.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The engine refuses.
    #[error("the engine does not run: {why}")]
    Engine {
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

impl RaftNodeError {
    pub(super) fn engine(why: &dyn std::fmt::Display) -> Self {
        Self::Engine {
            why: why.to_string(),
        }
    }
}
