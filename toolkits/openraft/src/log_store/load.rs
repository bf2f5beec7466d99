//! What a store knows of a group's log when it is opened.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use openraft::LogIdOptionExt;
use serde::de::DeserializeOwned;
use tsoracle_store::{Family, Store};

use super::{
    COMMITTED, LOG_FAMILY, META_FAMILY, PURGED, RocksdbLogStore, Shared, VOTE, Waiting, failed,
};
use crate::keyspace::Keys;
use crate::log_store::tail::{Tail, TailLimits};
use crate::record::{self, RecordError};
use crate::{Entry, KeySpace, LogId, RaftTypes, Vote};

/// Opens a group's log and looks at every entry.
pub(super) fn load<C: RaftTypes, K: KeySpace>(
    store: Store,
    keys: Keys<K>,
    limits: TailLimits,
) -> io::Result<RocksdbLogStore<C, K>> {
    let log = store.family(LOG_FAMILY).map_err(failed)?;
    let meta = store.family(META_FAMILY).map_err(failed)?;
    let vote: Option<Vote> = read(&store, meta, &keys.named(VOTE))?;
    let committed: Option<Option<LogId>> = read(&store, meta, &keys.named(COMMITTED))?;
    let purged: Option<LogId> = read(&store, meta, &keys.named(PURGED))?;
    let (first, last) = ends::<C, K>(&store, log, &keys, purged)?;
    let shared = Shared {
        store,
        keys,
        log,
        meta,
        tail: Mutex::new(Tail::new(limits, purged, first, last)),
        vote: Mutex::new(vote),
    };
    Ok(RocksdbLogStore {
        shared: Arc::new(shared),
        writes: 0,
        committed: committed.flatten(),
        waiting: Waiting::default(),
    })
}

/// The record at `key` of the family of votes and positions.
fn read<T: DeserializeOwned>(store: &Store, meta: Family, key: &[u8]) -> io::Result<Option<T>> {
    let bytes = store.get(meta, key).map_err(failed)?;
    let value = bytes.map(|bytes| record::decode(META_FAMILY, key, &bytes));
    value.transpose()
}

/// The index of the first entry and the position of the last, after a look at every one between.
fn ends<C: RaftTypes, K: KeySpace>(
    store: &Store,
    log: Family,
    keys: &Keys<K>,
    purged: Option<LogId>,
) -> io::Result<(u64, Option<LogId>)> {
    let mut first = None;
    let mut last = purged;
    let mut outcome = Ok(());
    let (from, to) = (keys.numbered(0), keys.behind(u64::MAX));
    let visit = |key: &[u8], value: &[u8]| match next_of::<C, K>(keys, last, key, value) {
        Ok(entry) => {
            first = first.or(Some(entry.index));
            last = Some(entry);
            ControlFlow::Continue(())
        }
        Err(error) => {
            outcome = Err(error);
            ControlFlow::Break(())
        }
    };
    let visited = store.visit(log, from.as_slice()..to.as_slice(), visit);
    visited.map_err(failed)?;
    outcome?;
    Ok((first.unwrap_or(purged.next_index()), last))
}

/// The position of the entry at `key`, which has to be the one behind `last`.
fn next_of<C: RaftTypes, K: KeySpace>(
    keys: &Keys<K>,
    last: Option<LogId>,
    key: &[u8],
    value: &[u8],
) -> io::Result<LogId> {
    let entry: Entry<C> = record::decode(LOG_FAMILY, key, value)?;
    let (family, index) = (LOG_FAMILY, entry.log_id.index);
    let (expected, key) = (last.next_index(), key.to_vec());
    if keys.number_of(&key) != Some(index) {
        let why = format!("it holds entry {index}");
        return Err(record::damaged(RecordError::Contradiction {
            family,
            key,
            why,
        }));
    }
    if last.is_some() && index < expected {
        let why = "it was purged".to_owned();
        return Err(record::damaged(RecordError::Contradiction {
            family,
            key,
            why,
        }));
    }
    if last.is_some() && index > expected {
        let key = keys.numbered(expected);
        return Err(record::damaged(RecordError::Missing { family, key }));
    }
    Ok(entry.log_id)
}
