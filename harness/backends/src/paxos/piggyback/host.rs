//! The counters as the oracle's host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_paxos::{EpochLeases, HighWaterCommand, HighWaterView, PaxosHighWaterHost};
use tsoracle_paxos_toolkit::{
    Handle, LeaseObserver, LeaseSettings, PaxosNode, PaxosNodeSettings, RequestId,
};
use tsoracle_peer_transport::Transport;
use tsoracle_testbed::NodeSpec;

use super::super::node::Hosted;
use super::machine::{Command, CountersMachine, Counts, Envelope};
use crate::traffic::Counters;

/// How long one of the store's own writes may take.
const LIMIT: Duration = Duration::from_secs(1);

/// A node of the store.
#[derive(Debug)]
pub(super) struct CountersHost {
    node: PaxosNode<Envelope>,
    leases: Arc<EpochLeases>,
    counts: Counts,
    high_water: HighWaterView,
    endpoints: BTreeMap<u64, String>,
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
        let members = spec.members.iter();
        let own = members.clone().find(|member| member.node == spec.node);
        let peer = members.clone().map(|m| (m.node, m.peer_endpoint.clone()));
        let service = members.map(|m| (m.node, m.service_endpoint.clone()));
        let leases = Arc::new(EpochLeases::default());
        let observer = Arc::clone(&leases) as Arc<dyn LeaseObserver<_>>;
        let settings = PaxosNodeSettings {
            listen: own.map_or_else(String::new, |own| own.peer_endpoint.clone()),
            members: peer.collect(),
            seed: spec.seed,
            lease: Some(LeaseSettings::observed(observer)),
            on_links: Some(Arc::new(faults)),
            ..PaxosNodeSettings::new(spec.cluster, spec.node, &spec.dir)
        };
        let machine = CountersMachine::default();
        let (counts, high_water) = (machine.counts.clone(), machine.high_water.view());
        let node = PaxosNode::start(settings, machine).await;
        Ok(Self {
            node: node.map_err(ConsensusError::permanent)?,
            leases,
            counts,
            high_water,
            endpoints: service.collect(),
        })
    }
}

#[async_trait]
impl Counters for CountersHost {
    async fn count_one(&self, key: u64) -> Result<u64, ConsensusError> {
        let handle = self.node.handle();
        let leads = handle.leadership().borrow().leads();
        let ballot = leads.ok_or_else(|| ConsensusError::transient("this node does not lead"))?;
        let command = Command::Count { key };
        let appended = handle
            .append(ballot, |request| Envelope { request, command }, LIMIT)
            .await;
        appended.map_err(ConsensusError::transient)?;
        Ok(self.counts.of(key))
    }

    fn counted(&self, key: u64) -> u64 {
        self.counts.of(key)
    }
}

impl PaxosHighWaterHost for CountersHost {
    type Entry = Envelope;

    fn handle(&self) -> &Handle<Envelope> {
        self.node.handle()
    }

    fn leases(&self) -> Option<&EpochLeases> {
        Some(&self.leases)
    }

    fn high_water(&self) -> &HighWaterView {
        &self.high_water
    }

    fn entry(&self, command: HighWaterCommand, request: RequestId) -> Envelope {
        let command = Command::HighWater(command);
        Envelope { request, command }
    }

    fn service_endpoint(&self, node: u64) -> Option<String> {
        self.endpoints.get(&node).cloned()
    }
}

impl Hosted for CountersHost {
    fn node(&self) -> &PaxosNode<Envelope> {
        &self.node
    }
}
