//! A machine that exists in virtual time: what runs on it can be killed and frozen.

mod power;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tsoracle_consensus::ConsensusError;
use tsoracle_faultfs::Loss;

use power::Now;
pub(super) use power::{Board, Seat};

use super::Machine;
use super::disk::{SimDisk, SimDiskFaults, Store};
use crate::{DiskFaults, TestbedError};

/// One simulated machine with a disk, below one node of a cluster. It outlives its nodes.
pub struct SimMachine {
    pub(super) board: Arc<Board>,
}

impl SimMachine {
    /// A machine that keeps its files in `dir` and runs nothing yet.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Arc<Self> {
        let board = Arc::new(Board::new(Store::new(dir.into())));
        Arc::new(Self { board })
    }

    /// Starts a life of the machine, which takes hold of its store. What lies in the folder now is
    /// durable, except for what an earlier life wrote without a sync.
    ///
    /// # Errors
    /// `Permanent` while an earlier life goes on (S1), and when the folder cannot be read.
    pub fn boot(&self) -> Result<Life, ConsensusError> {
        let seat = self.board.boot()?;
        let held = Arc::new(Held { seat });
        Ok(Life { held })
    }
}

impl Machine for SimMachine {
    fn kill(&self) {
        self.board.kill();
    }

    fn is_dead(&self) -> bool {
        self.board.is_dead()
    }

    fn freeze(&self) {
        self.board.set_frozen(true);
    }

    fn thaw(&self) {
        self.board.set_frozen(false);
    }

    fn disk(&self) -> Arc<dyn DiskFaults> {
        Arc::new(SimDiskFaults::new(Arc::clone(&self.board)))
    }

    fn lose_unsynced(&self) -> Result<Loss, TestbedError> {
        self.board.lose_unsynced()
    }
}

impl fmt::Debug for SimMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimMachine").field(&self.board).finish()
    }
}

/// One life of a machine, from a boot to a kill or a close: what the code of a node holds.
///
/// Dropping the last clone closes it; disks and spawned tasks do not count.
#[derive(Clone, Debug)]
pub struct Life {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    seat: Seat,
}

impl Life {
    /// Whether this life goes on, frozen or not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.held.seat.now() != Now::Ended
    }

    /// Waits for the machine to let this life run: not at all while it runs, until the thaw while
    /// it is frozen, and for ever once it has ended. Whatever a node does after an `await` that may
    /// have taken time comes after a turn.
    pub async fn turn(&self) {
        self.held.seat.turn().await;
    }

    /// Waits until this life has ended, by a kill or a close.
    pub async fn ended(&self) {
        self.held.seat.ended().await;
    }

    /// Runs a future as a task of this life: it stands still while the machine is frozen, and is
    /// dropped where it stands once the life has ended.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.held.seat.clone().run(future));
    }

    /// Ends this life in good order and lets go of the store. Does nothing the second time.
    pub fn close(&self) {
        self.held.seat.close();
    }

    /// The machine's disk, for as long as this life lasts.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        SimDisk::new(self.held.seat.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.seat.close();
    }
}

#[cfg(test)]
mod tests;
