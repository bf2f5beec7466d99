//! A ballot of OmniPaxos as a value of its own.

use std::fmt;

use omnipaxos::ballot_leader_election::Ballot;
use serde::{Deserialize, Serialize};
use tsoracle_lease::NodeId;

/// What a leader is elected under.
///
/// Within one configuration it is ordered as the engine orders ballots. The engine begins to count
/// anew in each configuration and leaves that out of its order; here a later configuration is
/// greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PaxosBallot {
    /// The configuration that the election was in.
    pub configuration: u32,
    /// Counts the elections of the configuration.
    pub n: u32,
    /// The owner's priority.
    pub priority: u32,
    /// The owner.
    pub pid: u64,
}

impl tsoracle_lease::Ballot for PaxosBallot {
    fn owner(&self) -> NodeId {
        NodeId(self.pid)
    }
}

impl From<Ballot> for PaxosBallot {
    fn from(ballot: Ballot) -> Self {
        Self {
            configuration: ballot.config_id,
            n: ballot.n,
            priority: ballot.priority,
            pid: ballot.pid,
        }
    }
}

impl From<PaxosBallot> for Ballot {
    fn from(ballot: PaxosBallot) -> Self {
        Self::with(ballot.configuration, ballot.n, ballot.priority, ballot.pid)
    }
}

impl fmt::Display for PaxosBallot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            configuration,
            n,
            pid,
            ..
        } = self;
        write!(
            f,
            "ballot {n} of node {pid} in configuration {configuration}"
        )
    }
}

/// The engine's promise. Its default stands for none, and so does that of [`nobody`].
pub(crate) fn promised(promise: Ballot) -> Option<PaxosBallot> {
    (promise.pid != nobody(promise.config_id).pid).then(|| promise.into())
}

/// The ballot that a new member follows until somebody campaigns: below that of any campaign, and above
/// those that members have before one, so that none of these is followed instead. Without it the
/// engine takes itself for the leader in its first round, and in a new group each member would
/// unseat those with lower pids.
pub(crate) fn nobody(configuration: u32) -> Ballot {
    Ballot::with(configuration, 0, u32::MAX, 0)
}
