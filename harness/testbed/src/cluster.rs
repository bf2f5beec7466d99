//! A cluster of nodes under test, in this process or each in its own.

mod node;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tsoracle_consensus::{ConsensusDriver, Epoch, LeaderState, Lease, Member, NodeId};

pub use node::TestNode;

use crate::{Backend, NodeSpec, Patience, TestbedError, TimedOut};

/// Where nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// All in this process: fast, and futures can be dropped at any await point.
    InProcess,
    /// Each in a process of its own: kills, stops and disk faults are real.
    Processes,
}

/// Wraps the driver of a node, for example to record its calls.
pub type Decorator =
    Arc<dyn Fn(NodeId, Arc<dyn ConsensusDriver>) -> Arc<dyn ConsensusDriver> + Send + Sync>;

/// What cluster to start.
#[derive(Clone)]
pub struct ClusterPlan {
    /// The driver under test.
    pub backend: Arc<dyn Backend>,
    /// How many nodes.
    pub size: usize,
    /// Each node gets a folder in here.
    pub dir: PathBuf,
    /// Where nodes run.
    pub placement: Placement,
    /// Seed for what nodes randomize.
    pub seed: u64,
    /// Wraps each driver that the cluster hands out.
    pub decorate: Decorator,
}

impl std::fmt::Debug for ClusterPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterPlan")
            .field("backend", &self.backend.name())
            .field("size", &self.size)
            .field("dir", &self.dir)
            .field("placement", &self.placement)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Nodes under test, and who leads them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<TestNode>,
}

/// The node that shows `Leader`, with all that a call needs.
#[derive(Clone)]
pub struct Leader {
    /// Its place in the cluster.
    pub index: usize,
    /// Its driver.
    pub driver: Arc<dyn ConsensusDriver>,
    /// The epoch that it leads with.
    pub epoch: Epoch,
    /// Its lease; absent for a node in another process.
    pub lease: Lease,
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "leader {} of epoch {}", self.index, self.epoch)
    }
}

impl Cluster {
    /// Lays out a cluster without starting anything.
    ///
    /// # Errors
    /// [`TestbedError::System`] when folders or ports are not to be had.
    pub fn prepare(plan: &ClusterPlan) -> Result<Self, TestbedError> {
        let endpoints = free_endpoints(2 * plan.size)?;
        let members: Vec<_> = (1..)
            .zip(endpoints.chunks_exact(2))
            .map(|(node, pair)| Member {
                node,
                peer_endpoint: pair[0].clone(),
                service_endpoint: pair[1].clone(),
            })
            .collect();
        let nodes = members
            .iter()
            .map(|member| {
                let dir = plan.dir.join(format!("node-{}", member.node));
                let members = members.clone();
                let spec = NodeSpec {
                    node: member.node,
                    members,
                    dir,
                    seed: plan.seed,
                };
                TestNode::new(plan, spec)
            })
            .collect::<Result<_, TestbedError>>()?;
        Ok(Self { nodes })
    }

    /// Lays out a cluster and starts every node.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn start(plan: &ClusterPlan) -> Result<Self, TestbedError> {
        let mut cluster = Self::prepare(plan)?;
        cluster.start_all().await?;
        Ok(cluster)
    }

    /// Starts every node that does not run.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn start_all(&mut self) -> Result<(), TestbedError> {
        for node in &mut self.nodes {
            if !node.is_running() {
                node.start().await?;
            }
        }
        Ok(())
    }

    /// Shuts every running node down.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn shutdown_all(&mut self) -> Result<(), TestbedError> {
        for node in &mut self.nodes {
            if node.is_running() {
                node.shutdown().await?;
            }
        }
        Ok(())
    }

    /// Shuts every node down and starts it again on its store.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn restart_all(&mut self) -> Result<(), TestbedError> {
        self.shutdown_all().await?;
        self.start_all().await
    }

    /// The nodes, in the order of their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[TestNode] {
        &self.nodes
    }

    /// The node at a place, to act on.
    ///
    /// # Errors
    /// [`TestbedError::NotRunning`] for a place that the cluster does not have.
    pub fn node_mut(&mut self, index: usize) -> Result<&mut TestNode, TestbedError> {
        self.nodes.get_mut(index).ok_or(TestbedError::NotRunning {
            node: index as u64 + 1,
        })
    }

    /// Waits until a running node shows `Leader`.
    ///
    /// # Errors
    /// [`TimedOut`] when none does.
    pub async fn leader(&self, patience: Patience) -> Result<Leader, TimedOut> {
        patience
            .wait_for("a node that shows Leader", self.next_leader())
            .await
    }

    async fn next_leader(&self) -> Leader {
        let views = self.nodes.iter().enumerate().filter_map(|(index, node)| {
            let driver = node.driver().ok()?;
            let states = driver.leadership_events();
            Some(
                states
                    .map(move |state| (index, Arc::clone(&driver), state))
                    .boxed(),
            )
        });
        let mut views = stream::select_all(views);
        while let Some((index, driver, state)) = views.next().await {
            if let LeaderState::Leader { epoch, lease } = state {
                return Leader {
                    index,
                    driver,
                    epoch,
                    lease,
                };
            }
        }
        // Every stream has ended; the caller's patience ends the wait.
        std::future::pending().await
    }
}

/// Different loopback endpoints that were free a moment ago.
fn free_endpoints(count: usize) -> Result<Vec<String>, TestbedError> {
    let failed = |source| TestbedError::system("no free port on the loopback", source);
    // All are held until the last is found, so that no two are the same.
    let held: Vec<_> = (0..count)
        .map(|_| std::net::TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    held.iter()
        .map(|listener| listener.local_addr().map(|endpoint| endpoint.to_string()))
        .collect::<Result<_, _>>()
        .map_err(failed)
}
