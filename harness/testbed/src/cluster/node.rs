//! One place of a cluster: a directory, and whatever runs on it at the moment.

mod ending;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsoracle_consensus::{BootInstant, ConsensusDriver, Handoff, Membership, NodeId};

use super::{ClusterPlan, Decorator, LeaseReader, Placement};
use crate::{
    Backend, DiskFaults, Hooks, LinkFault, Machine, Node, NodeSpec, ProcessNode, TestbedError,
    Traffic,
};

/// A node under test with its directory. It can be started, stopped, killed, and started again.
pub struct TestNode {
    backend: Arc<dyn Backend>,
    spec: NodeSpec,
    placement: Placement,
    decorate: Decorator,
    machine: Option<Arc<dyn Machine>>,
    running: Option<Running>,
}

enum Running {
    Here(Arc<dyn Node>),
    Elsewhere { process: ProcessNode, started: bool },
}

impl std::fmt::Debug for TestNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node {} of {}", self.spec.node, self.backend.name())
    }
}

impl TestNode {
    pub(super) fn new(plan: &ClusterPlan, spec: NodeSpec) -> Result<Self, TestbedError> {
        make_dir(&spec.dir)?;
        Ok(Self {
            backend: Arc::clone(&plan.backend),
            machine: plan.backend.machine(&spec),
            spec,
            placement: plan.placement,
            decorate: Arc::clone(&plan.decorate),
            running: None,
        })
    }

    /// Its number, directory and fellow members.
    #[must_use]
    pub fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// Its store's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.spec.dir
    }

    /// Whether the node was started and neither shut down nor killed since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(
            &self.running,
            Some(Running::Here(_) | Running::Elsewhere { started: true, .. })
        )
    }

    /// Whether there is something to kill: a started node on a machine of its own, or a process.
    #[must_use]
    pub fn is_spawned(&self) -> bool {
        match &self.running {
            Some(Running::Here(_)) => self.machine.is_some(),
            Some(Running::Elsewhere { .. }) => true,
            None => false,
        }
    }

    /// Makes the node's process without starting the node, so that disk faults can be set first.
    /// Nothing to do for a node in this process.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn spawn(&mut self) -> Result<(), TestbedError> {
        let needs_process = self.placement == Placement::Processes && self.machine.is_none();
        if needs_process && self.running.is_none() {
            let journal_dir = self.journal_dir();
            let process = ProcessNode::spawn(self.backend.name(), self.spec.node, &journal_dir)?;
            self.running = Some(Running::Elsewhere {
                process,
                started: false,
            });
        }
        Ok(())
    }

    /// Starts the node, in its process if it has one.
    ///
    /// # Errors
    /// [`TestbedError::Driver`] with the driver's refusal; the node does not run then.
    pub async fn start(&mut self) -> Result<(), TestbedError> {
        self.spawn()?;
        let spec = self.spec.clone();
        match &mut self.running {
            Some(Running::Elsewhere { process, started }) => {
                process.start(spec).await?;
                *started = true;
            }
            _ => self.running = Some(Running::Here(self.backend.start(spec).await?)),
        }
        Ok(())
    }

    /// The driver of the running node.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn driver(&self) -> Result<Arc<dyn ConsensusDriver>, TestbedError> {
        let driver = match self.running()? {
            Running::Here(node) => node.driver(),
            Running::Elsewhere { process, .. } => process.driver(),
        };
        Ok((self.decorate)(self.spec.node, driver))
    }

    /// `host:port` of the service that would run on the running node.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn service_endpoint(&self) -> Result<String, TestbedError> {
        Ok(match self.running()? {
            Running::Here(node) => node.service_endpoint(),
            Running::Elsewhere { process, .. } => process.service_endpoint(),
        })
    }

    /// The hooks of the running node.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn hooks(&self) -> Result<Hooks, TestbedError> {
        Ok(match self.running()? {
            Running::Here(node) => node.hooks(),
            Running::Elsewhere { process, .. } => process.hooks(&self.backend.capabilities().hooks),
        })
    }

    /// The running node's way to move leadership.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`]; [`TestbedError::Lacks`] when the driver has none.
    pub fn handoff(&self) -> Result<Arc<dyn Handoff>, TestbedError> {
        let handoff = match self.running()? {
            Running::Here(node) => node.handoff(),
            Running::Elsewhere { process, .. } => Some(process.handoff()),
        };
        handoff.ok_or(TestbedError::Lacks("Handoff"))
    }

    /// The running node's way to change members.
    ///
    /// # Errors
    /// As [`handoff`](Self::handoff).
    pub fn membership(&self) -> Result<Arc<dyn Membership>, TestbedError> {
        let membership = match self.running()? {
            Running::Here(node) => node.membership(),
            Running::Elsewhere { process, .. } => Some(process.membership()),
        };
        membership.ok_or(TestbedError::Lacks("Membership"))
    }

    /// What the running node has sent to its peers since it started; `None` if its network does not
    /// count, and for a node in another process.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn traffic(&self) -> Result<Option<Traffic>, TestbedError> {
        Ok(match self.running()? {
            Running::Here(node) => node.traffic(),
            Running::Elsewhere { .. } => None,
        })
    }

    /// Until when the running node's lease is valid, if it leads and has one.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub async fn lease_deadline(&self) -> Result<Option<BootInstant>, TestbedError> {
        self.lease_reader()?.deadline().await
    }

    /// What reads the running node's lease while others act on the cluster.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn lease_reader(&self) -> Result<LeaseReader, TestbedError> {
        Ok(match self.running()? {
            Running::Here(node) => LeaseReader::here(node.driver()),
            Running::Elsewhere { process, .. } => process.lease_reader(),
        })
    }

    /// Sets what the link to another node does, now and after later starts.
    pub(super) async fn set_link(
        &mut self,
        to: NodeId,
        fault: LinkFault,
    ) -> Result<(), TestbedError> {
        self.spec.link_faults.insert(to, fault);
        match &self.running {
            Some(Running::Here(node)) => {
                let links = node.links().ok_or(TestbedError::Lacks("LinkFaults"))?;
                links.set(to, fault);
                Ok(())
            }
            Some(Running::Elsewhere { process, .. }) => process.set_link(to, fault).await,
            None => Ok(()),
        }
    }

    /// How many frames to another node did not go their usual way since this one started.
    pub(super) async fn disturbed(&self, to: NodeId) -> Result<u64, TestbedError> {
        match self.running()? {
            Running::Here(node) => {
                let links = node.links().ok_or(TestbedError::Lacks("LinkFaults"))?;
                Ok(links.disturbed(to))
            }
            Running::Elsewhere { process, .. } => process.disturbed(to).await,
        }
    }

    /// The number of the process that the running node is in.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn pid(&self) -> Result<u32, TestbedError> {
        Ok(match self.running()? {
            Running::Here(_) => std::process::id(),
            Running::Elsewhere { process, .. } => process.pid(),
        })
    }

    /// Faults below the node's file calls.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn disk(&self) -> Result<Arc<dyn DiskFaults>, TestbedError> {
        if let Some(machine) = &self.machine {
            return Ok(machine.disk());
        }
        match self.running()? {
            Running::Elsewhere { process, .. } => Ok(Arc::new(process.disk().clone())),
            Running::Here(_) => Err(self.needs_process()),
        }
    }

    /// After a kill: undoes everything below the store that was not synced.
    ///
    /// # Errors
    /// [`TestbedError::Faults`].
    pub fn lose_unsynced(&self) -> Result<tsoracle_faultfs::Loss, TestbedError> {
        if let Some(machine) = &self.machine {
            return machine.lose_unsynced();
        }
        tsoracle_faultfs::lose_unsynced(self.dir(), &self.journal_dir())
            .map_err(|error| TestbedError::Faults(error.to_string()))
    }

    /// Erases the store of a node that does not run.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn wipe(&mut self) -> Result<(), TestbedError> {
        std::fs::remove_dir_all(&self.spec.dir)
            .map_err(|source| TestbedError::system("cannot erase a store", source))?;
        make_dir(&self.spec.dir)
    }

    fn journal_dir(&self) -> PathBuf {
        self.spec.dir.with_extension("unsynced")
    }

    fn running(&self) -> Result<&Running, TestbedError> {
        self.running.as_ref().ok_or(TestbedError::NotRunning {
            node: self.spec.node,
        })
    }

    fn needs_process(&self) -> TestbedError {
        let node = self.spec.node;
        TestbedError::NeedsProcess { node }
    }
}

fn make_dir(dir: &Path) -> Result<(), TestbedError> {
    std::fs::create_dir_all(dir).map_err(|source| {
        TestbedError::system(format!("cannot make the folder {}", dir.display()), source)
    })
}
