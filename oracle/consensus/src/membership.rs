//! Changing who is in the cluster.

use async_trait::async_trait;

use crate::ConsensusError;

/// A node of a cluster. Small and dense numbers, from 1, suit every engine.
pub type NodeId = u64;

/// One member of a cluster and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Member {
    /// Its number.
    pub node: NodeId,
    /// `host:port` for the other members.
    pub peer_endpoint: String,
    /// `host:port` for clients; what a leader hint shows.
    pub service_endpoint: String,
}

/// The capability to change the members of a running cluster (clauses M1, M2).
///
/// # Cancel safety
/// Dropping a future leaves the old or the new set of members in force.
#[async_trait]
pub trait Membership: Send + Sync + 'static {
    /// The voters, as this node knows them.
    ///
    /// # Errors
    /// [`MembershipError::Consensus`] when this node cannot say.
    async fn members(&self) -> Result<Vec<Member>, MembershipError>;

    /// Adds a voter. Returns once the new set is in force.
    ///
    /// # Errors
    /// [`MembershipError`]; the old set stays in force after a refusal.
    async fn add(&self, member: Member) -> Result<(), MembershipError>;

    /// Removes a voter, the leader too.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    async fn remove(&self, node: NodeId) -> Result<(), MembershipError>;

    /// Puts `new` in the place of `old`, dead or alive; also the way to readmit a node whose store
    /// was lost (S4).
    ///
    /// # Errors
    /// As [`add`](Self::add).
    async fn replace(&self, old: NodeId, new: Member) -> Result<(), MembershipError>;
}

/// Why the members did not change.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MembershipError {
    /// The change would lose the quorum or makes no sense; nothing was proposed (M2).
    #[error("refused: {reason}")]
    Refused {
        /// What is wrong with it.
        reason: String,
    },
    /// The driver itself answered.
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
}
