//! What replicas say to each other.

use tsoracle_consensus::NodeId;

use super::ballot::Ballot;
use super::log::{Log, StoreId};

/// A message and the store that its sender runs on.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) store: StoreId,
    pub(super) message: Message,
}

#[derive(Clone, Debug)]
pub(super) enum Message {
    /// Asks for a promise to accept nothing older. `released` is the ballot whose leader has given
    /// up its lease for this candidate.
    Prepare {
        ballot: Ballot,
        released: Option<Ballot>,
    },
    /// The promise, with everything that was accepted before it.
    Promise {
        ballot: Ballot,
        accepted: Ballot,
        log: Log,
    },
    /// The leader's whole log, and a round of its lease.
    Accept {
        ballot: Ballot,
        log: Log,
        committed: u64,
        round: u64,
    },
    /// The log is durable up to `last`; `granted` names the round, if it was granted.
    Accepted {
        ballot: Ballot,
        last: u64,
        granted: Option<u64>,
    },
    /// A promise to somebody newer stands against it.
    Refused { promised: Ballot },
    /// The leader of `released` has given up its lease; the receiver shall ask to be elected.
    TakeOver { released: Ballot, to: NodeId },
}
