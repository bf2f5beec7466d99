//! What the plain data of a rule means.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::counts::Counts;
use crate::error::Error;
use crate::rule::{Errno, Name, Op, Trigger};

/// Whether a path is the prefix or below it. Both are resolved, so bytes tell.
pub(crate) fn is_under(path: &Path, prefix: &Path) -> bool {
    let rest = path
        .as_os_str()
        .as_bytes()
        .strip_prefix(prefix.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || prefix == "/")
}

impl Name {
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else {
            return false;
        };
        let name = name.to_string_lossy();
        match self {
            Self::Is(text) => name == text.as_str(),
            Self::StartsWith(text) => name.starts_with(text.as_str()),
            Self::EndsWith(text) => name.ends_with(text.as_str()),
        }
    }
}

impl Trigger {
    pub(crate) fn fires_at(self, n: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(at) => n == at,
            Self::From(first) => n >= first,
        }
    }
}

impl Errno {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Eio => libc::EIO,
            Self::Enospc => libc::ENOSPC,
        }
    }
}

impl Counts {
    /// Adds a call that succeeded; `bytes` is what a write wrote.
    pub(crate) fn add(&mut self, op: Op, bytes: u64) {
        let field = match op {
            Op::Open => &mut self.opens,
            Op::Create => &mut self.creates,
            Op::Write => &mut self.writes,
            Op::Truncate => &mut self.truncates,
            Op::Allocate => &mut self.allocates,
            Op::Sync => &mut self.syncs,
            Op::SyncDir => &mut self.dir_syncs,
            Op::SyncAll => &mut self.full_syncs,
            Op::SyncRange => &mut self.range_syncs,
            Op::Rename => &mut self.renames,
            Op::Unlink => &mut self.unlinks,
            Op::Mkdir => &mut self.mkdirs,
            Op::Rmdir => &mut self.rmdirs,
            Op::Link => &mut self.links,
            Op::Symlink => &mut self.symlinks,
        };
        *field += 1;
        self.bytes_written += bytes;
    }
}

impl Error {
    /// Wraps an I/O error with the path that it is about.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { path, source }
    }
}
