//! The log and the state in RocksDB: one family each.

use std::fmt::Display;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use omnipaxos::storage::Entry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tsoracle_store::{Batch, Direct, Family, Store};

use super::{Buffered, Dirty, Medium, StorageError, View};

/// The family of the log: big-endian index to entry. Name it in the store's settings.
pub const LOG_FAMILY: &str = "paxos-log";
/// The family of promise, rounds, indices, stop-sign and snapshot. Name it in the store's settings.
pub const STATE_FAMILY: &str = "paxos-state";

/// The note that outlives every configuration: no restart may withhold for less.
const LONGEST_GRANT: &str = "paxos-longest-grant-nanos";
const VERSION: u8 = 1;

const PROMISE: &str = "promise";
const ACCEPTED: &str = "accepted";
const DECIDED: &str = "decided";
const COMPACTED: &str = "compacted";
const FIRST: &str = "first";
const STOPSIGN: &str = "stopsign";
const SNAPSHOT: &str = "snapshot";

/// OmniPaxos' storage on a RocksDB store; [`Buffered`] says what is on disk and when.
pub type RocksdbStorage<T> = Buffered<T, Rocksdb>;

/// Batches of a log in a store, through its direct handle.
#[derive(Debug)]
pub struct Rocksdb {
    direct: Direct,
    log: Family,
    state: Family,
    /// The indices of the entries that were written.
    on_disk: Range<usize>,
}

impl<T> Buffered<T, Rocksdb>
where
    T: Entry + Serialize + DeserializeOwned,
{
    /// Reads the log of a store whose settings name [`LOG_FAMILY`] and [`STATE_FAMILY`], and takes
    /// the store's direct handle until storage and control are dropped. Blocks; changes nothing.
    ///
    /// # Errors
    /// [`StorageError`]: refused by the store, or damaged.
    pub fn open(store: &Store) -> Result<Self, StorageError> {
        let mut medium = Rocksdb {
            direct: store.direct()?,
            log: store.family(LOG_FAMILY)?,
            state: store.family(STATE_FAMILY)?,
            on_disk: 0..0,
        };
        let view = medium.load::<T>()?;
        medium.on_disk = view.first..view.end();
        Ok(Self::new(view, medium))
    }
}

impl<T> Medium<T> for Rocksdb
where
    T: Entry + Serialize,
{
    fn write(&mut self, view: &View<T>, dirty: &Dirty) -> Result<(), StorageError> {
        let mut batch = Batch::new();
        self.put(&mut batch, PROMISE, dirty.promise, view.promise.as_ref())?;
        self.put(&mut batch, ACCEPTED, dirty.accepted, view.accepted.as_ref())?;
        self.put(&mut batch, DECIDED, dirty.decided, Some(&view.decided))?;
        self.put(
            &mut batch,
            COMPACTED,
            dirty.compacted,
            Some(&view.compacted),
        )?;
        self.put(&mut batch, FIRST, dirty.compacted, Some(&view.first))?;
        self.put(&mut batch, STOPSIGN, dirty.stopsign, view.stopsign.as_ref())?;
        self.put(&mut batch, SNAPSHOT, dirty.snapshot, view.snapshot.as_ref())?;
        let now = view.first..view.end();
        let disk = std::mem::replace(&mut self.on_disk, now.clone());
        self.remove(&mut batch, disk.start..now.start.min(disk.end));
        self.remove(&mut batch, now.end.max(disk.start)..disk.end);
        if let Some(from) = dirty.log_from {
            let from = from.max(view.first);
            for (index, entry) in (from..).zip(view.entries.iter().skip(from - view.first)) {
                let bytes = encode(&format_args!("entry {index}"), entry)?;
                batch.put(self.log, key(index), bytes);
            }
        }
        Ok(self.direct.write(&batch)?)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        Ok(self.direct.sync()?)
    }

    fn longest_grant(&mut self) -> Result<Option<Duration>, StorageError> {
        let stored = self.direct.store().note(LONGEST_GRANT)?;
        let nanos = stored.map(|bytes| decode::<u64>(&LONGEST_GRANT, &bytes));
        Ok(nanos.transpose()?.map(Duration::from_nanos))
    }

    fn record_longest_grant(&mut self, longest: Duration) -> Result<(), StorageError> {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let bytes = encode(&LONGEST_GRANT, &nanos)?;
        Ok(self.direct.store().set_note(LONGEST_GRANT, Some(&bytes))?)
    }
}

impl Rocksdb {
    fn put<V: Serialize>(
        &self,
        batch: &mut Batch,
        name: &str,
        differs: bool,
        value: Option<&V>,
    ) -> Result<(), StorageError> {
        match value {
            _ if !differs => {}
            Some(value) => batch.put(self.state, name, encode(&name, value)?),
            None => batch.delete(self.state, name),
        }
        Ok(())
    }

    /// Removes a few entries one by one, since each range that is removed slows later reads.
    fn remove(&self, batch: &mut Batch, range: Range<usize>) {
        if range.len() > 64 {
            batch.delete_range(self.log, key(range.start), key(range.end));
        } else {
            for index in range {
                batch.delete(self.log, key(index));
            }
        }
    }

    fn load<T>(&self) -> Result<View<T>, StorageError>
    where
        T: Entry + DeserializeOwned,
    {
        let mut view = View {
            promise: self.get(PROMISE)?,
            accepted: self.get(ACCEPTED)?,
            decided: self.get(DECIDED)?.unwrap_or(0),
            compacted: self.get(COMPACTED)?.unwrap_or(0),
            stopsign: self.get(STOPSIGN)?,
            snapshot: self.get(SNAPSHOT)?,
            first: self.get(FIRST)?.unwrap_or(0),
            ..View::default()
        };
        self.load_log(&mut view)?;
        let accepted = view.end() + usize::from(view.stopsign.is_some());
        if view.decided > accepted {
            let why = format!("{} is decided, and {accepted} is accepted", view.decided);
            return Err(damaged(&DECIDED, why));
        }
        Ok(view)
    }

    fn load_log<T>(&self, view: &mut View<T>) -> Result<(), StorageError>
    where
        T: Entry + DeserializeOwned,
    {
        let mut wrong = None;
        let all = ..;
        self.direct.store().visit(self.log, all, |found, bytes| {
            let index = view.end();
            let entry = if found == key(index) {
                decode(&format_args!("entry {index}"), bytes)
            } else {
                let why = format!("the key {found:02x?} stands in its place");
                Err(damaged(&format_args!("entry {index}"), why))
            };
            match entry {
                Ok(entry) => view.entries.push_back(entry),
                Err(error) => wrong = Some(error),
            }
            match wrong {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        })?;
        wrong.map_or(Ok(()), Err)
    }

    fn get<V: DeserializeOwned>(&self, name: &str) -> Result<Option<V>, StorageError> {
        let stored = self.direct.store().get(self.state, name)?;
        stored.map(|bytes| decode(&name, &bytes)).transpose()
    }
}

fn key(index: usize) -> [u8; 8] {
    (index as u64).to_be_bytes()
}

fn encode<V: Serialize>(what: &dyn Display, value: &V) -> Result<Vec<u8>, StorageError> {
    tsoracle_codec::encode(VERSION, value).map_err(|error| StorageError::NoEncoding {
        what: what.to_string(),
        why: error.to_string(),
    })
}

fn decode<V: DeserializeOwned>(what: &dyn Display, bytes: &[u8]) -> Result<V, StorageError> {
    tsoracle_codec::decode(VERSION, bytes).map_err(|error| damaged(what, error.to_string()))
}

fn damaged(what: &dyn Display, why: String) -> StorageError {
    StorageError::Damaged {
        what: what.to_string(),
        why,
    }
}
