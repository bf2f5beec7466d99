//! The thread that owns the store: it gathers what waits, writes it once, flushes once, answers.
//!
//! No blocking call on the store is made anywhere else, so a disk that hangs holds up this thread
//! and nothing of the runtime.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tsoracle_consensus::{AdvancePayload, ConsensusError};

use crate::FileStoreError;
use crate::driver::Shared;
use crate::store::Store;

/// One persist on its way to the disk. Dropping the receiving end does not take it back (P7).
#[derive(Debug)]
pub(crate) struct Persist {
    pub(crate) command: AdvancePayload,
    pub(crate) answer: oneshot::Sender<Result<u64, ConsensusError>>,
    /// Free for another once this one is answered.
    pub(crate) _place: OwnedSemaphorePermit,
}

/// What the driver sends to its writer.
#[derive(Debug)]
pub(crate) enum Request {
    Persist(Persist),
    /// Wakes the writer up to see that it is to stop.
    Stop,
}

/// The writer's end of everything.
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) shared: Arc<Shared>,
    /// True once the store is closed and its lock is gone.
    pub(crate) closed: watch::Sender<bool>,
}

impl Writer {
    /// Serves until the driver stops or the store fails; then releases the store.
    pub(crate) fn run(mut self) {
        let _last = StepsDown(Arc::clone(&self.shared));
        let mut batch = Vec::new();
        while let Some(first) = self.requests.blocking_recv() {
            batch.extend(first.into_persist());
            self.take_what_waits(&mut batch);
            if let Err(error) = self.write(&mut batch) {
                self.shared.fail(error);
                break;
            }
            if self.shared.is_stopping() {
                // What is queued already is still written; nothing more is accepted.
                self.accept_no_more();
            }
        }
        self.refuse_the_rest(batch);
        drop(self.store);
        self.closed.send_replace(true);
    }

    fn take_what_waits(&mut self, batch: &mut Vec<Persist>) {
        let waiting = std::iter::from_fn(|| self.requests.try_recv().ok());
        batch.extend(waiting.filter_map(Request::into_persist));
    }

    /// The value is shown to loads only once it is durable, and before it is acknowledged.
    fn write(&mut self, batch: &mut Vec<Persist>) -> Result<(), FileStoreError> {
        let commands: Vec<_> = batch.iter().map(|persist| persist.command).collect();
        let applied = self.store.apply(&commands)?;
        self.shared.show_high_water(self.store.state().high_water);
        for (persist, outcome) in batch.drain(..).zip(applied) {
            // Nobody waits for an answer whose call was dropped.
            let _ = persist.answer.send(outcome.map_err(ConsensusError::from));
        }
        Ok(())
    }

    fn accept_no_more(&mut self) {
        self.places.close();
        self.requests.close();
    }

    /// After a failure: what was in the batch and what is queued gets the same answer.
    fn refuse_the_rest(&mut self, batch: Vec<Persist>) {
        self.accept_no_more();
        let queued = std::iter::from_fn(|| self.requests.blocking_recv());
        let rest = batch
            .into_iter()
            .chain(queued.filter_map(Request::into_persist));
        for persist in rest {
            let _ = persist.answer.send(Err(self.shared.refusal()));
        }
    }
}

/// However the writer ends, a panic included, the lease ends before the store's lock goes: this is
/// dropped before the writer is.
struct StepsDown(Arc<Shared>);

impl Drop for StepsDown {
    fn drop(&mut self) {
        self.0.step_down();
    }
}

impl Request {
    fn into_persist(self) -> Option<Persist> {
        match self {
            Self::Persist(persist) => Some(persist),
            Self::Stop => None,
        }
    }
}
