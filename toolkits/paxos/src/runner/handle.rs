//! What callers hold of a runner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::{
    Append, AppendError, Command, CompactError, HandoffError, HoldError, ProveError,
    ReconfigureError, RunnerError,
};
use crate::inbox::Input;
use crate::progress::Progress;
use crate::sink::Inbound;
use crate::storage::StorageError;
use crate::{Barrier, GroupEntry, Leadership, Members, PaxosBallot, RequestId};

/// A runner, as callers use it from any task of a Tokio runtime with time. Clones are the same
/// runner; holding one does not keep it running.
#[derive(Debug)]
pub struct Handle<T: GroupEntry> {
    pub(super) shared: Arc<Shared<T>>,
}

/// What callers and the engine's thread share.
#[derive(Debug)]
pub(super) struct Shared<T: GroupEntry> {
    pub(super) pid: u64,
    pub(super) life: u64,
    pub(super) numbers: AtomicU64,
    pub(super) inbound: Inbound<T>,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) granted_to: watch::Receiver<Option<PaxosBallot>>,
    pub(super) progress: Progress,
    pub(super) failure: watch::Sender<Option<RunnerError>>,
    pub(super) ended: watch::Sender<bool>,
    pub(super) appends: Arc<Semaphore>,
    pub(super) appends_max: usize,
    pub(super) commands: Arc<Semaphore>,
}

/// An entry that was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The request that it came from.
    pub id: RequestId,
    /// Its index.
    pub index: usize,
}

/// Nobody led after this node when a certain moment, after the call began, had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Proof {
    /// The ballot that this node led under.
    pub ballot: PaxosBallot,
}

/// A question without an answer.
enum Unanswered {
    Late,
    Ended,
}

impl<T: GroupEntry> Clone for Handle<T> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<T: GroupEntry> Handle<T> {
    /// Appends an entry under `ballot`, and waits until it is decided. `make` is given the name that
    /// the entry must carry ([`GroupEntry::request`]).
    ///
    /// The check of the ballot, and the append, are one step on the engine's thread. Dropped before
    /// it is done, the entry may or may not be decided.
    ///
    /// # Errors
    /// [`AppendError`] says whether the entry may still be decided.
    pub async fn append(
        &self,
        ballot: PaxosBallot,
        make: impl FnOnce(RequestId) -> T,
        within: Duration,
    ) -> Result<Appended, AppendError> {
        let begun = Instant::now();
        let appends = self.shared.appends_max;
        let room = Arc::clone(&self.shared.appends).acquire_owned();
        let permit = timeout(within, room).await;
        let permit = permit
            .map_err(|_| AppendError::Busy { appends })?
            .map_err(|_| self.ended())?;
        let place = Arc::new(permit);
        let id = self.next_request();
        let (answer, decided) = oneshot::channel();
        let append = Append {
            ballot,
            id,
            entry: make(id),
            answer,
        };
        let input = Input::Append {
            append,
            place: Arc::clone(&place),
        };
        if !self.shared.inbound.push(input) {
            return Err(self.ended());
        }
        let left = within.saturating_sub(begun.elapsed());
        let decided = timeout(left, decided).await;
        let decided = decided.map_err(|_| AppendError::TimedOut { within })?;
        let index = decided.map_err(|_| self.ended())??;
        Ok(Appended { id, index })
    }

    /// This node's part in the group, with every change. Changes may be coalesced; the last is
    /// always seen. The sender is dropped when the runner ends.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.shared.leadership.clone()
    }

    /// The last leader whose round of the lease this node granted, itself included: it has led, so
    /// it is no mere candidate.
    #[must_use]
    pub fn granted_to(&self) -> watch::Receiver<Option<PaxosBallot>> {
        self.shared.granted_to.clone()
    }

    /// A barrier on everything that this node has accepted by now.
    pub fn barrier(&self) -> Barrier {
        self.barrier_on(self.accepted())
    }

    /// A barrier on the first `index` entries.
    pub fn barrier_on(&self, index: usize) -> Barrier {
        self.shared.progress.barrier(index)
    }

    /// How many entries this node has accepted. It may shrink when another leader takes over.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.progress.accepted()
    }

    /// How many entries this node knows to be decided.
    #[must_use]
    pub fn decided(&self) -> watch::Receiver<usize> {
        self.shared.progress.decided()
    }

    /// The service has applied the first `index` entries. Lower ones are ignored.
    pub fn applied(&self, index: usize) {
        self.shared.progress.set_applied(index);
    }

    /// How many entries the service has applied, as it was reported.
    #[must_use]
    pub fn applied_so_far(&self) -> watch::Receiver<usize> {
        self.shared.progress.applied()
    }

    /// Proves that this node led after the call began: sends a round of the lease, and waits until
    /// a quorum has granted it or a later one. Needs no valid lease. What was acknowledged anywhere
    /// before the call is in this node's log by then; take a [`barrier`](Self::barrier) after it.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove(&self, within: Duration) -> Result<Proof, ProveError> {
        let asked = self.ask(within, Command::Prove).await;
        asked.unwrap_or_else(|unanswered| {
            Err(match unanswered {
                Unanswered::Late => ProveError::NoQuorum { within },
                Unanswered::Ended => ProveError::Ended,
            })
        })
    }

    /// Makes a snapshot of the entries below `up_to` (`None` for all that the service was shown) and
    /// drops them, on this node only. Returns how many entries are compacted. In memory when it
    /// returns; on disk with the next sync.
    ///
    /// # Errors
    /// [`CompactError`].
    pub async fn snapshot(
        &self,
        up_to: Option<usize>,
        within: Duration,
    ) -> Result<usize, CompactError> {
        let asked = self.ask(within, |answer| Command::Snapshot { up_to, answer });
        asked.await.unwrap_or_else(|why| Err(why.compact(within)))
    }

    /// Drops the entries below `up_to` on all members, of a kind that has no snapshots. Returns how
    /// many entries are compacted.
    ///
    /// # Errors
    /// [`CompactError`].
    pub async fn trim(&self, up_to: usize, within: Duration) -> Result<usize, CompactError> {
        let asked = self.ask(within, |answer| Command::Trim { up_to, answer });
        asked.await.unwrap_or_else(|why| Err(why.compact(within)))
    }

    /// With `true`: shows the service nothing more of what is decided; with `false`: goes on. In force
    /// when it returns. What is not shown stays in the log and in memory, and appends wait for it.
    /// For tests and inspections.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn hold_decided(&self, held: bool, within: Duration) -> Result<(), HoldError> {
        let asked = self.ask(within, |answer| Command::Hold { held, answer });
        asked.await.map_err(|unanswered| match unanswered {
            Unanswered::Late => HoldError::TimedOut { within },
            Unanswered::Ended => HoldError::Ended,
        })
    }

    /// Hands leadership to another member: ends this node's lease, releases those who granted it,
    /// asks the target to campaign, and waits until it leads.
    ///
    /// Appends are refused meanwhile. If the target has not taken over `within`, this node campaigns
    /// again, and serves on when it is elected. Dropped before it is done, it goes on all the same.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn hand_off(&self, to: u64, within: Duration) -> Result<(), HandoffError> {
        // The engine's thread keeps the time; this is only in case it cannot.
        let grace = within.saturating_add(Duration::from_secs(1));
        let command = |answer| Command::HandOff { to, within, answer };
        let asked = self.ask(grace, command).await;
        asked.unwrap_or_else(|unanswered| {
            Err(match unanswered {
                Unanswered::Late => HandoffError::Late { to, within },
                Unanswered::Ended => HandoffError::Ended,
            })
        })
    }

    /// Proposes the next configuration under `ballot`, as the last entry of the present one. The
    /// lease ends first, and does not come back in this configuration. Returns when it is proposed;
    /// [`Decided::StopSign`](crate::Decided::StopSign) tells when it is decided.
    ///
    /// # Errors
    /// [`ReconfigureError`].
    pub async fn reconfigure(
        &self,
        ballot: PaxosBallot,
        next: Members,
        metadata: Vec<u8>,
        within: Duration,
    ) -> Result<(), ReconfigureError> {
        let command = |answer| Command::Reconfigure {
            ballot,
            next,
            metadata,
            answer,
        };
        let asked = self.ask(within, command).await;
        asked.unwrap_or_else(|unanswered| {
            Err(match unanswered {
                Unanswered::Late => ReconfigureError::TimedOut { within },
                Unanswered::Ended => ReconfigureError::Ended,
            })
        })
    }

    /// Why the runner ended by itself, once it has.
    #[must_use]
    pub fn failure(&self) -> Option<RunnerError> {
        self.shared.failure.borrow().clone()
    }

    /// Waits for the end of the runner; `Some` if it ended by itself. Cancel-safe.
    pub async fn ended_with(&self) -> Option<RunnerError> {
        let mut ended = self.shared.ended.subscribe();
        drop(ended.wait_for(|ended| *ended).await);
        self.failure()
    }

    /// Sets the engine's tick, for tests and measurements.
    #[cfg(feature = "test-fakes")]
    pub fn set_tick(&self, tick: Duration) {
        self.shared.inbound.push(Input::SetTick(tick));
    }

    /// Ends the runner with this failure of its storage, which the engine would only notice at its
    /// next write.
    pub fn storage_failed(&self, failure: StorageError) {
        self.shared.inbound.push(Input::Failed(failure));
    }

    /// What is decided has room again, after [`Apply::has_room`](crate::Apply::has_room) said that
    /// it had none. Never waits; may be called from any thread.
    pub fn there_is_room(&self) {
        self.shared.inbound.push(Input::Room);
    }

    /// Makes this node campaign, whoever leads. The lease holds such a campaign back as any other.
    pub fn campaign(&self) {
        self.shared.inbound.push(Input::Campaign);
    }

    fn next_request(&self) -> RequestId {
        RequestId {
            node: self.shared.pid,
            life: self.shared.life,
            number: self.shared.numbers.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn ended(&self) -> AppendError {
        self.failure()
            .map_or(AppendError::Ended, AppendError::Failed)
    }

    async fn ask<R>(
        &self,
        within: Duration,
        command: impl FnOnce(oneshot::Sender<R>) -> Command,
    ) -> Result<R, Unanswered> {
        let begun = Instant::now();
        let room = Arc::clone(&self.shared.commands).acquire_owned();
        let permit = timeout(within, room).await;
        let permit = permit
            .map_err(|_| Unanswered::Late)?
            .map_err(|_| Unanswered::Ended)?;
        let place = Arc::new(permit);
        let (answer, answered) = oneshot::channel();
        let input = Input::Command {
            command: command(answer),
            place: Arc::clone(&place),
        };
        if !self.shared.inbound.push(input) {
            return Err(Unanswered::Ended);
        }
        let left = within.saturating_sub(begun.elapsed());
        let answered = timeout(left, answered).await;
        let answered = answered.map_err(|_| Unanswered::Late)?;
        answered.map_err(|_| Unanswered::Ended)
    }
}

impl Unanswered {
    fn compact(self, within: Duration) -> CompactError {
        match self {
            Self::Late => CompactError::TimedOut { within },
            Self::Ended => CompactError::Ended,
        }
    }
}
