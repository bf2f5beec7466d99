//! Who may write: the lock on a directory, and the name of its holder.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsoracle_consensus::ConsensusError;

use super::flaw::Flaw;
use super::store::refuse;

const HOLDER: &str = "holder";
const LOCK_FILE: &str = "lock";

/// Held until it is dropped, and no longer than its process lives.
pub(super) struct Lock {
    dir: File,
    lock_file: Option<PathBuf>,
    held_here: Option<PathBuf>,
}

/// The stores that are open in this process, for a driver that looks no further.
static HELD_HERE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Lock {
    /// Takes the lock, or says which process has it.
    pub(super) fn take(dir: &Path, flaw: Flaw) -> Result<Self, ConsensusError> {
        let failed = |error: std::io::Error| refuse(flaw, &dir.join(HOLDER), error);
        let handle = File::open(dir).map_err(failed)?;
        let mut lock = Self {
            dir: handle,
            lock_file: None,
            held_here: None,
        };
        if flaw == Flaw::LockIsProcessLocal {
            if !held_here().insert(dir.to_owned()) {
                return Err(held(dir));
            }
            lock.held_here = Some(dir.to_owned());
        } else {
            lock.dir.try_lock().map_err(|refusal| match refusal {
                TryLockError::WouldBlock => held(dir),
                TryLockError::Error(error) => failed(error),
            })?;
        }
        if flaw == Flaw::LockOutlivesProcess {
            let path = dir.join(LOCK_FILE);
            let made = OpenOptions::new().write(true).create_new(true).open(&path);
            made.map_err(|_| held(dir))?;
            lock.lock_file = Some(path);
        }
        // No part of the state: whoever holds the lock writes it anew.
        fs::write(dir.join(HOLDER), std::process::id().to_string()).map_err(failed)?;
        Ok(lock)
    }

    /// Lets go while somebody still holds this value.
    pub(super) fn release(&self) {
        // What cannot be released ends with the process.
        let _ = self.dir.unlock();
    }
}

fn held_here() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    HELD_HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held(dir: &Path) -> ConsensusError {
    let holder = fs::read_to_string(dir.join(HOLDER)).unwrap_or_else(|error| error.to_string());
    ConsensusError::permanent(format!("{} is held by process {holder}", dir.display()))
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being forked shares the handle until its exec.
        self.release();
        if let Some(dir) = &self.held_here {
            held_here().remove(dir);
        }
        if let Some(path) = &self.lock_file {
            // What cannot be removed stays, which is what this exhibit is about.
            let _ = fs::remove_file(path);
        }
    }
}
