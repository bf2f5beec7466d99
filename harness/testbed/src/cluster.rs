//! A cluster of nodes under test, in this process or each in its own.

mod leader;
mod lease;
mod links;
mod node;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::try_join_all;
use tsoracle_consensus::{ConsensusDriver, Member, NodeId};

pub use leader::Leader;
pub use lease::LeaseReader;
pub use node::TestNode;

use crate::{Backend, Links, NodeSpec, ProxyLinks, TestbedError, Time};

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

/// Nodes under test, the links between them, and who leads them.
#[derive(Debug)]
pub struct Cluster {
    plan: ClusterPlan,
    nodes: Vec<TestNode>,
    proxies: Option<ProxyLinks>,
}

impl Cluster {
    /// Lays out a cluster without starting anything.
    ///
    /// # Errors
    /// [`TestbedError::System`] when folders or ports are not to be had.
    pub fn prepare(plan: &ClusterPlan) -> Result<Self, TestbedError> {
        let proxies = match plan.backend.capabilities().links {
            Links::Proxy => Some(ProxyLinks::new(plan.seed)?),
            Links::None | Links::Node => None,
        };
        let mut cluster = Self {
            plan: plan.clone(),
            nodes: Vec::new(),
            proxies,
        };
        let members = cluster.new_members(plan.size)?;
        for member in &members {
            cluster.lay_out(member.node, members.clone(), false)?;
        }
        Ok(cluster)
    }

    /// Lays out one more node, which waits to be added by the members of the cluster; returns its
    /// place and how they reach it.
    ///
    /// # Errors
    /// [`TestbedError::System`] when a folder or ports are not to be had.
    pub fn lay_out_joiner(&mut self) -> Result<(usize, Member), TestbedError> {
        let mut members = self.nodes[0].spec().members.clone();
        // Who has joined since may lead by now.
        for node in &self.nodes[members.len().min(self.nodes.len())..] {
            let spec = node.spec();
            let own = spec.members.iter().find(|own| own.node == spec.node);
            members.extend(own.cloned());
        }
        let joiner = self.new_members(1)?.remove(0);
        members.retain(|member| member.node != joiner.node);
        members.push(joiner.clone());
        self.lay_out(joiner.node, members, true)?;
        let announced = match &self.proxies {
            Some(proxies) => proxies.announced(&joiner)?,
            None => joiner,
        };
        Ok((self.nodes.len() - 1, announced))
    }

    /// Members with the next numbers.
    fn new_members(&self, count: usize) -> Result<Vec<Member>, TestbedError> {
        let first = self.nodes.len() as NodeId + 1;
        let endpoints = match self.plan.backend.time() {
            Time::Real => free_endpoints(2 * count)?,
            Time::Virtual => simulated_endpoints(first, count),
        };
        Ok((first..)
            .zip(endpoints.chunks_exact(2))
            .map(|(node, pair)| Member {
                node,
                peer_endpoint: pair[0].clone(),
                service_endpoint: pair[1].clone(),
            })
            .collect())
    }

    /// From the name of its folder and the seed: the same in every run.
    fn number(&self) -> u64 {
        let name = self.plan.dir.file_name().unwrap_or_default();
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        let bytes = name.as_encoded_bytes().iter();
        bytes.fold(FNV_BASIS ^ self.plan.seed, step)
    }

    fn lay_out(
        &mut self,
        node: NodeId,
        members: Vec<Member>,
        joining: bool,
    ) -> Result<(), TestbedError> {
        let members = match &self.proxies {
            Some(proxies) => proxies.view(node, &members)?,
            None => members,
        };
        let spec = NodeSpec {
            cluster: self.number(),
            node,
            members,
            joining,
            dir: self.plan.dir.join(format!("node-{node}")),
            seed: self.plan.seed.wrapping_add(node << 32),
            link_faults: BTreeMap::new(),
        };
        self.nodes.push(TestNode::new(&self.plan, spec)?);
        Ok(())
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

    /// Starts every node that does not run, all at the same time.
    ///
    /// # Errors
    /// The first refusal; the starts of the other nodes are given up then.
    pub async fn start_all_at_once(&mut self) -> Result<(), TestbedError> {
        let resting = self.nodes.iter_mut().filter(|node| !node.is_running());
        try_join_all(resting.map(TestNode::start)).await.map(drop)
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
}

/// FNV-1a.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Endpoints of machines that exist in virtual time only: the same in every run.
fn simulated_endpoints(first: NodeId, count: usize) -> Vec<String> {
    (first..)
        .take(count)
        .flat_map(|node| [7001, 8001].map(|port| format!("10.0.0.{node}:{port}")))
        .collect()
}

/// Different loopback endpoints for members that come and go.
///
/// They are of an address of their own: the system gives ports of `127.0.0.1` to every connection
/// that anybody opens, so one whose member is down would not stay free.
fn free_endpoints(count: usize) -> Result<Vec<String>, TestbedError> {
    let failed = |source| TestbedError::system("no free port on the loopback", source);
    let [a, b, c]: [u8; 3] = rand::random();
    let own = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
    // All are held until the last is found, so that no two are the same.
    let held: Vec<_> = (0..count)
        .map(|_| listen_at(own))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    held.iter()
        .map(|listener| listener.local_addr().map(|endpoint| endpoint.to_string()))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

/// Where the loopback is one address only, that one has to do.
fn listen_at(own: Ipv4Addr) -> io::Result<TcpListener> {
    match TcpListener::bind((own, 0)) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn no_connection_can_take_the_endpoint_of_a_member() {
        let endpoints = free_endpoints(4).unwrap();
        for endpoint in &endpoints {
            let member = TcpListener::bind(endpoint).unwrap();
            let connection = TcpStream::connect(endpoint).unwrap();
            let (own, given) = (
                member.local_addr().unwrap(),
                connection.local_addr().unwrap(),
            );
            assert_ne!(own.ip(), given.ip());
        }
        assert_ne!(endpoints, free_endpoints(4).unwrap());
    }
}
