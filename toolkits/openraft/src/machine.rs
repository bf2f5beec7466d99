//! openraft's state machine over a plain one: the author writes what a command does, the toolkit
//! keeps its place in the log, its members and its snapshots.

mod builder;
mod handle;

use std::error::Error;
use std::fmt::{self, Debug};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::watch;

use crate::{Entry, LogId, RaftTypes, Snapshot, SnapshotKeeper, SnapshotMeta, StoredMembership};

pub use builder::MachineSnapshotBuilder;
pub use handle::MachineHandle;

/// Commands applied under one lock, and under one notice of what is applied.
const BATCH: usize = 64;

/// What a state machine's author writes: a state, what each command does to it, and its form as a
/// snapshot.
///
/// All of it is synchronous and in memory. Nothing is durable before a snapshot is: after a restart
/// the state comes from the newest one and the log behind it.
pub trait StateMachine<C: RaftTypes>: Send + 'static {
    /// Applies a command, committed at `at`, and answers it. It must depend on nothing but the
    /// state and the command: every node applies the same commands in the same order.
    fn apply(&mut self, at: &LogId, command: &C::D) -> C::R;

    /// The answer to an entry without a command: a leader's first one, or a change of members.
    fn answer_without_command(&self) -> C::R;

    /// The state as it is now. Called on a thread that may block; no command is applied meanwhile.
    fn snapshot(&self) -> C::SnapshotData;

    /// Takes the state of a snapshot in place of its own. Called on a thread that may block.
    ///
    /// # Errors
    /// The snapshot is none of this state machine's. The node then stops.
    fn restore(&mut self, state: C::SnapshotData) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// A [`StateMachine`] as openraft wants it: give it to `Raft::new`, and keep a [`MachineHandle`] to
/// read the state and to wait for what is applied.
///
/// Commands are applied in batches, each under one lock that is not held across an await. Building
/// or installing a snapshot excludes applying for as long as [`StateMachine::snapshot`] or
/// [`StateMachine::restore`] takes; neither blocks an async thread.
pub struct Machine<C: RaftTypes, M, S> {
    shared: Arc<Shared<C, M>>,
    snapshots: S,
}

/// What the machine, its builders and its handles share.
struct Shared<C: RaftTypes, M> {
    state: Mutex<State<C, M>>,
    /// Held while commands are applied and while a snapshot is taken or installed, so that async
    /// tasks queue here and not at the lock of the state.
    turn: tokio::sync::Mutex<()>,
    applied: watch::Sender<Option<LogId>>,
    hold: watch::Sender<bool>,
}

/// The state and how far into the log it is.
struct State<C: RaftTypes, M> {
    machine: M,
    applied: Option<LogId>,
    membership: StoredMembership<C>,
}

impl<C, M, S> Machine<C, M, S>
where
    C: RaftTypes,
    M: StateMachine<C>,
    S: SnapshotKeeper<C>,
{
    /// The machine as its newest snapshot left it; `initial`, if there is none.
    ///
    /// # Errors
    /// The keeper's; or the snapshot is none of this state machine's.
    pub async fn open(initial: M, snapshots: S) -> Result<Self, io::Error> {
        let shared = Shared {
            state: Mutex::new(State {
                machine: initial,
                applied: None,
                membership: StoredMembership::<C>::default(),
            }),
            turn: tokio::sync::Mutex::new(()),
            applied: watch::Sender::new(None),
            hold: watch::Sender::new(false),
        };
        let machine = Self {
            shared: Arc::new(shared),
            snapshots,
        };
        if let Some(Snapshot::<C> { meta, snapshot }) = machine.snapshots.current().await? {
            restore(Arc::clone(&machine.shared), meta, snapshot).await?;
        }
        Ok(machine)
    }

    /// A handle that reads this machine's state.
    pub fn handle(&self) -> MachineHandle<C, M> {
        MachineHandle::new(Arc::clone(&self.shared))
    }

    fn builder(&self) -> MachineSnapshotBuilder<C, M, S> {
        MachineSnapshotBuilder::new(Arc::clone(&self.shared), self.snapshots.clone())
    }
}

impl<C: RaftTypes, M> Shared<C, M> {
    /// The state. A panic of the author's code leaves it as it was at that moment: the engine's
    /// task has ended with it, and readers may still look.
    fn lock(&self) -> MutexGuard<'_, State<C, M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once nobody holds.
    async fn wait_for_release(&self) {
        // The sender lives in `self`: the wait cannot fail.
        let _ = self.hold.subscribe().wait_for(|held| !held).await;
    }
}

/// An answer, and who waits for it.
type Answer<C> = (
    Option<ApplyResponder<C>>,
    <C as openraft::RaftTypeConfig>::R,
);

impl<C: RaftTypes, M: StateMachine<C>> State<C, M> {
    fn apply(&mut self, entry: Entry<C>) -> C::R {
        self.applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Normal(command) => self.machine.apply(&entry.log_id, &command),
            EntryPayload::Blank => self.machine.answer_without_command(),
            EntryPayload::Membership(members) => {
                self.membership = StoredMembership::<C>::new(Some(entry.log_id), members);
                self.machine.answer_without_command()
            }
        }
    }
}

impl<C, M, S> RaftStateMachine<C> for Machine<C, M, S>
where
    C: RaftTypes,
    M: StateMachine<C>,
    S: SnapshotKeeper<C>,
{
    type SnapshotData = C::SnapshotData;
    type SnapshotBuilder = MachineSnapshotBuilder<C, M, S>;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership<C>), io::Error> {
        let state = self.shared.lock();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<Entries>(&mut self, entries: Entries) -> Result<(), io::Error>
    where
        Entries: Stream<Item = Result<EntryResponder<C>, io::Error>> + Unpin + OptionalSend,
    {
        let mut batches = entries.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            self.shared.wait_for_release().await;
            let turn = self.shared.turn.lock().await;
            let mut answers: Vec<Answer<C>> = Vec::with_capacity(batch.len());
            let mut outcome = Ok(());
            let applied = {
                let mut state = self.shared.lock();
                for item in batch {
                    match item {
                        Ok((entry, responder)) => answers.push((responder, state.apply(entry))),
                        Err(error) => {
                            outcome = Err(error);
                            break;
                        }
                    }
                }
                state.applied
            };
            drop(turn);
            self.shared.applied.send_replace(applied);
            for (responder, answer) in answers {
                if let Some(responder) = responder {
                    responder.send(answer);
                }
            }
            outcome?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        self.builder()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<C>,
        snapshot: C::SnapshotData,
    ) -> Result<(), io::Error> {
        self.shared.wait_for_release().await;
        let kept = Snapshot::<C> {
            meta: meta.clone(),
            snapshot: snapshot.clone(),
        };
        // The state first: a snapshot that is none of this machine's never gets to be the kept one.
        restore(Arc::clone(&self.shared), meta.clone(), snapshot).await?;
        self.snapshots.save(kept).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<C>>, io::Error> {
        self.snapshots.current().await
    }
}

/// Puts a snapshot in place of the state.
async fn restore<C: RaftTypes, M: StateMachine<C>>(
    shared: Arc<Shared<C, M>>,
    meta: SnapshotMeta<C>,
    snapshot: C::SnapshotData,
) -> Result<(), io::Error> {
    let turn = shared.turn.lock().await;
    let inner = Arc::clone(&shared);
    let restored = tokio::task::spawn_blocking(move || {
        let mut state = inner.lock();
        state.machine.restore(snapshot).map_err(|why| {
            let why = format!("a snapshot that the state machine refuses: {why}");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        state.applied = meta.last_log_id;
        state.membership = meta.last_membership;
        Ok::<_, io::Error>(state.applied)
    });
    let applied = restored.await.map_err(io::Error::other)??;
    drop(turn);
    shared.applied.send_replace(applied);
    Ok(())
}

impl<C: RaftTypes, M, S: Debug> Debug for Machine<C, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("applied", &*self.shared.applied.borrow())
            .field("snapshots", &self.snapshots)
            .finish_non_exhaustive()
    }
}
