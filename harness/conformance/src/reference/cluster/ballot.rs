//! The right to lead: a round and the node that asked for it.

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{Epoch, NodeId};

/// Ordered by round, then by node: two nodes never own the same ballot.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(super) struct Ballot {
    pub(super) round: u64,
    pub(super) node: NodeId,
}

impl Ballot {
    /// Below every ballot that anyone owns.
    pub(super) const NONE: Self = Self { round: 0, node: 0 };

    /// Lossless, and a later ballot has a greater epoch.
    pub(super) fn epoch(self) -> Epoch {
        Epoch::new((u128::from(self.round) << 64) | u128::from(self.node))
    }
}
