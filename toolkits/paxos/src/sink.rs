//! The way out of a runner, and the way in.

mod transport;

use std::fmt::Debug;
use std::sync::Arc;

pub use transport::{Attached, TransportSink, attach};

use crate::inbox::{Inbox, Input};
use crate::{Frame, GroupEntry};

/// Where a runner's frames leave.
///
/// To the engine a link is FIFO and without repetition, or its session ends: what arrives at a peer
/// is a first part of what was sent in the session, in order, and nothing of an earlier session
/// comes after a later one has begun. Both ends are told by [`Inbound::reconnected`]. A sink that
/// delivers an old frame again loses decided entries.
pub trait MessageSink<T: GroupEntry>: Send + 'static {
    /// Hands a frame over, or drops it and with it the session. Called on the engine's thread: it
    /// must not wait.
    fn send(&mut self, to: u64, frame: Frame<T>);
}

/// The way into a runner, for whoever receives its frames. Clones are the same.
#[derive(Debug)]
pub struct Inbound<T: GroupEntry> {
    inbox: Arc<Inbox<T>>,
}

/// The runner had no room for a frame, or has ended: the frame is lost, and the session with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runner has no room for a frame; end the session")]
pub struct NoRoom;

impl<T: GroupEntry> Clone for Inbound<T> {
    fn clone(&self) -> Self {
        let inbox = Arc::clone(&self.inbox);
        Self { inbox }
    }
}

impl<T: GroupEntry> Inbound<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>) -> Self {
        Self { inbox }
    }

    /// Queues a frame of `bytes` bytes that came from `from`. Never waits.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn deliver(&self, from: u64, frame: Frame<T>, bytes: usize) -> Result<(), NoRoom> {
        let taken = self.inbox.push_frame(from, frame, bytes);
        if taken { Ok(()) } else { Err(NoRoom) }
    }

    /// A session with `peer` has begun, in either direction: what was sent before may be lost.
    /// Called before the first frame of the session. Never waits.
    pub fn reconnected(&self, peer: u64) {
        self.inbox.push_reconnected(peer);
    }

    /// Wakes the runner for something that it finds by itself.
    pub(crate) fn push(&self, input: Input<T>) -> bool {
        self.inbox.push(input)
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox<T>> {
        &self.inbox
    }
}
