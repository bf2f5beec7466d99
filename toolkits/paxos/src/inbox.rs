//! The queue in front of the engine's thread.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::runner::{Append, Command};
use crate::storage::StorageError;
use crate::{Frame, GroupEntry};

/// One thing for the engine to handle.
#[derive(Debug)]
pub(crate) enum Input<T: GroupEntry> {
    Frame {
        from: u64,
        frame: Frame<T>,
    },
    Reconnected(u64),
    Append {
        append: Append<T>,
        place: Place,
    },
    Command {
        command: Command,
        place: Place,
    },
    Campaign,
    /// The engine's tick, for tests.
    #[cfg(feature = "test-fakes")]
    SetTick(Duration),
    /// Decided entries have room again.
    Room,
    /// The storage failed while the engine did not use it.
    Failed(StorageError),
    Close,
}

/// Room for one append or command. It is given back when both the caller and the engine's thread are
/// done with it: what a caller no longer waits for takes room for as long as it waits.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// What may wait. Frames are counted, appends and commands have their places, and of what else may come
/// often one waits.
#[derive(Debug)]
pub(crate) struct Inbox<T: GroupEntry> {
    state: Mutex<State<T>>,
    ready: Condvar,
    frames_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct State<T: GroupEntry> {
    queue: Vec<Input<T>>,
    frames: usize,
    bytes: usize,
    /// Peers from which nothing came since the last `Reconnected` that waits.
    fresh: BTreeSet<u64>,
    room: bool,
    campaign: bool,
    ended: bool,
}

impl<T: GroupEntry> Inbox<T> {
    pub(crate) fn new(frames_max: usize, bytes_max: usize) -> Self {
        let state = State {
            queue: Vec::new(),
            frames: 0,
            bytes: 0,
            fresh: BTreeSet::new(),
            room: false,
            campaign: false,
            ended: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            frames_max,
            bytes_max,
        }
    }

    /// False if there is no room, or nobody handles it any more.
    pub(crate) fn push_frame(&self, from: u64, frame: Frame<T>, bytes: usize) -> bool {
        let mut state = self.lock();
        let full = state.frames >= self.frames_max
            || state.frames > 0 && state.bytes.saturating_add(bytes) > self.bytes_max;
        if full || state.ended {
            return false;
        }
        state.frames += 1;
        state.bytes = state.bytes.saturating_add(bytes);
        state.fresh.remove(&from);
        self.queue(state, Input::Frame { from, frame });
        true
    }

    /// Sessions that start one after the other without a frame between count as one.
    pub(crate) fn push_reconnected(&self, peer: u64) {
        let mut state = self.lock();
        if !state.ended && state.fresh.insert(peer) {
            self.queue(state, Input::Reconnected(peer));
        }
    }

    /// False if nobody handles it any more; the input is dropped.
    pub(crate) fn push(&self, input: Input<T>) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        let waits = match input {
            Input::Room => std::mem::replace(&mut state.room, true),
            Input::Campaign => std::mem::replace(&mut state.campaign, true),
            _ => false,
        };
        if !waits {
            self.queue(state, input);
        }
        true
    }

    /// Takes everything that waits; waits for something for at most this long.
    pub(crate) fn take(&self, inputs: &mut Vec<Input<T>>, wait: Duration) {
        let mut state = self.lock();
        if state.queue.is_empty() && !wait.is_zero() {
            let waited = self
                .ready
                .wait_timeout_while(state, wait, |state| state.queue.is_empty());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.queue, inputs);
        state.frames = 0;
        state.bytes = 0;
        state.fresh.clear();
        state.room = false;
        state.campaign = false;
    }

    /// Nothing is handled any more; what waits is dropped, and its callers learn of it.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let dropped = std::mem::take(&mut state.queue);
        drop(state);
        drop(dropped);
    }

    fn queue(&self, mut state: MutexGuard<'_, State<T>>, input: Input<T>) {
        state.queue.push(input);
        let was_empty = state.queue.len() == 1;
        drop(state);
        if was_empty {
            self.ready.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
