//! Faults on directed links between the members of a cluster.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::NodeId;

/// What a directed link does to a frame. Probabilities are in thousandths and seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkFault {
    /// Hands it over.
    Deliver,
    /// Loses it.
    Drop,
    /// Hands it over this much later.
    Delay(Duration),
    /// Loses, repeats or swaps some frames.
    Lossy {
        /// Frames lost, of a thousand.
        lose_per_mille: u16,
        /// Frames sent twice, of a thousand.
        duplicate_per_mille: u16,
        /// Frames swapped with the next, of a thousand.
        reorder_per_mille: u16,
    },
}

/// Sets what the links *out of* one node do. With `i` to `j` cut, requests from `i` and answers to
/// requests of `j` are both lost.
pub trait LinkFaults: Send + Sync + 'static {
    /// Sets the link from this node to `to`.
    fn set(&self, to: NodeId, fault: LinkFault);

    /// How many frames (of a proxy: reads) to `to` did not go their usual way since the node
    /// started: lost, late, repeated or swapped. Evidence that a fault happened.
    fn disturbed(&self, to: NodeId) -> u64;
}
