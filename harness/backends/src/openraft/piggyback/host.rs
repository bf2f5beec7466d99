//! The counters as the oracle's host.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_driver_openraft::{
    AppliedHighWater, Endpoints, EpochLeases, HighWaterCommand, HighWaterOutcome,
    OpenraftHighWaterHost,
};
use tsoracle_openraft_toolkit::{
    Begin, LeaseObserver, Lifecycle, NodeMachine, RaftNode, RaftNodeSettings,
};
use tsoracle_peer_transport::Transport;
use tsoracle_testbed::NodeSpec;

use super::super::node::Hosted;
use super::machine::{Answer, CountersMachine, CountersTypes, Envelope};

/// A node of the store.
#[derive(Debug)]
pub(super) struct CountersHost {
    node: RaftNode<CountersTypes, CountersMachine>,
    leases: Arc<EpochLeases>,
    applied: AppliedHighWater,
}

impl CountersHost {
    /// Starts a node, with faults on its links from the first frame on.
    ///
    /// # Errors
    /// `Permanent`: the store or the port.
    pub(super) async fn start(
        spec: &NodeSpec,
        faults: impl Fn(&Transport) + Send + Sync + 'static,
    ) -> Result<Self, ConsensusError> {
        let described = |member: &Member| (member.node, Endpoints::of(member));
        let members = spec.members.iter().map(described).collect();
        let own = spec.members.iter().find(|member| member.node == spec.node);
        let leases = Arc::new(EpochLeases::default());
        let settings = RaftNodeSettings {
            listen: own.map_or_else(String::new, |own| own.peer_endpoint.clone()),
            begin: if spec.joining {
                Begin::Joining(members)
            } else {
                Begin::With(members)
            },
            seed: spec.seed,
            observer: Arc::clone(&leases) as Arc<dyn LeaseObserver>,
            on_links: Some(Arc::new(faults)),
            ..RaftNodeSettings::new(spec.cluster, spec.node, &spec.dir)
        };
        let machine = CountersMachine::default();
        let applied = machine.high_water.applied();
        let node = RaftNode::start(settings, machine).await;
        Ok(Self {
            node: node.map_err(ConsensusError::permanent)?,
            leases,
            applied,
        })
    }

    /// Counts one more under a key, and returns the count once it is applied here.
    pub(super) async fn count(&self, key: u64) -> Result<u64, ConsensusError> {
        let written = self.node.raft().client_write(Envelope::Count { key }).await;
        match written.map_err(ConsensusError::transient)?.data {
            Answer::Counted(count) => Ok(count),
            Answer::Nothing | Answer::HighWater(_) => Err(ConsensusError::permanent(
                "the store answered something else",
            )),
        }
    }

    /// The count under a key, as this node has applied it.
    pub(super) fn counted(&self, key: u64) -> u64 {
        let count = |state: &CountersMachine| state.counts.get(&key).copied();
        self.node.machine().read(count).unwrap_or(0)
    }
}

impl OpenraftHighWaterHost for CountersHost {
    type Types = CountersTypes;
    type Machine = NodeMachine<CountersTypes, CountersMachine>;

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

    fn command(&self, command: HighWaterCommand) -> Envelope {
        Envelope::HighWater(command)
    }

    fn outcome(&self, answer: Answer) -> Option<HighWaterOutcome> {
        match answer {
            Answer::HighWater(outcome) => Some(outcome),
            Answer::Nothing | Answer::Counted(_) => None,
        }
    }

    fn member(&self, node: u64, described: &Endpoints) -> Member {
        described.member(node)
    }

    fn describe(&self, member: &Member) -> Endpoints {
        Endpoints::of(member)
    }
}

impl Hosted for CountersHost {
    type State = CountersMachine;

    fn node(&self) -> &RaftNode<Self::Types, Self::State> {
        &self.node
    }
}
