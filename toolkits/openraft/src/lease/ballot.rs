//! A vote of raft as a ballot of the lease.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_lease::{Ballot, NodeId, Stored};

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

impl RaftBallot {
    /// What the lease begins with on a store that has this vote, and was started with grants of
    /// `longest` at most. A vote that is not committed admits nobody: openraft may have taken it from
    /// a refusal.
    #[must_use]
    pub fn stored(vote: Option<&Vote>, longest: Duration) -> Stored<Self> {
        Stored {
            promise: vote.map(Self::from),
            admitted: vote.filter(|vote| vote.committed).map(Self::from),
            longest,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_committed_vote_is_admitted_after_a_restart() {
        let longest = Duration::from_millis(150);
        let ballot = RaftBallot { term: 2, node: 3 };
        let given = RaftBallot::stored(Some(&Vote::new(2, 3)), longest);
        assert_eq!((given.promise, given.admitted), (Some(ballot), None));
        let elected = RaftBallot::stored(Some(&Vote::new_committed(2, 3)), longest);
        assert_eq!(elected.admitted, Some(ballot));
        assert_eq!(RaftBallot::stored(None, longest).promise, None);
    }
}
