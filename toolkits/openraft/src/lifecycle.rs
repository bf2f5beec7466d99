//! The life of a group at one node: its start, its members, its handoffs, each under the lease.

mod bootstrap;
mod error;
mod handoff;
mod members;
mod view;

use std::sync::Arc;
use std::time::Duration;

use openraft::Raft;
use openraft::storage::RaftStateMachine;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Keeper, RaftTypes};
pub use bootstrap::Bootstrap;
pub use error::{BootstrapError, ChangeError, TransferError};

/// The operations of one group at one node. Clones are the same group: one change at a time, over
/// all of them.
///
/// What it does not cover: a change of the voters, or a transfer, that is asked of `Raft` itself
/// passes the lease by.
pub struct Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    raft: Raft<C, SM>,
    keeper: Keeper,
    /// Held by the one change or transfer that is under way.
    busy: Arc<Mutex<()>>,
}

impl<C, SM> Clone for Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    fn clone(&self) -> Self {
        Self {
            raft: self.raft.clone(),
            keeper: self.keeper.clone(),
            busy: Arc::clone(&self.busy),
        }
    }
}

impl<C, SM> std::fmt::Debug for Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lifecycle")
            .field("node", self.raft.node_id())
            .finish_non_exhaustive()
    }
}

impl<C, SM> Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    /// The operations of an engine and the keeper of its lease.
    #[must_use]
    pub fn new(raft: Raft<C, SM>, keeper: Keeper) -> Self {
        Self {
            raft,
            keeper,
            busy: Arc::default(),
        }
    }

    /// The engine.
    #[must_use]
    pub const fn raft(&self) -> &Raft<C, SM> {
        &self.raft
    }

    /// The keeper of the lease.
    #[must_use]
    pub const fn keeper(&self) -> &Keeper {
        &self.keeper
    }
}

/// When an operation has to be done.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    within: Duration,
}

impl Deadline {
    fn new(within: Duration) -> Self {
        let at = Instant::now() + within;
        Self { at, within }
    }

    fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The result, if it comes in time.
    async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.at, work).await.ok()
    }
}
