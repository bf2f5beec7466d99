//! A replicated max-register on simulated machines: leader, epochs, leases, members and handoff.
//!
//! Nothing recommends it but clarity. It runs in virtual time, so that a second of elections costs
//! a millisecond, and one seed gives one run.

mod ballot;
mod call;
mod change;
mod election;
mod grant;
mod leading;
mod log;
mod message;
mod node;
mod replica;
mod rules;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tsoracle_consensus::{
    BootInstant, ConsensusDriver, ConsensusError, Handoff, Membership, NodeId,
};
use tsoracle_testbed::{
    Backend, Capabilities, HookKind, Hooks, LinkFaults, Links, Machine, Node, NodeSpec, SimMachine,
    SimNetwork, Time, Timing,
};

pub use rules::Rules;

use call::Hook;
use message::Envelope;
use node::ReplicaNode;
use replica::Replica;

/// The times of a replica, all virtual.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// The shortest time that a silent leader is waited for; the longest is twice that.
    election: Duration,
    lease: Duration,
    /// Between two rounds of a leader that nobody calls.
    round: Duration,
    deadline: Duration,
}

const TIMES: Times = Times {
    election: Duration::from_millis(100),
    lease: Duration::from_millis(60),
    round: Duration::from_millis(15),
    deadline: Duration::from_millis(200),
};

impl Times {
    /// The lease less what a clock may drift meanwhile: 1% and 1 ms.
    fn shortened_lease(self) -> Duration {
        self.lease - self.lease / 100 - Duration::from_millis(1)
    }
}

/// The replicated reference as a backend.
#[derive(Debug)]
pub struct SimulatedCluster {
    name: String,
    rules: Rules,
    sizes: RangeInclusive<usize>,
    worlds: Mutex<BTreeMap<PathBuf, World>>,
}

/// What the nodes of one cluster run on.
#[derive(Debug)]
struct World {
    network: SimNetwork<Envelope>,
    machines: BTreeMap<NodeId, Arc<SimMachine>>,
}

impl Default for SimulatedCluster {
    fn default() -> Self {
        Self::with_rules("reference-cluster", Rules::default())
    }
}

impl SimulatedCluster {
    /// A cluster that keeps to these rules; the default ones are all there are.
    #[must_use]
    pub fn with_rules(name: impl Into<String>, rules: Rules) -> Self {
        Self {
            name: name.into(),
            rules,
            sizes: 1..=9,
            worlds: Mutex::default(),
        }
    }

    /// The same cluster where only these sizes are offered.
    #[must_use]
    pub fn of_sizes(self, sizes: RangeInclusive<usize>) -> Self {
        Self { sizes, ..self }
    }

    /// The number and a hash of all messages that were delivered in the clusters below `dir`: one
    /// seed gives one schedule.
    #[must_use]
    pub fn schedule(&self, dir: &Path) -> Vec<(u64, u64)> {
        let worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        let below = worlds.iter().filter(|(place, _)| place.starts_with(dir));
        below
            .map(|(_, world)| (world.network.deliveries(), world.network.digest()))
            .collect()
    }

    fn at(&self, spec: &NodeSpec) -> (SimNetwork<Envelope>, Arc<SimMachine>) {
        let place = spec.dir.parent().unwrap_or(&spec.dir).to_owned();
        let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
        if !worlds.contains_key(&place) {
            // Clusters whose folders are gone are not asked for again.
            worlds.retain(|place, _| place.exists());
        }
        let world = worlds.entry(place).or_insert_with(|| World {
            network: SimNetwork::new(spec.cluster),
            machines: BTreeMap::new(),
        });
        let machine = world
            .machines
            .entry(spec.node)
            .or_insert_with(|| SimMachine::new(&spec.dir));
        (world.network.clone(), Arc::clone(machine))
    }
}

#[async_trait]
impl Backend for SimulatedCluster {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            cluster_sizes: self.sizes.clone(),
            links: Links::Node,
            handoff: true,
            membership: true,
            hooks: BTreeSet::from([
                HookKind::HoldApply,
                HookKind::Inject,
                HookKind::SnapshotNow,
                HookKind::PurgeNow,
                HookKind::Campaign,
            ]),
            ..Capabilities::single_durable_node()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: TIMES.election,
            lease: Some(TIMES.lease),
            deadline: TIMES.deadline,
        }
    }

    fn time(&self) -> Time {
        Time::Virtual
    }

    fn machine(&self, spec: &NodeSpec) -> Option<Arc<dyn Machine>> {
        Some(self.at(spec).1)
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let (network, machine) = self.at(&spec);
        let life = machine.boot()?;
        let now = BootInstant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed ^ now.as_nanos());
        let (disk, new_store) = (life.disk(), rng.next_u64());
        let opened = store::open(&disk, &spec, new_store, &self.rules);
        let (store, durable) = opened.await?;
        let links = network.links(spec.node);
        for (to, fault) in &spec.link_faults {
            links.set(*to, *fault);
        }
        let rules = (self.rules.clone(), TIMES);
        let replica = Replica::new(spec.node, store, durable, rules, rng, BootInstant::now());
        let own = spec.members.iter().find(|member| member.node == spec.node);
        Ok(Arc::new(SharedNode {
            node: Arc::new(ReplicaNode::start(replica, life, network)),
            service_endpoint: own
                .map(|own| own.service_endpoint.clone())
                .unwrap_or_default(),
            links,
        }))
    }
}

/// The node as the harness holds it.
struct SharedNode {
    node: Arc<ReplicaNode>,
    service_endpoint: String,
    links: Arc<dyn LinkFaults>,
}

#[async_trait]
impl Node for SharedNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.node) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        self.service_endpoint.clone()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.node.shutdown().await
    }

    fn hooks(&self) -> Hooks {
        Hooks {
            hold_apply: Some(self.hook(Hook::HoldApply)),
            inject: Some(self.hook(Hook::Inject)),
            snapshot_now: Some(self.hook(|()| Hook::SnapshotNow)),
            purge_now: Some(self.hook(|()| Hook::PurgeNow)),
            campaign: Some(self.hook(|()| Hook::Campaign)),
        }
    }

    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        Some(Arc::clone(&self.node) as Arc<dyn Handoff>)
    }

    fn membership(&self) -> Option<Arc<dyn Membership>> {
        Some(Arc::clone(&self.node) as Arc<dyn Membership>)
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        Some(Arc::clone(&self.links))
    }
}

impl SharedNode {
    fn hook<A: Send + 'static>(
        &self,
        hook: impl Fn(A) -> Hook + Send + Sync + 'static,
    ) -> tsoracle_testbed::Hook<A> {
        let node = Arc::clone(&self.node);
        Arc::new(move |argument| {
            let (node, hook) = (Arc::clone(&node), hook(argument));
            async move { node.hook(hook).await }.boxed()
        })
    }
}
