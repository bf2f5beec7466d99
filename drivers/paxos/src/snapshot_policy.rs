//! When a node compacts its log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tsoracle_paxos_toolkit::{CompactError, GroupEntry, Handle};

/// How long a snapshot may wait for the engine.
const LIMIT: Duration = Duration::from_secs(5);

/// When a node makes a snapshot of what it has applied, and drops the log before it. Each node does
/// so for itself.
#[derive(Clone)]
pub enum SnapshotPolicy {
    /// Never: memory and store grow with the log.
    Disabled,
    /// Whenever so many entries were applied since the last one.
    Every(usize),
    /// Whenever this says so; asked after entries were applied, on a task of its own. Returns at
    /// once.
    When(Arc<dyn Fn(LogSize) -> bool + Send + Sync>),
}

/// A node's log, in entries since the group began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// How many entries were applied.
    pub applied: usize,
    /// How many of them the last snapshot of this life covers.
    pub compacted: usize,
}

impl Default for SnapshotPolicy {
    /// Every 10,000 entries.
    fn default() -> Self {
        Self::Every(10_000)
    }
}

impl SnapshotPolicy {
    fn is_due(&self, log: LogSize) -> bool {
        let since = log.applied.saturating_sub(log.compacted);
        match self {
            Self::Disabled => false,
            Self::Every(entries) => since >= (*entries).max(1),
            Self::When(says_so) => says_so(log),
        }
    }

    /// Keeps to the policy until the runner ends.
    pub async fn keep<T: GroupEntry>(self, handle: Handle<T>) {
        if matches!(self, Self::Disabled) {
            return;
        }
        let mut applied = handle.applied_so_far();
        let mut compacted = 0;
        let ended = handle.ended_with();
        tokio::pin!(ended);
        loop {
            let log = LogSize {
                applied: *applied.borrow_and_update(),
                compacted,
            };
            if self.is_due(log) {
                match handle.snapshot(None, LIMIT).await {
                    Ok(up_to) => compacted = up_to,
                    Err(CompactError::Ended) => return,
                    Err(error) => tracing::warn!(%error, "no snapshot; it is tried again"),
                }
            }
            tokio::select! {
                changed = applied.changed() => if changed.is_err() {
                    return;
                },
                _ = &mut ended => return,
            }
        }
    }
}

impl fmt::Debug for SnapshotPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("Disabled"),
            Self::Every(entries) => f.debug_tuple("Every").field(entries).finish(),
            Self::When(_) => f.write_str("When(..)"),
        }
    }
}
