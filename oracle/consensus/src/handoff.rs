//! Moving leadership on purpose.

use async_trait::async_trait;

use crate::{ConsensusError, NodeId};

/// The capability to give leadership to a chosen node (clauses H1, H2).
///
/// # Cancel safety
/// Dropping the future leaves a legal state: leadership stays, moves, or is elected anew.
#[async_trait]
pub trait Handoff: Send + Sync + 'static {
    /// Ends this node's lease, then lets `to` take over. Returns once `to` leads or the attempt
    /// has been given up; nothing acknowledged is lost either way (H1).
    ///
    /// # Errors
    /// [`HandoffError`]; after any of them service returns within a bound (H2).
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError>;
}

/// Why a handoff did not happen.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum HandoffError {
    /// The target is no voter of this cluster, or is this node itself.
    #[error("node {to} cannot take over: {reason}")]
    BadTarget {
        /// The node that was asked for.
        to: NodeId,
        /// Why it cannot lead.
        reason: String,
    },
    /// The target did not take over in time; leadership was taken back or is elected anew.
    #[error("node {to} did not take over within {waited_ms} ms")]
    TimedOut {
        /// The node that was asked for.
        to: NodeId,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The driver itself answered.
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
}
