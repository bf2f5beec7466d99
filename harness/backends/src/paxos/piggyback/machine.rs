//! One log, one snapshot and one state machine for the store of counters and the oracle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tsoracle_driver_paxos::{HighWaterCommand, HighWaterReplica, HighWaterSnapshot};
use tsoracle_paxos_toolkit::{Apply, Decided, GroupEntry, Handle, RequestId};

/// The envelope of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) request: RequestId,
    pub(super) command: Command,
}

/// A command of the store, or one of the oracle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// Counts one more under a key.
    Count {
        /// The key.
        key: u64,
    },
    /// The oracle's.
    HighWater(HighWaterCommand),
}

/// What a piece of the log does to both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Both {
    counts: BTreeMap<u64, u64>,
    high_water: HighWaterSnapshot,
}

impl Entry for Envelope {
    type Snapshot = Both;
}

impl GroupEntry for Envelope {
    fn request(&self) -> Option<RequestId> {
        Some(self.request)
    }
}

impl Snapshot<Envelope> for Both {
    fn create(entries: &[Envelope]) -> Self {
        let mut counts = BTreeMap::new();
        let oracle = |entry: &Envelope| match entry.command {
            Command::HighWater(command) => Some(command),
            Command::Count { .. } => None,
        };
        for entry in entries {
            if let Command::Count { key } = entry.command {
                *counts.entry(key).or_default() += 1;
            }
        }
        let commands: Vec<_> = entries.iter().filter_map(oracle).collect();
        let high_water = HighWaterSnapshot::of(&commands);
        Self { counts, high_water }
    }

    fn merge(&mut self, delta: Self) {
        for (key, count) in delta.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.high_water.merge(delta.high_water);
    }

    fn use_snapshots() -> bool {
        true
    }
}

/// The counts that a node has applied. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Arc<Mutex<BTreeMap<u64, u64>>>);

impl Counts {
    pub(super) fn of(&self, key: u64) -> u64 {
        self.lock().get(&key).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of both, applied on the engine's thread.
#[derive(Debug, Default)]
pub(super) struct CountersMachine {
    pub(super) counts: Counts,
    pub(super) high_water: HighWaterReplica,
    handle: Option<Handle<Envelope>>,
}

impl Apply<Envelope> for CountersMachine {
    fn begin(&mut self, handle: Handle<Envelope>) {
        self.handle = Some(handle);
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn apply(&mut self, decided: Decided<Envelope>) {
        let end = decided.end();
        match decided {
            Decided::Entries { entries, .. } => {
                for entry in entries {
                    match entry.command {
                        Command::Count { key } => {
                            *self.counts.lock().entry(key).or_default() += 1;
                        }
                        Command::HighWater(command) => {
                            self.high_water.apply(&command, Some(entry.request));
                        }
                    }
                }
            }
            Decided::Snapshot { snapshot, .. } => {
                *self.counts.lock() = snapshot.counts;
                self.high_water.restore(&snapshot.high_water);
            }
            Decided::Trimmed { .. } | Decided::StopSign { .. } => {}
        }
        if let Some(handle) = &self.handle {
            handle.applied(end);
        }
    }
}
