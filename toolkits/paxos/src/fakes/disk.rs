//! A disk in memory: what was written, what is durable, and when a sync may end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use omnipaxos::storage::Entry;

use crate::storage::{Buffered, Dirty, Medium, StorageError, View};

/// OmniPaxos' storage on a [`MemoryDisk`].
pub type MemoryStorage<T> = Buffered<T, MemoryMedium<T>>;

/// A disk that outlives the node on it. Clones are the same disk.
#[derive(Debug)]
pub struct MemoryDisk<T: Entry> {
    shared: Arc<Shared<T>>,
}

/// One node's hold on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryMedium<T: Entry> {
    shared: Arc<Shared<T>>,
    /// The life of the disk that this hold is of.
    life: u64,
}

#[derive(Debug)]
struct Shared<T: Entry> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T: Entry> {
    life: u64,
    written: View<T>,
    durable: View<T>,
    unsynced: Dirty,
    longest: Option<Duration>,
    held: bool,
    waiting: usize,
    failure: Option<String>,
    writes: u64,
    syncs: u64,
}

impl<T: Entry> Clone for MemoryDisk<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Entry> Default for MemoryDisk<T> {
    fn default() -> Self {
        let state = State {
            life: 0,
            written: View::default(),
            durable: View::default(),
            unsynced: Dirty::default(),
            longest: None,
            held: false,
            waiting: 0,
            failure: None,
            writes: 0,
            syncs: 0,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        }
    }
}

impl<T: Entry> MemoryDisk<T> {
    /// A storage on what was written. Whoever held the disk before can change it no more.
    #[must_use]
    pub fn open(&self) -> MemoryStorage<T> {
        let mut state = self.shared.lock();
        state.life += 1;
        let medium = MemoryMedium {
            shared: Arc::clone(&self.shared),
            life: state.life,
        };
        Buffered::new(state.written.clone(), medium)
    }

    /// Loses power: what was not synced is gone, a sync under way never ends well, and the node on
    /// it can change it no more.
    pub fn crash(&self) {
        let mut state = self.shared.lock();
        state.life += 1;
        state.written = state.durable.clone();
        state.unsynced = Dirty::default();
        state.held = false;
        self.shared.changed.notify_all();
    }

    /// From now on a sync waits until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.lock().held = true;
    }

    /// Lets syncs end, those that wait first.
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.changed.notify_all();
    }

    /// From now on every write and sync fails.
    pub fn fail(&self, why: &str) {
        self.shared.lock().failure = Some(why.to_owned());
        self.shared.changed.notify_all();
    }

    /// Whether a sync waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.shared.lock().waiting > 0
    }

    /// Batches that were written so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.shared.lock().writes
    }

    /// Syncs that have ended so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared.lock().syncs
    }
}

impl<T: Entry> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Entry> State<T> {
    fn check(&self, life: u64) -> Result<(), StorageError> {
        let why = match &self.failure {
            Some(failure) => failure.clone(),
            None if life == self.life => return Ok(()),
            None => "the disk has lost power, or was opened again".to_owned(),
        };
        Err(StorageError::Refused { why })
    }
}

impl<T> Medium<T> for MemoryMedium<T>
where
    T: Entry + Send + 'static,
    T::Snapshot: Send,
{
    fn write(&mut self, view: &View<T>, dirty: &Dirty) -> Result<(), StorageError> {
        let mut state = self.shared.lock();
        state.check(self.life)?;
        state.written.follow(view, dirty);
        state.unsynced.add(dirty);
        state.writes += 1;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let mut state = self.shared.lock();
        state.waiting += 1;
        while state.held && state.check(self.life).is_ok() {
            let wait = self.shared.changed.wait(state);
            state = wait.unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.check(self.life)?;
        let State {
            written,
            durable,
            unsynced,
            ..
        } = &mut *state;
        durable.follow(written, &std::mem::take(unsynced));
        state.syncs += 1;
        Ok(())
    }

    fn longest_grant(&mut self) -> Result<Option<Duration>, StorageError> {
        let state = self.shared.lock();
        state.check(self.life)?;
        Ok(state.longest)
    }

    fn record_longest_grant(&mut self, longest: Duration) -> Result<(), StorageError> {
        let mut state = self.shared.lock();
        state.check(self.life)?;
        state.longest = Some(longest);
        Ok(())
    }
}
