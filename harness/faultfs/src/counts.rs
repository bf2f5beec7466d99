use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::rule::Op;

/// How many matching calls succeeded, per kind; a failed one counts only as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Opens that changed nothing.
    pub opens: u64,
    /// Opens that made a file or cut it to length zero.
    pub creates: u64,
    /// Write calls.
    pub writes: u64,
    /// Bytes that those wrote.
    pub bytes_written: u64,
    /// Changes of length.
    pub truncates: u64,
    /// Allocations.
    pub allocates: u64,
    /// `fsync` and `fdatasync` of files.
    pub syncs: u64,
    /// `fsync` and `fdatasync` of directories.
    pub dir_syncs: u64,
    /// `sync` and `syncfs`.
    pub full_syncs: u64,
    /// `sync_file_range`.
    pub range_syncs: u64,
    /// Renames.
    pub renames: u64,
    /// Unlinked files.
    pub unlinks: u64,
    /// Directories made.
    pub mkdirs: u64,
    /// Directories removed.
    pub rmdirs: u64,
    /// Hard links made.
    pub links: u64,
    /// Symbolic links made.
    pub symlinks: u64,
    /// Calls that failed, by a rule or by the system.
    pub failed: u64,
}

/// One call in the list of a rule that traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number among the calls that match the rule, from 1: what
    /// [`Trigger::Nth`](crate::Trigger::Nth) of a rule with the same filter takes.
    pub n: u64,
    /// Its kind.
    pub op: Op,
    /// The file; of a rename or a link, the new name.
    pub path: PathBuf,
}
