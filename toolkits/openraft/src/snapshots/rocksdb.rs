//! A snapshot in a store of RocksDB, in pieces.

use std::fmt::{self, Debug};
use std::io;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tsoracle_store::{Batch, Family, Store};

use super::{SnapshotKeeper, covers_more};
use crate::keyspace::Keys;
use crate::log_store::{META_FAMILY, failed};
use crate::record::{self, RecordError};
use crate::{KeySpace, RaftTypes, Snapshot, SnapshotMeta, SnapshotPayload};

/// The store's family that holds the pieces of a snapshot.
pub const SNAPSHOT_FAMILY: &str = "snapshot";

/// Which snapshot is the one that is kept.
const CURRENT: &[u8] = b"snapshot";

/// Bytes of a piece: each is one write, so that entries of the log get their turn between them.
const PIECE: usize = 256 << 10;

/// The newest snapshot of one group, in the families [`META_FAMILY`] and [`SNAPSHOT_FAMILY`] of a
/// store.
///
/// A snapshot is written in pieces of 256 KiB, one sync each at most, and becomes the kept one by
/// one last write, which also removes the one before: a crash in between leaves the one before, and
/// pieces that the next opening removes.
pub struct RocksdbSnapshots<C: RaftTypes, K> {
    shared: Arc<Shared<K>>,
    types: PhantomData<fn() -> C>,
}

struct Shared<K> {
    store: Store,
    keys: Keys<K>,
    meta: Family,
    pieces: Family,
    /// Held while a snapshot is written.
    turn: tokio::sync::Mutex<()>,
    /// What is kept, without the pieces.
    current: Mutex<Option<Current>>,
}

/// The record of the snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Current {
    /// Its pieces have the numbers from here on.
    first: u64,
    /// How many pieces.
    pieces: u64,
    /// Bytes in all of them.
    bytes: u64,
    /// The encoded [`SnapshotMeta`].
    meta: Vec<u8>,
}

impl Current {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.pieces)
    }
}

impl<C: RaftTypes, K: KeySpace> RocksdbSnapshots<C, K> {
    /// Opens the snapshot of the group of `keyspace`, and removes the pieces of one that was being
    /// written when the process ended.
    ///
    /// # Errors
    /// The store has not the two families, or has failed; the record of the snapshot is damaged.
    pub async fn open(store: Store, keyspace: K) -> io::Result<Self> {
        let meta = store.family(META_FAMILY).map_err(failed)?;
        let pieces = store.family(SNAPSHOT_FAMILY).map_err(failed)?;
        let shared = Shared {
            store,
            keys: Keys(keyspace),
            meta,
            pieces,
            turn: tokio::sync::Mutex::new(()),
            current: Mutex::new(None),
        };
        let shared = Arc::new(shared);
        let loading = Arc::clone(&shared);
        let load = tokio::task::spawn_blocking(move || {
            let current = loading.load()?;
            let leftovers = loading.leftovers(current.as_ref())?;
            *loading.current() = current;
            Ok::<_, io::Error>(leftovers)
        });
        if let Some(batch) = load.await.map_err(io::Error::other)?? {
            shared.store.write(batch).await.map_err(failed)?;
        }
        let types = PhantomData;
        Ok(Self { shared, types })
    }
}

impl<K: KeySpace> Shared<K> {
    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store says is kept.
    fn load(&self) -> io::Result<Option<Current>> {
        let key = self.keys.named(CURRENT);
        let bytes = self.store.get(self.meta, &key).map_err(failed)?;
        let current = bytes.map(|bytes| record::decode(META_FAMILY, &key, &bytes));
        current.transpose()
    }

    /// What removes the pieces that belong to no kept snapshot, if there are any.
    fn leftovers(&self, current: Option<&Current>) -> io::Result<Option<Batch>> {
        let (first, end) = current.map_or((0, 0), |current| (current.first, current.end()));
        let keys = &self.keys;
        let before = keys.numbered(0)..keys.numbered(first);
        let behind = keys.numbered(end)..keys.behind(u64::MAX);
        let mut batch = Batch::new();
        for range in [before, behind] {
            let (from, to) = (range.start.as_slice(), range.end.as_slice());
            let found = self.store.scan(self.pieces, from..to, 1).map_err(failed)?;
            if !found.is_empty() {
                batch.delete_range(self.pieces, from, to);
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// The bytes of a snapshot. Blocks.
    fn fetch(&self, current: &Current) -> io::Result<Bytes> {
        let mut state = Vec::with_capacity(usize::try_from(current.bytes).unwrap_or(0));
        for number in current.first..current.end() {
            let key = self.keys.numbered(number);
            let Some(piece) = self.store.get(self.pieces, &key).map_err(failed)? else {
                let family = SNAPSHOT_FAMILY;
                return Err(record::damaged(RecordError::Missing { family, key }));
            };
            state.extend_from_slice(&piece);
        }
        if u64::try_from(state.len()) != Ok(current.bytes) {
            return Err(record::damaged(RecordError::Contradiction {
                family: META_FAMILY,
                key: self.keys.named(CURRENT),
                why: format!("{} bytes instead of {}", state.len(), current.bytes),
            }));
        }
        Ok(state.into())
    }

    /// Writes a snapshot's pieces, the first under the number `first`: durable when it returns. How
    /// many there were.
    async fn write_pieces(&self, first: u64, state: &Bytes) -> io::Result<u64> {
        let mut number = first;
        for piece in state.chunks(PIECE) {
            let mut batch = Batch::new();
            batch.put(self.pieces, self.keys.numbered(number), piece);
            self.store.write(batch).await.map_err(failed)?;
            number += 1;
        }
        Ok(number - first)
    }

    /// Keeps a snapshot whose pieces are written, and removes all others.
    async fn switch(&self, new: Current) -> io::Result<()> {
        let keys = &self.keys;
        let mut batch = Batch::new();
        batch.put(self.meta, keys.named(CURRENT), record::encode(&new)?);
        let (first, end) = (keys.numbered(new.first), keys.numbered(new.end()));
        batch.delete_range(self.pieces, keys.numbered(0), first);
        batch.delete_range(self.pieces, end, keys.behind(u64::MAX));
        self.store.write(batch).await.map_err(failed)?;
        *self.current() = Some(new);
        Ok(())
    }

    /// Writes a snapshot and keeps it, if it covers more than the one before.
    async fn save<C: RaftTypes>(&self, snapshot: Snapshot<C>) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let old = self.current().clone();
        if let Some(old) = &old
            && !covers_more::<C>(&snapshot.meta, &self.meta_of::<C>(old)?)
        {
            return Ok(());
        }
        let meta = record::encode(&snapshot.meta)?;
        let state = snapshot.snapshot.into_bytes();
        let first = old.map_or(0, |old| old.end());
        let pieces = self.write_pieces(first, &state).await?;
        let bytes = u64::try_from(state.len()).unwrap_or(u64::MAX);
        let new = Current {
            first,
            pieces,
            bytes,
            meta,
        };
        self.switch(new).await
    }

    fn meta_of<C: RaftTypes>(&self, current: &Current) -> io::Result<SnapshotMeta<C>> {
        record::decode(META_FAMILY, &self.keys.named(CURRENT), &current.meta)
    }
}

impl<C: RaftTypes, K: KeySpace> SnapshotKeeper<C> for RocksdbSnapshots<C, K> {
    /// Goes on to its end when the future is dropped: the next one waits for it.
    async fn save(&self, snapshot: Snapshot<C>) -> Result<(), io::Error> {
        let shared = Arc::clone(&self.shared);
        let save = tokio::spawn(async move { shared.save::<C>(snapshot).await });
        save.await.map_err(io::Error::other)?
    }

    async fn current(&self) -> Result<Option<Snapshot<C>>, io::Error> {
        loop {
            self.shared
                .store
                .failure()
                .map_or(Ok(()), Err)
                .map_err(failed)?;
            let Some(current) = self.shared.current().clone() else {
                return Ok(None);
            };
            let (shared, wanted) = (Arc::clone(&self.shared), current.clone());
            let fetch = tokio::task::spawn_blocking(move || shared.fetch(&wanted));
            let state = fetch.await.map_err(io::Error::other)?;
            // A newer snapshot removes the pieces of this one.
            if self.shared.current().as_ref() != Some(&current) {
                continue;
            }
            let meta = self.shared.meta_of::<C>(&current)?;
            let snapshot = C::SnapshotData::from_bytes(state?);
            return Ok(Some(Snapshot::<C> { meta, snapshot }));
        }
    }
}

impl<C: RaftTypes, K> Clone for RocksdbSnapshots<C, K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            types: PhantomData,
        }
    }
}

impl<C: RaftTypes, K: Debug> Debug for RocksdbSnapshots<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksdbSnapshots")
            .field("keyspace", &self.shared.keys.0)
            .finish_non_exhaustive()
    }
}
