//! The file driver as a backend.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError};
use tsoracle_driver_file::{FileDriver, FileSettings};
use tsoracle_testbed::{Backend, Capabilities, Damage, Node, NodeSpec, Timing, UnnoticedDamage};

/// [`FileDriver`] at its default settings.
#[derive(Clone, Debug, Default)]
pub struct FileBackend {
    settings: FileSettings,
}

#[async_trait]
impl Backend for FileBackend {
    fn name(&self) -> &str {
        "file"
    }

    fn capabilities(&self) -> Capabilities {
        let everything = UnnoticedDamage {
            file: "the whole directory".into(),
            damage: Damage::Remove,
            cause: "an empty directory is what a first start finds".into(),
        };
        Capabilities {
            unnoticed_damage: vec![everything],
            ..Capabilities::single_durable_node()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: self.settings.deadline,
        }
    }

    fn crates(&self) -> Vec<(String, String)> {
        vec![(
            "tsoracle-driver-file".into(),
            env!("CARGO_PKG_VERSION").into(),
        )]
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let driver = Arc::new(FileDriver::open(&spec.dir, self.settings).await?);
        let own = spec
            .members
            .into_iter()
            .find(|member| member.node == spec.node);
        let service_endpoint = own
            .map(|member| member.service_endpoint)
            .unwrap_or_default();
        Ok(Arc::new(FileNode {
            driver,
            service_endpoint,
        }))
    }
}

struct FileNode {
    driver: Arc<FileDriver>,
    service_endpoint: String,
}

#[async_trait]
impl Node for FileNode {
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
