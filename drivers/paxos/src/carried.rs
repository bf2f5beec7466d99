//! A service's state machine with the oracle's in it, on the engine's thread.

use omnipaxos::storage::Entry;
use tsoracle_paxos_toolkit::{Apply, Decided, GroupEntry, Handle, RequestId};

use crate::{HighWaterCommand, HighWaterView};

/// A service's state machine that the oracle's is a part of: it owns a
/// [`HighWaterReplica`](crate::HighWaterReplica).
///
/// It hands the replica the oracle's commands in the order of the log, and the snapshots of its
/// entries carry a [`HighWaterSnapshot`](crate::HighWaterSnapshot) beside the service's own part (N1).
/// Called on the engine's thread: return at once.
pub trait CarriesHighWater: Send + 'static {
    /// The entries of the service's log.
    type Entry: GroupEntry;

    /// The oracle's part.
    fn high_water(&self) -> HighWaterView;

    /// The oracle's command in the envelope of the service's log. The entry's
    /// [`request`](GroupEntry::request) is this one.
    fn entry(command: HighWaterCommand, request: RequestId) -> Self::Entry;

    /// Applies the next entry.
    fn apply(&mut self, entry: Self::Entry);

    /// Begins anew with what a snapshot holds.
    fn restore(&mut self, snapshot: <Self::Entry as Entry>::Snapshot);
}

/// Applies what is decided, and reports it.
pub(crate) struct Applied<M: CarriesHighWater> {
    machine: M,
    handle: Option<Handle<M::Entry>>,
}

impl<M: CarriesHighWater> Applied<M> {
    pub(crate) const fn by(machine: M) -> Self {
        Self {
            machine,
            handle: None,
        }
    }
}

impl<M: CarriesHighWater> Apply<M::Entry> for Applied<M> {
    fn begin(&mut self, handle: Handle<M::Entry>) {
        self.handle = Some(handle);
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn apply(&mut self, decided: Decided<M::Entry>) {
        let end = decided.end();
        match decided {
            Decided::Entries { entries, .. } => {
                for entry in entries {
                    self.machine.apply(entry);
                }
            }
            Decided::Snapshot { snapshot, .. } => self.machine.restore(snapshot),
            // Nothing is trimmed in a log with snapshots, and nothing stands in a stop-sign.
            Decided::Trimmed { .. } | Decided::StopSign { .. } => {}
        }
        if let Some(handle) = &self.handle {
            handle.applied(end);
        }
    }
}
