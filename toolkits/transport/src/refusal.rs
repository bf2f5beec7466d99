//! Why two nodes do not talk to each other.

use serde::{Deserialize, Serialize};

use crate::{ClusterId, Incarnation, PeerId, StoreId, Timing};

/// Why a node refused a link (S4). Both ends log it: the refused one is told.
///
/// `here` is the node that refuses, `there` the one that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The two speak different protocols.
    #[error(
        "protocol version {there} where {here} is spoken; run releases that share one on both nodes"
    )]
    Protocol {
        /// Of the node that refuses.
        here: u8,
        /// Of the refused node.
        there: u8,
    },
    /// The first frame of a link cannot be read.
    #[error("an opening that cannot be read: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// Another cluster.
    #[error("cluster {there} where this is {here}; correct the endpoint of the one or the other")]
    WrongCluster {
        /// Of the node that refuses.
        here: ClusterId,
        /// Of the refused node.
        there: ClusterId,
    },
    /// Not a member, as far as the node that refuses knows.
    #[error("node {node} is no member here; add it first")]
    UnknownNode {
        /// The node that is no member.
        node: PeerId,
    },
    /// Somebody else answers at the dialed endpoint.
    #[error("node {answered} answers where node {dialed} was dialed; correct the endpoint")]
    WrongNode {
        /// The node that was meant.
        dialed: PeerId,
        /// The node that is there.
        answered: PeerId,
    },
    /// The node came back with another store. It forgot its votes, and may only come back after an
    /// operator has replaced the member.
    #[error(
        "node {node} has store {presented} instead of {remembered}: it forgot what it \
             promised; replace the member"
    )]
    ChangedStore {
        /// The node.
        node: PeerId,
        /// The store that is remembered of it.
        remembered: StoreId,
        /// The store that it has now.
        presented: StoreId,
    },
    /// Settings that must be alike differ.
    #[error("timing {there:?} where {here:?} is set; give every node the same")]
    Timing {
        /// Of the node that refuses.
        here: Box<Timing>,
        /// Of the refused node.
        there: Box<Timing>,
    },
    /// An earlier life of the node, or one that the clock made look earlier.
    #[error(
        "incarnation {presented} of node {node}, which has shown {newest} already; if no \
             other process runs as this node, its incarnation did not grow with its last start"
    )]
    StaleIncarnation {
        /// The node.
        node: PeerId,
        /// The newest that was seen.
        newest: Incarnation,
        /// The one that it has.
        presented: Incarnation,
    },
    /// A session that is not newer than the newest of the same life.
    #[error("session {presented} of node {node}, after session {newest}")]
    StaleSession {
        /// The node.
        node: PeerId,
        /// The newest that was seen.
        newest: u64,
        /// The one that was offered.
        presented: u64,
    },
    /// The certificate is not the node's.
    #[error("a certificate that is not for node {node}, whose name is {name}")]
    Certificate {
        /// The node that was claimed.
        node: PeerId,
        /// The name that its certificate must carry.
        name: String,
    },
    /// The memory of the peers' stores did not answer.
    #[error("the store of node {node} cannot be checked: {why}")]
    Unchecked {
        /// The node.
        node: PeerId,
        /// What went wrong.
        why: String,
    },
}

/// A refusal as a node remembers it: [`Transport::refusals`](crate::Transport::refusals).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The node at the other end, if it said who it is.
    pub peer: Option<PeerId>,
    /// True if this node refused, false if it was refused.
    pub by_us: bool,
    /// Why.
    pub refusal: Refusal,
}
