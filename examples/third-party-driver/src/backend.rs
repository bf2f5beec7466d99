//! The driver as the suite and the lab see it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError};
use tsoracle_testbed::{Backend, Capabilities, Damage, Node, NodeSpec, Timing, UnnoticedDamage};

use crate::JournalDriver;

/// Nodes of [`JournalDriver`].
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalBackend;

#[async_trait]
impl Backend for JournalBackend {
    fn name(&self) -> &str {
        "journal"
    }

    fn capabilities(&self) -> Capabilities {
        let cause = "frames lost since the last opening look like frames that were never synced";
        let cut = UnnoticedDamage {
            file: "journal".into(),
            damage: Damage::Truncate,
            cause: cause.into(),
        };
        Capabilities {
            unnoticed_damage: vec![cut],
            ..Capabilities::single_durable_node()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: JournalDriver::DEADLINE,
        }
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let driver = Arc::new(JournalDriver::open(&spec.dir).await?);
        let own = spec
            .members
            .into_iter()
            .find(|member| member.node == spec.node);
        let service_endpoint = own
            .map(|member| member.service_endpoint)
            .unwrap_or_default();
        Ok(Arc::new(JournalNode {
            driver,
            service_endpoint,
        }))
    }
}

struct JournalNode {
    driver: Arc<JournalDriver>,
    service_endpoint: String,
}

#[async_trait]
impl Node for JournalNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.driver) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        self.service_endpoint.clone()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.driver.shutdown().await
    }
}
