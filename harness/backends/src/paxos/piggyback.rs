//! The oracle on the log of a service that has its own: a store of counters whose commands stand
//! among the oracle's, with one snapshot for both.

mod machine;

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_paxos::{DriverSettings, PaxosDriver};
use tsoracle_testbed::{Backend, Capabilities, Node, NodeSpec, Timing};

use super::node::PaxosTestNode;
use super::{capabilities, crates, start_host, timing};
use crate::closing::Closing;
use crate::traffic::Busy;
use machine::{CountersMachine, Store};

/// [`PaxosDriver`] on the log of a small store of counters, which writes beside every persist and
/// checks at every load that it has lost nothing (N1).
#[derive(Clone, Debug, Default)]
pub struct PaxosPiggybackBackend {
    settings: DriverSettings,
    closing: Closing,
}

#[async_trait]
impl Backend for PaxosPiggybackBackend {
    fn name(&self) -> &str {
        "paxos-piggyback"
    }

    fn variant_of(&self) -> Option<&str> {
        Some("paxos")
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn timing(&self) -> Timing {
        timing(&self.settings, true)
    }

    fn crates(&self) -> Vec<(String, String)> {
        crates()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let machine = CountersMachine::default();
        let counts = machine.counts.clone();
        let host = start_host(&spec, &self.closing, |host| host.machine(machine)).await?;
        let driver = Arc::new(PaxosDriver::start(Arc::clone(&host), self.settings));
        let store = Store {
            host: Arc::clone(&host),
            counts,
        };
        let busy = Busy::new(Arc::clone(&driver) as _, Arc::new(store), spec.node);
        let node = PaxosTestNode::new(host, driver, &spec, self.closing.clone());
        Ok(Arc::new(node.behind(Arc::new(busy))))
    }
}
