use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names an installed rule within its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub(crate) u64);

/// What happens to which file calls, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A file or a directory; calls on it and on everything below it match. It need not exist yet.
    pub prefix: PathBuf,
    /// Which of those calls match.
    pub only: Only,
    /// On which of the matching calls the action takes place.
    pub trigger: Trigger,
    /// What takes place.
    pub action: Action,
}

impl Rule {
    /// A rule for every call under `prefix`, each time.
    pub fn new(prefix: impl AsRef<Path>, action: Action) -> Self {
        Self {
            prefix: prefix.as_ref().to_path_buf(),
            only: Only::default(),
            trigger: Trigger::Every,
            action,
        }
    }

    /// Matches only these kinds of operation.
    #[must_use]
    pub fn ops(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.only.ops = Some(ops.into_iter().collect());
        self
    }

    /// Matches only files with such a name.
    #[must_use]
    pub fn named(mut self, name: Name) -> Self {
        self.only.name = Some(name);
        self
    }

    /// Acts only on these of the matching calls.
    #[must_use]
    pub fn at(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }
}

/// Which calls under a prefix match; the default matches all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Only {
    /// These kinds of operation; `None` for any.
    pub ops: Option<BTreeSet<Op>>,
    /// Files with such a name; `None` for any. A rename or a link matches by either of its names.
    pub name: Option<Name>,
}

/// A filter on the last component of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Name {
    /// Exactly this name.
    Is(String),
    /// Names that begin with this.
    StartsWith(String),
    /// Names that end with this: `.log`.
    EndsWith(String),
}

/// The kinds of operation that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Op {
    /// An open that changes nothing on disk.
    Open,
    /// An open that makes the file, or cuts an existing one to length zero.
    Create,
    /// `write`, `pwrite`, `writev` and kin, `copy_file_range` and `sendfile` by their target.
    Write,
    /// `ftruncate`, `truncate`.
    Truncate,
    /// `fallocate`, `posix_fallocate`.
    Allocate,
    /// `fsync` or `fdatasync` of a file.
    Sync,
    /// `fsync` or `fdatasync` of a directory.
    SyncDir,
    /// `sync`, and `syncfs` through a file under the prefix.
    SyncAll,
    /// `sync_file_range`, which promises nothing.
    SyncRange,
    /// `rename` and kin.
    Rename,
    /// `unlink`, `remove` of a file.
    Unlink,
    /// `mkdir`.
    Mkdir,
    /// `rmdir`.
    Rmdir,
    /// `link`.
    Link,
    /// `symlink`.
    Symlink,
}

impl Op {
    /// Every kind that changes what is on disk or what is durable: the points at which a crash can
    /// make a difference.
    pub const MUTATING: [Self; 13] = [
        Self::Create,
        Self::Write,
        Self::Truncate,
        Self::Allocate,
        Self::Sync,
        Self::SyncDir,
        Self::SyncAll,
        Self::Rename,
        Self::Unlink,
        Self::Mkdir,
        Self::Rmdir,
        Self::Link,
        Self::Symlink,
    ];

    /// The kinds that make something durable.
    pub const SYNCS: [Self; 3] = [Self::Sync, Self::SyncDir, Self::SyncAll];
}

/// On which of the matching calls, counted from 1 since the rule was installed, a rule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// On each.
    Every,
    /// On this one only.
    Nth(u64),
    /// On this one and all that follow.
    From(u64),
}

/// What a rule does to a call. Where several rules act on one call, delays and stalls come first,
/// then a crash before it, then the failure of the oldest rule that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Nothing but counting, which every rule does.
    Count,
    /// Counting, and a list of the calls: see [`trace`](crate::trace).
    Trace,
    /// The call begins this much later.
    Delay(Duration),
    /// The call does not begin before [`release`](crate::release), or before this time has passed.
    Stall {
        /// `None` to wait for the release only.
        at_most: Option<Duration>,
    },
    /// The call does nothing and fails; it is listed as by a rule that traces.
    Fail(Errno),
    /// A write of two bytes or more writes half of them and says so, as on a disk that fills up.
    /// Only calls of the kind [`Op::Write`] match.
    ShortWrite,
    /// The process kills itself with SIGKILL.
    Crash(When),
}

/// The errors that a disk gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errno {
    /// The device failed.
    Eio,
    /// The disk is full.
    Enospc,
}

/// On which side of a call the process stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// The call has no effect.
    Before,
    /// The call has taken effect, its caller never learns of it.
    After,
}
