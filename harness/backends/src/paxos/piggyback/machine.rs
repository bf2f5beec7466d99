//! One log, one snapshot and one state machine for the store of counters and the oracle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_paxos::{
    CarriesHighWater, HighWaterCommand, HighWaterReplica, HighWaterSnapshot, HighWaterView,
    NodeHost, PaxosHighWaterHost,
};
use tsoracle_paxos_toolkit::{GroupEntry, RequestId};

use crate::traffic::Counters;

/// How long one of the store's own writes may take.
const LIMIT: Duration = Duration::from_secs(1);

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
    high_water: HighWaterReplica,
}

impl CarriesHighWater for CountersMachine {
    type Entry = Envelope;

    fn high_water(&self) -> HighWaterView {
        self.high_water.view()
    }

    fn entry(command: HighWaterCommand, request: RequestId) -> Envelope {
        let command = Command::HighWater(command);
        Envelope { request, command }
    }

    fn apply(&mut self, Envelope { request, command }: Envelope) {
        match command {
            Command::Count { key } => *self.counts.lock().entry(key).or_default() += 1,
            Command::HighWater(command) => {
                self.high_water.apply(&command, Some(request));
            }
        }
    }

    fn restore(&mut self, both: Both) {
        *self.counts.lock() = both.counts;
        self.high_water.restore(&both.high_water);
    }
}

/// A node of the store: its log, and what this node has applied.
pub(super) struct Store {
    pub(super) host: Arc<NodeHost<CountersMachine>>,
    pub(super) counts: Counts,
}

#[async_trait]
impl Counters for Store {
    async fn count_one(&self, key: u64) -> Result<u64, ConsensusError> {
        let handle = self.host.handle();
        let leads = handle.leadership().borrow().leads();
        let ballot = leads.ok_or_else(|| ConsensusError::transient("this node does not lead"))?;
        let command = Command::Count { key };
        let appended = handle
            .append(ballot, |request| Envelope { request, command }, LIMIT)
            .await;
        appended.map_err(ConsensusError::transient)?;
        Ok(self.counts.of(key))
    }

    fn counted(&self, key: u64) -> u64 {
        self.counts.of(key)
    }
}
