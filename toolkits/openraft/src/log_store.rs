//! The log and the vote of a group, in a store of RocksDB.

mod load;
mod reader;
mod tail;

use std::fmt::{self, Debug};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use tsoracle_store::{Batch, Family, Store, StoreError};

use crate::keyspace::Keys;
use crate::{KeySpace, LogId, RaftTypes, Vote, record};
use tail::Tail;

pub use reader::RocksdbLogReader;
pub use tail::TailLimits;

/// The store's family that holds the entries, by index.
pub const LOG_FAMILY: &str = "log";

/// The store's family that holds the vote, and where the log begins.
pub const META_FAMILY: &str = "meta";

/// The vote.
const VOTE: &[u8] = b"vote";
/// The last position that is known to be committed.
const COMMITTED: &[u8] = b"committed";
/// The last entry that was purged.
const PURGED: &[u8] = b"purged";

/// openraft's log storage for one group, in the families [`LOG_FAMILY`] and [`META_FAMILY`] of a
/// store.
///
/// All writes of a group go through the store's queue in the order of the calls, and the store's
/// thread writes what has gathered there as one batch with one sync. No async thread waits for a
/// disk.
pub struct RocksdbLogStore<C: RaftTypes, K> {
    shared: Arc<Shared<C, K>>,
    /// Writes of entries so far: they are numbered from 1.
    writes: u64,
    /// The last position that is known to be committed, as it was loaded or saved.
    committed: Option<LogId>,
    /// Changes that wait for a write to go with.
    waiting: Waiting,
}

/// Changes that need no sync of their own: they go with the next write that needs one, in its
/// batch. A crash before that undoes them, and nothing else.
#[derive(Debug, Default)]
struct Waiting {
    /// The committed position has moved.
    committed: bool,
    /// The log was purged: from this index, up to this entry.
    purged: Option<(u64, LogId)>,
}

/// What the log storage and its readers share.
struct Shared<C: RaftTypes, K> {
    store: Store,
    keys: Keys<K>,
    log: Family,
    meta: Family,
    tail: Mutex<Tail<C>>,
    /// The vote that is durable.
    vote: Mutex<Option<Vote>>,
}

impl<C: RaftTypes, K: KeySpace> RocksdbLogStore<C, K> {
    /// Opens the log of the group of `keyspace`. Reads the whole of it once: no hole is found later.
    ///
    /// # Errors
    /// The store has not the two families, or has failed; a record is damaged, or missing between
    /// others ([`RecordError`](crate::RecordError) in the source).
    pub async fn open(store: Store, keyspace: K, limits: TailLimits) -> io::Result<Self> {
        let load = tokio::task::spawn_blocking(move || load::load(store, Keys(keyspace), limits));
        load.await.map_err(io::Error::other)?
    }

    /// A batch with the changes that waited for one.
    fn batch(&mut self) -> io::Result<Batch> {
        let Shared {
            keys, log, meta, ..
        } = &*self.shared;
        let mut batch = Batch::new();
        if std::mem::take(&mut self.waiting.committed) {
            let committed = record::encode(&self.committed)?;
            batch.put(*meta, keys.named(COMMITTED), committed);
        }
        if let Some((first, upto)) = self.waiting.purged.take() {
            batch.put(*meta, keys.named(PURGED), record::encode(&upto)?);
            batch.delete_range(*log, keys.numbered(first), keys.behind(upto.index));
        }
        Ok(batch)
    }
}

impl<C: RaftTypes, K> Shared<C, K> {
    /// Whether the store has not failed: what is in memory is not to be believed otherwise.
    fn alive(&self) -> io::Result<()> {
        self.store
            .failure()
            .map_or(Ok(()), |error| Err(failed(error)))
    }

    fn tail(&self) -> MutexGuard<'_, Tail<C>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vote(&self) -> MutexGuard<'_, Option<Vote>> {
        self.vote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failure of the store as the engine takes it: it stops.
pub(crate) fn failed(error: StoreError) -> io::Error {
    io::Error::other(error)
}

impl<C: RaftTypes, K: KeySpace> RaftLogStorage<C> for RocksdbLogStore<C, K> {
    type LogReader = RocksdbLogReader<C, K>;

    async fn get_log_state(&mut self) -> Result<LogState<C>, io::Error> {
        self.shared.alive()?;
        let tail = self.shared.tail();
        Ok(LogState {
            last_purged_log_id: tail.purged(),
            last_log_id: tail.last(),
        })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        RocksdbLogReader::new(Arc::clone(&self.shared))
    }

    /// Durable when it returns.
    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let mut batch = self.batch()?;
        let shared = &self.shared;
        batch.put(shared.meta, shared.keys.named(VOTE), record::encode(vote)?);
        shared.store.write(batch).await.map_err(failed)?;
        *shared.vote() = Some(*vote);
        Ok(())
    }

    /// Goes to disk with the next entries or vote: after a crash an older position may come back.
    /// The engine then applies less of the log before it starts, and the rest once it learns again
    /// that it is committed.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.shared.alive()?;
        self.waiting.committed |= self.committed != committed;
        self.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.shared.alive()?;
        Ok(self.committed)
    }

    /// Readable when it returns; durable when `callback` is told so, from the store's thread.
    /// Waits only for room in the store's queue.
    async fn append<I>(&mut self, entries: I, callback: IOFlushed<C>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = C::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.shared.alive()?;
        let mut batch = self.batch()?;
        let shared = &self.shared;
        let mut value = Vec::new();
        let mut added = Vec::new();
        for entry in entries {
            value.clear();
            record::encode_into(&entry, &mut value)?;
            batch.put(shared.log, shared.keys.numbered(entry.log_id.index), &value);
            added.push((entry, value.len()));
        }
        self.writes += 1;
        let write = self.writes;
        shared.tail().extend(added, write)?;
        let flushed = Arc::clone(shared);
        let done = move |outcome: Result<(), StoreError>| {
            if outcome.is_ok() {
                flushed.tail().flushed(write);
            }
            callback.io_completed(outcome.map_err(failed));
        };
        shared.store.submit(batch, done).await;
        Ok(())
    }

    /// Durable when it returns, and every earlier write with it; returns at once, and waits for none
    /// of them, if there is nothing to take away.
    async fn truncate_after(&mut self, keep: Option<LogId>) -> Result<(), io::Error> {
        self.shared.alive()?;
        let gone = self.shared.tail().truncate(keep);
        let Some(last) = gone.clone().next_back() else {
            return Ok(());
        };
        let mut batch = self.batch()?;
        let shared = &self.shared;
        let (from, to) = (shared.keys.numbered(gone.start), shared.keys.behind(last));
        batch.delete_range(shared.log, from, to);
        shared.store.write(batch).await.map_err(failed)
    }

    /// Goes to disk with the next entries or vote, in one piece with the record of where the log
    /// begins: a crash undoes all of it or nothing, and never under a later entry.
    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.shared.alive()?;
        if let Some(first) = self.shared.tail().purge(upto) {
            let waits = self.waiting.purged.take();
            let first = waits.map_or(first, |(earlier, _)| earlier.min(first));
            self.waiting.purged = Some((first, upto));
        }
        Ok(())
    }
}

impl<C: RaftTypes, K: Debug> Debug for RocksdbLogStore<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksdbLogStore")
            .field("keyspace", &self.shared.keys.0)
            .field("tail", &*self.shared.tail())
            .field("committed", &self.committed)
            .finish_non_exhaustive()
    }
}
