//! What the plain data of a rule means.

use std::io;
use std::path::{Path, PathBuf, is_separator};

use crate::counts::Counts;
use crate::error::Error;
use crate::rule::{Errno, Name, Op};

/// Whether a path is the prefix or below it. Both are resolved, so bytes tell.
pub(crate) fn is_under(path: &Path, prefix: &Path) -> bool {
    let rest = path
        .as_os_str()
        .as_encoded_bytes()
        .strip_prefix(prefix.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| match rest.first() {
        None => true,
        Some(first) => is_separator(char::from(*first)) || prefix == "/",
    })
}

/// Resolves what exists of a path, as [`install`](crate::install) does with a rule's prefix and
/// whoever keeps a [`RuleTable`](crate::RuleTable) has to.
///
/// # Errors
/// [`Error::Path`] for an empty path, or where there is no working directory.
pub fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let whole = std::path::absolute(path).map_err(Error::at(path))?;
    for existing in whole.ancestors() {
        if let Ok(resolved) = existing.canonicalize() {
            let rest = whole.strip_prefix(existing).unwrap_or(Path::new(""));
            // Joining an empty rest would add a slash, and a file's path must have none.
            let has_rest = rest.components().next().is_some();
            return Ok(if has_rest {
                resolved.join(rest)
            } else {
                resolved
            });
        }
    }
    Ok(whole)
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

impl Errno {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Eio => libc::EIO,
            Self::Enospc => libc::ENOSPC,
        }
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.code())
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
