//! Looking at a machine that the engine owns.

use std::fmt::{self, Debug};
use std::sync::Arc;

use tokio::sync::watch;

use super::Shared;
use crate::{LogId, RaftTypes, StoredMembership};

/// Reads the state of a [`Machine`](crate::Machine) that was given away, and waits for what is
/// applied.
pub struct MachineHandle<C: RaftTypes, M> {
    shared: Arc<Shared<C, M>>,
}

impl<C: RaftTypes, M> MachineHandle<C, M> {
    pub(super) fn new(shared: Arc<Shared<C, M>>) -> Self {
        Self { shared }
    }

    /// What `look` sees of the state, all of it from between two commands.
    ///
    /// Nothing is applied while `look` runs, so let it be short; while a snapshot is taken or
    /// installed, the caller waits for that. A state whose readers cannot wait shares atomics with
    /// them.
    pub fn read<T>(&self, look: impl FnOnce(&M) -> T) -> T {
        look(&self.shared.lock().machine)
    }

    /// The members as the applied part of the log has them.
    pub fn membership(&self) -> StoredMembership<C> {
        self.shared.lock().membership.clone()
    }

    /// The last applied position, now and as it moves. An answer is sent after the position that it
    /// belongs to shows here; steps may be skipped, the last one never is. Installing a snapshot
    /// moves it too.
    pub fn applied(&self) -> watch::Receiver<Option<LogId>> {
        self.shared.applied.subscribe()
    }

    /// Holds the commands that come from now on, or lets all of them go: they are applied later,
    /// still in order. For tests, which hold a node to see that nobody reads from it what it has
    /// not applied.
    ///
    /// A batch of commands that has begun is not held. A hold stays through the end of a
    /// leadership; while it lasts the engine can answer nothing that concerns its state machine,
    /// snapshots included, and its task outlives a shutdown: end the hold first.
    pub fn hold(&self, held: bool) {
        self.shared.hold.send_replace(held);
    }
}

impl<C: RaftTypes, M> Clone for MachineHandle<C, M> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<C: RaftTypes, M> Debug for MachineHandle<C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineHandle")
            .field("applied", &*self.shared.applied.borrow())
            .field("held", &*self.shared.hold.borrow())
            .finish_non_exhaustive()
    }
}
