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

use crate::{DirLock, StoreError};

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

/// Makes the directory if it is missing, and locks it.
pub(crate) fn lock(dir: &Path) -> Result<DirLock, StoreError> {
    make_dir(dir)?;
    Ok(DirLock::take(dir)?)
}

/// Makes a folder and those above it that are missing, each durable before the next one is made in
/// it. The name of one that exists is made durable too: whoever made it may have died before that.
fn make_dir(dir: &Path) -> Result<(), StoreError> {
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    if exists(dir)? {
        return match sync_dir(parent) {
            // It was made for this user by another one, who alone can sync it.
            Err(StoreError::Io { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Ok(())
            }
            synced => synced,
        };
    }
    make_dir(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(StoreError::io("create", dir))?,
    }
    sync_dir(parent)
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
