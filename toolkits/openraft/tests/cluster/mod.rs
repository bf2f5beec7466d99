//! Groups in memory: nodes over a transport in memory, with logs whose flushes a test controls, and
//! a board that notices two valid leases at once.
#![allow(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed, and not every test uses everything"
)]

pub(crate) mod leases;
pub(crate) mod machine;
pub(crate) mod node;

use std::collections::BTreeMap;
use std::time::Duration;

use openraft::BasicNode;
use tokio::time::{Instant, sleep};
use tsoracle_openraft_toolkit::{Bootstrap, RaftBallot};
use tsoracle_peer_transport::{LinkFault, MemoryNetwork, PeerId};

use leases::Leases;
pub(crate) use node::{Engine, Node, Options};

tsoracle_openraft_toolkit::declare_raft_types_ext!(
    /// Numbers that are written down.
    pub Numbers:
        D = u64,
        R = u64,
        Node = BasicNode,
        SnapshotData = Vec<u8>,
);

/// For what should come about, however slow the machine is.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Waits for a condition, with a limit.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn address(node: u64) -> BasicNode {
    BasicNode::new(format!("node-{node}"))
}

pub(crate) fn members(nodes: impl IntoIterator<Item = u64>) -> BTreeMap<u64, BasicNode> {
    nodes
        .into_iter()
        .map(|node| (node, address(node)))
        .collect()
}

/// Nodes of one group.
pub(crate) struct Cluster {
    pub(crate) network: MemoryNetwork,
    pub(crate) leases: Leases,
    pub(crate) nodes: BTreeMap<u64, Node>,
}

impl Cluster {
    /// Nodes that know each other's addresses, and no group yet.
    pub(crate) async fn nodes(count: u64) -> Self {
        Self::with(count, |_| Options::default()).await
    }

    pub(crate) async fn with(count: u64, options: impl Fn(u64) -> Options) -> Self {
        let mut cluster = Self {
            network: MemoryNetwork::default(),
            leases: Leases::default(),
            nodes: BTreeMap::new(),
        };
        for id in 1..=count {
            cluster.start(id, options(id)).await;
        }
        cluster
    }

    /// A group of `count` voters with a leader whose lease is valid.
    pub(crate) async fn group(count: u64) -> Self {
        let cluster = Self::nodes(count).await;
        cluster.found(1..=count).await;
        cluster.leader().await;
        cluster
    }

    pub(crate) async fn start(&mut self, id: u64, options: Options) {
        let node = Node::start(id, &self.network, &self.leases, options).await;
        self.nodes.insert(id, node);
    }

    /// Begins a group of these voters at each of them.
    pub(crate) async fn found(&self, voters: impl IntoIterator<Item = u64>) {
        let members = members(voters);
        for id in members.keys() {
            let how = Bootstrap::Fresh {
                members: members.clone(),
            };
            self.nodes[id].lifecycle.bootstrap(how, SOON).await.unwrap();
        }
    }

    /// Stops a node and starts it again on what its disk holds.
    pub(crate) async fn restart(&mut self, id: u64) {
        let options = self.stop(id).await;
        self.start(id, options).await;
    }

    pub(crate) async fn stop(&mut self, id: u64) -> Options {
        self.nodes.remove(&id).unwrap().stop().await
    }

    /// The node whose lease is valid, once there is one.
    pub(crate) async fn leader(&self) -> u64 {
        self.leader_above(None).await
    }

    /// The node whose lease is valid under a ballot above this one, once there is one.
    pub(crate) async fn leader_above(&self, ballot: Option<RaftBallot>) -> u64 {
        let mut found = None;
        until("a node leads with a valid lease", || {
            let mut valid = self.nodes.values().filter(|node| node.keeper.is_valid());
            found = valid
                .find(|node| node.keeper.ballot() > ballot)
                .map(|node| node.id);
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Cuts the links between these nodes and all others, both ways.
    pub(crate) fn isolate(&self, nodes: &[u64]) {
        for a in self.nodes.keys() {
            for b in self.nodes.keys() {
                if a != b && nodes.contains(a) != nodes.contains(b) {
                    self.fault(*a, *b, LinkFault::CUT);
                }
            }
        }
    }

    pub(crate) fn fault(&self, from: u64, to: u64, fault: LinkFault) {
        self.nodes[&from].transport.faults().set(PeerId(to), fault);
    }

    pub(crate) fn heal(&self) {
        for node in self.nodes.values() {
            node.transport.faults().heal();
        }
    }

    /// Waits until all nodes have applied the same, this value included.
    pub(crate) async fn agree_on(&self, value: u64) {
        until("all nodes have applied the value", || {
            let mut all = self.nodes.values().map(|node| node.machine.values());
            let first = all.next().unwrap();
            first.contains(&value) && all.all(|values| values == first)
        })
        .await;
    }

    pub(crate) async fn shut_down(mut self) {
        while let Some((_, node)) = self.nodes.pop_first() {
            node.stop().await;
        }
    }
}
