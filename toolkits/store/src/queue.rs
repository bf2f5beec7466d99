//! Batches on their way to the disk, bounded by number and by bytes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Batch, Settings, StoreError};

/// Called once with what became of a batch.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A batch that waits.
pub(crate) struct Entry {
    pub(crate) batch: Batch,
    pub(crate) done: Done,
    _room: Room,
}

/// Room in the queue, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _place: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// How a queue ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// What waits is still written.
    Finished,
    /// What waits is refused.
    Abandoned,
}

/// What the writer finds when it looks.
pub(crate) enum Taken {
    Entries(Vec<Entry>),
    End(End),
}

/// First in, first out.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_bytes: u32,
}

struct State {
    entries: VecDeque<Entry>,
    end: Option<End>,
}

impl Queue {
    pub(crate) fn new(settings: &Settings) -> Self {
        let max_bytes = settings.queue_bytes.max(1);
        let semaphore = |permits: u32| {
            let permits = usize::try_from(permits).unwrap_or(usize::MAX);
            Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)))
        };
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                end: None,
            }),
            changed: Condvar::new(),
            places: semaphore(settings.queue_batches),
            bytes: semaphore(max_bytes),
            max_bytes,
        }
    }

    /// Waits for room; `None` once the queue has ended.
    pub(crate) async fn room(&self, bytes: usize) -> Option<Room> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(bytes.clamp(1, self.max_bytes));
        Some(Room {
            _place: place,
            _bytes: bytes.await.ok()?,
        })
    }

    /// Appends a batch, or gives `done` back if the queue has ended.
    pub(crate) fn push(&self, room: Room, batch: Batch, done: Done) -> Result<(), Done> {
        let mut state = self.state();
        if state.end.is_some() {
            return Err(done);
        }
        state.entries.push_back(Entry {
            batch,
            done,
            _room: room,
        });
        self.changed.notify_one();
        Ok(())
    }

    /// Waits until something is queued and takes all of it; the end only once nothing is left to
    /// be written.
    pub(crate) fn take(&self) -> Taken {
        let mut state = self.state();
        loop {
            match state.end {
                Some(End::Abandoned) => return Taken::End(End::Abandoned),
                _ if !state.entries.is_empty() => {
                    return Taken::Entries(std::mem::take(&mut state.entries).into());
                }
                Some(End::Finished) => return Taken::End(End::Finished),
                None => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Accepts nothing more; the first end counts.
    pub(crate) fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.places.close();
        self.bytes.close();
        self.changed.notify_all();
    }

    /// What was never taken.
    pub(crate) fn drain(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state().entries).into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}
