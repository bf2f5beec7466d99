//! A log store in memory, with a disk that can be held and a machine that can crash.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use tokio::sync::watch;

use super::state::{State, Write};
use crate::{LogId, RaftTypes, Vote};

/// A log store in memory. Writes are visible at once, as in a page cache, and flushed at once
/// unless flushes are held. Clones are the same store.
pub struct MemoryLogStore<C: RaftTypes> {
    disk: Arc<Disk<C>>,
}

struct Disk<C: RaftTypes> {
    inner: Mutex<Inner<C>>,
    /// Writes flushed so far, so that a vote can wait for its own.
    flushed: watch::Sender<u64>,
}

struct Inner<C: RaftTypes> {
    visible: State<C>,
    durable: State<C>,
    held: bool,
    written: u64,
    unflushed: Vec<(Write<C>, Option<IOFlushed<C>>)>,
}

impl<C: RaftTypes> MemoryLogStore<C> {
    /// Holds flushes back from here on: appends are visible, and unconfirmed; a vote waits.
    pub fn hold(&self) {
        self.lock().held = true;
    }

    /// Flushes what was held back, and from here on everything at once.
    pub fn release(&self) {
        let mut inner = self.lock();
        inner.held = false;
        let flushed = inner.flush();
        let written = inner.written;
        drop(inner);
        for callback in flushed {
            callback.io_completed(Ok(()));
        }
        self.disk.flushed.send_replace(written);
    }

    /// What a machine finds after a crash now: only what was flushed. This store goes on as a life
    /// of its own, which the new one does not see.
    #[must_use]
    pub fn crash(&self) -> Self {
        let durable = self.lock().durable.clone();
        Self::on(durable)
    }

    /// The durable vote.
    #[must_use]
    pub fn durable_vote(&self) -> Option<Vote> {
        self.lock().durable.vote
    }

    /// The last durable entry.
    #[must_use]
    pub fn durable_last(&self) -> Option<LogId> {
        self.lock().durable.last()
    }

    /// The entry at an index, flushed or not.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<<C as RaftTypeConfig>::Entry> {
        self.lock().visible.log.get(&index).cloned()
    }

    fn on(state: State<C>) -> Self {
        let inner = Inner {
            visible: state.clone(),
            durable: state,
            held: false,
            written: 0,
            unflushed: Vec::new(),
        };
        let disk = Disk {
            inner: Mutex::new(inner),
            flushed: watch::channel(0).0,
        };
        Self {
            disk: Arc::new(disk),
        }
    }

    /// Writes, and gives the number of the write.
    fn write(&self, write: Write<C>, callback: Option<IOFlushed<C>>) -> u64 {
        let mut inner = self.lock();
        inner.visible.apply(write.clone());
        inner.written += 1;
        let number = inner.written;
        inner.unflushed.push((write, callback));
        if inner.held {
            return number;
        }
        let flushed = inner.flush();
        drop(inner);
        for callback in flushed {
            callback.io_completed(Ok(()));
        }
        self.disk.flushed.send_replace(number);
        number
    }

    async fn flushed(&self, number: u64) -> Result<(), io::Error> {
        let mut flushed = self.disk.flushed.subscribe();
        let flushed = flushed.wait_for(|upto| *upto >= number).await;
        flushed.map(drop).map_err(io::Error::other)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<C>> {
        self.disk
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: RaftTypes> Inner<C> {
    fn flush(&mut self) -> Vec<IOFlushed<C>> {
        let mut callbacks = Vec::new();
        for (write, callback) in std::mem::take(&mut self.unflushed) {
            self.durable.apply(write);
            callbacks.extend(callback);
        }
        callbacks
    }
}

impl<C: RaftTypes> Default for MemoryLogStore<C> {
    fn default() -> Self {
        Self::on(State::default())
    }
}

impl<C: RaftTypes> Clone for MemoryLogStore<C> {
    fn clone(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
        }
    }
}

impl<C: RaftTypes> Debug for MemoryLogStore<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.lock();
        f.debug_struct("MemoryLogStore")
            .field("last", &inner.visible.last())
            .field("durable_last", &inner.durable.last())
            .field("held", &inner.held)
            .finish_non_exhaustive()
    }
}

impl<C: RaftTypes> RaftLogReader<C> for MemoryLogStore<C> {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<C::Entry>, io::Error> {
        let inner = self.lock();
        let entries = inner.visible.log.range(range);
        Ok(entries.map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.lock().visible.vote)
    }
}

impl<C: RaftTypes> RaftLogStorage<C> for MemoryLogStore<C> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<C>, io::Error> {
        let inner = self.lock();
        Ok(LogState {
            last_purged_log_id: inner.visible.purged,
            last_log_id: inner.visible.last(),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let number = self.write(Write::Vote(*vote), None);
        self.flushed(number).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.write(Write::Committed(committed), None);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.lock().visible.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<C>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = C::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        debug_assert!(
            entries
                .windows(2)
                .all(|two| two[0].log_id().index + 1 == two[1].log_id().index),
            "entries have consecutive numbers"
        );
        self.write(Write::Append(entries), Some(callback));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        self.write(Write::TruncateAfter(last), None);
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.write(Write::Purge(upto), None);
        Ok(())
    }
}
