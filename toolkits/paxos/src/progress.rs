//! How far the log is accepted, decided and applied, and waiting for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Counts of entries: accepted by this node, known to be decided, applied by the service.
#[derive(Debug)]
pub(crate) struct Progress {
    accepted: AtomicUsize,
    decided: watch::Sender<usize>,
    applied: watch::Sender<usize>,
    ended: watch::Sender<bool>,
}

/// Waits until everything that this node had accepted at one moment is decided and applied.
///
/// Under a valid lease that makes a read of the applied state linearizable: what was acknowledged
/// anywhere before the barrier was taken is in the leader's log by then. On a deposed leader it
/// proves nothing.
#[derive(Debug)]
#[must_use]
pub struct Barrier {
    index: usize,
    decided: watch::Receiver<usize>,
    applied: watch::Receiver<usize>,
    ended: watch::Receiver<bool>,
}

/// A barrier that was not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BarrierError {
    /// It took too long: there is no quorum, or the entries are not this leader's any more.
    #[error("index {index} was not decided and applied within {within:?}; try again")]
    Late {
        /// The index.
        index: usize,
        /// The time that the caller gave.
        within: Duration,
    },
    /// The runner has ended.
    #[error("the runner has ended")]
    Ended,
}

impl Progress {
    pub(crate) fn new(applied: usize) -> Self {
        Self {
            accepted: AtomicUsize::new(0),
            decided: watch::channel(0).0,
            applied: watch::channel(applied).0,
            ended: watch::channel(false).0,
        }
    }

    pub(crate) fn set_accepted(&self, index: usize) {
        self.accepted.store(index, Ordering::Release);
    }

    pub(crate) fn set_decided(&self, index: usize) {
        raise(&self.decided, index);
    }

    pub(crate) fn set_applied(&self, index: usize) {
        raise(&self.applied, index);
    }

    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire)
    }

    pub(crate) fn decided(&self) -> watch::Receiver<usize> {
        self.decided.subscribe()
    }

    pub(crate) fn applied(&self) -> watch::Receiver<usize> {
        self.applied.subscribe()
    }

    pub(crate) fn barrier(&self, index: usize) -> Barrier {
        Barrier {
            index,
            decided: self.decided.subscribe(),
            applied: self.applied.subscribe(),
            ended: self.ended.subscribe(),
        }
    }
}

impl Barrier {
    /// The count of entries that it waits for.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether it is passed now.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        *self.decided.borrow() >= self.index && *self.applied.borrow() >= self.index
    }

    /// Waits for it. Cancel-safe.
    ///
    /// # Errors
    /// [`BarrierError`].
    pub async fn passed(mut self, within: Duration) -> Result<(), BarrierError> {
        if self.is_passed() {
            return Ok(());
        }
        let index = self.index;
        let limit = Instant::now() + within;
        let reached = async {
            let decided = self.decided.wait_for(|decided| *decided >= index).await;
            drop(decided.map_err(|_| BarrierError::Ended)?);
            let applied = self.applied.wait_for(|applied| *applied >= index).await;
            drop(applied.map_err(|_| BarrierError::Ended)?);
            Ok(())
        };
        let ended = async {
            drop(self.ended.wait_for(|ended| *ended).await);
            Err(BarrierError::Ended)
        };
        let passed = timeout_at(limit, async {
            tokio::select! {
                biased;
                reached = reached => reached,
                ended = ended => ended,
            }
        });
        let late = BarrierError::Late { index, within };
        passed.await.unwrap_or(Err(late))
    }
}

fn raise(watch: &watch::Sender<usize>, index: usize) {
    watch.send_if_modified(|known| {
        let further = *known < index;
        *known = index.max(*known);
        further
    });
}
