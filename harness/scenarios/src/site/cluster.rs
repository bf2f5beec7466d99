//! A cluster of the testbed as a site: node processes, or simulated machines.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_testbed::{
    Backend, Cluster, ClusterPlan, DiskFaults, Durability, LinkFault, Placement, Recorder,
    Recording, TestbedError, Time,
};

use super::{Reach, Site};

/// Nodes of one backend on this machine, each call of which is recorded.
#[derive(Debug)]
pub struct ClusterSite {
    cluster: Cluster,
}

impl ClusterSite {
    /// Lays out a cluster without starting anything: each node in a process of its own where the
    /// driver's store outlives it, in this one for simulated machines and for stores in memory.
    ///
    /// # Errors
    /// [`TestbedError::System`] when folders or ports are not to be had.
    pub fn prepare(
        backend: &Arc<dyn Backend>,
        size: usize,
        dir: &Path,
        seed: u64,
        recording: &Recording,
    ) -> Result<Self, TestbedError> {
        let is_real = backend.time() == Time::Real;
        let placement = match backend.capabilities().durability {
            Durability::Disk if is_real => Placement::Processes,
            Durability::Disk | Durability::Process => Placement::InProcess,
        };
        let recording = recording.clone();
        let plan = ClusterPlan {
            backend: Arc::clone(backend),
            size,
            dir: dir.join("cluster"),
            placement,
            seed,
            decorate: Arc::new(move |node, driver| {
                Arc::new(Recorder::new(node, driver, recording.clone()))
            }),
        };
        let cluster = Cluster::prepare(&plan)?;
        Ok(Self { cluster })
    }
}

#[async_trait]
impl Site for ClusterSite {
    fn endpoints(&self) -> Vec<String> {
        let endpoint = |node: &tsoracle_testbed::TestNode| {
            let spec = node.spec();
            let own = spec.members.iter().find(|own| own.node == spec.node);
            own.map(|own| own.service_endpoint.clone())
                .unwrap_or_default()
        };
        self.cluster.nodes().iter().map(endpoint).collect()
    }

    fn reach(&self, place: usize) -> Result<Reach, TestbedError> {
        let node = &self.cluster.nodes()[place];
        Ok(Reach {
            driver: node.driver()?,
            lease: node.lease_reader()?,
        })
    }

    fn is_running(&self, place: usize) -> bool {
        self.cluster.nodes()[place].is_running()
    }

    async fn start(&mut self, place: usize) -> Result<(), TestbedError> {
        self.cluster.node_mut(place)?.start().await
    }

    async fn start_all(&mut self) -> Result<(), TestbedError> {
        self.cluster.start_all_at_once().await
    }

    async fn stop(&mut self, place: usize) -> Result<(), TestbedError> {
        self.cluster.node_mut(place)?.shutdown().await
    }

    async fn kill(&mut self, place: usize) -> Result<(), TestbedError> {
        self.cluster.node_mut(place)?.crash()
    }

    async fn freeze(&mut self, place: usize) -> Result<(), TestbedError> {
        self.cluster.node_mut(place)?.freeze()
    }

    async fn thaw(&mut self, place: usize) -> Result<(), TestbedError> {
        self.cluster.node_mut(place)?.thaw()
    }

    async fn set_link(
        &mut self,
        from: usize,
        to: usize,
        fault: LinkFault,
    ) -> Result<(), TestbedError> {
        self.cluster.set_link(from, to, fault).await
    }

    async fn disturbed(&self, from: usize, to: usize) -> Result<u64, TestbedError> {
        self.cluster.disturbed(from, to).await
    }

    fn disk(&self, place: usize) -> Result<Arc<dyn DiskFaults>, TestbedError> {
        self.cluster.nodes()[place].disk()
    }

    fn dir(&self, place: usize) -> &Path {
        self.cluster.nodes()[place].dir()
    }

    async fn record_unsynced(&mut self) -> Result<(), TestbedError> {
        for place in 0..self.cluster.nodes().len() {
            let node = self.cluster.node_mut(place)?;
            node.spawn()?;
            let dir = node.dir().to_owned();
            node.disk()?.record_unsynced(&dir).await?;
        }
        Ok(())
    }

    fn lose_unsynced(&mut self, place: usize) -> Result<u64, TestbedError> {
        let loss = self.cluster.nodes()[place].lose_unsynced()?;
        Ok((loss.contents.len() + loss.names.len()) as u64)
    }

    async fn campaign(&self, place: usize) -> Result<(), TestbedError> {
        let campaign = self.cluster.nodes()[place].hooks()?.campaign;
        let campaign = campaign.ok_or(TestbedError::Lacks("hook campaign"))?;
        Ok(campaign(()).await?)
    }

    async fn hand_off(&self, from: usize, to: usize) -> Result<Result<(), String>, TestbedError> {
        let to = self.cluster.nodes()[to].spec().node;
        let handoff = self.cluster.nodes()[from].handoff()?;
        let moved = handoff.hand_off(to).await;
        Ok(moved.map_err(|refusal| refusal.to_string()))
    }
}
