//! A vote of raft as a ballot of the lease.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsoracle_lease::{Ballot, NodeId};

use crate::{LeaderId, Vote};

/// Whom a vote is for: a term and a node, ordered as openraft orders votes.
///
/// Whether a quorum has granted the vote is left out. It is the same leader before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RaftBallot {
    /// The term.
    pub term: u64,
    /// The node that leads, or wants to.
    pub node: u64,
}

impl Ballot for RaftBallot {
    fn owner(&self) -> NodeId {
        NodeId(self.node)
    }
}

impl From<&LeaderId> for RaftBallot {
    fn from(leader: &LeaderId) -> Self {
        Self {
            term: leader.term,
            node: leader.node_id,
        }
    }
}

impl From<&Vote> for RaftBallot {
    fn from(vote: &Vote) -> Self {
        Self::from(&vote.leader_id)
    }
}

impl From<RaftBallot> for LeaderId {
    fn from(ballot: RaftBallot) -> Self {
        Self {
            term: ballot.term,
            node_id: ballot.node,
        }
    }
}

impl fmt::Display for RaftBallot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {} of node {}", self.term, self.node)
    }
}
