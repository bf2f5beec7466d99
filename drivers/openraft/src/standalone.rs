//! A raft group of its own, for services that have none.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_openraft_toolkit::{
    Begin, GroupTimes, LeaseObserver, Lifecycle, LogId, NodeMachine, PeerAddress, RaftNode,
    RaftNodeSettings, StateMachine, declare_raft_types_ext,
};
use tsoracle_peer_transport::{Peer, PeerId};

use crate::{
    AppliedHighWater, EpochLeases, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot,
    HighWaterStateMachine, OpenraftHighWaterHost,
};

/// Where a node is reached, as the group's membership carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `host:port` for the other members.
    pub peer: String,
    /// `host:port` for clients; what a leader hint shows.
    pub service: String,
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peers {}, clients {}", self.peer, self.service)
    }
}

impl PeerAddress for Endpoints {
    fn peer(&self, id: u64) -> Peer {
        Peer::new(PeerId(id), self.peer.clone())
    }
}

impl Endpoints {
    /// Those of a member.
    #[must_use]
    pub fn of(member: &Member) -> Self {
        Self {
            peer: member.peer_endpoint.clone(),
            service: member.service_endpoint.clone(),
        }
    }

    /// The member that is reached here.
    #[must_use]
    pub fn member(&self, node: u64) -> Member {
        Member {
            node,
            peer_endpoint: self.peer.clone(),
            service_endpoint: self.service.clone(),
        }
    }
}

/// What the group answers: an outcome to a command, nothing to its own entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandaloneAnswer(Option<HighWaterOutcome>);

declare_raft_types_ext!(
    /// A group whose log carries the oracle's commands and nothing else.
    pub StandaloneTypes:
        D = HighWaterCommand,
        R = StandaloneAnswer,
        Node = Endpoints,
        SnapshotData = Bytes,
);

/// The state machine of a group that carries nothing else.
#[derive(Debug, Default)]
pub struct StandaloneMachine(HighWaterStateMachine);

impl StateMachine<StandaloneTypes> for StandaloneMachine {
    fn apply(&mut self, _at: &LogId, command: &HighWaterCommand) -> StandaloneAnswer {
        StandaloneAnswer(Some(self.0.apply(command)))
    }

    fn answer_without_command(&self) -> StandaloneAnswer {
        StandaloneAnswer(None)
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.snapshot().to_bytes())
    }

    fn restore(&mut self, state: Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.restore(HighWaterSnapshot::from_bytes(&state)?);
        Ok(())
    }
}

/// A turnkey host: store, links, engine and lease of one node.
#[derive(Debug)]
pub struct StandaloneHost {
    node: RaftNode<StandaloneTypes, StandaloneMachine>,
    leases: Arc<EpochLeases>,
    applied: AppliedHighWater,
}

impl StandaloneHost {
    /// A host of `node` in the cluster with the number `cluster`, its store in `dir`.
    pub fn builder(cluster: u64, node: u64, dir: impl Into<PathBuf>) -> StandaloneBuilder {
        StandaloneBuilder {
            settings: RaftNodeSettings::new(cluster, node, dir),
            members: BTreeMap::new(),
            joining: false,
        }
    }

    /// The node itself: its links, its store, its snapshots.
    #[must_use]
    pub fn node(&self) -> &RaftNode<StandaloneTypes, StandaloneMachine> {
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

/// Builds a [`StandaloneHost`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StandaloneBuilder {
    settings: RaftNodeSettings<Endpoints>,
    members: BTreeMap<u64, Endpoints>,
    joining: bool,
}

impl StandaloneBuilder {
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
    pub const fn joining(mut self, joining: bool) -> Self {
        self.joining = joining;
        self
    }

    /// The times that all nodes of the group share.
    pub const fn times(mut self, times: GroupTimes) -> Self {
        self.settings.times = times;
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
    /// `Permanent`, with a [`RaftNodeError`](tsoracle_openraft_toolkit::RaftNodeError) for its source: a store that is held or damaged, a
    /// port that is taken, members without this node.
    pub async fn start(self) -> Result<StandaloneHost, ConsensusError> {
        let leases = Arc::new(EpochLeases::default());
        let mut settings = self.settings;
        settings.observer = Arc::clone(&leases) as Arc<dyn LeaseObserver>;
        if let Some(own) = self.members.get(&settings.node) {
            settings.listen.clone_from(&own.peer);
        }
        settings.begin = if self.joining {
            Begin::Joining(self.members)
        } else {
            Begin::With(self.members)
        };
        let machine = StandaloneMachine::default();
        let applied = machine.0.applied();
        let node = RaftNode::start(settings, machine).await;
        Ok(StandaloneHost {
            node: node.map_err(ConsensusError::permanent)?,
            leases,
            applied,
        })
    }
}

impl OpenraftHighWaterHost for StandaloneHost {
    type Types = StandaloneTypes;
    type Machine = NodeMachine<StandaloneTypes, StandaloneMachine>;

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

    fn command(&self, command: HighWaterCommand) -> HighWaterCommand {
        command
    }

    fn outcome(&self, answer: StandaloneAnswer) -> Option<HighWaterOutcome> {
        answer.0
    }

    fn member(&self, node: u64, described: &Endpoints) -> Member {
        described.member(node)
    }

    fn describe(&self, member: &Member) -> Endpoints {
        Endpoints::of(member)
    }
}
