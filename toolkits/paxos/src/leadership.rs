//! Who leads, as one node knows it.

use crate::PaxosBallot;

/// A node's part in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// This node leads and is in the accept phase. Another may lead above it without its
    /// knowledge: only the lease tells.
    Leader {
        /// The ballot that it appends under.
        ballot: PaxosBallot,
    },
    /// This node campaigns.
    Candidate {
        /// The ballot that it campaigns with.
        ballot: PaxosBallot,
    },
    /// This node has promised another one's ballot.
    Follower {
        /// The promise. Its owner may be a mere candidate.
        promise: PaxosBallot,
        /// Whether the owner has led under it, and this node takes its entries.
        has_led: bool,
    },
    /// This node knows of nobody: it is new, or finds its own ballot of before a restart.
    #[default]
    NoLeader,
}

impl Leadership {
    /// The ballot that this node leads under.
    #[must_use]
    pub fn leads(&self) -> Option<PaxosBallot> {
        match self {
            Self::Leader { ballot } => Some(*ballot),
            _ => None,
        }
    }
}
