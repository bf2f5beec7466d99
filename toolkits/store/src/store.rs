//! The store: what a caller holds.

use std::ops::{ControlFlow, RangeBounds};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::queue::{Done, End};
use crate::shared::Shared;
use crate::wait::block_until;
use crate::{Batch, Direct, Family, Identity, Pair, Settings, StoreError, open, read};

/// A RocksDB store with one owner, an identity, and a log that is synced in groups.
///
/// Cheap to clone; every clone is the same store. When the last one is dropped, the store stops as
/// in a crash: what was not yet written is refused, and the directory is released soon after.
/// [`shutdown`](Self::shutdown) is the orderly way.
///
/// Calls that are not `async` block, for as long as the disk does unless they say otherwise.
/// The first failure is final: every later call answers with it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    _handle: Arc<Handle>,
}

/// Dropped with the last clone.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue.end(End::Abandoned);
    }
}

impl Store {
    /// Opens the store in `dir`, or makes one where there is none. Blocks.
    ///
    /// On disk when this returns: the store, and this opening in the count of
    /// [`starts`](Self::starts). A crash on the way leaves a store that the next opening finds
    /// whole, or nothing. Damage that the files show is refused
    /// before anything that counts is changed.
    ///
    /// # Errors
    /// [`StoreError`]: held by another owner, of another node, damaged, or refused by the disk.
    pub fn open(dir: impl AsRef<Path>, settings: &Settings) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let opened = open::open(dir, settings);
        let shared = opened.inspect_err(
            |error| tracing::error!(dir = %dir.display(), %error, "refused to open"),
        )?;
        let _handle = Arc::new(Handle(Arc::clone(&shared)));
        Ok(Self { shared, _handle })
    }

    /// Who the store belongs to, and which one it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.shared.identity
    }

    /// Whether this opening made the store.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.shared.is_new
    }

    /// How often the store was opened, this time included; no two openings share a number.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.shared.starts
    }

    /// The directory that it was opened with.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.folder.dir
    }

    /// A family of the settings, by its name.
    ///
    /// # Errors
    /// [`StoreError::UnknownFamily`].
    pub fn family(&self, name: &str) -> Result<Family, StoreError> {
        let unknown = || StoreError::UnknownFamily {
            dir: self.dir().to_owned(),
            name: name.into(),
        };
        self.shared.engine.family(name).ok_or_else(unknown)
    }

    /// The value of a key. Sees every batch that was written, also one that is not yet durable.
    ///
    /// # Errors
    /// The store's first failure; damage that is found here is one.
    pub fn get(
        &self,
        family: Family,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared
            .read(|engine| read::get(engine, family, key.as_ref()))
    }

    /// Up to `limit` keys of a range and their values, in ascending order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn scan<'a>(
        &self,
        family: Family,
        range: impl RangeBounds<&'a [u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let mut found = Vec::new();
        if limit > 0 {
            self.visit(family, range, |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                if found.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
        }
        Ok(found)
    }

    /// Shows the keys of a range and their values in ascending order, from one moment, until the
    /// visitor breaks off. A shutdown waits for it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn visit<'a>(
        &self,
        family: Family,
        range: impl RangeBounds<&'a [u8]>,
        visitor: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.shared
            .read(|engine| read::visit(engine, family, &range, visitor))
    }

    /// The greatest key of a range and its value.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn last<'a>(
        &self,
        family: Family,
        range: impl RangeBounds<&'a [u8]>,
    ) -> Result<Option<Pair>, StoreError> {
        self.shared
            .read(|engine| read::last(engine, family, &range))
    }

    /// A note: a small fact beside the families.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.read(|engine| read::note(engine, key))
    }

    /// The notes whose keys begin with `prefix`, in ascending order of their bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn notes(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.shared.read(|engine| read::notes(engine, prefix))
    }

    /// Sets a note, or removes it (`None`). Durable before this returns; it blocks meanwhile.
    ///
    /// # Errors
    /// The store's first failure; the note may then have either value.
    pub fn set_note(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write_blocking(read::note_batch(key, value))
    }

    /// As [`set_note`](Self::set_note), for a task. Dropped before it is done, the note may or may
    /// not be set.
    ///
    /// # Errors
    /// As [`set_note`](Self::set_note).
    pub async fn set_note_async(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write(read::note_batch(key, value)).await
    }

    /// Writes a batch; durable before this returns. Batches that wait together share one sync.
    ///
    /// Dropped while it waits for room, nothing was written; dropped later, the batch is written
    /// all the same.
    ///
    /// # Errors
    /// The store's first failure; whether the batch was written is then unknown.
    pub async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let (done, outcome) = oneshot::channel();
        self.submit(batch, move |result| drop(done.send(result)))
            .await;
        outcome.await.unwrap_or_else(|_| Err(self.shared.refusal()))
    }

    /// As [`write`](Self::write), on a thread that may block.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        block_until(None, self.write(batch)).unwrap_or_else(|| Err(self.shared.refusal()))
    }

    /// Queues a batch and returns; waits only while the queue is full.
    ///
    /// Batches are written in the order in which they were queued. `done` is called exactly once,
    /// in the same order, after the batch is durable or has failed; it runs on the store's thread
    /// and must not block. If this future is dropped while it waits for room, the batch is not
    /// queued and `done` is dropped with it.
    pub async fn submit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let done: Done = Box::new(done);
        let refused = match self.shared.queue.room(batch.size()).await {
            Some(room) => self.shared.queue.push(room, batch, done).err(),
            None => Some(done),
        };
        if let Some(done) = refused {
            done(Err(self.shared.refusal()));
        }
    }

    /// As [`submit`](Self::submit), on a thread that may block.
    pub fn submit_blocking(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        // Without a deadline it ends by itself.
        let _ = block_until(None, self.submit(batch, done));
    }

    /// The log, for an engine that writes and syncs on a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::DirectTaken`] while another handle lives.
    pub fn direct(&self) -> Result<Direct, StoreError> {
        if self.shared.take_direct() {
            let store = self.clone();
            Ok(Direct { store })
        } else {
            Err(StoreError::DirectTaken {
                dir: self.dir().to_owned(),
            })
        }
    }

    /// The store's first failure.
    #[must_use]
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.failure()
    }

    /// Waits for the store's first failure, or for its end ([`StoreError::Closed`]). May be
    /// dropped at any time.
    pub async fn failed(&self) -> StoreError {
        let mut failure = self.shared.failure.subscribe();
        let mut closed = self.shared.closed.subscribe();
        tokio::select! {
            biased;
            failed = failure.wait_for(Option::is_some) => {
                drop(failed);
            }
            ended = closed.wait_for(|closed| *closed) => {
                drop(ended);
            }
        }
        self.shared.refusal()
    }

    /// Waits for the store's first failure; for ever, if it is closed without one.
    pub async fn broken(&self) -> StoreError {
        let mut failure = self.shared.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        match failed.map(|failed| failed.clone()) {
            Ok(Some(error)) => error,
            // The sender lives as long as this handle.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Writes what is queued, makes everything durable, closes RocksDB and releases the directory.
    /// Further calls wait for the same end; every other call is refused from now on. Blocks.
    ///
    /// # Errors
    /// The store's first failure, after it was closed and released. [`StoreError::Stalled`] when
    /// the disk has not let go in time; the directory is then released as soon as it does.
    pub fn shutdown(&self, within: Duration) -> Result<(), StoreError> {
        self.shared.queue.end(End::Finished);
        let deadline = Instant::now().checked_add(within);
        match block_until(deadline, self.closed()) {
            Some(()) => self.shared.failure().map_or(Ok(()), Err),
            None => Err(self.stalled(within)),
        }
    }

    /// As [`shutdown`](Self::shutdown), for a task of a runtime with time. Dropped before it is
    /// done, the store closes all the same.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_async(&self, within: Duration) -> Result<(), StoreError> {
        self.shared.queue.end(End::Finished);
        match tokio::time::timeout(within, self.closed()).await {
            Ok(()) => self.shared.failure().map_or(Ok(()), Err),
            Err(_) => Err(self.stalled(within)),
        }
    }

    async fn closed(&self) {
        let mut closed = self.shared.closed.subscribe();
        // The sender lives as long as this store.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    fn stalled(&self, limit: Duration) -> StoreError {
        StoreError::Stalled {
            dir: self.dir().to_owned(),
            limit,
        }
    }
}
