//! Undoes what a dead process left unsynced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::place::Paths;
use super::replay::replay;
use super::restore;
use crate::error::Error;
use crate::loss::{Loss, LostContent, LostName, NameChange};

/// Where each inode is.
pub(super) type Index = BTreeMap<u64, PathBuf>;

/// A name that does not mean what it has to.
struct Fix {
    dir: u64,
    /// As it is called before anything moves.
    path: PathBuf,
    name: OsString,
    /// Inodes, 0 for none.
    actual: u64,
    wanted: u64,
}

/// Brings the prefix to the state that was durable, and ends the journal.
pub(crate) fn lose(prefix: &Path, journal_dir: &Path) -> Result<Loss, Error> {
    let paths = Paths::of(prefix, journal_dir)?;
    let journal = File::open(&paths.journal).map_err(Error::at(&paths.journal))?;
    journal
        .try_lock()
        .map_err(|_| Error::InUse(paths.journal.clone()))?;
    let undo = replay(&paths)?;
    let index = index(&paths)?;
    let mut contents = Vec::new();
    for (inode, changes) in &undo.contents {
        // A file without a name in the prefix or among the kept is gone for good.
        if let Some(path) = index.get(inode) {
            let lost = restore::content(path, changes).map_err(Error::at(path))?;
            contents.extend(lost.map(|lost| (inode, lost)));
        }
    }
    let fixes = fixes(&index, &undo.names)?;
    restore_names(&paths, &index, &fixes)?;
    fs::remove_dir_all(&paths.kept).map_err(Error::at(&paths.kept))?;
    fs::remove_file(&paths.journal).map_err(Error::at(&paths.journal))?;
    let mut now = Index::new();
    walk(&paths.prefix, &mut now)?;
    let named = |(inode, lost)| {
        Some(LostContent {
            path: now.get(inode)?.clone(),
            ..lost
        })
    };
    Ok(Loss {
        contents: contents.into_iter().filter_map(named).collect(),
        names: fixes
            .into_iter()
            .filter_map(|fix| fix.into_lost(&paths.prefix, &now))
            .collect(),
    })
}

fn index(paths: &Paths) -> Result<Index, Error> {
    let mut index = Index::new();
    for entry in fs::read_dir(&paths.kept).map_err(Error::at(&paths.kept))? {
        let path = entry.map_err(Error::at(&paths.kept))?.path();
        index.insert(inode_at(&path)?, path);
    }
    walk(&paths.prefix, &mut index)?;
    Ok(index)
}

fn walk(dir: &Path, index: &mut Index) -> Result<(), Error> {
    index.insert(inode_at(dir)?, dir.to_path_buf());
    for entry in fs::read_dir(dir).map_err(Error::at(dir))? {
        let entry = entry.map_err(Error::at(dir))?;
        let path = entry.path();
        if entry.file_type().map_err(Error::at(&path))?.is_dir() {
            walk(&path, index)?;
        } else {
            index.insert(inode_at(&path)?, path);
        }
    }
    Ok(())
}

/// The inode that a name means, 0 for none.
fn inode_at(path: &Path) -> Result<u64, Error> {
    match fs::symlink_metadata(path) {
        Ok(data) => Ok(data.ino()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::at(path)(error)),
    }
}

fn fixes(index: &Index, wanted: &BTreeMap<(u64, OsString), u64>) -> Result<Vec<Fix>, Error> {
    let mut fixes = Vec::new();
    for ((dir, name), inode) in wanted {
        let (dir, wanted, name) = (*dir, *inode, name.clone());
        let Some(path) = index.get(&dir).map(|dir| dir.join(&name)) else {
            if wanted == 0 {
                continue;
            }
            return Err(Error::Gone {
                inode: dir,
                path: PathBuf::from(name),
            });
        };
        if wanted != 0 && !index.contains_key(&wanted) {
            return Err(Error::Gone {
                inode: wanted,
                path,
            });
        }
        let actual = inode_at(&path)?;
        if actual != wanted {
            fixes.push(Fix {
                dir,
                path,
                name,
                actual,
                wanted,
            });
        }
    }
    Ok(fixes)
}

impl Fix {
    /// `None` in a directory that is as gone now as it was before.
    fn into_lost(self, prefix: &Path, now: &Index) -> Option<LostName> {
        let change = match (self.actual, self.wanted) {
            (_, 0) => NameChange::Vanished,
            (0, _) => NameChange::Returned,
            (_, _) => NameChange::Reverted,
        };
        let had_path = self.path.starts_with(prefix);
        let path = if had_path {
            self.path
        } else {
            now.get(&self.dir)?.join(self.name)
        };
        Some(LostName { path, change })
    }
}

/// Sets every wanted file aside, takes away every wrong name, then puts the right ones in place.
fn restore_names(paths: &Paths, index: &Index, fixes: &[Fix]) -> Result<(), Error> {
    // Directories move meanwhile, so each is reached through a descriptor.
    let mut dirs = BTreeMap::new();
    for fix in fixes {
        if let Some(path) = index.get(&fix.dir) {
            dirs.insert(fix.dir, File::open(path).map_err(Error::at(path))?);
        }
    }
    let at = |fix: &Fix| {
        let dir = dirs.get(&fix.dir).map_or(-1, AsRawFd::as_raw_fd);
        PathBuf::from(format!("/proc/self/fd/{dir}")).join(&fix.name)
    };
    set_aside(paths, index, fixes)?;
    for fix in fixes.iter().filter(|fix| fix.actual != 0) {
        let path = at(fix);
        let removed = match fs::symlink_metadata(&path) {
            Ok(data) if data.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        done_or_gone(removed).map_err(Error::at(&fix.path))?;
    }
    for fix in fixes.iter().filter(|fix| fix.wanted != 0) {
        let kept = paths.kept.join(fix.wanted.to_string());
        let placed = match fs::symlink_metadata(&kept) {
            Ok(data) if data.is_dir() => fs::rename(&kept, at(fix)),
            Ok(_) => fs::hard_link(&kept, at(fix)),
            Err(error) => Err(error),
        };
        // Gone here means that the directory itself is among what vanished.
        done_or_gone(placed).map_err(Error::at(&fix.path))?;
    }
    Ok(())
}

fn set_aside(paths: &Paths, index: &Index, fixes: &[Fix]) -> Result<(), Error> {
    let leaving: BTreeSet<u64> = fixes.iter().map(|fix| fix.actual).collect();
    let wanted: BTreeSet<u64> = fixes.iter().map(|fix| fix.wanted).collect();
    let mut dirs = Vec::new();
    for (inode, path) in wanted.iter().filter_map(|inode| index.get_key_value(inode)) {
        let kept = paths.kept.join(inode.to_string());
        if inode_at(&kept)? == *inode {
            continue;
        }
        if !fs::symlink_metadata(path)
            .map_err(Error::at(path))?
            .is_dir()
        {
            fs::hard_link(path, &kept).map_err(Error::at(path))?;
        } else if leaving.contains(inode) {
            dirs.push((path, kept));
        }
        // A directory cannot have two names: one that is durably where it is stays there.
    }
    // Innermost first, since a path ends with the move of a directory above it.
    dirs.sort_by(|left, right| right.0.cmp(left.0));
    for (path, kept) in dirs {
        fs::rename(path, kept).map_err(Error::at(path))?;
    }
    Ok(())
}

fn done_or_gone(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
