//! Reads a journal forwards and finds what was durable when it ended.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::place::Paths;
use super::record::{NameWas, Record};
use crate::error::Error;

/// What has to be undone.
#[derive(Debug, Default)]
pub(super) struct Undo {
    /// By inode, in the order of what happened: the changes since its last sync.
    pub(super) contents: BTreeMap<u64, Vec<ContentWas>>,
    /// By directory and name: the inode that the name has to mean, 0 for none.
    pub(super) names: BTreeMap<(u64, OsString), u64>,
}

/// What a file held before a change.
#[derive(Debug)]
pub(super) struct ContentWas {
    position: u64,
    pub(super) length: u64,
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
    /// So many bytes from `at` on were synced with the write itself.
    pub(super) durable: u64,
}

/// Names that changed together.
struct Change {
    position: u64,
    names: Vec<NameWas>,
}

/// Up to which position syncs made things durable.
#[derive(Default)]
struct Synced {
    all: u64,
    dirs: BTreeMap<u64, u64>,
}

impl Synced {
    // Half of a change cannot be kept: it is durable once every directory in it was synced.
    fn covers(&self, change: &Change) -> bool {
        change.names.iter().all(|was| {
            let dir = self.dirs.get(&was.dir).copied().unwrap_or_default();
            dir.max(self.all) > change.position
        })
    }
}

/// Reads the journal of a recording that has ended.
pub(super) fn replay(paths: &Paths) -> Result<Undo, Error> {
    let mut reader = paths.read()?;
    let mut undo = Undo::default();
    let mut synced = Synced::default();
    let mut changes = Vec::new();
    while let Some((position, record)) = reader.next().map_err(Error::at(&paths.journal))? {
        match record {
            Record::Content {
                inode,
                length,
                at,
                bytes,
            } => {
                let was = ContentWas {
                    position,
                    length,
                    at,
                    bytes,
                    durable: 0,
                };
                undo.contents.entry(inode).or_default().push(was);
            }
            Record::Durable {
                inode,
                position,
                count,
            } => {
                let changes = undo.contents.entry(inode).or_default();
                if let Some(was) = changes.iter_mut().find(|was| was.position == position) {
                    was.durable = count;
                }
            }
            Record::Names(names) => changes.push(Change { position, names }),
            Record::Synced { inode, upto } => {
                // Of two syncs at once the earlier may end last.
                let dir = synced.dirs.entry(inode).or_default();
                *dir = upto.max(*dir);
                if let Some(changes) = undo.contents.get_mut(&inode) {
                    changes.retain(|was| was.position >= upto);
                }
            }
            Record::AllSynced { upto } => {
                synced.all = upto.max(synced.all);
                for changes in undo.contents.values_mut() {
                    changes.retain(|was| was.position >= upto);
                }
            }
            Record::Born { inode } => drop(undo.contents.remove(&inode)),
        }
    }
    undo.names = names(&changes, &synced);
    Ok(undo)
}

/// A name has to mean what it meant after the last durable change to it. Where nothing followed
/// that change, it means it still.
fn names(changes: &[Change], synced: &Synced) -> BTreeMap<(u64, OsString), u64> {
    let mut wanted = BTreeMap::new();
    for change in changes {
        let durable = synced.covers(change);
        for was in &change.names {
            let key = (was.dir, was.name.clone());
            if durable {
                wanted.remove(&key);
            } else {
                wanted.entry(key).or_insert(was.inode);
            }
        }
    }
    wanted
}
