use std::io;
use std::path::PathBuf;

use crate::rule::RuleId;

/// What a caller of this crate can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This target has no interposed symbols, or the program was linked without them.
    #[error("file calls are not interposed in this program")]
    Unsupported,
    /// No rule with this id is installed.
    #[error("no rule {0:?} is installed")]
    UnknownRule(RuleId),
    /// Only a rule that stalls can be released.
    #[error("rule {0:?} does not stall")]
    NotAStall(RuleId),
    /// A path could not be resolved, read or changed.
    #[error("{}: {source}", path.display())]
    Path {
        /// The path concerned.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal must lie outside the prefix that it records, on the same file system.
    #[error("{}: a journal belongs outside the prefix, on its file system", .0.display())]
    JournalPlace(PathBuf),
    /// This process records already, or the process that writes this journal still lives.
    #[error("{}: the journal is in use", .0.display())]
    InUse(PathBuf),
    /// The journal cannot be relied on: it belongs to another prefix, or recording broke off.
    #[error("{}: {reason}", path.display())]
    Journal {
        /// The journal's directory.
        path: PathBuf,
        /// Why it is of no use.
        reason: &'static str,
    },
    /// A file that has to come back is nowhere to be found: something changed the prefix unseen.
    #[error("inode {inode} is gone, it was {}", path.display())]
    Gone {
        /// Its number.
        inode: u64,
        /// Where it has to be.
        path: PathBuf,
    },
}
