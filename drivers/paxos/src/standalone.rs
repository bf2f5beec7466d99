//! An OmniPaxos group of its own, for services that have none.

use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tsoracle_paxos_toolkit::{GroupEntry, RequestId};

use crate::{
    CarriesHighWater, HighWaterCommand, HighWaterReplica, HighWaterSnapshot, HighWaterView,
    NodeHost,
};

/// An entry of a log that carries the oracle's commands and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandaloneEntry {
    /// The command.
    pub command: HighWaterCommand,
    /// The request that it came from.
    pub request: RequestId,
}

impl Entry for StandaloneEntry {
    type Snapshot = HighWaterSnapshot;
}

impl GroupEntry for StandaloneEntry {
    fn request(&self) -> Option<RequestId> {
        Some(self.request)
    }
}

impl Snapshot<StandaloneEntry> for HighWaterSnapshot {
    fn create(entries: &[StandaloneEntry]) -> Self {
        Self::of(entries.iter().map(|entry| &entry.command))
    }

    fn merge(&mut self, delta: Self) {
        Self::merge(self, delta);
    }

    fn use_snapshots() -> bool {
        true
    }
}

/// The state machine of a group that carries nothing else.
#[derive(Debug, Default)]
pub struct StandaloneMachine(HighWaterReplica);

impl CarriesHighWater for StandaloneMachine {
    type Entry = StandaloneEntry;

    fn high_water(&self) -> HighWaterView {
        self.0.view()
    }

    fn entry(command: HighWaterCommand, request: RequestId) -> StandaloneEntry {
        StandaloneEntry { command, request }
    }

    fn apply(&mut self, entry: StandaloneEntry) {
        self.0.apply(&entry.command, Some(entry.request));
    }

    fn restore(&mut self, snapshot: HighWaterSnapshot) {
        self.0.restore(&snapshot);
    }
}

/// A turnkey host: store, links, engine and lease of one node, whose log is the oracle's alone.
pub type StandaloneHost = NodeHost<StandaloneMachine>;
