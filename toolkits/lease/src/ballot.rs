//! Who votes, and what is voted for.

use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

/// A node of the cluster, by the number that its ballots carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, formatter)
    }
}

/// What leaders are elected under: a ballot of Paxos, a vote of Raft.
///
/// The order is the one in which the engine lets one replace another. Where the engine's own order
/// is partial (two candidates of one Raft term), break the tie by the owner.
pub trait Ballot: Ord + Copy + Debug {
    /// The only node that can lead under this ballot.
    fn owner(&self) -> NodeId;
}
