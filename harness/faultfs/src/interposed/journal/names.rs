//! What names mean before they change. Files and directories that lose their last name are kept
//! beside the journal, so that they can come back, and so that their inode number is not given to
//! another file while records speak of it.

use std::fs;
use std::path::{Path, PathBuf};

use libc::c_int;

use super::record::{NameWas, Record, name_of};
use super::recorder::{After, Recorder};
use crate::interposed::place::{Place, is_kind};
use crate::interposed::raw;

/// A directory that was put aside.
#[derive(Debug)]
pub(crate) struct Removed {
    from: PathBuf,
    kept: PathBuf,
}

impl Removed {
    /// The call failed: the directory goes back.
    pub(super) fn put_back(&self) -> Result<(), c_int> {
        raw::rename(&self.kept, &self.from)
    }
}

/// A name is about to be made.
pub(super) fn add(recorder: &mut Recorder, place: &Place) -> Result<(), c_int> {
    // Where there is such a name already, the call fails or changes no name.
    if place.stat().is_some() {
        return Ok(());
    }
    recorder
        .append(&Record::Names(vec![was(place, 0)]))
        .map(drop)
}

/// A name is about to go.
pub(super) fn unlink(recorder: &mut Recorder, place: &Place) -> Result<(), c_int> {
    let Some(stat) = place.stat().filter(|stat| !is_kind(stat, libc::S_IFDIR)) else {
        return Ok(());
    };
    keep_file(recorder, place, stat.st_ino)?;
    recorder
        .append(&Record::Names(vec![was(place, stat.st_ino)]))
        .map(drop)
}

/// A directory is about to go: if it is empty it is put aside instead.
pub(super) fn rmdir(recorder: &mut Recorder, place: &Place) -> Result<After, c_int> {
    let Some(stat) = place.stat().filter(|stat| is_kind(stat, libc::S_IFDIR)) else {
        return Ok(After::Nothing);
    };
    if !is_empty(&place.path) {
        return Ok(After::Nothing);
    }
    recorder.append(&Record::Names(vec![was(place, stat.st_ino)]))?;
    keep_dir(recorder, place, stat.st_ino).map(|_| After::Done)
}

/// A name is about to become another.
pub(super) fn rename(
    recorder: &mut Recorder,
    from: &Place,
    to: &Place,
    plain: bool,
) -> Result<After, c_int> {
    let Some(source) = from.stat() else {
        return Ok(After::Nothing);
    };
    let target = to.stat();
    let old = target.map_or(0, |target| target.st_ino);
    if old == source.st_ino {
        return Ok(After::Nothing);
    }
    let under = |place: &Place| place.path.starts_with(&recorder.prefix);
    let (leaves, enters) = (!under(to), !under(from));
    let file = |stat: &libc::stat| !is_kind(stat, libc::S_IFDIR);
    if leaves && file(&source) {
        keep_file(recorder, from, source.st_ino)?;
    }
    if target.is_some_and(|target| file(&target)) && !leaves {
        keep_file(recorder, to, old)?;
    }
    let both = [(!enters, was(from, source.st_ino)), (!leaves, was(to, old))];
    let names = both
        .into_iter()
        .filter(|(under, _)| *under)
        .map(|(_, was)| was)
        .collect();
    recorder.append(&Record::Names(names))?;
    let replaces_dir = target.is_some_and(|target| !file(&target)) && !file(&source);
    if plain && replaces_dir && !leaves && is_empty(&to.path) {
        return keep_dir(recorder, to, old).map(After::Replaced);
    }
    Ok(After::Nothing)
}

fn was(place: &Place, inode: u64) -> NameWas {
    NameWas {
        dir: place.dir,
        name: name_of(&place.path),
        inode,
    }
}

fn keep_file(recorder: &Recorder, place: &Place, inode: u64) -> Result<(), c_int> {
    match raw::link(&place.path, &recorder.kept.join(inode.to_string())) {
        Err(libc::EEXIST) => Ok(()),
        done => done,
    }
}

fn keep_dir(recorder: &Recorder, place: &Place, inode: u64) -> Result<Removed, c_int> {
    let kept = recorder.kept.join(inode.to_string());
    raw::rename(&place.path, &kept)?;
    Ok(Removed {
        from: place.path.clone(),
        kept,
    })
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}
