//! Two files of one line each, replaced as a whole: who the store belongs to, and its state.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};
use tsoracle_consensus::{AdvancePayload, ConsensusError, Epoch, HighWaterState};
use tsoracle_testbed::NodeSpec;

use super::flaw::Flaw;
use super::lock::Lock;

const IDENTITY: &str = "identity";
pub(super) const STATE: &str = "high-water";
const BACKUP: &str = "high-water.old";
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// An open store. Its state is what is on disk.
pub(super) struct Store {
    dir: PathBuf,
    flaw: Flaw,
    id: String,
    /// Whether a file is overwritten instead of replaced, and whether it is synced.
    in_place: bool,
    synced: bool,
    pub(super) state: HighWaterState,
    pub(super) lock: Arc<Lock>,
}

impl Store {
    /// Opens the store, or makes it in an empty directory, and opens an epoch of its own.
    ///
    /// A new store gets its state first, at epoch zero, and its identity second: a state at epoch
    /// zero without an identity is a first open that was cut short, and begins again.
    pub(super) fn open(spec: &NodeSpec, flaw: Flaw) -> Result<Self, ConsensusError> {
        let mut store = Self {
            dir: spec.dir.clone(),
            flaw,
            id: String::new(),
            in_place: false,
            synced: true,
            state: HighWaterState::default(),
            lock: Arc::new(Lock::take(&spec.dir, flaw)?),
        };
        store.read_or_make(spec.node)?;
        store.in_place = flaw == Flaw::OpensInPlace && store.state.epoch != Epoch::ZERO;
        store.open_epoch()?;
        store.in_place = false;
        Ok(store)
    }

    fn read_or_make(&mut self, node: u64) -> Result<(), ConsensusError> {
        match (self.read(IDENTITY)?, self.read_state()?) {
            (None, None) => self.make(node),
            (None, Some((_, state))) if state.epoch == Epoch::ZERO => self.make(node),
            (None, Some(_)) => Err(self.refuse(IDENTITY, "is missing")),
            (Some(_), None) if self.flaw == Flaw::MissingStateIsNew => self.make(node),
            (Some(_), None) => Err(self.refuse(STATE, "is missing")),
            (Some(identity), Some((id, state))) => {
                let expected = format!("node {node} store {id}");
                if identity != expected {
                    return Err(self.refuse(IDENTITY, "is another store's"));
                }
                (self.id, self.state) = (id, state);
                Ok(())
            }
        }
    }

    fn make(&mut self, node: u64) -> Result<(), ConsensusError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.id = now.unwrap_or_default().as_nanos().to_string();
        let identity = format!("node {node} store {}", self.id);
        if self.flaw == Flaw::FirstOpenNotAtomic {
            self.replace(IDENTITY, &identity)?;
            return self.write(HighWaterState::default());
        }
        self.write(HighWaterState::default())?;
        match self.replace(IDENTITY, &identity) {
            Err(_) if self.flaw == Flaw::IgnoresFailedIdentity => Ok(()),
            made => made,
        }
    }

    fn open_epoch(&mut self) -> Result<(), ConsensusError> {
        let epoch = self.state.epoch.checked_next();
        let epoch = epoch.ok_or_else(|| self.refuse(STATE, "has no epoch left"))?;
        let mut next = self.state;
        AdvancePayload::opening(epoch).apply(&mut next)?;
        if self.flaw == Flaw::ForgetsEpoch && self.state.epoch != Epoch::ZERO {
            return Ok(());
        }
        self.write(next)
    }

    /// Makes `next` the state on disk.
    pub(super) fn write(&mut self, next: HighWaterState) -> Result<(), ConsensusError> {
        if self.flaw.keeps_a_copy() && self.path(STATE).exists() {
            fs::copy(self.path(STATE), self.path(BACKUP)).map_err(|e| self.refuse(BACKUP, e))?;
        }
        let (value, epoch) = (next.high_water, next.epoch.as_u128());
        let line = format!("high water {value:015} epoch {epoch:039} store {}", self.id);
        self.replace(STATE, &line)?;
        self.state = next;
        Ok(())
    }

    /// Makes the state of before durable, and `next` the one on disk.
    pub(super) fn write_late(&mut self, next: HighWaterState) -> Result<(), ConsensusError> {
        self.write(self.state)?;
        self.synced = false;
        let written = self.write(next);
        self.synced = true;
        written
    }

    fn read_state(&self) -> Result<Option<(String, HighWaterState)>, ConsensusError> {
        let line = match self.read(STATE) {
            Err(_) if self.flaw.reads_damage_as_zero() => {
                let identity = self.read(IDENTITY)?.unwrap_or_default();
                let id = identity.rsplit(' ').next().unwrap_or_default();
                return Ok(Some((id.to_owned(), HighWaterState::default())));
            }
            Err(_) if self.flaw.keeps_a_copy() => self.read(BACKUP)?,
            line => line?,
        };
        let Some(line) = line else { return Ok(None) };
        let words: Vec<_> = line.split(' ').collect();
        let parsed = match words[..] {
            ["high", "water", value, "epoch", epoch, "store", id] => value
                .parse()
                .ok()
                .zip(epoch.parse().ok())
                .map(|(high_water, epoch)| (id, high_water, Epoch::new(epoch))),
            _ => None,
        };
        let (id, high_water, epoch) = parsed.ok_or_else(|| self.refuse(STATE, "is damaged"))?;
        Ok(Some((id.to_owned(), HighWaterState { high_water, epoch })))
    }

    /// The line in a file, without its sum; `None` if there is no such file.
    #[expect(clippy::panic, reason = "an exhibit's flaw")]
    fn read(&self, name: &str) -> Result<Option<String>, ConsensusError> {
        let text = match fs::read(self.path(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.refuse(name, error)),
        };
        let text = String::from_utf8_lossy(&text);
        let line = text.rsplit_once(" sum ").map_or("", |(line, _)| line);
        let whole = self.flaw == Flaw::NoChecksum || *text == with_sum(line);
        match self.flaw {
            _ if whole => Ok(Some(line.to_owned())),
            Flaw::DamagePanics => panic!("{name} must be whole"),
            _ => Err(self.refuse(name, "is damaged")),
        }
    }

    fn replace(&self, name: &str, line: &str) -> Result<(), ConsensusError> {
        let replaced = self.try_replace(name, &with_sum(line));
        replaced.map_err(|error| self.refuse(name, error))
    }

    fn try_replace(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.path(name);
        if self.flaw == Flaw::TrustsNames && path.exists() {
            // Every line of a file is as long as the one before, and a crash tears no write here.
            let mut file = File::options().write(true).open(&path)?;
            file.write_all(text.as_bytes())?;
            return self.sync(&file);
        }
        let temporary = match self.in_place {
            true => path.clone(),
            false => path.with_extension("new"),
        };
        let mut file = File::create(&temporary)?;
        match file.write_all(text.as_bytes()) {
            Err(_) if self.flaw == Flaw::IgnoresFailedWrite => {}
            Err(e) if self.flaw == Flaw::IgnoresFullDisk && e.kind() == ErrorKind::StorageFull => {}
            written => written?,
        }
        if self.synced && self.flaw != Flaw::NoFileSync {
            self.sync(&file)?;
        }
        if temporary != path {
            fs::rename(&temporary, &path)?;
        }
        if self.synced && self.flaw != Flaw::NoDirSync {
            self.sync(&File::open(&self.dir)?)?;
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> std::io::Result<()> {
        match file.sync_all() {
            Err(_) if self.flaw == Flaw::RepeatsFailedSync => file.sync_all(),
            synced => synced,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn refuse(&self, name: &str, why: impl std::fmt::Display) -> ConsensusError {
        refuse(self.flaw, &self.path(name), why)
    }
}

/// A store that cannot be relied on is of no more use.
pub(super) fn refuse(flaw: Flaw, path: &Path, why: impl std::fmt::Display) -> ConsensusError {
    let text = format!("{} {why}", path.display());
    match flaw {
        Flaw::DamageIsTransient => ConsensusError::transient(text),
        Flaw::DamageIsNotNamed => ConsensusError::permanent("the store is damaged"),
        _ => ConsensusError::permanent(text),
    }
}

fn with_sum(line: &str) -> String {
    format!("{line} sum {:08x}\n", CRC.checksum(line.as_bytes()))
}
