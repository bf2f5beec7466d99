//! Writing: RocksDB's log, the frontier behind it, and turning to the next log file.

use std::sync::Arc;

use rocksdb::{FlushOptions, WriteBatch, WriteOptions};

use crate::engine::{Engine, NOTES};
use crate::keeper::Keeper;
use crate::{Batch, StoreError};

/// The last key before a log file ends; see [`Log::turn`].
const TURN: &[u8] = b"iturn";
/// How many flushes and compactions have failed. RocksDB tries them again by itself; a disk that has
/// failed is not believed any more.
const BACKGROUND_ERRORS: &str = "rocksdb.background-errors";
/// By how many bytes a file is lengthened at once.
const CHUNK: usize = 64 << 10;

/// The writing end of a store: whoever holds it writes.
#[derive(Debug)]
pub(crate) struct Log {
    engine: Arc<Engine>,
    keeper: Arc<Keeper>,
    /// Size at which the next file begins, in bytes.
    file_bytes: usize,
    /// Written to the present file, about.
    written: usize,
    /// Something was written since the last sync.
    unsynced: bool,
}

impl Log {
    pub(crate) fn new(engine: Arc<Engine>, keeper: Arc<Keeper>, file_bytes: usize) -> Self {
        Self {
            engine,
            keeper,
            file_bytes,
            written: 0,
            unsynced: false,
        }
    }

    /// Writes batches in order and makes them and everything before them durable, with one sync.
    pub(crate) fn write_synced<'a>(
        &mut self,
        batches: impl IntoIterator<Item = &'a Batch>,
    ) -> Result<(), StoreError> {
        let mut batches = batches.into_iter().peekable();
        while let Some(batch) = batches.next() {
            self.write_one(batch, batches.peek().is_none())?;
        }
        self.sync()
    }

    /// Writes a batch; durable after the next [`sync`](Self::sync).
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.write_one(batch, false)
    }

    /// Makes everything that was written durable, and only then moves the frontier.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced {
            self.engine.with("sync its log", |db| db.flush_wal(true))?;
            self.synced()?;
        }
        Ok(())
    }

    /// Whether the present file is full, and everything in it durable.
    pub(crate) fn is_due(&self) -> bool {
        self.is_full() && !self.unsynced
    }

    fn is_full(&self) -> bool {
        self.written >= self.file_bytes
    }

    /// Begins the next file if the present one is full; everything in it is durable then.
    pub(crate) fn turn_if_full(&mut self) -> Result<(), StoreError> {
        if self.is_full() { self.turn() } else { Ok(()) }
    }

    /// Begins the next file. What is in the present one goes to tables in the background, all
    /// families together; its last change is one whose sequence number the tables keep, so that
    /// they tell how far they reach.
    pub(crate) fn turn(&mut self) -> Result<(), StoreError> {
        let written = u64::try_from(self.written).unwrap_or(u64::MAX);
        self.put_note_raw(TURN, &written.to_le_bytes())?;
        let mut flush = FlushOptions::default();
        flush.set_wait(false);
        self.engine.with("flush", |db| {
            db.flush_cfs_opt(&self.engine.columns(db).iter().collect::<Vec<_>>(), &flush)
        })?;
        self.written = 0;
        self.keeper.wake();
        Ok(())
    }

    /// Lengthens the present file by bytes that change nothing and that no sync waits for; false
    /// once it is full.
    pub(crate) fn fill(&mut self) -> Result<bool, StoreError> {
        if !self.is_full() {
            let chunk = vec![0; CHUNK];
            let mut batch = WriteBatch::default();
            batch.put_log_data(&chunk);
            self.written += chunk.len();
            self.engine
                .with("write", |db| db.write_opt(batch, &write_options(false)))?;
        }
        Ok(!self.is_full())
    }

    /// Sets a key of the family of notes, durably.
    pub(crate) fn put_note_raw(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let batch = self.engine.with("write", |db| {
            let mut batch = WriteBatch::default();
            if let Some(notes) = db.cf_handle(NOTES) {
                batch.put_cf(notes, key, value);
            }
            Ok(batch)
        })?;
        let size = batch.size_in_bytes();
        self.submit(batch, size, true)
    }

    fn write_one(&mut self, batch: &Batch, sync: bool) -> Result<(), StoreError> {
        let encoded = self.engine.with("write", |db| {
            Ok(batch.encode(|family| self.engine.column(db, family)))
        })?;
        let encoded = encoded.ok_or_else(|| self.engine.unknown_family())?;
        self.submit(encoded, batch.size(), sync)
    }

    fn submit(&mut self, batch: WriteBatch, size: usize, sync: bool) -> Result<(), StoreError> {
        let options = write_options(sync);
        self.unsynced = true;
        self.written += size;
        self.engine
            .with("write", |db| db.write_opt(batch, &options))?;
        if sync { self.synced() } else { Ok(()) }
    }

    fn synced(&mut self) -> Result<(), StoreError> {
        let (durable, failures) = self.engine.with("tell how far it is", |db| {
            let failures = db.property_int_value(BACKGROUND_ERRORS)?;
            Ok((db.latest_sequence_number(), failures.unwrap_or(0)))
        })?;
        if failures > 0 {
            return Err(self.engine.failed_in_the_background());
        }
        self.unsynced = false;
        self.keeper.record(durable)
    }
}

fn write_options(sync: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    options.set_no_slowdown(true);
    options
}
