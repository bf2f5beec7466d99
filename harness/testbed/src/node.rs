//! A running node, as its backend hands it over.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Handoff, Membership};

use crate::{Hooks, LinkFaults};

/// What a node has sent to its peers since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames, or whatever its network calls a message.
    pub frames: u64,
    /// Bytes of those, as far as the network counts them.
    pub bytes: u64,
}

/// One running node of a backend, in this process.
///
/// Dropping it without [`shutdown`](Self::shutdown) stands for a crash of the node within a living
/// process.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// The driver under test.
    fn driver(&self) -> Arc<dyn ConsensusDriver>;

    /// `host:port` of the service that would run on this node; what hints name (L6).
    fn service_endpoint(&self) -> String;

    /// Stops the node in bounded time (S3). May be called twice, and with calls in flight.
    ///
    /// # Errors
    /// `Permanent` when the disk did not let go by the deadline.
    async fn shutdown(&self) -> Result<(), ConsensusError>;

    /// Ways into the engine that some checks need.
    fn hooks(&self) -> Hooks {
        Hooks::default()
    }

    /// The capability to move leadership, if the driver has it.
    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        None
    }

    /// The capability to change members, if the driver has it.
    fn membership(&self) -> Option<Arc<dyn Membership>> {
        None
    }

    /// Faults on the links of this node, if its network can be told.
    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        None
    }

    /// What this node has sent to its peers since it started, if its network counts that.
    fn traffic(&self) -> Option<Traffic> {
        None
    }
}
