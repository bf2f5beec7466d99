//! What can be wrong with a store, by file, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    #[error("RocksDB in {} could not {action}: {source}", .dir.display())]
    RocksDb {
        /// What was being done.
        action: &'static str,
        /// RocksDB's directory.
        dir: PathBuf,
        /// The refusal; it names the file where RocksDB knows it.
        source: rocksdb::Error,
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
            source,
        }
    }

    pub(crate) fn damaged(file: &Path, why: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            why: why.into(),
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
