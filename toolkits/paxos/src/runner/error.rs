//! What a runner refuses.

use std::io;
use std::time::Duration;

use crate::storage::StorageError;
use crate::{Leadership, MembersError, PaxosBallot, TimesError};

/// A runner that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The times cannot work.
    #[error(transparent)]
    Times(#[from] TimesError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The lease cannot be kept on this storage.
    #[error(transparent)]
    Lease(#[from] tsoracle_lease::StartError),
    /// The engine refuses what it was given.
    #[error("the engine cannot start: {why}")]
    Engine {
        /// Its words.
        why: String,
    },
    /// There is no thread to run it.
    #[error("the engine's thread cannot start: {source}")]
    Thread {
        /// The refusal.
        source: io::Error,
    },
}

/// Why a runner ended by itself. Permanent: stop the node.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunnerError {
    /// The storage failed; nothing was sent after that.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine panicked.
    #[error("the engine panicked: {why}; stop the node and report it")]
    Panicked {
        /// Its words.
        why: String,
    },
}

/// An append without a decision.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// This node does not lead under the ballot that was named. Nothing was appended.
    #[error("this node does not lead at {offered}")]
    NotLeading {
        /// The ballot that was named.
        offered: PaxosBallot,
        /// What this node is.
        current: Leadership,
    },
    /// Leadership is being handed off. Nothing was appended.
    #[error("leadership is being handed to node {to}; try there")]
    HandingOff {
        /// To whom.
        to: u64,
    },
    /// The configuration is at its end. Nothing was appended.
    #[error("the configuration ends; append in the next one")]
    Reconfiguring,
    /// No room in time. Nothing was appended.
    #[error("{appends} appends wait already; try again later")]
    Busy {
        /// The limit.
        appends: usize,
    },
    /// Too many entries wait for a quorum. Nothing was appended.
    #[error("{undecided} entries wait for a quorum already; try again later")]
    NoQuorum {
        /// The limit.
        undecided: usize,
    },
    /// Leadership was lost before the decision. The entry may be decided later, or never.
    #[error("leadership was lost before the decision; the entry may or may not be decided")]
    Unknown,
    /// No decision in time. The entry may be decided later, or never.
    #[error("no decision within {within:?}; the entry may or may not be decided")]
    TimedOut {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The runner failed. The entry may or may not be decided.
    #[error(transparent)]
    Failed(RunnerError),
    /// The runner has ended. The entry may or may not be decided.
    #[error("the runner has ended")]
    Ended,
}

/// Why leadership was not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// This node does not lead with a lease of its own, or stopped before the proof was there.
    #[error("this node does not lead; ask the leader")]
    NotLeading,
    /// No quorum answered in time.
    #[error("no quorum granted a round within {within:?}; try again")]
    NoQuorum {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The group has no lease.
    #[error("the group has no lease; read through the log")]
    NoLease,
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

/// Why the log was not compacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// Nothing beyond what the service was shown can be compacted.
    #[error("{up_to} is beyond {shown}, up to which decided entries were shown")]
    NotShown {
        /// The index asked for.
        up_to: usize,
        /// The index that is possible.
        shown: usize,
    },
    /// A trim without a snapshot asks for every member to have the entries. With pids that are not
    /// 1 to the number of members, the engine never knows that they have.
    #[error(
        "not every member has the entries below {up_to}; {all_have} are known to be everywhere"
    )]
    NotEverywhere {
        /// The index asked for.
        up_to: usize,
        /// The index that is possible.
        all_have: usize,
    },
    /// Only the leader trims.
    #[error("this node does not lead; trim at the leader")]
    NotLeading,
    /// The entries are of a kind without snapshots.
    #[error("these entries have no snapshots; trim instead")]
    NoSnapshots,
    /// The entries are of a kind with snapshots.
    #[error("these entries have snapshots; take one instead")]
    HasSnapshots,
    /// No answer in time; it may still be done.
    #[error("no answer within {within:?}")]
    TimedOut {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

/// Whether decided entries are shown was not changed for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// No answer in time; it may still be done.
    #[error("no answer within {within:?}")]
    TimedOut {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

/// A handoff that did not end with the target as leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoffError {
    /// This node does not lead.
    #[error("this node does not lead; ask the leader")]
    NotLeading,
    /// The target cannot be handed to.
    #[error("node {to} is not another member; name one")]
    NotMember {
        /// The target.
        to: u64,
    },
    /// Another handoff is under way.
    #[error("leadership is being handed to node {to} already")]
    UnderWay {
        /// Its target.
        to: u64,
    },
    /// The target did not take over in time. This node has campaigned again.
    #[error("node {to} did not take over within {within:?}; this node campaigns again")]
    Late {
        /// The target.
        to: u64,
        /// The time that the caller gave.
        within: Duration,
    },
    /// Another node than the target took over.
    #[error("node {by} took over, not node {to}")]
    Elsewhere {
        /// The target.
        to: u64,
        /// Who leads.
        by: u64,
    },
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

/// A configuration that was not proposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconfigureError {
    /// The configuration cannot work.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// Epochs count configurations: a number that does not follow would bring old epochs back.
    #[error("configuration {offered} does not follow {current}; number it {}", .current.saturating_add(1))]
    Number {
        /// Its number.
        offered: u32,
        /// The present one's.
        current: u32,
    },
    /// This node does not lead under the ballot that was named.
    #[error("this node does not lead at {offered}")]
    NotLeading {
        /// The ballot that was named.
        offered: PaxosBallot,
    },
    /// The configuration is at its end already.
    #[error("the configuration ends already; wait for the next one")]
    UnderWay,
    /// No answer in time; it may have been proposed.
    #[error("no answer within {within:?}; it may have been proposed")]
    TimedOut {
        /// The time that the caller gave.
        within: Duration,
    },
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

/// A runner that has not ended in time: its disk does not answer. It ends as soon as that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's thread did not end within {within:?}; its disk does not answer")]
pub struct Stalled {
    /// The time that was given.
    pub within: Duration,
}
