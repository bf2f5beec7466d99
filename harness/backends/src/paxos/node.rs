//! A running node of the paxos driver, as the testbed sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Handoff};
use tsoracle_driver_paxos::{CarriesHighWater, NodeHost, PaxosDriver, PaxosHighWaterHost};
use tsoracle_testbed::{Hooks, LinkFaults, Node, NodeSpec, Traffic};

use super::hooks::hooks;
use crate::closing::Closing;
use crate::links::{TransportLinks, sent_by};

/// How long a node may take to stop.
const STOP: Duration = Duration::from_millis(3_500);

/// One node. Dropped, it goes without a word to anyone.
pub(super) struct PaxosTestNode<M: CarriesHighWater> {
    host: Arc<NodeHost<M>>,
    driver: Arc<PaxosDriver<NodeHost<M>>>,
    /// What the suite talks to: the driver, or something in front of it.
    shown: Arc<dyn ConsensusDriver>,
    service_endpoint: String,
    dir: PathBuf,
    closing: Closing,
}

impl<M: CarriesHighWater> PaxosTestNode<M> {
    pub(super) fn new(
        host: Arc<NodeHost<M>>,
        driver: Arc<PaxosDriver<NodeHost<M>>>,
        spec: &NodeSpec,
        closing: Closing,
    ) -> Self {
        Self {
            service_endpoint: host.service_endpoint(spec.node).unwrap_or_default(),
            host,
            shown: Arc::clone(&driver) as Arc<dyn ConsensusDriver>,
            driver,
            dir: spec.dir.clone(),
            closing,
        }
    }

    /// Shows another driver in front of this one.
    pub(super) fn behind(mut self, shown: Arc<dyn ConsensusDriver>) -> Self {
        self.shown = shown;
        self
    }
}

#[async_trait]
impl<M: CarriesHighWater> Node for PaxosTestNode<M> {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.shown)
    }

    fn service_endpoint(&self) -> String {
        self.service_endpoint.clone()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.driver.stop();
        self.host.shutdown(STOP).await
    }

    fn hooks(&self) -> Hooks {
        hooks(&self.host)
    }

    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        Some(Arc::clone(&self.driver) as Arc<dyn Handoff>)
    }

    fn traffic(&self) -> Option<Traffic> {
        Some(sent_by(self.host.node().transport()))
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        let transport = self.host.node().transport().clone();
        Some(Arc::new(TransportLinks::new(transport)))
    }
}

impl<M: CarriesHighWater> Drop for PaxosTestNode<M> {
    fn drop(&mut self) {
        let host = Arc::clone(&self.host);
        host.node().close();
        self.closing.close(self.dir.clone(), async move {
            // Whatever does not end in time goes on to the end of the process.
            let _ = host.shutdown(STOP * 2).await;
        });
    }
}
