//! Why something is refused.

use std::fmt::Debug;
use std::time::Duration;

use crate::NodeId;

/// Why a round is not granted. The leader is told nothing: it asks again at its next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<B: Debug> {
    /// The ballot is not the one that this node has promised.
    #[error("the promise is {promise:?}")]
    NotPromised {
        /// What it has promised.
        promise: Option<B>,
    },
    /// A higher ballot was held and has its turn first.
    #[error("{waiting:?} waits")]
    Waits {
        /// The highest that waits.
        waiting: B,
    },
    /// A higher ballot has passed, and the engine has not yet said what became of it.
    #[error("{passed:?} has passed and is not settled")]
    Unsettled {
        /// The highest that passed.
        passed: B,
    },
    /// The store does not know of grants as long as this one.
    #[error("the store records grants of at most {longest:?}")]
    TooLong {
        /// What the store records.
        longest: Duration,
    },
}

/// Why a node cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A grant could outlast what a restart would withhold. Store the longer of the two, sync it,
    /// and start with it.
    #[error("the store records grants of at most {stored:?}; record {needed:?} first")]
    LongestNotStored {
        /// What the store records.
        stored: Duration,
        /// The length of a grant by this node's settings.
        needed: Duration,
    },
}

/// Why a leadership gets no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeadError<B: Debug> {
    /// Only a ballot's owner leads under it.
    #[error("{owner} owns the ballot")]
    NotOwner {
        /// Who does.
        owner: NodeId,
    },
    /// A leader in the accept phase has promised its own ballot; this node has not, or has
    /// promised a higher one since.
    #[error("the promise is {promise:?}")]
    NotPromised {
        /// What it has promised.
        promise: Option<B>,
    },
    /// This ballot's lease has ended for good, or the ballot is from before a restart.
    #[error("its lease has ended for good; lead under a higher ballot")]
    Ended,
    /// The leader is missing from a set of voters.
    #[error("the leader is not a voter of every set")]
    NotVoter,
}

/// Why a change of voters may not be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// This node does not lead.
    #[error("this node does not lead")]
    NotLeading,
    /// A single voter elects itself without asking anybody, past every gate.
    #[error("a single other voter would elect itself past every lease")]
    SingleOther,
    /// The new set lacks the leader: end the lease first.
    #[error("the leader is not among the new voters; end its lease first")]
    LeaderLeaves,
}
