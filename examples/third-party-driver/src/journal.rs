//! The store: which journal this is, and one frame per flush.
//!
//! ```text
//! dir/             locked while a driver lives
//!   holder         the process that took the lock last; text for people, decides nothing
//!   store/         appears by one rename, complete and synced
//!     identity     a random number, how many frames the last opening left, a checksum
//!     journal      frames of 32 bytes: value, epoch, checksum; little endian
//! ```
//!
//! A frame's checksum covers the store's number and the frame's place, so a frame that was copied or
//! moved does not hold. Frames never cross a sector, hence a frame is on the disk whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc::{CRC_64_XZ, Crc};
use tsoracle_consensus::{AdvancePayload, Epoch, HighWaterState, PHYSICAL_MS_MAX};

const CHECKSUM: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);
const FRAME: usize = 32;

/// What is wrong with which file. To the contract all of it is `Permanent`.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", .file.display())]
pub(crate) struct StoreError {
    file: PathBuf,
    why: String,
}

/// An open store under an epoch of its own, with the lock on it.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    store_id: u128,
    last: AdvancePayload,
    frames: u64,
    state: HighWaterState,
    _lock: Lock,
}

/// The lock on the directory, by a handle of the directory itself.
#[derive(Debug)]
struct Lock(File);

/// Said aloud, because closing is not enough: a child that this process is about to start holds a
/// copy of the handle until it runs its own program.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Journal {
    /// Opens or creates the store in the directory `dir`; a new epoch is durable when this returns.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = lock(dir)?;
        let store = dir.join("store");
        if !store.try_exists().map_err(at(&store))? {
            create(dir, &store)?;
        }
        // Whoever renamed the store into its place may have died before the name was durable.
        lock.0.sync_all().map_err(at(dir))?;
        let mut journal = Self::replay(&store, lock)?;
        let epoch = journal.state.epoch.checked_next();
        let epoch = epoch.ok_or_else(|| wrong(&journal.path, "no epoch is left"))?;
        journal.append(AdvancePayload::opening(epoch))?;
        write_identity(&store, journal.store_id, journal.frames)?;
        Ok(journal)
    }

    /// What is durable.
    pub(crate) fn state(&self) -> HighWaterState {
        self.state
    }

    /// Makes `command` durable. After an error nobody knows what the disk holds.
    ///
    /// The frame before it is written once more: if its flush failed in an earlier life, the system
    /// may hold it in memory as clean although it never reached the disk.
    pub(crate) fn append(&mut self, command: AdvancePayload) -> Result<(), StoreError> {
        let before = self.frames - 1;
        let mut frames = encode(self.store_id, before, self.last).to_vec();
        frames.extend(encode(self.store_id, self.frames, command));
        self.file
            .write_all_at(&frames, before * FRAME as u64)
            .map_err(at(&self.path))?;
        self.file.sync_data().map_err(at(&self.path))?;
        command
            .apply(&mut self.state)
            .map_err(|why| wrong(&self.path, why.to_string()))?;
        self.frames += 1;
        self.last = command;
        Ok(())
    }

    fn replay(store: &Path, lock: Lock) -> Result<Self, StoreError> {
        let (store_id, least) = read_identity(&store.join("identity"))?;
        let path = store.join("journal");
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(at(&path))?;
        let bytes = fs::read(&path).map_err(at(&path))?;
        let mut state = HighWaterState::default();
        let mut last = None;
        for (place, frame) in (0..).zip(whole_frames(&bytes).chunks_exact(FRAME)) {
            let command = decode(store_id, place, frame)
                .ok_or_else(|| wrong(&path, format!("frame {place} does not hold")))?;
            command
                .apply(&mut state)
                .map_err(|why| wrong(&path, why.to_string()))?;
            last = Some(command);
        }
        let frames = (whole_frames(&bytes).len() / FRAME) as u64;
        let last = last.filter(|_| frames >= least);
        let last =
            last.ok_or_else(|| wrong(&path, format!("{frames} of {least} frames are left")))?;
        Ok(Self {
            file,
            path,
            store_id,
            last,
            frames,
            state,
            _lock: lock,
        })
    }
}

/// The journal without a tail that was never synced: at most one frame, which is cut short, or is
/// all zero because the file's length arrived before its content.
fn whole_frames(journal: &[u8]) -> &[u8] {
    let (frames, _cut_short) = journal.as_chunks::<FRAME>();
    let torn = usize::from(frames.last() == Some(&[0; FRAME]));
    &journal[..(frames.len() - torn) * FRAME]
}

fn encode(store_id: u128, place: u64, command: AdvancePayload) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..8].copy_from_slice(&command.at_least.to_le_bytes());
    frame[8..24].copy_from_slice(&command.epoch.as_u128().to_le_bytes());
    let sum = checksum(store_id, place, &frame[..24]);
    frame[24..].copy_from_slice(&sum.to_le_bytes());
    frame
}

fn decode(store_id: u128, place: u64, frame: &[u8]) -> Option<AdvancePayload> {
    let (value, rest) = frame.split_first_chunk()?;
    let (epoch, sum) = rest.split_first_chunk()?;
    let at_least = u64::from_le_bytes(*value);
    let epoch = Epoch::new(u128::from_le_bytes(*epoch));
    let holds = sum == checksum(store_id, place, &frame[..24]).to_le_bytes();
    (holds && at_least <= PHYSICAL_MS_MAX).then_some(AdvancePayload { at_least, epoch })
}

fn checksum(store_id: u128, place: u64, content: &[u8]) -> u64 {
    let mut digest = CHECKSUM.digest();
    digest.update(&store_id.to_le_bytes());
    digest.update(&place.to_le_bytes());
    digest.update(content);
    digest.finalize()
}

/// Takes the lock, which goes with its process at the latest; then leaves a name.
fn lock(dir: &Path) -> Result<Lock, StoreError> {
    let holder = dir.join("holder");
    let handle = File::open(dir).map_err(at(dir))?;
    match handle.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(at(dir)(error)),
        Err(TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&holder).unwrap_or_default();
            return Err(wrong(dir, format!("it is held by process {pid}")));
        }
    }
    let lock = Lock(handle);
    fs::write(&holder, std::process::id().to_string()).map_err(at(&holder))?;
    Ok(lock)
}

/// Builds the store aside and renames it, so that no crash leaves half of one.
fn create(dir: &Path, store: &Path) -> Result<(), StoreError> {
    let aside = dir.join("store.new");
    if aside.try_exists().map_err(at(&aside))? {
        fs::remove_dir_all(&aside).map_err(at(&aside))?;
    }
    fs::create_dir(&aside).map_err(at(&aside))?;
    let store_id = rand::random();
    let first = encode(store_id, 0, AdvancePayload::opening(Epoch::ZERO));
    write_synced(&aside.join("journal"), &first)?;
    write_identity(&aside, store_id, 1)?;
    fs::rename(&aside, store).map_err(at(store))
}

fn write_identity(store: &Path, store_id: u128, frames: u64) -> Result<(), StoreError> {
    let mut identity = store_id.to_le_bytes().to_vec();
    identity.extend(frames.to_le_bytes());
    identity.extend(checksum(store_id, frames, b"identity").to_le_bytes());
    let next = store.join("identity.new");
    write_synced(&next, &identity)?;
    fs::rename(&next, store.join("identity")).map_err(at(&next))?;
    let synced = File::open(store).and_then(|folder| folder.sync_all());
    synced.map_err(at(store))
}

fn read_identity(path: &Path) -> Result<(u128, u64), StoreError> {
    let bytes = fs::read(path).map_err(at(path))?;
    let parts = bytes.split_first_chunk().and_then(|(store_id, rest)| {
        let (frames, sum) = rest.split_first_chunk()?;
        let (store_id, frames) = (u128::from_le_bytes(*store_id), u64::from_le_bytes(*frames));
        let holds = sum == checksum(store_id, frames, b"identity").to_le_bytes();
        holds.then_some((store_id, frames))
    });
    parts.ok_or_else(|| wrong(path, "its checksum does not hold"))
}

fn write_synced(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(at(path))
}

fn at(file: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |error| wrong(file, error.to_string())
}

fn wrong(file: &Path, why: impl Into<String>) -> StoreError {
    StoreError {
        file: file.to_owned(),
        why: why.into(),
    }
}
