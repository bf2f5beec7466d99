//! Keeps the frontier, and syncs it in the background: never between a request and its answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::StoreError;
use crate::frontier::Frontier;

/// How long nothing must have been written before the frontier is synced.
const IDLE: Duration = Duration::from_secs(1);

/// The frontier and what is to be done about it.
#[derive(Debug)]
pub(crate) struct Keeper {
    frontier: Frontier,
    recorded: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Recorded since the last sync.
    dirty: bool,
    /// Sync without waiting for an idle moment.
    now: bool,
    /// The next record is waited for.
    awaited: bool,
    stop: bool,
}

impl Keeper {
    pub(crate) fn new(frontier: Frontier, recorded: u64) -> Self {
        Self {
            frontier,
            recorded: AtomicU64::new(recorded),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// Records how far the log is durable.
    pub(crate) fn record(&self, sequence: u64) -> Result<(), StoreError> {
        self.frontier.record(sequence)?;
        self.recorded.store(sequence, Ordering::Release);
        let mut state = self.state();
        if !state.dirty || state.awaited {
            state.dirty = true;
            state.awaited = false;
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Syncs soon.
    pub(crate) fn wake(&self) {
        self.state().now = true;
        self.changed.notify_one();
    }

    /// Ends [`run`](Self::run).
    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.changed.notify_one();
    }

    /// What was recorded last.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::Acquire)
    }

    /// Waits until something above `known` is recorded; false if stopped.
    pub(crate) fn wait_for_record(&self, known: u64) -> bool {
        let mut state = self.state();
        while self.recorded() <= known && !state.stop {
            state.awaited = true;
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        !state.stop
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state().stop
    }

    /// Syncs at once.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.state().dirty = false;
        self.frontier.sync()
    }

    /// Serves until it is stopped; an error ends it.
    pub(crate) fn run(&self) -> Result<(), StoreError> {
        while self.wait_until_due() {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits for a record and then for an idle moment; false if stopped.
    fn wait_until_due(&self) -> bool {
        let mut state = self.state();
        loop {
            if state.stop {
                return false;
            }
            if !state.dirty {
                state.now = false;
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if state.now {
                state.now = false;
                return true;
            }
            let before = self.recorded();
            let waited = self.changed.wait_timeout(state, IDLE);
            let timed_out;
            (state, timed_out) = waited
                .map(|(state, timeout)| (state, timeout.timed_out()))
                .unwrap_or_else(|error| {
                    let (state, timeout) = error.into_inner();
                    (state, timeout.timed_out())
                });
            let idle = self.recorded() == before;
            if timed_out && idle && !state.stop {
                return true;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
