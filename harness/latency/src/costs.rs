use serde::{Deserialize, Serialize};

/// What a cluster takes beside time.
///
/// All nodes run in the process of the harness. What that takes by itself was measured just before
/// the first node was started, with the floors in place, and is subtracted; what a node adds is the
/// rest divided by the number of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// While nobody called.
    pub idle: Idle,
    /// Memory; `None` where the system does not tell.
    pub memory: Option<Memory>,
    /// From nothing to service.
    pub starts: Starts,
}

/// What nodes take while nobody calls them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// For how long they were watched, in milliseconds.
    pub watched_ms: f64,
    /// CPU time of the process before there were nodes, in percent of one core.
    pub empty_cpu_percent: Option<f64>,
    /// CPU time that each node added to that, in percent of one core; `None` where the system does
    /// not tell.
    pub cpu_percent_per_node: Option<f64>,
    /// What each node sent; `None` where its network does not count.
    pub traffic_per_node: Option<TrafficRate>,
}

/// What a node sends to its peers in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficRate {
    /// Frames.
    pub frames_per_s: f64,
    /// Bytes of those.
    pub bytes_per_s: f64,
}

/// Resident memory of the process. What one driver frees the next may use again without growth, so
/// that only the first driver of a process shows all that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Before any node was started.
    pub empty_bytes: u64,
    /// What it had grown by, for each node, when the nodes had been idle.
    pub idle_bytes_per_node: u64,
    /// What it had grown by, for each node, after everything was measured. The samples are in it.
    pub busy_bytes_per_node: u64,
}

/// From the start of all nodes, at the same time, to the first persist that is acknowledged, in
/// milliseconds: elections, and waits for leases that were granted before, are in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Starts {
    /// On empty folders.
    pub cold_ms: Vec<f64>,
    /// On the same stores again, after an orderly shutdown of all.
    pub warm_ms: Vec<f64>,
}
