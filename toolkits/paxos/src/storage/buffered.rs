//! OmniPaxos' storage over a medium.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{Entry, StopSign, Storage, StorageOp, StorageResult};

use super::{Dirty, Medium, StorageControl, StorageError, SyncedStorage, View, Written};

/// The engine's storage over a medium `M`.
///
/// What is on disk, and when:
///
/// | operation | when it returns | after the next [`write`](StorageControl::write) | after the next [`sync`](StorageControl::sync) |
/// | --- | --- | --- | --- |
/// | `append_*`, `set_promise`, `set_accepted_round`, `set_stopsign` | in memory | in the log of the disk's store; a crash of the process keeps it, a loss of power may not | durable |
/// | `set_decided_idx`, `trim`, `set_compacted_idx`, `set_snapshot` | in memory | the same | durable; until some sync follows, a loss of power may take it back, with everything written later |
/// | `write_atomically` | in memory, all of it | all of it or, before that, none | durable |
/// | `get_*` | from memory: every operation so far | | |
///
/// All operations between two writes are one batch, so each is atomic, and so are all of them
/// together. What a crash leaves is what some write left, and none before the last sync. A decided
/// index may therefore come back lower than it was shown: nothing may rely on it being exact.
///
/// Memory: the state, the snapshot and every entry that is not compacted, so its size is that of
/// the log since the last snapshot or trim.
#[derive(Debug)]
pub struct Buffered<T: Entry, M> {
    shared: Arc<Mutex<Shared<T, M>>>,
}

/// Writes and syncs a [`Buffered`] storage.
#[derive(Debug)]
pub struct BufferedControl<T: Entry, M> {
    shared: Arc<Mutex<Shared<T, M>>>,
}

#[derive(Debug)]
struct Shared<T: Entry, M> {
    view: View<T>,
    dirty: Dirty,
    medium: M,
    failure: Option<StorageError>,
}

impl<T: Entry, M> Buffered<T, M> {
    /// A storage over a medium, with what was read from it.
    pub fn new(view: View<T>, medium: M) -> Self {
        let shared = Shared {
            view,
            dirty: Dirty::default(),
            medium,
            failure: None,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn apply(&self, op: StorageOp<T>) {
        let mut shared = lock(&self.shared);
        let Shared { view, dirty, .. } = &mut *shared;
        view.apply(op, dirty);
    }

    fn read<R>(&self, read: impl FnOnce(&View<T>) -> R) -> R {
        read(&lock(&self.shared).view)
    }
}

impl<T, M> SyncedStorage<T> for Buffered<T, M>
where
    T: Entry + Send + 'static,
    T::Snapshot: Send,
    M: Medium<T>,
{
    type Control = BufferedControl<T, M>;

    fn control(&self) -> Self::Control {
        BufferedControl {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T, M> StorageControl for BufferedControl<T, M>
where
    T: Entry + Send + 'static,
    T::Snapshot: Send,
    M: Medium<T>,
{
    fn write(&mut self) -> Result<Written, StorageError> {
        lock(&self.shared).attempt(|shared| {
            let dirty = std::mem::take(&mut shared.dirty);
            if dirty.is_clean() {
                return Ok(Written::Nothing);
            }
            shared.medium.write(&shared.view, &dirty)?;
            Ok(if dirty.needs_sync() {
                Written::NeedsSync
            } else {
                Written::Relaxed
            })
        })
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        lock(&self.shared).attempt(|shared| shared.medium.sync())
    }

    fn has_stopsign(&self) -> bool {
        lock(&self.shared).view.stopsign.is_some()
    }

    fn longest_grant(&mut self) -> Result<Option<Duration>, StorageError> {
        lock(&self.shared).attempt(|shared| shared.medium.longest_grant())
    }

    fn record_longest_grant(&mut self, longest: Duration) -> Result<(), StorageError> {
        lock(&self.shared).attempt(|shared| shared.medium.record_longest_grant(longest))
    }
}

impl<T: Entry, M> Shared<T, M> {
    fn attempt<R>(
        &mut self,
        attempt: impl FnOnce(&mut Self) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = attempt(self);
        self.failure = result.as_ref().err().cloned();
        result
    }
}

fn lock<S>(shared: &Mutex<S>) -> MutexGuard<'_, S> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Entry, M> Storage<T> for Buffered<T, M> {
    fn write_atomically(&mut self, ops: Vec<StorageOp<T>>) -> StorageResult<()> {
        let mut shared = lock(&self.shared);
        let Shared { view, dirty, .. } = &mut *shared;
        for op in ops {
            view.apply(op, dirty);
        }
        Ok(())
    }

    fn append_entry(&mut self, entry: T) -> StorageResult<()> {
        self.apply(StorageOp::AppendEntry(entry));
        Ok(())
    }

    fn append_entries(&mut self, entries: Vec<T>) -> StorageResult<()> {
        self.apply(StorageOp::AppendEntries(entries));
        Ok(())
    }

    fn append_on_prefix(&mut self, from_idx: usize, entries: Vec<T>) -> StorageResult<()> {
        self.apply(StorageOp::AppendOnPrefix(from_idx, entries));
        Ok(())
    }

    fn set_promise(&mut self, promise: Ballot) -> StorageResult<()> {
        self.apply(StorageOp::SetPromise(promise));
        Ok(())
    }

    fn set_decided_idx(&mut self, index: usize) -> StorageResult<()> {
        self.apply(StorageOp::SetDecidedIndex(index));
        Ok(())
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.read(|view| view.decided))
    }

    fn set_accepted_round(&mut self, round: Ballot) -> StorageResult<()> {
        self.apply(StorageOp::SetAcceptedRound(round));
        Ok(())
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.read(|view| view.accepted))
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<T>> {
        Ok(self.read(|view| view.entries(from..to)))
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.read(|view| view.entries.len()))
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<T>> {
        Ok(self.read(|view| view.entries(from..view.end())))
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.read(|view| view.promise))
    }

    fn set_stopsign(&mut self, stopsign: Option<StopSign>) -> StorageResult<()> {
        self.apply(StorageOp::SetStopsign(stopsign));
        Ok(())
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(self.read(|view| view.stopsign.clone()))
    }

    fn trim(&mut self, index: usize) -> StorageResult<()> {
        self.apply(StorageOp::Trim(index));
        Ok(())
    }

    fn set_compacted_idx(&mut self, index: usize) -> StorageResult<()> {
        self.apply(StorageOp::SetCompactedIdx(index));
        Ok(())
    }

    fn get_compacted_idx(&self) -> StorageResult<usize> {
        Ok(self.read(|view| view.compacted))
    }

    fn set_snapshot(&mut self, snapshot: Option<T::Snapshot>) -> StorageResult<()> {
        self.apply(StorageOp::SetSnapshot(snapshot));
        Ok(())
    }

    fn get_snapshot(&self) -> StorageResult<Option<T::Snapshot>> {
        Ok(self.read(|view| view.snapshot.clone()))
    }
}
