//! The files of a store: creating them, finding them whole, and writing the record in place.
//!
//! ```text
//! dir/                locked while a driver lives
//!   store/            appears by one rename, complete and synced
//!     identity        which store this is; never written again
//!     record          one sector, overwritten in place
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tsoracle_consensus::{AdvancePayload, HighWaterState, reject_out_of_range_advance};
use tsoracle_core::Epoch;
use tsoracle_store::DirLock;

use crate::{FileStoreError, identity, record};

const STORE: &str = "store";
const UNFINISHED: &str = "store.unfinished";
const IDENTITY: &str = "identity";
const RECORD: &str = "record";

/// An open store, with the lock on it. The lock goes last.
#[derive(Debug)]
pub(crate) struct Store {
    record: File,
    record_path: PathBuf,
    store_id: u128,
    state: HighWaterState,
    _lock: DirLock,
}

impl Store {
    /// Opens or creates the store in `dir` and makes a new epoch durable in it.
    pub(crate) fn open(dir: &Path) -> Result<Self, FileStoreError> {
        let lock = DirLock::make_and_take(dir)?;
        if !exists(&dir.join(STORE))? {
            create(dir, HighWaterState::default())?;
        }
        // The folder may have been renamed by a process that died before it synced the directory.
        sync_names(dir, &lock)?;
        let mut store = Self::load(dir, lock)?;
        let epoch = store.state.epoch.checked_next();
        let exhausted = || FileStoreError::NoEpochLeft {
            file: store.record_path.clone(),
        };
        let epoch = epoch.ok_or_else(exhausted)?;
        store.write(HighWaterState {
            epoch,
            ..store.state
        })?;
        Ok(store)
    }

    /// Creates a store whose high water and epoch lie at `seed`.
    pub(crate) fn init(dir: &Path, seed: HighWaterState) -> Result<(), FileStoreError> {
        reject_out_of_range_advance(seed.high_water)?;
        if seed.epoch.checked_next().is_none() {
            let file = dir.join(STORE).join(RECORD);
            return Err(FileStoreError::NoEpochLeft { file });
        }
        let lock = DirLock::make_and_take(dir)?;
        if exists(&dir.join(STORE))? {
            return Err(FileStoreError::AlreadyInitialized {
                dir: dir.to_owned(),
            });
        }
        create(dir, seed)?;
        sync_names(dir, &lock)
    }

    fn load(dir: &Path, lock: DirLock) -> Result<Self, FileStoreError> {
        let identity_path = dir.join(STORE).join(IDENTITY);
        let store_id = identity::decode(&read(&identity_path)?)
            .map_err(|why| FileStoreError::damaged(&identity_path, why))?;
        let record_path = dir.join(STORE).join(RECORD);
        let state = record::decode(store_id, &read(&record_path)?)
            .map_err(|why| FileStoreError::damaged(&record_path, why))?;
        let record = OpenOptions::new()
            .write(true)
            .open(&record_path)
            .map_err(FileStoreError::io("open", &record_path))?;
        Ok(Self {
            record,
            record_path,
            store_id,
            state,
            _lock: lock,
        })
    }

    /// What is durable.
    pub(crate) fn state(&self) -> HighWaterState {
        self.state
    }

    /// The epoch that this opening chose.
    pub(crate) fn epoch(&self) -> Epoch {
        self.state.epoch
    }

    /// Applies commands in order and makes their result durable with one write and one flush, or
    /// none if nothing changes. Returns what each command came to.
    pub(crate) fn apply(&mut self, commands: &[AdvancePayload]) -> Result<Applied, FileStoreError> {
        let mut state = self.state;
        let applied = commands
            .iter()
            .map(|command| command.apply(&mut state))
            .collect();
        if state != self.state {
            self.write(state)?;
        }
        Ok(applied)
    }

    fn write(&mut self, state: HighWaterState) -> Result<(), FileStoreError> {
        let sector = record::encode(self.store_id, &state);
        self.record
            .write_all_at(&sector, 0)
            .map_err(FileStoreError::io("write", &self.record_path))?;
        self.record
            .sync_data()
            .map_err(FileStoreError::io("sync", &self.record_path))?;
        self.state = state;
        Ok(())
    }
}

/// What each command of a batch came to.
pub(crate) type Applied = Vec<Result<u64, tsoracle_consensus::Superseded>>;

/// Builds a store beside its place and moves it there in one step, so that no crash leaves half.
fn create(dir: &Path, seed: HighWaterState) -> Result<(), FileStoreError> {
    let unfinished = dir.join(UNFINISHED);
    if exists(&unfinished)? {
        fs::remove_dir_all(&unfinished).map_err(FileStoreError::io("remove", &unfinished))?;
    }
    fs::create_dir(&unfinished).map_err(FileStoreError::io("create", &unfinished))?;
    let store_id = rand::random();
    write_new(&unfinished.join(IDENTITY), &identity::encode(store_id))?;
    write_new(&unfinished.join(RECORD), &record::encode(store_id, &seed))?;
    sync_dir(&unfinished)?;
    let store = dir.join(STORE);
    fs::rename(&unfinished, &store).map_err(FileStoreError::io("create", &store))
}

fn write_new(path: &Path, content: &[u8]) -> Result<(), FileStoreError> {
    let mut file = File::create_new(path).map_err(FileStoreError::io("create", path))?;
    file.write_all(content)
        .map_err(FileStoreError::io("write", path))?;
    file.sync_all().map_err(FileStoreError::io("sync", path))
}

fn sync_names(dir: &Path, lock: &DirLock) -> Result<(), FileStoreError> {
    lock.sync_dir().map_err(FileStoreError::io("sync", dir))
}

fn sync_dir(dir: &Path) -> Result<(), FileStoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(FileStoreError::io("sync", dir))
}

/// A missing file of a store that exists is damage, not a fresh start.
fn read(path: &Path) -> Result<Vec<u8>, FileStoreError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileStoreError::damaged(path, "it is missing"),
        _ => FileStoreError::io("read", path)(error),
    })
}

fn exists(path: &Path) -> Result<bool, FileStoreError> {
    path.try_exists()
        .map_err(FileStoreError::io("look for", path))
}
