//! Starting a runner, and ending it.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use omnipaxos::OmniPaxosConfig;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tsoracle_lease::{Stored, Voters};

use super::engine::{Engine, Parts};
use super::handle::Shared;
use super::{Handle, RunnerError, RunnerSettings, Stalled, StartError};
use crate::ballot::{nobody, promised};
use crate::inbox::{Inbox, Input};
use crate::lease::Keeper;
use crate::progress::Progress;
use crate::sink::{Inbound, MessageSink};
use crate::storage::{StorageControl, SyncedStorage};
use crate::{Apply, GroupEntry, Leadership};

/// OmniPaxos on a thread of its own, over a storage `S`.
///
/// Event driven: it takes every input that waits, handles it, writes one batch, sends what may leave
/// before the sync, syncs once, sends the rest, and tells. No timer stands between a proposal and its
/// decision. Dropped, it ends without anybody waiting for it.
#[derive(Debug)]
pub struct PaxosRunner<T: GroupEntry, S> {
    handle: Handle<T>,
    storage: PhantomData<fn() -> S>,
}

impl<T: GroupEntry, S: SyncedStorage<T>> PaxosRunner<T, S> {
    /// Starts the engine on what the storage holds. Blocks while the longest grant of the lease is
    /// recorded, if this one is longer than any before.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        settings: &RunnerSettings,
        mut storage: S,
        sink: impl MessageSink<T>,
        apply: impl Apply<T>,
    ) -> Result<Self, StartError> {
        settings.members.check()?;
        settings.times.check()?;
        let priority = settings.members.priority(settings.pid)?;
        let (granted_to, granted_to_seen) = watch::channel(None);
        let mut control = storage.control();
        let stored = storage.get_promise().map_err(engine_error)?;
        let promise = stored.and_then(promised);
        if stored.is_none() {
            let founding = nobody(settings.members.configuration);
            storage.set_promise(founding).map_err(engine_error)?;
        }
        let keeper = keeper(settings, promise, &mut control, granted_to)?;
        let config = OmniPaxosConfig {
            cluster_config: settings.members.engine(),
            server_config: settings.times.server(settings.pid, priority),
        };
        let paxos = config.build(storage).map_err(engine_error)?;
        let (leadership, leadership_seen) = watch::channel(Leadership::NoLeader);
        let shared = Arc::new(shared(settings, leadership_seen, granted_to_seen));
        let engine = Engine::new(Parts {
            settings,
            paxos,
            control,
            sink: Box::new(sink),
            apply: Box::new(apply),
            shared: Arc::clone(&shared),
            leadership,
            keeper,
            recovered: promise,
        });
        let handle = Handle {
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name(format!("paxos-{}", settings.pid));
        let spawned = thread.spawn(move || run(engine, Handle { shared }));
        drop(spawned.map_err(|source| StartError::Thread { source })?);
        Ok(Self {
            handle,
            storage: PhantomData,
        })
    }

    /// What callers use.
    #[must_use]
    pub fn handle(&self) -> Handle<T> {
        self.handle.clone()
    }

    /// The way in for frames and sessions.
    #[must_use]
    pub fn inbound(&self) -> Inbound<T> {
        self.handle.shared.inbound.clone()
    }

    /// Begins what [`shutdown`](Self::shutdown) waits for.
    pub fn close(&self) {
        self.handle.shared.inbound.push(Input::Close);
    }

    /// Ends the lease and releases it, ends the streams and the thread, and lets go of the storage.
    /// May be called again.
    ///
    /// Cancel-safe: it goes on when this is dropped.
    ///
    /// # Errors
    /// [`Stalled`]: the thread waits for the disk, and ends as soon as that answers.
    pub async fn shutdown(&self, within: Duration) -> Result<(), Stalled> {
        self.close();
        let ended = timeout(within, self.handle.ended_with()).await;
        ended.map(drop).map_err(|_| Stalled { within })
    }
}

impl<T: GroupEntry, S> Drop for PaxosRunner<T, S> {
    fn drop(&mut self) {
        self.handle.shared.inbound.push(Input::Close);
    }
}

fn shared<T: GroupEntry>(
    settings: &RunnerSettings,
    leadership: watch::Receiver<Leadership>,
    granted_to: watch::Receiver<Option<crate::PaxosBallot>>,
) -> Shared<T> {
    let limits = settings.limits;
    let inbox = Inbox::new(limits.frames, limits.bytes);
    Shared {
        pid: settings.pid,
        life: settings.life,
        numbers: AtomicU64::new(0),
        inbound: Inbound::new(Arc::new(inbox)),
        leadership,
        granted_to,
        progress: Progress::new(settings.applied),
        failure: watch::channel(None).0,
        ended: watch::channel(false).0,
        appends: Arc::new(Semaphore::new(limits.appends)),
        appends_max: limits.appends,
        commands: Arc::new(Semaphore::new(limits.commands)),
    }
}

/// The lease on what the storage remembers, once the storage remembers this length of grants.
fn keeper(
    settings: &RunnerSettings,
    promise: Option<crate::PaxosBallot>,
    control: &mut impl StorageControl,
    granted_to: watch::Sender<Option<crate::PaxosBallot>>,
) -> Result<Option<Keeper>, StartError> {
    let Some(lease) = &settings.lease else {
        return Ok(None);
    };
    let timing = settings.times.lease()?;
    let mut longest = control.longest_grant()?;
    if longest < Some(timing.grant()) {
        control.record_longest_grant(timing.grant())?;
        longest = Some(timing.grant());
    }
    let stored = Stored {
        promise,
        // The engine promises what came in through the gate, its own campaign, and whom an electing
        // quorum has promised; nothing else.
        admitted: promise,
        longest: longest.unwrap_or_default(),
    };
    let voters = Voters::uniform(settings.members.lease_quorum()?);
    let keeper = Keeper::start(settings.pid, timing, stored, voters, lease, granted_to)?;
    Ok(Some(keeper))
}

fn run<T: GroupEntry, S: SyncedStorage<T>>(mut engine: Engine<T, S>, handle: Handle<T>) {
    let shared = Arc::clone(&handle.shared);
    engine.begin(handle);
    let ran = catch_unwind(AssertUnwindSafe(|| engine.run()));
    let failure = match ran {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(RunnerError::Storage(error)),
        Err(panic) => Some(RunnerError::Panicked {
            why: words(&*panic),
        }),
    };
    // Nobody may take this node for the leader while it learns why it is none.
    engine.end_lease_silently();
    if let Some(failure) = failure {
        tracing::error!(node = shared.pid, %failure, "the runner failed");
        shared.failure.send_replace(Some(failure));
    }
    shared.inbound.inbox().end();
    shared.appends.close();
    shared.commands.close();
    drop(engine);
    shared.progress.end();
    shared.ended.send_replace(true);
}

fn engine_error(error: impl Into<Box<dyn std::error::Error>>) -> StartError {
    let error = error.into();
    let why = error.to_string();
    StartError::Engine { why }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without words".to_owned())
}
