//! The oracle on the log of a service that has its own: a store of counters whose commands stand
//! among the oracle's, with one snapshot for both.

mod machine;

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_openraft::{DriverSettings, NodeHost, OpenraftDriver};
use tsoracle_testbed::{Backend, Capabilities, Node, NodeSpec, Timing};

use super::node::RaftTestNode;
use super::{capabilities, crates, start_host, timing};
use crate::closing::Closing;
use crate::traffic::{Busy, Counters};
use machine::CountersMachine;

/// [`OpenraftDriver`] on the log of a small store of counters, which writes beside every persist and
/// checks at every load that it has lost nothing (N1).
#[derive(Clone, Debug, Default)]
pub struct OpenraftPiggybackBackend {
    settings: DriverSettings,
    closing: Closing,
}

#[async_trait]
impl Backend for OpenraftPiggybackBackend {
    fn name(&self) -> &str {
        "openraft-piggyback"
    }

    fn variant_of(&self) -> Option<&str> {
        Some("openraft")
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn timing(&self) -> Timing {
        timing(&self.settings)
    }

    fn crates(&self) -> Vec<(String, String)> {
        crates()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let host: NodeHost<CountersMachine> =
            start_host(&spec, &self.closing, |settings| settings).await?;
        let host = Arc::new(host);
        let driver = Arc::new(OpenraftDriver::start(Arc::clone(&host), self.settings));
        let store = Arc::clone(&host) as Arc<dyn Counters>;
        let busy = Busy::new(Arc::clone(&driver) as _, store, spec.node);
        let node = RaftTestNode::new(host, driver, &spec, self.closing.clone());
        Ok(Arc::new(node.behind(Arc::new(busy))))
    }
}
