//! A disk that exists in virtual time: its faults are those of [`tsoracle_faultfs`], its files
//! survive what a real disk's survive.

mod rules;
mod store;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_faultfs::{Call, Counts, Errno, Loss, Op, Rule, RuleId, When};

pub(super) use rules::Rules;
pub(super) use store::Store;

use super::machine::{Board, Seat};
use crate::{DiskFaults, TestbedError};

/// The files of one life of a [`SimMachine`](super::SimMachine), all in one folder.
///
/// What is written is in the folder when the life ends, for whoever reads or damages files there;
/// what was not synced goes back when the power is lost. Each call is one [`Op`] for the rules in force, and has
/// its effect in one step after their delays and stalls. A call of a life that has ended has no
/// effect and never returns; holding the disk does not keep the life going.
#[derive(Clone, Debug)]
pub struct SimDisk {
    seat: Seat,
}

impl SimDisk {
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat }
    }

    /// The whole content of a file, or `None` if there is none of this name. An [`Op::Open`].
    ///
    /// # Errors
    /// A rule's, or the system's.
    pub async fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let read = self.call(Op::Open, name, 0, |store, _| store.read(name));
        match read.await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Replaces the whole content of a file: an [`Op::Write`], or an [`Op::Create`] if there is none
    /// of this name. Nothing of it is durable before a [`sync`](Self::sync).
    ///
    /// # Errors
    /// A rule's, which leaves the file as it was, or the system's. A rule that shortens the write
    /// leaves the first half of the new content, and the error is that of a full disk.
    pub async fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let exists = self.seat.with_store(|store| store.has(name));
        let (op, length) = if exists {
            (Op::Write, bytes.len() as u64)
        } else {
            (Op::Create, 0)
        };
        let written = self.call(op, name, length, |store, shorten| {
            if !shorten || bytes.len() < 2 {
                return store.write(name, bytes);
            }
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            store.write(name, half)?;
            Err(Errno::Enospc.into())
        });
        written.await
    }

    /// Makes the content of a file durable, and its name too: a sync of the file and of the folder
    /// in one. An [`Op::Sync`]; one that fails makes nothing durable.
    ///
    /// # Errors
    /// A rule's, or the system's: `NotFound` if there is no file of this name.
    pub async fn sync(&self, name: &str) -> io::Result<()> {
        let synced = self.call(Op::Sync, name, 0, |store, _| store.sync(name));
        synced.await
    }

    /// Faults below this disk, in this life and while the machine is down after it.
    #[must_use]
    pub fn faults(&self) -> Arc<dyn DiskFaults> {
        Arc::new(SimDiskFaults::new(Arc::clone(self.seat.board())))
    }

    /// Runs a call under the rules in force. `real` is told whether to write half of what it was
    /// asked to; `written` is how many bytes it writes if it succeeds.
    async fn call<T>(
        &self,
        op: Op,
        name: &str,
        written: u64,
        real: impl FnOnce(&mut Store, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.seat.with_store(|store| store.path(name))?;
        let rules = self.seat.rules();
        self.seat.turn().await;
        let decision = rules.decide(op, &path);
        if !decision.delay.is_zero() {
            tokio::time::sleep(decision.delay).await;
        }
        for (id, at_most) in decision.stalls {
            rules.stall(id, at_most).await;
        }
        self.seat.turn().await;
        if decision.crash == Some(When::Before) {
            self.seat.die().await;
        }
        let outcome = match decision.fail {
            Some(errno) => Err(errno.into()),
            None => self.seat.with_store(|store| real(store, decision.shorten)),
        };
        if decision.crash == Some(When::After) {
            self.seat.die().await;
        }
        let done = outcome.is_ok().then_some(written);
        rules.count(op, &decision.matched, done);
        outcome
    }
}

/// [`DiskFaults`] of a simulated machine. A rule belongs to the life that runs when it is installed
/// or, while none does, to the next one.
pub(super) struct SimDiskFaults {
    board: Arc<Board>,
}

impl SimDiskFaults {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }
}

impl fmt::Debug for SimDiskFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimDiskFaults").field(&self.board).finish()
    }
}

#[async_trait]
impl DiskFaults for SimDiskFaults {
    async fn install(&self, rule: Rule) -> Result<RuleId, TestbedError> {
        self.board
            .rules
            .install(rule)
            .map_err(|error| refused(&error))
    }

    async fn remove(&self, id: RuleId) -> Result<(), TestbedError> {
        self.board.rules.remove(id).map_err(|error| refused(&error))
    }

    async fn wait_for_hits(
        &self,
        id: RuleId,
        at_least: u64,
        limit: Duration,
    ) -> Result<u64, TestbedError> {
        let waited = self.board.rules.wait_for_hits(id, at_least, limit);
        waited.await.map_err(|error| refused(&error))
    }

    async fn counts(&self, id: RuleId) -> Result<Counts, TestbedError> {
        self.board
            .rules
            .look(|table| table.counts(id))
            .map_err(|error| refused(&error))
    }

    async fn trace(&self, id: RuleId) -> Result<Vec<Call>, TestbedError> {
        self.board
            .rules
            .look(|table| table.trace(id))
            .map_err(|error| refused(&error))
    }

    /// A simulated machine always records.
    async fn record_unsynced(&self, _prefix: &Path) -> Result<(), TestbedError> {
        Ok(())
    }

    async fn lose_unsynced(&self, _prefix: &Path) -> Result<Loss, TestbedError> {
        self.board.lose_unsynced()
    }
}

fn refused(error: &tsoracle_faultfs::Error) -> TestbedError {
    TestbedError::Faults(error.to_string())
}

#[cfg(test)]
mod tests;
