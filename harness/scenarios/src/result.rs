//! What one run found out, as it stands in a file of results.

use serde::{Deserialize, Serialize};
use tsoracle_latency::failover::{ErrorClass, Phase};

use crate::Verdict;

/// One run of one scenario on one driver. T is the driver's election timeout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// The scenario's name.
    pub scenario: String,
    /// The backend's name.
    pub driver: String,
    /// How many nodes.
    pub nodes: usize,
    /// The seed that replays it.
    pub seed: u64,
    /// A hash of the settings that the driver ran with; see [`settings_hash`](crate::settings_hash).
    pub settings_hash: String,
    /// T in milliseconds.
    pub election_timeout_ms: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say it.
    pub reason: Option<String>,
    /// The longest time without an acknowledgement that began while the fault lasted, in
    /// milliseconds; where a quorum was missing by design, the time from its return to the first
    /// acknowledgement. `None` if the run did not come so far.
    pub outage_ms: Option<f64>,
    /// The same in T.
    pub outage_t: Option<f64>,
    /// What the time from the fall of a leader to the end of the outage went into. Empty if none
    /// fell, or if the longest outage came from what happened later.
    pub phases: Vec<Phase>,
    /// Terms of leadership that began from the fault on to the end of the run.
    pub leader_changes: u64,
    /// The share of the probes intended from the fault on that were answered before they gave up.
    pub availability: Option<f64>,
    /// How long two leases were valid at once, in milliseconds; more than 0 is unsafe. `None` for a
    /// driver without leases.
    pub overlap_ms: Option<f64>,
    /// What the calls of probes were refused with from the fault on.
    pub errors: Vec<ErrorClass>,
    /// What shows that the fault happened, and that the run was tried enough.
    pub evidence: Vec<Evidence>,
    /// Whatever else this scenario measures.
    pub figures: Vec<Figure>,
    /// How long the run took, in milliseconds.
    pub duration_ms: u64,
}

/// One thing that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What.
    pub what: String,
    /// How often; 0 makes the run invalid.
    pub count: u64,
}

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What, with its unit.
    pub what: String,
    /// How much.
    pub value: f64,
}
