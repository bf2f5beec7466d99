//! Why the lab could not do what it was asked for, and the exit status that says so.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tsoracle_report::Unproved;

/// A run that ended without a verdict. Nothing that was gathered before is lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LabError {
    /// Wrong use.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A file of results is not one.
    #[error("{} cannot be used: {why}", .path.display())]
    Results { path: PathBuf, why: String },
    /// A driver declares what no held check proves.
    #[error(transparent)]
    Unproved(#[from] Unproved),
    /// Something else about this machine.
    #[error("{0}")]
    Environment(String),
}

impl LabError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unproved(_) => ExitCode::FAILURE,
            Self::Usage(_) => ExitCode::from(2),
            Self::Io { .. } | Self::Results { .. } | Self::Environment(_) => ExitCode::from(3),
        }
    }
}
