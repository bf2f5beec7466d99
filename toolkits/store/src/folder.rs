//! The files of a store: where they are, and making them so that no crash leaves half.
//!
//! ```text
//! dir/                locked while the store is open
//!   store/            appears by one rename, complete and synced
//!     marker          which store this is; never written again
//!     frontier        one sector: what is known to be durable
//!     rocksdb/        RocksDB's folder
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Paths of a store.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// What the caller named.
    pub(crate) dir: PathBuf,
    /// Holds the files below; none of RocksDB's own.
    pub(crate) store: PathBuf,
    pub(crate) marker: PathBuf,
    pub(crate) frontier: PathBuf,
    pub(crate) rocksdb: PathBuf,
}

impl Folder {
    pub(crate) fn of(dir: &Path) -> Self {
        Self::within(dir, dir.join("store"))
    }

    /// Where a store is built before it is moved into place.
    pub(crate) fn unfinished(dir: &Path) -> Self {
        Self::within(dir, dir.join("store.unfinished"))
    }

    fn within(dir: &Path, store: PathBuf) -> Self {
        Self {
            dir: dir.to_owned(),
            marker: store.join("marker"),
            frontier: store.join("frontier"),
            rocksdb: store.join("rocksdb"),
            store,
        }
    }
}

/// An empty folder, whatever was there.
pub(crate) fn make_anew(folder: &Path) -> Result<(), StoreError> {
    if exists(folder)? {
        fs::remove_dir_all(folder).map_err(StoreError::io("remove", folder))?;
    }
    fs::create_dir(folder).map_err(StoreError::io("create", folder))
}

/// Writes a file that is not there yet, and its content durably.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut file = File::create_new(path).map_err(StoreError::io("create", path))?;
    file.write_all(content)
        .map_err(StoreError::io("write", path))?;
    file.sync_all().map_err(StoreError::io("sync", path))
}

/// A missing file of a store that exists is damage, not a fresh start.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::damaged(path, "it is missing"),
        _ => StoreError::io("read", path)(error),
    })
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(StoreError::io("sync", dir))
}

pub(crate) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(StoreError::io("look for", path))
}
