//! What a service offers so that its own log carries the oracle's commands too.

use futures_util::future::BoxFuture;
use openraft::alias::{AppDataOf, AppResponseOf, NodeOf};
use openraft::storage::RaftStateMachine;
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_openraft_toolkit::{Lifecycle, RaftTypes};

use crate::{AppliedHighWater, EpochLeases, HighWaterCommand, HighWaterOutcome};

/// A raft group whose log carries [`HighWaterCommand`]s, alone or among a service's own.
///
/// The host's state machine owns a [`HighWaterStateMachine`](crate::HighWaterStateMachine), hands
/// it the oracle's commands in the order of the log, and its snapshots carry the oracle's part
/// beside the service's own (N1).
///
/// # What the host owes
/// - its configuration passed the toolkit's `checked`, and every vote goes through its keeper;
/// - the keeper's observer is the [`leases`](Self::leases) that it returns here, and its clock the
///   machine's boot clock;
/// - nothing else changes the members or moves leadership behind the driver's back.
pub trait OpenraftHighWaterHost: Send + Sync + 'static {
    /// The types of the group.
    type Types: RaftTypes;
    /// The state machine that the group was built with.
    type Machine: RaftStateMachine<Self::Types>;

    /// The engine, the keeper of its lease, and the operations that need both.
    fn lifecycle(&self) -> &Lifecycle<Self::Types, Self::Machine>;

    /// What the keeper tells of this node's leases.
    fn leases(&self) -> &EpochLeases;

    /// Why this node's storage has failed, if it has. Asked by every call, so in memory.
    fn failure(&self) -> Option<ConsensusError>;

    /// Resolves once this node's storage has failed, with the reason; never before. An engine that
    /// has nothing to write would not notice by itself.
    fn failed(&self) -> BoxFuture<'static, ConsensusError>;

    /// The high water as this node's state machine has it.
    fn applied(&self) -> &AppliedHighWater;

    /// The oracle's command in the envelope of the host's log.
    fn command(&self, command: HighWaterCommand) -> AppDataOf<Self::Types>;

    /// What the state machine answered to such a command; `None` for an answer to anything else.
    fn outcome(&self, answer: AppResponseOf<Self::Types>) -> Option<HighWaterOutcome>;

    /// A node as a member: where its peers and its clients reach it.
    fn member(&self, node: u64, described: &NodeOf<Self::Types>) -> Member;

    /// A member as the group describes nodes.
    fn describe(&self, member: &Member) -> NodeOf<Self::Types>;
}
