//! What a scenario acts on.

mod cluster;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusDriver;
use tsoracle_testbed::{DiskFaults, LeaseReader, LinkFault, TestbedError};

pub use cluster::ClusterSite;

/// How a node that runs is reached, without a hold on its site.
#[derive(Clone)]
pub struct Reach {
    /// Its driver.
    pub driver: Arc<dyn ConsensusDriver>,
    /// Its lease.
    pub lease: LeaseReader,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").finish_non_exhaustive()
    }
}

/// Nodes by their place, and the faults that can be made on them: a cluster of processes, of
/// simulated machines, or whatever else runs nodes. Methods that take a place fail with
/// [`TestbedError::NotRunning`] where no node runs.
#[async_trait]
pub trait Site: Send + Sync {
    /// The service endpoint of each node, by its place; what hints name.
    fn endpoints(&self) -> Vec<String>;

    /// How the node at a place is reached.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`].
    fn reach(&self, place: usize) -> Result<Reach, TestbedError>;

    /// Whether the node at a place was started, and neither stopped nor killed since.
    fn is_running(&self, place: usize) -> bool;

    /// Starts a node that does not run.
    ///
    /// # Errors
    /// The driver's refusal.
    async fn start(&mut self, place: usize) -> Result<(), TestbedError>;

    /// Starts every node that does not run, all at once.
    ///
    /// # Errors
    /// The first refusal.
    async fn start_all(&mut self) -> Result<(), TestbedError>;

    /// Shuts a node down in good order.
    ///
    /// # Errors
    /// The driver's answer.
    async fn stop(&mut self, place: usize) -> Result<(), TestbedError>;

    /// Ends a node without a word: SIGKILL where it has a process.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    async fn kill(&mut self, place: usize) -> Result<(), TestbedError>;

    /// Stops a node where it is, as SIGSTOP does.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`].
    async fn freeze(&mut self, place: usize) -> Result<(), TestbedError>;

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`].
    async fn thaw(&mut self, place: usize) -> Result<(), TestbedError>;

    /// Sets what the link from one node to another does, over restarts too.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`].
    async fn set_link(
        &mut self,
        from: usize,
        to: usize,
        fault: LinkFault,
    ) -> Result<(), TestbedError>;

    /// How many frames on a link did not go their usual way since its sender started.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`].
    async fn disturbed(&self, from: usize, to: usize) -> Result<u64, TestbedError>;

    /// Faults below a node's file calls.
    ///
    /// # Errors
    /// [`TestbedError::NeedsProcess`].
    fn disk(&self, place: usize) -> Result<Arc<dyn DiskFaults>, TestbedError>;

    /// The directory of a node's store.
    fn dir(&self, place: usize) -> &Path;

    /// Keeps a journal, from the next start on, of what the nodes have not synced. Nothing runs yet.
    ///
    /// # Errors
    /// [`TestbedError::Faults`].
    async fn record_unsynced(&mut self) -> Result<(), TestbedError>;

    /// After a kill: undoes every write of a node that was not synced; how many files and names
    /// went back.
    ///
    /// # Errors
    /// [`TestbedError::Faults`].
    fn lose_unsynced(&mut self, place: usize) -> Result<u64, TestbedError>;

    /// Asks a node to stand for election now.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`], or the driver's refusal.
    async fn campaign(&self, place: usize) -> Result<(), TestbedError>;

    /// Gives leadership from one node to another. Inside, whether it moved, or why not.
    ///
    /// # Errors
    /// [`TestbedError::Lacks`].
    async fn hand_off(&self, from: usize, to: usize) -> Result<Result<(), String>, TestbedError>;
}
