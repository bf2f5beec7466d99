//! What an operation of the lifecycle refuses.

use std::collections::BTreeSet;
use std::time::Duration;

/// Why a group did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// A fresh group was asked for, on a store that has voted or has a log.
    #[error("node {node}'s store is in use already; reopen it, or give the node an empty one")]
    NotEmpty {
        /// The node.
        node: u64,
    },
    /// A store was to be reopened, and there is nothing in it.
    #[error(
        "node {node}'s store is empty; start a fresh group or join one, or find the store that the node had"
    )]
    Empty {
        /// The node.
        node: u64,
    },
    /// The node is to join a group, and its store has a log.
    #[error("node {node}'s store has a log; reopen it, or join with an empty one")]
    HasLog {
        /// The node.
        node: u64,
    },
    /// The first members lack the node that starts the group.
    #[error("node {node} is not among the first members")]
    NotMember {
        /// The node.
        node: u64,
    },
    /// It took too long. What was asked may still come about.
    #[error("not done within {within:?}")]
    Late {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The engine has stopped.
    #[error("the engine has stopped: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
}

/// Why the members were not changed, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another node leads. Nothing has changed.
    #[error("this node does not lead; ask {}", leader.map_or("the leader".to_owned(), |n| format!("node {n}")))]
    NotLeader {
        /// Who, if it is known.
        leader: Option<u64>,
    },
    /// A change or a transfer is under way at this node. Nothing has changed.
    #[error("another change or transfer is under way; wait for it")]
    Busy,
    /// A set of voters needs somebody.
    #[error("a group needs at least one voter")]
    NoVoters,
    /// A node that is to vote is not in the membership.
    #[error("nodes {nodes:?} are no members; add them as learners first")]
    NotMembers {
        /// Which.
        nodes: BTreeSet<u64>,
    },
    /// The new voters could not commit anything: too few of them answer, or have the log.
    #[error(
        "of the new voters only {ready:?} answer and have the log, and {needed} are needed; bring up the others, or wait"
    )]
    WouldLoseQuorum {
        /// Those that do.
        ready: BTreeSet<u64>,
        /// How many it takes.
        needed: usize,
    },
    /// The voters that there are, and the new ones, did not both answer. Nothing has changed.
    #[error(
        "no quorum of both the old voters and the new ones answered within {within:?}; bring them up, or wait"
    )]
    Silent {
        /// How long they were waited for.
        within: Duration,
    },
    /// A single voter elects itself past every lease. Nothing has changed.
    #[error(
        "a single other voter would elect itself past every lease; transfer leadership to it first, and let it remove the others"
    )]
    SingleOther,
    /// This node stopped leading. Nothing, or half of it, may have changed; the next leader finishes
    /// what has begun when it is asked for the same change.
    #[error(
        "this node stopped leading before the change was done; look at the membership, and ask the leader again"
    )]
    LeadershipLost,
    /// It took too long. It may still come about.
    #[error("not done within {within:?}; look at the membership before trying again")]
    Late {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The engine refuses.
    #[error("the engine refuses: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
    /// The engine has stopped.
    #[error("the engine has stopped: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
}

/// Why leadership was not transferred.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// Another node leads. Nothing has changed.
    #[error("this node does not lead; ask {}", leader.map_or("the leader".to_owned(), |n| format!("node {n}")))]
    NotLeader {
        /// Who, if it is known.
        leader: Option<u64>,
    },
    /// A change or a transfer is under way at this node. Nothing has changed.
    #[error("another change or transfer is under way; wait for it")]
    Busy,
    /// Only a voter can lead. Nothing has changed.
    #[error("node {to} has no vote")]
    NotVoter {
        /// The node.
        to: u64,
    },
    /// The node does not answer, or lacks part of the log. Nothing has changed.
    #[error("node {to} does not answer or lacks part of the log; wait for it, or choose another")]
    NotReady {
        /// The node.
        to: u64,
    },
    /// Another node was elected instead.
    #[error("node {leader} leads now, instead of node {to}")]
    Other {
        /// The node that was to lead.
        to: u64,
        /// The one that does.
        leader: u64,
    },
    /// Nobody was elected in time. This node has given up its lease; an election follows.
    #[error("node {to} was not elected within {within:?}; an election follows")]
    Late {
        /// The node that was to lead.
        to: u64,
        /// The time that the caller gave.
        within: Duration,
    },
    /// The engine has stopped.
    #[error("the engine has stopped: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
}
