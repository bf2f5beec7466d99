//! The folder in which drivers under test keep their data.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::LabError;

/// The folder's name below the one that the user chose: what is in it is ours to remove.
const FOLDER: &str = "lab-data";
const PROBE: &str = "probe";
const PROBE_BYTES: usize = 64 * 1024;

/// A folder that belongs to one run at a time, and is gone after it.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes the folder below `dir`, and empties it of what an interrupted run left.
    pub(crate) fn take(dir: &Path) -> Result<Self, LabError> {
        let path = dir.join(FOLDER);
        fs::create_dir_all(&path).map_err(LabError::io("make the folder", &path))?;
        let lock = File::open(&path).map_err(LabError::io("open", &path))?;
        if lock.try_lock().is_err() {
            let place = path.display();
            let held = format!("{place} is in use by another run; choose another with --dir");
            return Err(LabError::Environment(held));
        }
        for left in fs::read_dir(&path).map_err(LabError::io("read", &path))? {
            let left = left.map_err(LabError::io("read", &path))?.path();
            let removed = if left.is_dir() {
                fs::remove_dir_all(&left)
            } else {
                fs::remove_file(&left)
            };
            removed.map_err(LabError::io("remove", &left))?;
        }
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if the disk cannot take a little data: what a driver then does is not its own fault.
    pub(crate) fn probe(&self) -> Result<(), LabError> {
        static PROBES: AtomicU64 = AtomicU64::new(0);
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = self.path.join(format!("{PROBE}-{number}"));
        let written = File::create(&probe).and_then(|mut file| {
            file.write_all(&[0x5a; PROBE_BYTES])?;
            file.sync_all()
        });
        let written = written.and_then(|()| fs::remove_file(&probe));
        written.map_err(LabError::io("write to", &self.path))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}
