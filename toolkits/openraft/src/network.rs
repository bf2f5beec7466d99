//! openraft's network over the peer transport: many groups share the links of a node.

mod append;
mod client;
mod error;
mod partials;
mod serve;
mod settings;
mod snapshot;
pub(crate) mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::storage::RaftStateMachine;
use openraft::{BasicNode, Node, Raft};
use tsoracle_peer_transport::{AlreadyRegistered, GroupId, Peer, PeerId, Transport};

use crate::{Keeper, RaftTypes};
pub use client::{Client, GroupNetwork};
use partials::Partials;
use serve::Server;
pub use settings::{NetworkSettings, PartialLimits};

/// The network of a node: one transport, any number of groups. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Network {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    settings: NetworkSettings,
    partials: Arc<Partials>,
    snapshot_bytes_sent: AtomicU64,
}

/// Where a node of a membership is reached.
pub trait PeerAddress: Node {
    /// The peer that the transport dials for node `id`.
    fn peer(&self, id: u64) -> Peer;
}

impl PeerAddress for BasicNode {
    fn peer(&self, id: u64) -> Peer {
        Peer::new(PeerId(id), self.addr.clone())
    }
}

/// What a network has counted since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Bytes of snapshots handed to the transport, those that were lost or sent again included.
    pub snapshot_bytes_sent: u64,
    /// Bytes of snapshots that are kept until the rest of them comes.
    pub snapshot_bytes_held: u64,
}

impl Network {
    /// A network over the links of a node.
    #[must_use]
    pub fn new(transport: Transport, settings: NetworkSettings) -> Self {
        let partials = Arc::new(Partials::new(settings.partials));
        let inner = Inner {
            transport,
            settings,
            partials,
            snapshot_bytes_sent: AtomicU64::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The factory that a group's engine takes: requests of the group leave by it, and votes pass
    /// the keeper's gate.
    #[must_use]
    pub fn group(&self, me: u64, group: GroupId, keeper: Keeper) -> GroupNetwork {
        GroupNetwork::new(self.clone(), me, group, keeper)
    }

    /// Hands what comes for a group to its engine, until the result is dropped. Votes pass the
    /// keeper's gate; rounds and grants go to the keeper itself.
    ///
    /// # Errors
    /// [`AlreadyRegistered`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn serve<C, SM>(
        &self,
        group: GroupId,
        raft: Raft<C, SM>,
        keeper: Keeper,
    ) -> Result<Serving, AlreadyRegistered>
    where
        C: RaftTypes,
        SM: RaftStateMachine<C, SnapshotData = C::SnapshotData>,
    {
        let server = Server::new(self, group, raft, keeper);
        self.inner.transport.register(group, Arc::new(server))?;
        Ok(Serving {
            network: self.clone(),
            group,
        })
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> NetworkCounts {
        NetworkCounts {
            snapshot_bytes_sent: self.inner.snapshot_bytes_sent.load(Ordering::Relaxed),
            snapshot_bytes_held: self.inner.partials.bytes(),
        }
    }

    /// The links.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.inner.transport
    }
}

/// A group is served while this lives. What has reached the engine by then is answered.
#[derive(Debug)]
pub struct Serving {
    network: Network,
    group: GroupId,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.network.inner.transport.unregister(self.group);
    }
}
