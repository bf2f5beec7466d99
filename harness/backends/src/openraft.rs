//! The openraft driver as backends: on a log of its own, and on one that it shares.

mod hooks;
mod node;
mod piggyback;

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_openraft::{
    CarriesHighWater, DriverSettings, Endpoints, NodeHost, OpenraftDriver, Reads, StandaloneHost,
};
use tsoracle_openraft_toolkit::{Experiment, GroupTimes, RaftNodeSettings, checked};
use tsoracle_testbed::{
    Backend, Capabilities, Damage, Durability, HookKind, Links, Node, NodeSpec, Timing,
    UnnoticedDamage,
};

use crate::closing::Closing;
use crate::links::initial_faults;
use node::RaftTestNode;
pub use piggyback::OpenraftPiggybackBackend;

/// The engine's version, as the workspace pins it.
const OPENRAFT: &str = "0.10.0-alpha.37";

/// [`OpenraftDriver`] on a [`StandaloneHost`], at its default settings but for how it reads.
#[derive(Clone, Debug, Default)]
pub struct OpenraftBackend {
    settings: DriverSettings,
    experiment: Option<Experiment>,
    closing: Closing,
}

impl OpenraftBackend {
    /// Every load asks a quorum, as one does whose engine has no lease to trust.
    #[must_use]
    pub fn reading_by_quorum() -> Self {
        Self {
            settings: DriverSettings {
                reads: Reads::Quorum,
                ..DriverSettings::default()
            },
            ..Self::default()
        }
    }

    /// A config that is not for services: what its settings buy is seen under faults.
    #[must_use]
    pub fn experiment(experiment: Experiment) -> Self {
        Self {
            experiment: Some(experiment),
            ..Self::default()
        }
    }

    fn times(&self) -> GroupTimes {
        match self.experiment {
            Some(Experiment::Upstream) => GroupTimes::of_openraft(),
            _ => GroupTimes::default(),
        }
    }
}

#[async_trait]
impl Backend for OpenraftBackend {
    fn name(&self) -> &str {
        match (self.experiment, self.settings.reads) {
            (Some(Experiment::WithoutPreVote), _) => "openraft-no-prevote",
            (Some(Experiment::WithoutProbe), _) => "openraft-no-probe",
            (Some(Experiment::Upstream), _) => "openraft-upstream",
            (None, Reads::Lease) => "openraft",
            (None, Reads::Quorum) => "openraft-read-index",
        }
    }

    fn variant_of(&self) -> Option<&str> {
        (self.name() != "openraft").then_some("openraft")
    }

    fn is_experiment(&self) -> bool {
        self.experiment.is_some()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let times = self.times();
        let driver = ("driver".to_owned(), format!("{:?}", self.settings));
        let engine = times
            .config("any")
            .and_then(|curated| match self.experiment {
                Some(experiment) => experiment.config(curated),
                None => checked(curated),
            });
        let engine = ("engine".to_owned(), format!("{engine:?}"));
        vec![driver, ("times".to_owned(), format!("{times:?}")), engine]
    }

    fn capabilities(&self) -> Capabilities {
        let reads = match self.settings.reads {
            Reads::Lease => tsoracle_testbed::Reads::Memory,
            Reads::Quorum => tsoracle_testbed::Reads::Quorum,
        };
        Capabilities {
            reads,
            ..capabilities()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: self.times().election_max,
            ..timing(&self.settings)
        }
    }

    fn crates(&self) -> Vec<(String, String)> {
        crates()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let (times, experiment) = (self.times(), self.experiment);
        let host = start_host(&spec, &self.closing, |settings| RaftNodeSettings {
            times,
            experiment,
            ..settings
        });
        let host: Arc<StandaloneHost> = Arc::new(host.await?);
        let driver = OpenraftDriver::start(Arc::clone(&host), self.settings);
        let node = RaftTestNode::new(host, Arc::new(driver), &spec, self.closing.clone());
        Ok(Arc::new(node))
    }
}

/// Starts a node with the spec's faults on its links from the first frame on.
async fn start_host<M: CarriesHighWater + Default>(
    spec: &NodeSpec,
    closing: &Closing,
    change: impl FnOnce(RaftNodeSettings<Endpoints>) -> RaftNodeSettings<Endpoints>,
) -> Result<NodeHost<M>, ConsensusError> {
    closing.wait_for(&spec.dir).await?;
    let faults = initial_faults(spec);
    let host = NodeHost::builder(spec.cluster, spec.node, &spec.dir)
        .members(&spec.members)
        .joining(spec.joining)
        .settings(|settings| RaftNodeSettings {
            seed: spec.seed,
            on_links: Some(Arc::new(faults)),
            ..change(settings)
        });
    host.start().await
}

fn capabilities() -> Capabilities {
    use HookKind::{Campaign, HoldApply, Inject, PurgeNow, SnapshotNow};
    Capabilities {
        cluster_sizes: 1..=7,
        durability: Durability::Disk,
        leases: true,
        reads: tsoracle_testbed::Reads::Memory,
        unnoticed_damage: unnoticed_damage(),
        links: Links::Node,
        handoff: true,
        membership: true,
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

fn timing(settings: &DriverSettings) -> Timing {
    let times = GroupTimes::default();
    Timing {
        election_timeout: times.election_max,
        lease: Some(times.grant),
        deadline: settings.deadline,
    }
}

fn crates() -> Vec<(String, String)> {
    let ours = env!("CARGO_PKG_VERSION");
    [
        ("tsoracle-driver-openraft", ours),
        ("tsoracle-openraft-toolkit", ours),
        ("tsoracle-store", ours),
        ("openraft", OPENRAFT),
    ]
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .into()
}
