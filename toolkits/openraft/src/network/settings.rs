//! Times and bounds of the network.

use std::time::Duration;

/// Settings of a [`Network`](crate::Network). They may differ between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// How long an append waits for its answer. A session that breaks fails it at once; this is for
    /// a follower that hangs.
    pub append_within: Duration,
    /// Appends that may be under way to one follower; 1 waits for each answer. An append that is
    /// longer than `alone_bytes` goes alone.
    pub appends: usize,
    /// Appends longer than this are not pipelined: the transport sends them in parts, which take
    /// turns with others, so that they would lose their order. At most the transport's
    /// `limits.chunk_bytes`, less 1 KiB.
    pub alone_bytes: usize,
    /// How long openraft waits before it tries an unreachable node again.
    pub backoff: Duration,
    /// How long a chunk of a snapshot waits for its answer.
    pub chunk_within: Duration,
    /// Bytes of a chunk of a snapshot.
    pub chunk_bytes: usize,
    /// How long a snapshot may take to be installed, once it is whole.
    pub install_within: Duration,
    /// Bounds of the snapshots that are held until they are whole.
    pub partials: PartialLimits,
    /// Requests of one group that may be handled at a time, appends and others each; more are
    /// failed.
    pub requests: usize,
}

/// Bounds of unfinished snapshots, over all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialLimits {
    /// How many; the one that was left alone for the longest makes room.
    pub count: usize,
    /// Their bytes together. A snapshot that does not fit is refused.
    pub bytes: u64,
    /// How long one is kept without a new chunk.
    pub keep: Duration,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            append_within: Duration::from_secs(1),
            appends: 64,
            alone_bytes: 63 << 10,
            backoff: Duration::from_millis(20),
            chunk_within: Duration::from_secs(2),
            chunk_bytes: 1 << 20,
            install_within: Duration::from_secs(60),
            partials: PartialLimits {
                count: 8,
                bytes: 1 << 30,
                keep: Duration::from_secs(60),
            },
            requests: 1_024,
        }
    }
}
