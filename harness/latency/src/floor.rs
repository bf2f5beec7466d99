//! What the thing measured is held against.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use futures_util::future::BoxFuture;

use crate::time::Time;
use crate::wire::Wire;
use crate::{FloorKind, LatencyError};

/// The durable floor of a cluster of so many nodes, in a folder beside their stores. Without a wire
/// the way between several nodes is not in it.
pub(crate) fn durable_floor(
    dir: &Path,
    nodes: usize,
    wire: Option<Arc<Wire>>,
) -> Result<Box<dyn Floor>, LatencyError> {
    make(dir)?;
    if nodes == 1 {
        return Ok(Box::new(Sync::new(dir)?));
    }
    let sync = QuorumSync::new(dir)?;
    Ok(match wire {
        Some(wire) => Box::new(QuorumSyncAndRoundTrip { sync, wire }),
        None => Box::new(sync),
    })
}

/// The floor of one disk alone, whatever the cluster.
pub(crate) fn bare_sync(dir: &Path) -> Result<Box<dyn Floor>, LatencyError> {
    make(dir)?;
    Ok(Box::new(Sync::new(dir)?))
}

fn make(dir: &Path) -> Result<(), LatencyError> {
    std::fs::create_dir_all(dir)
        .map_err(|source| LatencyError::file("make a folder for the floor", dir, source))
}

/// The least that a persist can cost.
pub(crate) trait Floor {
    fn kind(&self) -> FloorKind;

    /// Does it once, on this thread or while this thread waits.
    fn once(&self, time: &dyn Time) -> Result<(), LatencyError>;
}

/// An in-place write of one sector and `fdatasync`.
struct Sync {
    file: File,
    dir: PathBuf,
}

impl Sync {
    const BYTES: [u8; 512] = [0x5a; 512];

    fn new(dir: &Path) -> Result<Self, LatencyError> {
        let file = File::create(dir.join("sector"))
            .and_then(|mut file| {
                // Written out, not merely allocated: the first write to an unwritten extent would
                // change metadata.
                file.write_all(&[0; 4_096])?;
                file.sync_all()?;
                Ok(file)
            })
            .map_err(|source| LatencyError::file("prepare the floor's file", dir, source))?;
        let dir = dir.to_owned();
        Ok(Self { file, dir })
    }
}

impl Floor for Sync {
    fn kind(&self) -> FloorKind {
        FloorKind::Sync
    }

    fn once(&self, _: &dyn Time) -> Result<(), LatencyError> {
        self.file
            .write_all_at(&Self::BYTES, 0)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| LatencyError::file("sync the floor's sector", &self.dir, source))
    }
}

/// Three synced appends at once, of which the second to end counts.
struct QuorumSync {
    appenders: Vec<Appender>,
    done: Receiver<io::Result<u64>>,
    rounds: Cell<u64>,
    dir: PathBuf,
}

struct Appender {
    rounds: Option<Sender<u64>>,
    thread: Option<JoinHandle<()>>,
}

impl QuorumSync {
    const BYTES: [u8; 128] = [0x5a; 128];
    const QUORUM: usize = 2;
    const COPIES: usize = 3;

    fn new(dir: &Path) -> Result<Self, LatencyError> {
        let (acknowledge, done) = mpsc::channel();
        let appenders = (0..Self::COPIES)
            .map(|copy| {
                let path = dir.join(format!("copy-{copy}"));
                let file = OpenOptions::new().create(true).append(true).open(path);
                let file = file.map_err(|source| {
                    LatencyError::file("prepare the floor's files", dir, source)
                })?;
                Appender::start(file, acknowledge.clone())
            })
            .collect::<Result<_, LatencyError>>()?;
        Ok(Self {
            appenders,
            done,
            rounds: Cell::new(0),
            dir: dir.to_owned(),
        })
    }
}

impl Appender {
    fn start(mut file: File, done: Sender<io::Result<u64>>) -> Result<Self, LatencyError> {
        let (rounds, asked) = mpsc::channel::<u64>();
        let append = move || {
            while let Ok(round) = asked.recv() {
                // A copy that lags behind catches up in one append, as a replica does.
                let newest = asked.try_iter().last().unwrap_or(round);
                let appended = file
                    .write_all(&QuorumSync::BYTES)
                    .and_then(|()| file.sync_data());
                if done.send(appended.map(|()| newest)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("quorum-sync".into())
            .spawn(append)
            .map_err(|source| LatencyError::system("no thread for the floor", source))?;
        Ok(Self {
            rounds: Some(rounds),
            thread: Some(thread),
        })
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.rounds = None;
        if let Some(thread) = self.thread.take() {
            // It ends with its channel; a panic in it has already ended the floor.
            let _ = thread.join();
        }
    }
}

impl Floor for QuorumSync {
    fn kind(&self) -> FloorKind {
        FloorKind::QuorumSync
    }

    fn once(&self, _: &dyn Time) -> Result<(), LatencyError> {
        let round = self.rounds.get() + 1;
        self.rounds.set(round);
        for appender in &self.appenders {
            // A thread that is gone shows as a missing answer below.
            let _ = appender.rounds.as_ref().map(|rounds| rounds.send(round));
        }
        let mut acknowledged = 0;
        while acknowledged < Self::QUORUM {
            let answer = self.done.recv().map_err(io::Error::other).flatten();
            let answered = answer.map_err(|source| {
                LatencyError::file("sync the floor's copies", &self.dir, source)
            })?;
            acknowledged += usize::from(answered == round);
        }
        Ok(())
    }
}

/// A quorum sync and then a round trip: a value cannot be on a quorum before it got there, nor be
/// known to be there before word of it came back.
struct QuorumSyncAndRoundTrip {
    sync: QuorumSync,
    wire: Arc<Wire>,
}

impl Floor for QuorumSyncAndRoundTrip {
    fn kind(&self) -> FloorKind {
        FloorKind::QuorumSyncAndRoundTrip
    }

    fn once(&self, time: &dyn Time) -> Result<(), LatencyError> {
        self.sync.once(time)?;
        self.wire.round_trip(time)
    }
}

/// What any load through an async trait costs, were its value a plain atomic.
pub(crate) trait Register {
    fn read(&self) -> BoxFuture<'_, u64>;
}

/// The floor of a load.
pub(crate) fn boxed_call() -> Arc<dyn Register> {
    Arc::new(AtomicU64::new(0))
}

impl Register for AtomicU64 {
    fn read(&self) -> BoxFuture<'_, u64> {
        Box::pin(async { self.load(Ordering::SeqCst) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{VirtualTime, wire};

    #[test]
    fn a_sync_rewrites_one_sector() {
        let dir = tempfile::tempdir().unwrap();
        let floor = durable_floor(dir.path(), 1, None).unwrap();
        for _ in 0..3 {
            floor.once(&VirtualTime::default()).unwrap();
        }
        assert_eq!(floor.kind(), FloorKind::Sync);
        let sector = std::fs::read(dir.path().join("sector")).unwrap();
        assert_eq!(sector.len(), 4_096);
        assert_eq!(sector[..512], Sync::BYTES);
    }

    #[test]
    fn a_quorum_sync_has_two_copies_before_it_returns() {
        let dir = tempfile::tempdir().unwrap();
        let floor = durable_floor(dir.path(), 3, None).unwrap();
        let time = VirtualTime::default();
        floor.once(&time).unwrap();
        let copies = (0..3).map(|copy| dir.path().join(format!("copy-{copy}")));
        let written = copies.filter(|copy| std::fs::read(copy).unwrap() == QuorumSync::BYTES);
        assert!(written.count() >= 2);
        for _ in 0..10 {
            floor.once(&time).unwrap();
        }
        assert_eq!(floor.kind(), FloorKind::QuorumSync);
    }

    #[test]
    fn with_a_network_the_way_there_and_back_is_in_it() {
        let (dir, time) = (tempfile::tempdir().unwrap(), VirtualTime::default());
        let floor = durable_floor(dir.path(), 3, Some(wire(&time, 40_000))).unwrap();
        floor.once(&time).unwrap();
        assert_eq!(floor.kind(), FloorKind::QuorumSyncAndRoundTrip);
        assert_eq!(time.now_ns(), 40_000, "syncs take no virtual time");
        assert!(dir.path().join("copy-1").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = durable_floor(&file.path().join("below"), 1, None)
            .err()
            .unwrap();
        assert!(error.to_string().contains("below"), "{error}");
    }
}
