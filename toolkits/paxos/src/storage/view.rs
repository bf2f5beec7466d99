//! What the engine reads: the state and the uncompacted log, in memory.

use std::collections::VecDeque;
use std::ops::Range;

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{Entry, StopSign, StorageOp};

/// The engine's state in memory: six values and the entries that are not compacted.
#[derive(Clone, Debug)]
pub struct View<T: Entry> {
    pub(crate) promise: Option<Ballot>,
    pub(crate) accepted: Option<Ballot>,
    pub(crate) decided: usize,
    pub(crate) compacted: usize,
    pub(crate) stopsign: Option<StopSign>,
    pub(crate) snapshot: Option<T::Snapshot>,
    /// The index of the first entry; everything before it is trimmed.
    pub(crate) first: usize,
    pub(crate) entries: VecDeque<T>,
}

/// What differs between a view and what was written of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    pub(crate) promise: bool,
    pub(crate) accepted: bool,
    pub(crate) decided: bool,
    /// The compacted index, or the index of the first entry.
    pub(crate) compacted: bool,
    pub(crate) stopsign: bool,
    pub(crate) snapshot: bool,
    /// Entries from here on were added, replaced or removed.
    pub(crate) log_from: Option<usize>,
}

impl<T: Entry> Default for View<T> {
    fn default() -> Self {
        Self {
            promise: None,
            accepted: None,
            decided: 0,
            compacted: 0,
            stopsign: None,
            snapshot: None,
            first: 0,
            entries: VecDeque::new(),
        }
    }
}

impl<T: Entry> View<T> {
    /// Index behind the last entry.
    pub(crate) fn end(&self) -> usize {
        self.first + self.entries.len()
    }

    /// The entries with these indices, or none if one of them is missing.
    pub(crate) fn entries(&self, range: Range<usize>) -> Vec<T> {
        if range.start < self.first || range.end > self.end() || range.start > range.end {
            return Vec::new();
        }
        let range = range.start - self.first..range.end - self.first;
        self.entries.range(range).cloned().collect()
    }

    /// Applies one change and says what differs now.
    pub(crate) fn apply(&mut self, op: StorageOp<T>, dirty: &mut Dirty) {
        match op {
            StorageOp::AppendEntry(entry) => self.append([entry], dirty),
            StorageOp::AppendEntries(entries) => self.append(entries, dirty),
            StorageOp::AppendOnPrefix(from, entries) => {
                self.truncate(from, dirty);
                self.append(entries, dirty);
            }
            // A default ballot stands for no promise, and is no promise on disk either.
            StorageOp::SetPromise(promise) => {
                let promise = (promise != Ballot::default()).then_some(promise);
                dirty.promise |= replace(&mut self.promise, promise);
            }
            StorageOp::SetDecidedIndex(index) => dirty.decided |= replace(&mut self.decided, index),
            StorageOp::SetAcceptedRound(round) => {
                dirty.accepted |= replace(&mut self.accepted, Some(round));
            }
            StorageOp::SetCompactedIdx(index) => {
                dirty.compacted |= replace(&mut self.compacted, index);
            }
            StorageOp::Trim(index) => self.trim(index, dirty),
            StorageOp::SetStopsign(stopsign) => {
                dirty.stopsign |= replace(&mut self.stopsign, stopsign);
            }
            StorageOp::SetSnapshot(snapshot) => {
                self.snapshot = snapshot;
                dirty.snapshot = true;
            }
        }
    }

    /// Takes over what differs in `from`.
    #[cfg(feature = "test-fakes")]
    pub(crate) fn follow(&mut self, from: &Self, dirty: &Dirty) {
        self.promise = from.promise;
        self.accepted = from.accepted;
        self.decided = from.decided;
        self.compacted = from.compacted;
        if dirty.stopsign {
            self.stopsign.clone_from(&from.stopsign);
        }
        if dirty.snapshot {
            self.snapshot.clone_from(&from.snapshot);
        }
        let mut own = Dirty::default();
        self.trim(from.first, &mut own);
        if let Some(start) = dirty.log_from {
            let start = start.max(from.first);
            self.truncate(start, &mut own);
            let start = start.min(self.end());
            self.entries.extend(from.entries(start..from.end()));
        }
    }

    fn append(&mut self, entries: impl IntoIterator<Item = T>, dirty: &mut Dirty) {
        let end = self.end();
        self.entries.extend(entries);
        if self.end() > end {
            dirty.log_since(end);
        }
    }

    fn truncate(&mut self, from: usize, dirty: &mut Dirty) {
        if from < self.end() {
            self.entries.truncate(from.saturating_sub(self.first));
            dirty.log_since(from.max(self.first));
        }
    }

    fn trim(&mut self, index: usize, dirty: &mut Dirty) {
        if index <= self.first {
            return;
        }
        let gone = (index - self.first).min(self.entries.len());
        self.entries.drain(..gone);
        self.first = index;
        dirty.compacted = true;
    }
}

impl Dirty {
    /// Whether anything differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anybody may learn only after a sync of what differs.
    #[must_use]
    pub fn needs_sync(&self) -> bool {
        self.promise || self.accepted || self.stopsign || self.log_from.is_some()
    }

    #[cfg(feature = "test-fakes")]
    pub(crate) fn add(&mut self, other: &Self) {
        self.promise |= other.promise;
        self.accepted |= other.accepted;
        self.decided |= other.decided;
        self.compacted |= other.compacted;
        self.stopsign |= other.stopsign;
        self.snapshot |= other.snapshot;
        if let Some(index) = other.log_from {
            self.log_since(index);
        }
    }

    fn log_since(&mut self, index: usize) {
        self.log_from = Some(self.log_from.map_or(index, |from| from.min(index)));
    }
}

/// Whether the value is another one than before.
fn replace<V: PartialEq>(place: &mut V, value: V) -> bool {
    let differs = *place != value;
    *place = value;
    differs
}
