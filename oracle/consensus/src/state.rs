//! What a node says of its own leadership.

use tsoracle_core::Epoch;

use crate::Lease;

/// A node's role, as its leadership stream shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LeaderState {
    /// This node leads. Shown first when its lease is valid and the command that opens its epoch
    /// is applied (L7); stays so with a lapsed lease until it learns of another term (L8).
    Leader {
        /// Unique to this term of leadership, and above every earlier one (L2).
        epoch: Epoch,
        /// The term's lease, renewed in place.
        lease: Lease,
    },
    /// This node follows.
    Follower {
        /// The leader whose last lease round this node granted, or `None` (L6).
        leader: Option<LeaderHint>,
    },
    /// This node asks to be elected.
    Candidate,
    /// No leader is known, or the driver is shutting down.
    NoLeader,
}

impl LeaderState {
    /// The epoch that this node leads with, if it leads.
    #[must_use]
    pub fn leading_epoch(&self) -> Option<Epoch> {
        match self {
            Self::Leader { epoch, .. } => Some(*epoch),
            _ => None,
        }
    }
}

/// Where the leader is. Never a guess and never a mere candidate (L6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LeaderHint {
    /// The leader's *service* endpoint, `host:port` without a scheme.
    pub endpoint: String,
    /// The epoch of that leadership.
    pub epoch: Epoch,
}
