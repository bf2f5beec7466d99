//! The recording process's side of the journal.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::c_int;

use super::names::{self, Removed};
use super::record::{Record, header};
use super::{content, place};
use crate::error::Error;
use crate::interposed::place::{Known, Place, is_kind};
use crate::interposed::raw::{self, Fd, Outcome};
use crate::matching::is_under;

/// Held from the record until the end of the call that it announces, so that the journal's order
/// is the order of what happened. Syncs alone run without it.
static RECORDER: Mutex<Option<Recorder>> = Mutex::new(None);
static RECORDING: AtomicBool = AtomicBool::new(false);

/// An open journal.
#[derive(Debug)]
pub(crate) struct Recorder {
    journal: Fd,
    end: u64,
    device: u64,
    pub(crate) prefix: PathBuf,
    pub(crate) kept: PathBuf,
}

/// What a call is about to change.
#[derive(Debug)]
pub(crate) enum Effect<'a> {
    /// Bytes of an open file, perhaps beyond its end.
    Write {
        fd: c_int,
        file: &'a Known,
        at: WriteAt,
        count: u64,
        synced: bool,
    },
    /// An open file from here on, its length included.
    Tail {
        fd: c_int,
        file: &'a Known,
        from: u64,
    },
    /// An open that makes a file, or cuts it to length zero.
    Open { place: &'a Place, truncate: bool },
    /// An open that makes a file without a name in this directory.
    Unnamed { dir: &'a Path },
    /// A new name.
    Add(&'a Place),
    /// A name of a file goes.
    Unlink(&'a Place),
    /// A directory goes.
    Rmdir(&'a Place),
    /// A name becomes another; `plain` if it may replace one that exists.
    Rename {
        from: &'a Place,
        to: &'a Place,
        plain: bool,
    },
}

/// Where a write begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WriteAt {
    Cursor,
    Offset(u64),
    End,
}

/// What a sync makes durable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    File(&'a Known),
    Device(u64),
    Everything,
}

/// What remains to be done once the call has returned.
pub(crate) enum After {
    Nothing,
    /// The journal has been told that a file is made; its number is known only now.
    Born,
    /// The content change at this position is durable as soon as it is done.
    Durable {
        inode: u64,
        position: u64,
    },
    /// A directory that the rename replaces was put aside.
    Replaced(Removed),
    /// The call has been carried out in another way.
    Done,
}

fn recorder() -> MutexGuard<'static, Option<Recorder>> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this process records.
pub(crate) fn is_recording() -> bool {
    RECORDING.load(Ordering::Relaxed)
}

/// Begins to record, or goes on with a journal of an earlier process.
pub(crate) fn start(prefix: &Path, journal_dir: &Path) -> Result<(), Error> {
    let mut slot = recorder();
    if slot.is_some() {
        return Err(Error::InUse(journal_dir.to_path_buf()));
    }
    *slot = Some(Recorder::open(prefix, journal_dir)?);
    RECORDING.store(true, Ordering::Relaxed);
    Ok(())
}

/// Ends the recording; the journal stays.
pub(crate) fn stop() {
    *recorder() = None;
    RECORDING.store(false, Ordering::Relaxed);
}

/// Carries out a call that changes something.
pub(crate) fn perform(effect: &Effect<'_>, real: impl FnOnce() -> Outcome) -> Outcome {
    let mut slot = recorder();
    let Some(recorder) = slot.as_mut().filter(|recorder| recorder.covers(effect)) else {
        drop(slot);
        return real();
    };
    let after = recorder
        .before(effect)
        .unwrap_or_else(|_| recorder.break_off());
    let outcome = if matches!(after, After::Done) {
        Ok(0)
    } else {
        real()
    };
    if recorder.after(after, outcome).is_err() {
        recorder.break_off();
    }
    outcome
}

/// Carries out a sync.
pub(crate) fn sync(scope: Scope<'_>, real: impl FnOnce() -> Outcome) -> Outcome {
    let upto = recorder().as_ref().map(|recorder| recorder.end);
    let outcome = real();
    if let (Some(upto), Ok(_), Some(recorder)) = (upto, outcome, recorder().as_mut()) {
        let record = match scope {
            Scope::File(file) if file.device == recorder.device => Record::Synced {
                inode: file.inode,
                upto,
            },
            Scope::Device(device) if device == recorder.device => Record::AllSynced { upto },
            Scope::Everything => Record::AllSynced { upto },
            Scope::File(_) | Scope::Device(_) => return outcome,
        };
        if recorder.append(&record).is_err() {
            recorder.break_off();
        }
    }
    outcome
}

impl Recorder {
    fn open(prefix: &Path, journal_dir: &Path) -> Result<Self, Error> {
        let place = place::Paths::of(prefix, journal_dir)?;
        let error = |code| Error::at(&place.journal)(std::io::Error::from_raw_os_error(code));
        fs::create_dir_all(&place.kept).map_err(Error::at(&place.kept))?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_APPEND;
        let journal = Fd::open(&place.journal, flags).map_err(error)?;
        raw::lock(journal.0).map_err(|_| Error::InUse(place.journal.clone()))?;
        let stat = raw::stat_fd(journal.0).map_err(error)?;
        let end = if stat.st_size == 0 {
            let header = header(&place.prefix);
            raw::write_all(journal.0, &header).map_err(error)?;
            header.len() as u64
        } else {
            // A record that was cut short by the death of an earlier process makes way.
            let end = place.end()?;
            raw::set_length(journal.0, end).map_err(error)?;
            end
        };
        let (prefix, kept) = (place.prefix, place.kept);
        Ok(Self {
            journal,
            end,
            device: stat.st_dev,
            prefix,
            kept,
        })
    }

    fn covers(&self, effect: &Effect<'_>) -> bool {
        let under = |path: &Path| is_under(path, &self.prefix) && path != self.prefix;
        match effect {
            Effect::Write { file, .. } | Effect::Tail { file, .. } => {
                file.device == self.device && !file.is_dir && under(&file.path)
            }
            Effect::Unnamed { dir } => is_under(dir, &self.prefix),
            Effect::Open { place, .. }
            | Effect::Add(place)
            | Effect::Unlink(place)
            | Effect::Rmdir(place) => under(&place.path),
            Effect::Rename { from, to, .. } => under(&from.path) || under(&to.path),
        }
    }

    fn before(&mut self, effect: &Effect<'_>) -> Result<After, c_int> {
        match *effect {
            Effect::Write {
                fd,
                file,
                at,
                count,
                synced,
            } => {
                let position = self.append(&content::write(fd, file, at, count)?)?;
                let durable = After::Durable {
                    inode: file.inode,
                    position,
                };
                Ok(if synced { durable } else { After::Nothing })
            }
            Effect::Tail { fd, file, from } => {
                self.append(&content::tail(fd, file.inode, from)?)?;
                Ok(After::Nothing)
            }
            Effect::Open { place, truncate } => match place.stat() {
                None => names::add(self, place).map(|()| After::Born),
                Some(stat) if truncate && is_kind(&stat, libc::S_IFREG) => {
                    let file = Fd::open(&place.path, libc::O_RDONLY)?;
                    self.append(&content::tail(file.0, stat.st_ino, 0)?)?;
                    Ok(After::Nothing)
                }
                Some(_) => Ok(After::Nothing),
            },
            Effect::Unnamed { .. } => Ok(After::Born),
            Effect::Add(place) => names::add(self, place).map(|()| After::Nothing),
            Effect::Unlink(place) => names::unlink(self, place).map(|()| After::Nothing),
            Effect::Rmdir(place) => names::rmdir(self, place),
            Effect::Rename { from, to, plain } => names::rename(self, from, to, plain),
        }
    }

    fn after(&mut self, after: After, outcome: Outcome) -> Result<(), c_int> {
        match (after, outcome) {
            (After::Born, Ok(fd)) => {
                let inode = raw::stat_fd(raw::int(fd))?.st_ino;
                self.append(&Record::Born { inode }).map(drop)
            }
            (After::Durable { inode, position }, Ok(count)) => {
                let count = count.unsigned_abs() as u64;
                self.append(&Record::Durable {
                    inode,
                    position,
                    count,
                })
                .map(drop)
            }
            (After::Replaced(removed), Err(_)) => removed.put_back(),
            _ => Ok(()),
        }
    }

    /// Writes a record; returns its position.
    pub(crate) fn append(&mut self, record: &Record) -> Result<u64, c_int> {
        let bytes = record.encode();
        raw::write_all(self.journal.0, &bytes)?;
        let position = self.end;
        self.end += bytes.len() as u64;
        Ok(position)
    }

    /// Something could not be written down. The program under test must not notice, but whoever
    /// wants to undo must: a journal without a header is refused.
    fn break_off(&mut self) -> After {
        let _ = raw::set_length(self.journal.0, 0);
        let _ = raw::write_all(self.journal.0, b"broken");
        After::Nothing
    }
}
