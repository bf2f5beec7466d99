//! The driver: one writer on a thread of its own, and callers that wait for it up to a deadline.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tsoracle_consensus::{
    ConsensusDriver, ConsensusError, Epoch, LeadershipStream, reject_out_of_range_advance,
};
use tsoracle_testbed::{Node, NodeSpec};

use super::DEADLINE;
use super::flaw::Flaw;
use super::lock::Lock;
use super::store::Store;
use super::writer::{Job, Shared, lock};

/// How many persists may wait for the writer.
const QUEUE: usize = 32;

pub(super) struct FileNode {
    shared: Arc<Shared>,
    jobs: Mutex<Option<SyncSender<Job>>>,
    /// Ends when the writer has let go of the store.
    writing: watch::Receiver<()>,
    store_lock: Weak<Lock>,
    service_endpoint: String,
}

impl FileNode {
    pub(super) fn open(spec: &NodeSpec, flaw: Flaw) -> Result<Self, ConsensusError> {
        let store = Store::open(spec, flaw)?;
        let store_lock = Arc::downgrade(&store.lock);
        let shared = Arc::new(Shared::new(flaw, store.state));
        let (jobs, queue) = sync_channel(QUEUE);
        let (wrote, writing) = watch::channel(());
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            writer.write_until_the_end(store, &queue);
            drop(wrote);
        });
        let this = spec.members.iter().find(|member| member.node == spec.node);
        Ok(Self {
            shared,
            jobs: Mutex::new(Some(jobs)),
            writing,
            store_lock,
            service_endpoint: this.map_or(String::new(), |this| this.service_endpoint.clone()),
        })
    }

    async fn ask(&self, at_least: u64, patient: bool) -> Result<u64, ConsensusError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job { at_least, answer }).await?;
        let gone = |_| Err(ConsensusError::transient("the writer is gone"));
        if patient {
            return answered.await.unwrap_or_else(gone);
        }
        match timeout(DEADLINE, answered).await {
            Ok(answer) => answer.unwrap_or_else(gone),
            Err(_) if self.flawed(Flaw::SlowIsDead) => Err(self.shared.fail("too slow")),
            Err(_) => Err(ConsensusError::transient("the disk takes its time")),
        }
    }

    async fn submit(&self, mut job: Job) -> Result<(), ConsensusError> {
        loop {
            let jobs = lock(&self.jobs).clone();
            let jobs = jobs.ok_or(ConsensusError::NotLeader { leader: None })?;
            job = match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(job)) if self.flawed(Flaw::QueueWaits) => job,
                Err(TrySendError::Full(_)) => {
                    return Err(ConsensusError::transient("the queue is full"));
                }
                Err(TrySendError::Disconnected(_)) => {
                    return Err(ConsensusError::transient("the writer is gone"));
                }
            };
            tokio::time::sleep(DEADLINE / 20).await;
        }
    }

    async fn close(&self) -> Result<(), ConsensusError> {
        self.shared.stop();
        lock(&self.jobs).take();
        let mut writing = self.writing.clone();
        let ended = async { while writing.changed().await.is_ok() {} };
        if self.flawed(Flaw::ShutdownWaits) {
            ended.await;
            return Ok(());
        }
        if timeout(DEADLINE, ended).await.is_ok() {
            return Ok(());
        }
        match (self.shared.flaw, self.store_lock.upgrade()) {
            (Flaw::UnlocksTooEarly, Some(lock)) => lock.release(),
            (Flaw::StallKeepsLock, lock) => std::mem::forget(lock),
            _ => {}
        }
        if self.flawed(Flaw::ShutdownHidesStall) {
            return Ok(());
        }
        let why = "a write hangs; the store stays locked until it ends";
        Err(ConsensusError::permanent(why))
    }

    fn flawed(&self, flaw: Flaw) -> bool {
        self.shared.flaw == flaw
    }
}

impl Drop for FileNode {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

#[async_trait]
impl ConsensusDriver for FileNode {
    fn leadership_events(&self) -> LeadershipStream {
        self.shared.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        self.shared.check_leading()?;
        match self.flawed(Flaw::LoadWaits) {
            true => self.ask(0, true).await,
            false => Ok(self.shared.durable()),
        }
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        self.shared.check_leading()?;
        let (offered, current) = (epoch, self.shared.epoch);
        if offered != current {
            return Err(ConsensusError::Fenced { offered, current });
        }
        self.ask(at_least, self.flawed(Flaw::PersistWaits)).await
    }
}

/// The node as the harness holds it.
pub(super) struct SharedNode(pub(super) Arc<FileNode>);

#[async_trait]
impl Node for SharedNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.0) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        self.0.service_endpoint.clone()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.0.close().await
    }
}
