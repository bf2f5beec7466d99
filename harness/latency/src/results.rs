use serde::{Deserialize, Serialize};
use tsoracle_testbed::Durability;

use crate::{Costs, Distribution, Profile};

/// What one driver takes, each figure beside its floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyResults {
    /// How much time was spent.
    pub profile: Profile,
    /// The size of the cluster.
    pub nodes: usize,
    /// How far the driver's store reaches, as it declares.
    pub durability: Durability,
    /// What kept the cores awake.
    pub spinners: Spinners,
    /// Service time of a persist: one client, the next call when the last one has ended.
    pub persist: Comparison,
    /// Response time of a persist at given rates, counted from the intended send.
    pub persist_at_rate: Vec<OpenLoop>,
    /// Service time of a load.
    pub load: Comparison,
    /// Many persists at once.
    pub concurrent: Concurrent,
    /// The syncs behind one persist after another.
    pub syncs: Syncs,
    /// One disk alone, between the blocks of [`persist`](Self::persist): what the floors of several
    /// nodes stand on. `None` for one node, whose floor it is.
    #[serde(default)]
    pub sync_floor: Option<Distribution>,
    /// What the cluster takes beside time; `None` in results from before it was measured.
    #[serde(default)]
    pub costs: Option<Costs>,
    /// The same calls while the links between nodes are slow; empty where links cannot be reached,
    /// and in results from before it was measured.
    #[serde(default)]
    pub delayed: Vec<Delayed>,
}

/// Service times while every link takes longer than the loopback does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delayed {
    /// What every directed link takes more, in milliseconds: a round trip takes twice that.
    pub link_delay_ms: f64,
    /// A persist, the next one when the last one has ended; `None` if there was no answer.
    pub persist: Option<Distribution>,
    /// A load, where loads ask other nodes.
    pub load: Option<Distribution>,
    /// Why there was no answer.
    pub missing: Option<String>,
}

impl LatencyResults {
    /// Half of the syncs of one disk alone took at most this, in the same minutes.
    #[must_use]
    pub fn sync_floor_p50_ns(&self) -> Option<f64> {
        let of_one_node =
            (self.persist.floor_kind == FloorKind::Sync).then_some(&self.persist.floor);
        let floor = self.sync_floor.as_ref().or(of_one_node)?;
        Some(floor.p50_ns)
    }
}

/// A thing and its floor, which took turns in blocks under the same arrivals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The thing, without the dropped blocks.
    pub measured: Distribution,
    /// The floor, without the dropped blocks.
    pub floor: Distribution,
    /// What the floor is.
    pub floor_kind: FloorKind,
    /// The thing in terms of its floor.
    pub ratio: Ratio,
    /// A sample is the mean of so many calls in a row, more than one when a call is not much
    /// longer than a reading of the clock.
    pub calls_per_sample: u32,
}

/// The median over pairs of blocks of (median of the block / median of its floor's block).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The median; 0 when there are no blocks.
    pub median: f64,
    /// The pairs of blocks that count.
    pub blocks: u32,
    /// The pairs left out because their floor was above twice the median floor.
    pub dropped_blocks: u32,
    /// Samples in one block.
    pub samples_per_block: u32,
}

/// The least that a thing can cost on the machine as it was at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorKind {
    /// An in-place write of 512 bytes and `fdatasync`, on the disk of the store.
    Sync,
    /// A bare call of what the network is made of, there and back on the loopback.
    RoundTrip,
    /// Until the second of three concurrent synced appends of 128 bytes is done.
    QuorumSync,
    /// A quorum sync, and after it a bare call of what the network is made of.
    QuorumSyncAndRoundTrip,
    /// A call over the network that drivers share, there and back on the loopback.
    Call,
    /// One boxed async call that reads an atomic.
    BoxedCall,
    /// The timed loop with nothing in it.
    EmptyLoop,
}

impl std::fmt::Display for FloorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Sync => "sync",
            Self::RoundTrip => "round trip",
            Self::QuorumSync => "quorum sync",
            Self::QuorumSyncAndRoundTrip => "quorum sync + round trip",
            Self::Call => "call over the network",
            Self::BoxedCall => "boxed call",
            Self::EmptyLoop => "empty loop",
        })
    }
}

/// An open loop at one rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenLoop {
    /// Intended sends per second, evenly spaced.
    pub rate_per_s: u32,
    /// Response times, counted from the intended send, of the driver and of its floor.
    pub comparison: Comparison,
    /// How the sends to the driver went; dropped blocks count here too.
    pub sends: Sends,
    /// How the sends to the floor went; dropped blocks count here too.
    pub floor_sends: Sends,
}

/// Whether the schedule of an open loop was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// Calls that were made.
    pub sent: u64,
    /// Those made more than half an interval after the intended time. They are counted from that
    /// time all the same.
    pub late: u64,
    /// Calls that were never made, because the loop fell too far behind its schedule. They are in
    /// no distribution: a figure with any is too good.
    pub unsent: u64,
    /// The most calls that were in flight at once.
    pub peak_in_flight: u32,
}

/// Many persists at once, in rounds: all are made, then all are awaited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrent {
    /// Persists in a round.
    pub persists_per_round: u32,
    /// How long a round takes, beside one sync.
    pub rounds: Comparison,
    /// The syncs behind the rounds.
    pub syncs: Syncs,
}

/// The syncs and writes of the nodes while operations were acknowledged, counted below their file
/// calls in a pass of its own, because counting takes time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Syncs {
    /// Whether the count is what the figure needs.
    pub verdict: SyncVerdict,
    /// Why there is no count, or why it is too low.
    pub reason: Option<String>,
    /// Acknowledged operations: persists one after another, or rounds.
    pub operations: u64,
    /// The syncs of each node.
    pub per_node: Vec<u64>,
    /// The most syncs of any node behind a single operation.
    pub most_per_operation: u64,
    /// The bytes that each node wrote to its store, whatever the disk made of them; empty in results
    /// from before they were counted.
    #[serde(default)]
    pub bytes_per_node: Vec<u64>,
}

impl Syncs {
    /// Syncs per operation, of all nodes together; `None` when nothing was counted.
    #[must_use]
    pub fn per_operation(&self) -> Option<f64> {
        let counted = self.operations > 0 && !self.per_node.is_empty();
        counted.then(|| self.per_node.iter().sum::<u64>() as f64 / self.operations as f64)
    }

    /// Syncs per operation and node; `None` when nothing was counted.
    #[must_use]
    pub fn per_operation_and_node(&self) -> Option<f64> {
        self.mean(&self.per_node)
    }

    /// Bytes written per operation and node; `None` when nothing was counted.
    #[must_use]
    pub fn bytes_per_operation_and_node(&self) -> Option<f64> {
        self.mean(&self.bytes_per_node)
    }

    fn mean(&self, per_node: &[u64]) -> Option<f64> {
        let counted = self.operations > 0 && !per_node.is_empty();
        let shares = self.operations as f64 * per_node.len() as f64;
        counted.then(|| per_node.iter().sum::<u64>() as f64 / shares)
    }

    /// Syncs per operation, of the node with most of them; `None` when nothing was counted.
    #[must_use]
    pub fn per_operation_of_busiest_node(&self) -> Option<f64> {
        let most = self.per_node.iter().max()?;
        (self.operations > 0).then(|| *most as f64 / self.operations as f64)
    }
}

/// What the syncs say of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncVerdict {
    /// At least a quorum's syncs stand behind each operation.
    Enough,
    /// Fewer than a quorum's: the figure is invalid.
    TooFew,
    /// The store ends with its process, so that there is nothing to sync.
    NotDurable,
    /// This machine cannot count.
    NotCounted,
}

/// What kept the cores awake while measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spinners {
    /// How many threads spun, one per core.
    pub threads: u32,
    /// How they were kept out of the way.
    pub policy: SpinnerPolicy,
}

/// How spinners are kept out of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpinnerPolicy {
    /// `SCHED_IDLE`: they run only when nothing else wants the core.
    Idle,
    /// Niceness 19, where the idle policy is not to be had.
    Nice19,
    /// No spinners: neither could be had.
    Absent,
}

/// What a grant of the window allocator costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocatorResults {
    /// One entry per size of batch.
    pub grants: Vec<Grant>,
    /// What kept the cores awake.
    pub spinners: Spinners,
}

/// The cost of one call of `grant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Timestamps per call.
    pub timestamps: u32,
    /// Per call, beside the empty loop.
    pub comparison: Comparison,
}

/// What the network that drivers share costs, between two nodes on the loopback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkResults {
    /// The network's name.
    pub name: String,
    /// Bytes in a call, and in its answer.
    pub call_bytes: u32,
    /// A call beside a bare round trip.
    pub call: Comparison,
    /// Bytes in a message.
    pub message_bytes: u32,
    /// Messages of one block, sent one way and as fast as they are taken.
    pub messages_per_block: u32,
    /// The time of a message, from the first send to the last arrival divided by their number; a
    /// sample for each block.
    pub message: Distribution,
    /// What kept the cores awake.
    pub spinners: Spinners,
}
