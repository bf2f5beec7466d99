//! What a simulated disk would keep if the power went now.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tsoracle_faultfs::{Loss, LostContent, LostName, NameChange, resolve};

type Files = BTreeMap<String, Vec<u8>>;

/// The files of one folder, and which of their contents are durable.
///
/// What was written stands in the folder once the life that wrote it has ended, like the page cache
/// that outlives a kill. Whatever is different there from what this store left was done by somebody
/// else while the machine was down, and is durable.
#[derive(Debug)]
pub(in crate::simulation) struct Store {
    dir: PathBuf,
    /// What was written last, or found in the folder.
    cached: Files,
    /// The names of what is not in the folder yet.
    unwritten: BTreeSet<String>,
    durable: Files,
}

impl Store {
    pub(in crate::simulation) fn new(dir: PathBuf) -> Self {
        Self {
            dir: resolve(&dir).unwrap_or(dir),
            cached: Files::new(),
            unwritten: BTreeSet::new(),
            durable: Files::new(),
        }
    }

    /// Takes note of what others have done to the folder.
    pub(in crate::simulation) fn look(&mut self) -> io::Result<()> {
        self.leave()?;
        let found = files(&self.dir)?;
        self.durable.retain(|name, _| found.contains_key(name));
        for (name, bytes) in &found {
            if self.cached.get(name) != Some(bytes) {
                self.durable.insert(name.clone(), bytes.clone());
            }
        }
        self.cached = found;
        Ok(())
    }

    /// Brings the folder to what was written: at the end of a life.
    pub(in crate::simulation) fn leave(&mut self) -> io::Result<()> {
        while let Some(name) = self.unwritten.first().cloned() {
            if let Some(bytes) = self.cached.get(&name) {
                fs::write(self.dir.join(&name), bytes)?;
            }
            self.unwritten.remove(&name);
        }
        Ok(())
    }

    /// The file of a name, which must be that of a file in this folder.
    pub(super) fn path(&self, name: &str) -> io::Result<PathBuf> {
        let is_plain = Path::new(name).file_name().is_some_and(|last| last == name);
        if is_plain {
            Ok(self.dir.join(name))
        } else {
            let why = format!("{name:?} is no name of a file");
            Err(io::Error::new(io::ErrorKind::InvalidInput, why))
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.cached.contains_key(name)
    }

    pub(in crate::simulation) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path(name)?;
        let missing = || io::Error::new(io::ErrorKind::NotFound, path.display().to_string());
        self.cached.get(name).cloned().ok_or_else(missing)
    }

    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.path(name)?;
        self.unwritten.insert(name.to_owned());
        self.cached.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    pub(super) fn sync(&mut self, name: &str) -> io::Result<()> {
        let bytes = self.read(name)?;
        self.durable.insert(name.to_owned(), bytes);
        Ok(())
    }

    /// Brings the folder to what is durable.
    pub(in crate::simulation) fn lose_unsynced(&mut self) -> io::Result<Loss> {
        self.look()?;
        let mut loss = Loss::default();
        for (name, bytes) in &self.cached {
            let path = self.dir.join(name);
            match self.durable.get(name) {
                Some(durable) if durable == bytes => {}
                Some(durable) => {
                    fs::write(&path, durable)?;
                    loss.contents.push(lost_content(path, bytes, durable));
                }
                None => {
                    fs::remove_file(&path)?;
                    let change = NameChange::Vanished;
                    loss.names.push(LostName { path, change });
                }
            }
        }
        self.cached.clone_from(&self.durable);
        Ok(loss)
    }
}

fn lost_content(path: PathBuf, before: &[u8], after: &[u8]) -> LostContent {
    let pairs = before.iter().zip(after);
    let changed = pairs.filter(|(before, after)| before != after).count();
    let (length_before, length_after) = (before.len() as u64, after.len() as u64);
    LostContent {
        path,
        bytes: changed as u64 + length_before.abs_diff(length_after),
        length_before,
        length_after,
    }
}

/// Every file of a folder. What has no name in Unicode was not made by a simulated disk.
fn files(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let unreadable = |error: io::Error| {
        let why = format!("{}: {error}", dir.display());
        io::Error::new(error.kind(), why)
    };
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.file_type()?.is_file()
        {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}
