//! One place of a cluster: a directory, and whatever runs on it at the moment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tsoracle_consensus::{ConsensusDriver, ConsensusError};

use super::{ClusterPlan, Decorator, Placement};
use crate::{Backend, Hooks, Node, NodeSpec, ProcessDisk, ProcessNode, TestbedError};

/// A node under test with its directory. It can be started, stopped, killed, and started again.
pub struct TestNode {
    backend: Arc<dyn Backend>,
    spec: NodeSpec,
    placement: Placement,
    decorate: Decorator,
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

    /// Makes the node's process without starting the node, so that disk faults can be set first.
    /// Nothing to do for a node in this process.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn spawn(&mut self) -> Result<(), TestbedError> {
        if self.placement == Placement::Processes && self.running.is_none() {
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

    /// The hooks of the running node; none for a node in another process.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    pub fn hooks(&self) -> Result<Hooks, TestbedError> {
        match self.running()? {
            Running::Here(node) => Ok(node.hooks()),
            Running::Elsewhere { .. } => Ok(Hooks::default()),
        }
    }

    /// Asks the running node to shut down and leaves it in place, for checks of shutdown itself.
    ///
    /// # Errors
    /// The driver's answer, or [`TestbedError::NotRunning`].
    pub async fn request_shutdown(&self) -> Result<(), TestbedError> {
        let answer: Result<(), ConsensusError> = match self.running()? {
            Running::Here(node) => node.shutdown().await,
            Running::Elsewhere { process, .. } => process.shutdown().await,
        };
        answer.map_err(TestbedError::Driver)
    }

    /// Shuts the node down and lets go of it; a process of its own ends.
    ///
    /// # Errors
    /// The driver's answer, or [`TestbedError::NotRunning`].
    pub async fn shutdown(&mut self) -> Result<(), TestbedError> {
        let answer = self.request_shutdown().await;
        self.running = None;
        answer
    }

    /// SIGKILL to the node's process, and waits until it is gone.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn kill(&mut self) -> Result<(), TestbedError> {
        self.process_mut()?.kill()?;
        self.running = None;
        Ok(())
    }

    /// Waits until the node's process has ended by itself, as it does at a crash rule.
    ///
    /// # Errors
    /// [`TestbedError::System`] when it lives on.
    pub async fn wait_for_crash(&mut self, limit: Duration) -> Result<(), TestbedError> {
        let ended = self.process_mut()?.wait_for_exit(limit).await;
        self.running = None;
        ended.map(drop).map_err(|timed_out| {
            TestbedError::system("a crash rule", std::io::Error::other(timed_out))
        })
    }

    /// SIGSTOP to the node's process.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn freeze(&self) -> Result<(), TestbedError> {
        self.process()?.freeze()
    }

    /// SIGCONT to the node's process.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn thaw(&self) -> Result<(), TestbedError> {
        self.process()?.thaw()
    }

    /// The node's process, for what only processes have.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn process(&self) -> Result<&ProcessNode, TestbedError> {
        match self.running()? {
            Running::Elsewhere { process, .. } => Ok(process),
            Running::Here(_) => Err(TestbedError::NeedsProcess {
                node: self.spec.node,
            }),
        }
    }

    /// Faults below the node's file calls.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`], [`TestbedError::NotRunning`].
    pub fn disk(&self) -> Result<&ProcessDisk, TestbedError> {
        Ok(self.process()?.disk())
    }

    /// After a kill: undoes everything below the store that was not synced.
    ///
    /// # Errors
    /// [`TestbedError::Faults`].
    pub fn lose_unsynced(&self) -> Result<tsoracle_faultfs::Loss, TestbedError> {
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

    fn process_mut(&mut self) -> Result<&mut ProcessNode, TestbedError> {
        let node = self.spec.node;
        match &mut self.running {
            Some(Running::Elsewhere { process, .. }) => Ok(process),
            Some(Running::Here(_)) => Err(TestbedError::NeedsProcess { node }),
            None => Err(TestbedError::NotRunning { node }),
        }
    }
}

fn make_dir(dir: &Path) -> Result<(), TestbedError> {
    std::fs::create_dir_all(dir).map_err(|source| {
        TestbedError::system(format!("cannot make the folder {}", dir.display()), source)
    })
}
