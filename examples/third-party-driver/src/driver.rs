//! The driver: the three methods, and the thread that owns the store.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusDriver, ConsensusError, Epoch, LeaderState,
    LeadershipPublisher, LeadershipStream, LeaseHolder, reject_out_of_range_advance,
};

use crate::journal::{Journal, StoreError};

/// A driver of one node on an append-only journal. It leads from the moment it is open until it is
/// shut down, dropped, or its disk fails.
#[derive(Debug)]
pub struct JournalDriver {
    shared: Arc<Shared>,
    /// Dropping the sender is what stops the writer.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    /// Ends when the writer has let go of the store.
    writer: watch::Receiver<()>,
}

type Answer = Result<u64, ConsensusError>;

#[derive(Debug)]
struct Request {
    command: AdvancePayload,
    answer: oneshot::Sender<Answer>,
}

/// What the driver shares with its writer.
#[derive(Debug)]
struct Shared {
    epoch: Epoch,
    /// What loads return: never ahead of the disk, never behind an acknowledgement.
    high_water: AtomicU64,
    lease: LeaseHolder,
    leadership: LeadershipPublisher,
    failure: OnceLock<Arc<StoreError>>,
}

impl JournalDriver {
    /// The deadline of every call and of a shutdown.
    pub const DEADLINE: Duration = Duration::from_secs(1);
    const OPEN_DEADLINE: Duration = Duration::from_secs(10);
    const QUEUE: usize = 1024;

    /// Opens the store in the existing directory `dir`, or creates one there.
    ///
    /// # Errors
    /// `Permanent`: the store is held, damaged, or not open by a deadline.
    pub async fn open(dir: &Path) -> Result<Self, ConsensusError> {
        let (opened, wait_for_open) = oneshot::channel();
        let (requests, queue) = mpsc::channel(Self::QUEUE);
        let (closed, writer) = watch::channel(());
        let dir = dir.to_owned();
        // A thread of its own, since a disk that hangs must hold up no worker of the runtime.
        let work = move || {
            let journal = match Journal::open(&dir) {
                Ok(journal) => journal,
                Err(error) => return drop(opened.send(Err(error))),
            };
            let shared = Shared::new(&journal);
            // A caller who gave up gets no node: the store is closed again.
            if opened.send(Ok(Arc::clone(&shared))).is_ok() {
                serve(journal, queue, &shared);
            }
            drop(closed);
        };
        std::thread::Builder::new()
            .spawn(work)
            .map_err(ConsensusError::permanent)?;
        match timeout(Self::OPEN_DEADLINE, wait_for_open).await {
            Ok(Ok(Ok(shared))) => Ok(Self {
                shared,
                requests: Mutex::new(Some(requests)),
                writer,
            }),
            Ok(Ok(Err(error))) => Err(ConsensusError::permanent(error)),
            Ok(Err(_)) => Err(ConsensusError::permanent("the writer ended")),
            Err(_) => Err(ConsensusError::permanent("the disk did not answer")),
        }
    }

    /// Ends the lease and the streams, lets the writer finish what it has, and waits until the
    /// store is free.
    ///
    /// # Errors
    /// `Permanent` when the disk still hangs at the deadline.
    pub async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.stop();
        let mut writer = self.writer.clone();
        let closed = timeout(Self::DEADLINE, writer.changed()).await;
        closed
            .map(drop)
            .map_err(|_| ConsensusError::permanent("the disk did not answer"))
    }

    fn stop(&self) {
        self.shared.step_down();
        self.requests().take();
    }

    fn requests(&self) -> MutexGuard<'_, Option<mpsc::Sender<Request>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn through_the_writer(&self, command: AdvancePayload) -> Answer {
        let requests = self.requests().clone();
        let (answer, answered) = oneshot::channel();
        let Some(requests) = requests else {
            return Err(self.shared.refusal());
        };
        if requests.send(Request { command, answer }).await.is_err() {
            return Err(self.shared.refusal());
        }
        answered
            .await
            .unwrap_or_else(|_| Err(ConsensusError::transient("the writer ended")))
    }
}

impl Drop for JournalDriver {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl ConsensusDriver for JournalDriver {
    fn leadership_events(&self) -> LeadershipStream {
        self.shared.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        // The value first, then whether this node leads (R1).
        let high_water = self.shared.high_water.load(Ordering::SeqCst);
        self.shared.leads()?;
        Ok(high_water)
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        self.shared.leads()?;
        let current = self.shared.epoch;
        if epoch != current {
            return Err(ConsensusError::Fenced {
                offered: epoch,
                current,
            });
        }
        let persist = self.through_the_writer(AdvancePayload { at_least, epoch });
        let outcome = timeout(Self::DEADLINE, persist).await;
        outcome.unwrap_or_else(|_| Err(ConsensusError::transient("the disk did not answer")))
    }
}

impl Shared {
    fn new(journal: &Journal) -> Arc<Self> {
        let epoch = journal.state().epoch;
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch,
            lease: lease.lease(),
        };
        Arc::new(Self {
            epoch,
            high_water: AtomicU64::new(journal.state().high_water),
            lease,
            leadership: LeadershipPublisher::new(leader),
            failure: OnceLock::new(),
        })
    }

    fn leads(&self) -> Result<(), ConsensusError> {
        let leads = self.leadership.current().leading_epoch().is_some();
        leads.then_some(()).ok_or_else(|| self.refusal())
    }

    fn step_down(&self) {
        self.lease.end();
        self.leadership.end(LeaderState::NoLeader);
    }

    /// Why a node that leads no longer refuses.
    fn refusal(&self) -> ConsensusError {
        match self.failure.get() {
            Some(failure) => ConsensusError::permanent(Arc::clone(failure)),
            None => ConsensusError::NotLeader { leader: None },
        }
    }
}

/// The writer. It takes all that waits, makes it durable with one frame and answers, until the
/// driver stops or the disk fails. The lock goes when it returns.
fn serve(mut journal: Journal, mut queue: mpsc::Receiver<Request>, shared: &Shared) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, JournalDriver::QUEUE) > 0 {
        if let Err(error) = write(&mut journal, &mut batch, shared) {
            // Only this thread fails, and only once.
            let _ = shared.failure.set(Arc::new(error));
            shared.step_down();
            break;
        }
    }
    queue.close();
    let waiting = std::iter::from_fn(|| queue.blocking_recv());
    for request in batch.into_iter().chain(waiting) {
        let _ = request.answer.send(Err(shared.refusal()));
    }
}

/// A value is shown to loads once it is durable, and before it is acknowledged.
fn write(
    journal: &mut Journal,
    batch: &mut Vec<Request>,
    shared: &Shared,
) -> Result<(), StoreError> {
    let mut state = journal.state();
    let outcomes: Vec<_> = batch
        .iter()
        .map(|it| it.command.apply(&mut state))
        .collect();
    if state != journal.state() {
        journal.append(AdvancePayload {
            at_least: state.high_water,
            epoch: state.epoch,
        })?;
    }
    shared.high_water.store(state.high_water, Ordering::SeqCst);
    for (request, outcome) in batch.drain(..).zip(outcomes) {
        // A caller who dropped its call is owed nothing (P7).
        let _ = request.answer.send(outcome.map_err(ConsensusError::from));
    }
    Ok(())
}
