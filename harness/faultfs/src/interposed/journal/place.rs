//! Where a journal lies.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::record::Reader;
use crate::error::Error;

/// The resolved paths of a recording.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) prefix: PathBuf,
    pub(super) journal: PathBuf,
    /// Files and directories without a name under the prefix, each called by its inode.
    pub(super) kept: PathBuf,
}

impl Paths {
    pub(super) fn of(prefix: &Path, dir: &Path) -> Result<Self, Error> {
        let prefix = fs::canonicalize(prefix).map_err(Error::at(prefix))?;
        fs::create_dir_all(dir).map_err(Error::at(dir))?;
        let dir = fs::canonicalize(dir).map_err(Error::at(dir))?;
        let device = |path: &Path| {
            fs::metadata(path)
                .map(|data| data.dev())
                .map_err(Error::at(path))
        };
        if dir.starts_with(&prefix) || device(&dir)? != device(&prefix)? {
            return Err(Error::JournalPlace(dir));
        }
        let (journal, kept) = (dir.join("journal"), dir.join("kept"));
        Ok(Self {
            prefix,
            journal,
            kept,
        })
    }

    /// Reads the journal's header.
    pub(super) fn read(&self) -> Result<Reader, Error> {
        let file = File::open(&self.journal).map_err(Error::at(&self.journal))?;
        let reason = |reason| Error::Journal {
            path: self.journal.clone(),
            reason,
        };
        let (reader, prefix) = Reader::new(file).map_err(|_| reason("recording broke off"))?;
        if prefix == self.prefix {
            Ok(reader)
        } else {
            Err(reason("it is about another prefix"))
        }
    }

    /// Where the last whole record ends.
    pub(super) fn end(&self) -> Result<u64, Error> {
        let mut reader = self.read()?;
        while reader.next().map_err(Error::at(&self.journal))?.is_some() {}
        Ok(reader.position)
    }
}
