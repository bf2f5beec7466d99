//! What can be wrong with a store, by file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tsoracle_consensus::{AdvanceOutOfRange, ConsensusError};
use tsoracle_store::LockError;

/// A store that cannot be opened, or can no longer be written.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    /// Another live driver holds the store.
    #[error("{} is held by {holder}; stop it first", .dir.display())]
    Held {
        /// The store's directory.
        dir: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// A file is missing or is not what was written. Nothing is guessed from it.
    #[error("{} is damaged: {why}; restore the directory from a copy, or move it away and seed a \
             new store above every value that was ever granted", .file.display())]
    Damaged {
        /// The file.
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
        source: io::Error,
    },
    /// A store cannot be seeded twice.
    #[error("{} has a store already; a seed would replace its value", .dir.display())]
    AlreadyInitialized {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The seed cannot be represented.
    #[error(transparent)]
    OutOfRange(#[from] AdvanceOutOfRange),
    /// The last epoch has been used.
    #[error("no epoch is left above the one in {}", .file.display())]
    NoEpochLeft {
        /// The record that holds it.
        file: PathBuf,
    },
    /// The disk did not answer in time. What it was asked to do may still happen.
    #[error("the disk under {} did not answer within {limit:?}", .dir.display())]
    Stalled {
        /// The store's directory.
        dir: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
}

impl FileStoreError {
    pub(crate) fn io(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            file: file.to_owned(),
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

impl From<LockError> for FileStoreError {
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

/// Whatever is wrong with a store, the node that needs it stops.
impl From<FileStoreError> for ConsensusError {
    fn from(error: FileStoreError) -> Self {
        Self::permanent(error)
    }
}
