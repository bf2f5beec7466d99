//! The paxos driver as backends: on a log of its own, with a lease and without, and on one that it
//! shares.

mod hooks;
mod node;
mod piggyback;

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_paxos::{
    CarriesHighWater, DriverSettings, NodeBuilder, NodeHost, PaxosDriver, Reads, StandaloneHost,
};
use tsoracle_paxos_toolkit::{GroupTimes, PaxosNodeSettings};
use tsoracle_testbed::{
    Backend, Capabilities, Damage, Durability, HookKind, Links, Node, NodeSpec, Timing,
    UnnoticedDamage,
};

use crate::closing::Closing;
use crate::links::initial_faults;
use node::PaxosTestNode;
pub use piggyback::PaxosPiggybackBackend;

/// The engine's version, as the workspace pins it.
const OMNIPAXOS: &str = "0.2.4";

/// How many rounds of heartbeats a leader may be silent before somebody campaigns.
const SILENT_ROUNDS: u32 = 3;

/// [`PaxosDriver`] on a [`StandaloneHost`], at its default settings but for the lease.
#[derive(Clone, Debug)]
pub struct PaxosBackend {
    settings: DriverSettings,
    leases: bool,
    closing: Closing,
}

impl Default for PaxosBackend {
    fn default() -> Self {
        Self {
            settings: DriverSettings::default(),
            leases: true,
            closing: Closing::default(),
        }
    }
}

impl PaxosBackend {
    /// No leader has a lease, and every load goes through the log.
    #[must_use]
    pub fn without_lease() -> Self {
        Self {
            settings: DriverSettings {
                reads: Reads::Log,
                ..DriverSettings::default()
            },
            leases: false,
            closing: Closing::default(),
        }
    }
}

#[async_trait]
impl Backend for PaxosBackend {
    fn name(&self) -> &str {
        if self.leases {
            "paxos"
        } else {
            "paxos-no-lease"
        }
    }

    fn variant_of(&self) -> Option<&str> {
        (!self.leases).then_some("paxos")
    }

    fn settings(&self) -> Vec<(String, String)> {
        let times = GroupTimes::default();
        vec![
            ("driver".to_owned(), format!("{:?}", self.settings)),
            ("times".to_owned(), format!("{times:?}")),
            ("leases".to_owned(), self.leases.to_string()),
        ]
    }

    fn capabilities(&self) -> Capabilities {
        let reads = if self.leases {
            tsoracle_testbed::Reads::Memory
        } else {
            tsoracle_testbed::Reads::Log
        };
        Capabilities {
            leases: self.leases,
            reads,
            ..capabilities()
        }
    }

    fn timing(&self) -> Timing {
        timing(&self.settings, self.leases)
    }

    fn crates(&self) -> Vec<(String, String)> {
        crates()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let host: Arc<StandaloneHost> = start_host(&spec, &self.closing, |host| {
            if self.leases {
                host
            } else {
                host.without_lease()
            }
        })
        .await?;
        let driver = PaxosDriver::start(Arc::clone(&host), self.settings);
        let node = PaxosTestNode::new(host, Arc::new(driver), &spec, self.closing.clone());
        Ok(Arc::new(node))
    }
}

/// Starts the host of a node, with the faults of its links from the first frame on, once an earlier
/// one has let go of its directory.
async fn start_host<M: CarriesHighWater + Default>(
    spec: &NodeSpec,
    closing: &Closing,
    change: impl FnOnce(NodeBuilder<M>) -> NodeBuilder<M>,
) -> Result<Arc<NodeHost<M>>, ConsensusError> {
    closing.wait_for(&spec.dir).await?;
    let faults = initial_faults(spec);
    let host = NodeHost::builder(spec.cluster, spec.node, &spec.dir)
        .members(&spec.members)
        .settings(|settings| PaxosNodeSettings {
            seed: spec.seed,
            on_links: Some(Arc::new(faults)),
            ..settings
        });
    Ok(Arc::new(change(host).start().await?))
}

fn capabilities() -> Capabilities {
    use HookKind::{Campaign, HoldApply, Inject, PurgeNow, SnapshotNow};
    Capabilities {
        cluster_sizes: 3..=7,
        durability: Durability::Disk,
        leases: true,
        reads: tsoracle_testbed::Reads::Memory,
        unnoticed_damage: unnoticed_damage(),
        links: Links::Node,
        handoff: true,
        membership: false,
        hooks: [HoldApply, Inject, SnapshotNow, PurgeNow, Campaign].into(),
    }
}

fn unnoticed_damage() -> Vec<UnnoticedDamage> {
    vec![UnnoticedDamage {
        file: "the whole directory".into(),
        damage: Damage::Remove,
        cause: "an empty directory is what a first start finds; the peers refuse the new store"
            .into(),
    }]
}

fn timing(settings: &DriverSettings, leases: bool) -> Timing {
    let times = GroupTimes::default();
    Timing {
        election_timeout: times.heartbeat() * SILENT_ROUNDS,
        lease: leases.then_some(times.grant),
        deadline: settings.deadline,
    }
}

fn crates() -> Vec<(String, String)> {
    let ours = env!("CARGO_PKG_VERSION");
    [
        ("tsoracle-driver-paxos", ours),
        ("tsoracle-paxos-toolkit", ours),
        ("tsoracle-store", ours),
        ("omnipaxos", OMNIPAXOS),
    ]
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .into()
}
