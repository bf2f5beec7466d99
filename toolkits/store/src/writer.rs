//! The thread that writes what is queued: it takes all that waits, writes it, syncs once, answers
//! in order.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::keeper::Keeper;
use crate::queue::{End, Entry, Taken};
use crate::shared::Shared;
use crate::{DirLock, StoreError};

/// Owns what has to go last, in this order.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) keeper_thread: Option<JoinHandle<()>>,
    pub(crate) lock: Option<DirLock>,
}

impl Writer {
    /// Serves until the queue ends.
    pub(crate) fn run(mut self) {
        loop {
            match self.shared.queue.take() {
                Taken::Entries(entries) => self.write(entries),
                Taken::End(End::Finished) => {
                    self.finish();
                    break;
                }
                Taken::End(End::Abandoned) => break,
            }
        }
    }

    fn write(&self, entries: Vec<Entry>) {
        let batches = entries.iter().map(|entry| &entry.batch);
        let outcome = self.shared.change(|log| log.write_synced(batches));
        for entry in entries {
            (entry.done)(outcome.clone());
        }
        // A failure is latched; there is nobody left to tell.
        let _ = self.shared.turn_if_due();
    }

    /// Leaves the log and the frontier durable.
    fn finish(&mut self) {
        self.stop_keeper();
        let finished = self.shared.change(|log| {
            log.sync()?;
            self.keeper.sync()
        });
        if let Err(error) = finished {
            tracing::warn!(%error, "closed after a failure");
        }
    }

    fn stop_keeper(&mut self) {
        self.keeper.stop();
        if let Some(keeper) = self.keeper_thread.take() {
            // It reports its own failure.
            let _ = keeper.join();
        }
    }
}

/// However the thread ends, a panic included: what waits is answered, RocksDB is closed, and then
/// the lock goes.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.end(End::Abandoned);
        let refusal: StoreError = self.shared.refusal();
        for entry in self.shared.queue.drain() {
            (entry.done)(Err(refusal.clone()));
        }
        self.stop_keeper();
        self.shared.engine.close();
        drop(self.lock.take());
        self.shared.closed.send_replace(true);
    }
}
