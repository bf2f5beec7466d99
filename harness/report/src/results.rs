use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tsoracle_conformance::CheckResult;
use tsoracle_latency::{AllocatorResults, LatencyResults, NetworkResults, Profile};
use tsoracle_scenarios::ScenarioResult;
use tsoracle_testbed::{Capabilities, Timing};

use crate::Benches;

/// The version of the results file that this crate writes.
///
/// Within a version fields may be added, never taken away and never given another meaning: a reader
/// ignores fields that it does not know. Anything else raises the version.
///
/// | version | differs from the one before it by |
/// | --- | --- |
/// | 2 | floors of several nodes: `quorum_sync_and_round_trip`, `call` |
pub const SCHEMA_VERSION: u32 = 2;

/// The oldest version of the results file that this crate reads: what is missing in it is not in
/// the report either.
pub const OLDEST_SCHEMA_VERSION: u32 = 1;

/// Everything that one run found out. The report is a function of it alone.
///
/// It names neither the machine nor any path of it, so that it can be published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The version of the contract that the checks tested.
    pub contract_version: u32,
    /// The command that makes this file again.
    pub command: String,
    /// Where it was measured, and how.
    pub environment: Environment,
    /// The versions of the crates that matter, by name.
    pub crates: BTreeMap<String, String>,
    /// The source that was measured; `None` outside a checkout.
    pub commit: Option<Commit>,
    /// Seed of everything that is random.
    pub seed: u64,
    /// A hash of the settings that the drivers and the run were given.
    pub settings_hash: String,
    /// The window allocator, if it was measured.
    #[serde(default)]
    pub allocator: Option<AllocatorResults>,
    /// The network that drivers share, if it was measured.
    #[serde(default)]
    pub network: Option<NetworkResults>,
    /// What criterion estimated, if its estimates were read in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benches: Option<Benches>,
    /// The drivers, in the order of the run.
    pub drivers: Vec<DriverResults>,
}

/// A state of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// Whether the tree was the commit's own, without changes.
    pub clean: bool,
}

/// A machine, as far as it bears on the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Cores that the run could use.
    pub cores: u32,
    /// The processor's name, where the system tells.
    #[serde(default)]
    pub cpu_model: Option<String>,
    /// Memory, in GiB.
    pub memory_gib: f64,
    /// System, kernel version and architecture: `Linux 6.18 x86_64`.
    pub os: String,
    /// The type of file system that the stores lay on: `ext4`.
    pub filesystem: String,
    /// Whether that is in memory, so that a sync costs nothing and proves nothing.
    pub tmpfs: bool,
    /// How much time was spent.
    pub profile: Profile,
}

/// What was found out about one driver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DriverResults {
    /// The backend's name.
    pub name: String,
    /// The size of the cluster that latency and costs are measured on.
    pub nodes: usize,
    /// What it declares of itself.
    pub capabilities: Capabilities,
    /// The times that it is configured with.
    pub timing: Timing,
    /// The command that runs this driver alone.
    pub command: String,
    /// The driver that it is, but for how it is set up.
    #[serde(default)]
    pub variant_of: Option<String>,
    /// Whether it is for no service: only fault scenarios are run on it.
    #[serde(default)]
    pub is_experiment: bool,
    /// A hash of what it is configured with; empty in results from before it was kept.
    #[serde(default)]
    pub settings_hash: String,
    /// What it is configured with beside its times, as (setting, value).
    #[serde(default)]
    pub settings: Vec<(String, String)>,
    /// One result per check.
    pub conformance: Vec<CheckResult>,
    /// Its latency, if it was measured.
    #[serde(default)]
    pub latency: Option<LatencyResults>,
    /// Why there is no latency.
    #[serde(default)]
    pub latency_missing: Option<String>,
    /// One result per run of a fault scenario.
    #[serde(default)]
    pub scenarios: Vec<ScenarioResult>,
}
