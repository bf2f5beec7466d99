//! The oracle's host on a ready made node of the toolkit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use openraft::alias::{AppDataOf, AppResponseOf};
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_openraft_toolkit::{
    Begin, GroupTimes, LeaseObserver, Lifecycle, NodeMachine, RaftNode, RaftNodeSettings,
    RaftTypes, StateMachine,
};

use crate::{
    AppliedHighWater, Endpoints, EpochLeases, HighWaterCommand, HighWaterOutcome,
    HighWaterStateMachine, OpenraftHighWaterHost,
};

/// A service's state machine that the oracle's is a part of.
///
/// It hands [`high_water`](Self::high_water) the oracle's commands in the order of the log, and its
/// snapshots carry the oracle's part beside its own (N1).
pub trait CarriesHighWater: StateMachine<Self::Types> {
    /// The types of the service's group.
    type Types: RaftTypes<Node = Endpoints>;

    /// The oracle's part.
    fn high_water(&self) -> &HighWaterStateMachine;

    /// The oracle's command in the envelope of the service's log.
    fn command(command: HighWaterCommand) -> AppDataOf<Self::Types>;

    /// What was answered to such a command; `None` for an answer to anything else.
    fn outcome(answer: AppResponseOf<Self::Types>) -> Option<HighWaterOutcome>;
}

/// A node of a service, with its store, links, engine and lease, as the oracle's host.
#[derive(Debug)]
pub struct NodeHost<M: CarriesHighWater> {
    node: RaftNode<M::Types, M>,
    leases: Arc<EpochLeases>,
    applied: AppliedHighWater,
}

impl<M: CarriesHighWater> NodeHost<M> {
    /// A host of `node` in the cluster with the number `cluster`, its store in `dir`.
    pub fn builder(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> NodeBuilder<M>
    where
        M: Default,
    {
        NodeBuilder {
            settings: RaftNodeSettings::new(cluster, node, dir),
            members: BTreeMap::new(),
            joining: false,
            machine: M::default(),
        }
    }

    /// The node itself: its links, its store, its snapshots.
    #[must_use]
    pub const fn node(&self) -> &RaftNode<M::Types, M> {
        &self.node
    }

    /// Stops the node: the lease ends, the links close, the store is released. Stopping again
    /// waits for the same end.
    ///
    /// # Errors
    /// `Permanent` when the disk has not let go by then; the store is released as soon as it does.
    pub async fn shutdown(&self, within: Duration) -> Result<(), ConsensusError> {
        let stopped = self.node.shutdown(within).await;
        stopped.map_err(ConsensusError::permanent)
    }
}

/// Builds a [`NodeHost`].
#[derive(Clone, Debug)]
#[must_use]
pub struct NodeBuilder<M> {
    settings: RaftNodeSettings<Endpoints>,
    members: BTreeMap<u64, Endpoints>,
    joining: bool,
    machine: M,
}

impl<M: CarriesHighWater> NodeBuilder<M> {
    /// A member of the group, this node included: on an empty store the group begins with these.
    pub fn member(mut self, member: &Member) -> Self {
        self.members.insert(member.node, Endpoints::of(member));
        self
    }

    /// Several members.
    pub fn members<'a>(self, members: impl IntoIterator<Item = &'a Member>) -> Self {
        members.into_iter().fold(self, Self::member)
    }

    /// The group exists: on an empty store the node waits until its leader adds it. The members
    /// are whom it links to meanwhile.
    pub fn joining(mut self, joining: bool) -> Self {
        self.joining = joining;
        self
    }

    /// The times that all nodes of the group share.
    pub fn times(mut self, times: GroupTimes) -> Self {
        self.settings.times = times;
        self
    }

    /// The state machine to begin with, if the default one does not do. A store that is not empty
    /// restores its own state into it.
    pub fn machine(mut self, machine: M) -> Self {
        self.machine = machine;
        self
    }

    /// Everything else that a node of the toolkit can be told. How it begins, where it listens and
    /// who is told of its lease are the builder's.
    pub fn settings(
        mut self,
        change: impl FnOnce(RaftNodeSettings<Endpoints>) -> RaftNodeSettings<Endpoints>,
    ) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// Opens the store, listens at the node's own peer endpoint, and runs. Returns before anyone
    /// is elected.
    ///
    /// # Errors
    /// `Permanent`, with a [`RaftNodeError`](tsoracle_openraft_toolkit::RaftNodeError) for its
    /// source: a store that is held or damaged, a port that is taken, members without this node.
    pub async fn start(self) -> Result<NodeHost<M>, ConsensusError> {
        let leases = Arc::new(EpochLeases::default());
        let mut settings = self.settings;
        settings.observer = Arc::clone(&leases) as Arc<dyn LeaseObserver<_>>;
        if let Some(own) = self.members.get(&settings.node) {
            settings.listen.clone_from(&own.peer);
        }
        settings.begin = if self.joining {
            Begin::Joining(self.members)
        } else {
            Begin::With(self.members)
        };
        let applied = self.machine.high_water().applied();
        let node = RaftNode::start(settings, self.machine).await;
        Ok(NodeHost {
            node: node.map_err(ConsensusError::permanent)?,
            leases,
            applied,
        })
    }
}

impl<M: CarriesHighWater> OpenraftHighWaterHost for NodeHost<M> {
    type Types = M::Types;
    type Machine = NodeMachine<M::Types, M>;

    fn lifecycle(&self) -> &Lifecycle<Self::Types, Self::Machine> {
        self.node.lifecycle()
    }

    fn leases(&self) -> &EpochLeases {
        &self.leases
    }

    fn failure(&self) -> Option<ConsensusError> {
        self.node.store().failure().map(ConsensusError::permanent)
    }

    fn failed(&self) -> BoxFuture<'static, ConsensusError> {
        let store = self.node.store().clone();
        Box::pin(async move { ConsensusError::permanent(store.broken().await) })
    }

    fn applied(&self) -> &AppliedHighWater {
        &self.applied
    }

    fn command(&self, command: HighWaterCommand) -> AppDataOf<M::Types> {
        M::command(command)
    }

    fn outcome(&self, answer: AppResponseOf<M::Types>) -> Option<HighWaterOutcome> {
        M::outcome(answer)
    }

    fn member(&self, node: u64, described: &Endpoints) -> Member {
        described.member(node)
    }

    fn describe(&self, member: &Member) -> Endpoints {
        Endpoints::of(member)
    }
}
