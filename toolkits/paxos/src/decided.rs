//! What was decided, on its way to the service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use omnipaxos::storage::{Entry, StopSign};
use tokio::sync::mpsc;

use crate::{GroupEntry, Handle};

/// The next thing that was decided. A service sees a gapless log: each begins where the last ended.
#[derive(Clone, Debug)]
pub enum Decided<T: Entry> {
    /// Entries, from the one with index `from` on.
    Entries {
        /// The index of the first.
        from: usize,
        /// At least one.
        entries: Vec<T>,
    },
    /// A snapshot that takes the place of the whole state.
    Snapshot {
        /// It covers the entries below this index.
        up_to: usize,
        /// The state.
        snapshot: T::Snapshot,
    },
    /// The entries below this index are gone everywhere, and no snapshot covers them: the service
    /// began at too low an index.
    Trimmed {
        /// The first index that is left.
        up_to: usize,
    },
    /// The last entry of this configuration.
    StopSign {
        /// Its index.
        index: usize,
        /// The next configuration.
        stopsign: StopSign,
    },
}

impl<T: Entry> Decided<T> {
    /// The index behind it.
    #[must_use]
    pub fn end(&self) -> usize {
        match self {
            Self::Entries { from, entries } => from + entries.len(),
            Self::Snapshot { up_to, .. } | Self::Trimmed { up_to } => *up_to,
            Self::StopSign { index, .. } => index + 1,
        }
    }
}

/// Takes what was decided, in order, on the engine's thread.
///
/// A service that applies in memory does it here, and a persist costs no further thread; one that
/// takes its time uses [`decided_channel`]. Whoever has applied something reports it with
/// [`Handle::applied`].
pub trait Apply<T: GroupEntry>: Send + 'static {
    /// The runner starts, and this is its handle. Called once, before anything else.
    fn begin(&mut self, handle: Handle<T>);

    /// Whether the next one is taken now. While it is not, the log keeps it, and its memory grows
    /// with what is decided meanwhile. After a `false`, call [`Handle::there_is_room`].
    fn has_room(&mut self) -> bool;

    /// Takes the next one; asked for only after [`has_room`](Self::has_room). Returns at once.
    fn apply(&mut self, decided: Decided<T>);
}

/// A bounded queue of decided things, for a task that applies them.
#[must_use]
pub fn decided_channel<T: GroupEntry>(room: usize) -> (DecidedSender<T>, DecidedStream<T>) {
    let (sender, receiver) = mpsc::channel(room.max(1));
    let starved = Arc::new(Starved {
        flag: AtomicBool::new(false),
        handle: OnceLock::new(),
    });
    let stream = DecidedStream {
        receiver,
        starved: Arc::clone(&starved),
    };
    (DecidedSender { sender, starved }, stream)
}

/// The runner's end of a [`decided_channel`].
#[derive(Debug)]
pub struct DecidedSender<T: GroupEntry> {
    sender: mpsc::Sender<Decided<T>>,
    starved: Arc<Starved<T>>,
}

/// The service's end of a [`decided_channel`]. Dropped, what is decided is no longer kept for it.
#[derive(Debug)]
pub struct DecidedStream<T: GroupEntry> {
    receiver: mpsc::Receiver<Decided<T>>,
    starved: Arc<Starved<T>>,
}

/// Whether the runner found no room, and whom to tell when there is.
#[derive(Debug)]
struct Starved<T: GroupEntry> {
    flag: AtomicBool,
    handle: OnceLock<Handle<T>>,
}

impl<T: GroupEntry> DecidedStream<T> {
    /// The next one; `None` after the runner has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Decided<T>> {
        let next = self.receiver.recv().await;
        if self.starved.flag.swap(false, Ordering::SeqCst)
            && let Some(handle) = self.starved.handle.get()
        {
            handle.there_is_room();
        }
        next
    }
}

impl<T: GroupEntry> Apply<T> for DecidedSender<T> {
    fn begin(&mut self, handle: Handle<T>) {
        // A sender serves one runner: it is moved into it.
        let _ = self.starved.handle.set(handle);
    }

    fn has_room(&mut self) -> bool {
        let has_room = |sender: &mpsc::Sender<_>| sender.capacity() > 0 || sender.is_closed();
        if has_room(&self.sender) {
            return true;
        }
        // Either the stream sees the flag when it takes one, or the room that this left is seen here.
        self.starved.flag.store(true, Ordering::SeqCst);
        has_room(&self.sender)
    }

    fn apply(&mut self, decided: Decided<T>) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(decided) {
            tracing::error!("a decided entry came without room");
        }
    }
}
