//! What can be wrong with a store, by file, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rocksdb::ErrorKind;

use crate::LockError;

/// A store that cannot be opened, or can no longer be used. Cloned for every caller that it
/// concerns.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another owner lives.
    #[error("{} is held by {holder}; stop it first", .dir.display())]
    Held {
        /// The store's directory.
        dir: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The store belongs to another node, or to another cluster.
    #[error(
        "{} belongs to node {} of cluster {}, and not to node {} of cluster {}; open it as that one, \
         or give this node a directory of its own",
        .dir.display(), .found.1, .found.0, .wanted.1, .wanted.0
    )]
    OtherNode {
        /// The store's directory.
        dir: PathBuf,
        /// Cluster and node that it was opened for.
        wanted: (u64, u64),
        /// Cluster and node that it was made for.
        found: (u64, u64),
    },
    /// A file is missing or is not what was written. Nothing is guessed from it, and nothing was
    /// changed.
    #[error("{} is damaged: {why}; move the directory away and replace this member of the cluster by \
             a new one", .file.display())]
    Damaged {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .file.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        file: PathBuf,
        /// The refusal.
        source: Arc<io::Error>,
    },
    /// RocksDB refused. What was being written may or may not come back.
    #[error("RocksDB in {} could not {action}: {source}{}", .dir.display(), suspects(.files))]
    RocksDb {
        /// What was being done.
        action: &'static str,
        /// RocksDB's directory.
        dir: PathBuf,
        /// The refusal. RocksDB does not always know which file is at fault.
        source: rocksdb::Error,
        /// The files that are there, where one of them may be at fault.
        files: Vec<String>,
    },
    /// A flush or a compaction failed. RocksDB may have done it again since; the disk is not to be
    /// believed all the same.
    #[error(
        "RocksDB in {} failed in the background, and its LOG there says at what; see to the disk, \
         and start again", .dir.display()
    )]
    Background {
        /// RocksDB's directory.
        dir: PathBuf,
    },
    /// The disk did not answer in time. What it was asked to do may still happen.
    #[error("the disk under {} did not answer within {limit:?}", .dir.display())]
    Stalled {
        /// The store's directory.
        dir: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The store has been shut down, or all its handles were dropped.
    #[error("the store in {} is closed", .dir.display())]
    Closed {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The log was handed to another thread; see [`Store::direct`](crate::Store::direct).
    #[error("the log of the store in {} has a direct writer already", .dir.display())]
    DirectTaken {
        /// The store's directory.
        dir: PathBuf,
    },
    /// A family that the settings do not name.
    #[error("the store in {} has no family {name:?}; name it in the settings", .dir.display())]
    UnknownFamily {
        /// The store's directory.
        dir: PathBuf,
        /// The family asked for.
        name: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            file: file.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn rocksdb(action: &'static str, dir: &Path) -> impl FnOnce(rocksdb::Error) -> Self {
        move |source| Self::RocksDb {
            action,
            dir: dir.to_owned(),
            files: files_read(dir, &source.kind()),
            source,
        }
    }

    /// Damage to a file, or to one of those in a folder.
    pub(crate) fn damaged(file: &Path, why: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            why: why.into() + &suspects(&names_in(file)),
        }
    }
}

impl From<LockError> for StoreError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { dir, holder } => Self::Held { dir, holder },
            LockError::Io {
                action,
                dir,
                source,
            } => Self::io(action, &dir)(source),
        }
    }
}

/// The files in RocksDB's folder, any of which may be at fault: it names the one that it looked for
/// last, or none.
fn files_read(dir: &Path, kind: &ErrorKind) -> Vec<String> {
    let misleads = [
        ErrorKind::Corruption,
        ErrorKind::IOError,
        ErrorKind::NotFound,
        ErrorKind::InvalidArgument,
    ];
    if !misleads.contains(kind) {
        return Vec::new();
    }
    names_in(dir)
}

/// The files in a folder, in order; none of a file.
fn names_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

fn suspects(files: &[String]) -> String {
    match files {
        [] => String::new(),
        files => format!("; its files are {}", files.join(", ")),
    }
}
