//! The one thread that writes, and what it shares with those who wait for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusError, Epoch, HighWaterState, LeaderState,
    LeadershipPublisher, LeaseHolder,
};

use super::flaw::Flaw;
use super::store::Store;

/// One persist on its way to the disk.
pub(super) struct Job {
    pub(super) at_least: u64,
    pub(super) answer: oneshot::Sender<Result<u64, ConsensusError>>,
}

pub(super) struct Shared {
    pub(super) flaw: Flaw,
    pub(super) epoch: Epoch,
    pub(super) leadership: LeadershipPublisher,
    lease: LeaseHolder,
    phase: Mutex<Phase>,
    /// The value on disk.
    durable: AtomicU64,
}

#[derive(Clone)]
enum Phase {
    Leading,
    Failed(String),
    Stopped,
}

impl Shared {
    pub(super) fn new(flaw: Flaw, state: HighWaterState) -> Self {
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch: state.epoch,
            lease: lease.lease(),
        };
        Self {
            flaw,
            epoch: state.epoch,
            leadership: LeadershipPublisher::new(leader),
            lease,
            phase: Mutex::new(Phase::Leading),
            durable: AtomicU64::new(state.high_water),
        }
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    pub(super) fn check_leading(&self) -> Result<(), ConsensusError> {
        match lock(&self.phase).clone() {
            Phase::Leading => Ok(()),
            Phase::Failed(why) => Err(self.failure(&why)),
            Phase::Stopped => Err(ConsensusError::NotLeader { leader: None }),
        }
    }

    /// Latches: what a disk has lost is not won back by another try.
    pub(super) fn fail(&self, why: &str) -> ConsensusError {
        if self.flaw != Flaw::ForgetsFailure {
            *lock(&self.phase) = Phase::Failed(why.to_owned());
            if self.flaw != Flaw::LeadsAfterFailure {
                self.stop();
            }
        }
        self.failure(why)
    }

    fn failure(&self, why: &str) -> ConsensusError {
        match self.flaw {
            Flaw::FailureIsTransient => ConsensusError::transient(why.to_owned()),
            _ => ConsensusError::permanent(why.to_owned()),
        }
    }

    /// Leads no more. A failure remains one.
    pub(super) fn stop(&self) {
        let mut phase = lock(&self.phase);
        if matches!(*phase, Phase::Leading) {
            *phase = Phase::Stopped;
        }
        self.lease.end();
        self.leadership.end(LeaderState::NoLeader);
    }

    /// Serves the queue until every sender is gone, and lets go of the store.
    pub(super) fn write_until_the_end(&self, mut store: Store, queue: &Receiver<Job>) {
        for job in queue {
            // Nobody waits for it any more, and unwritten it is as legal as written.
            if !job.answer.is_closed() {
                self.serve(&mut store, job);
            }
        }
        if matches!(self.flaw, Flaw::AcksFromMemory | Flaw::SyncsLater) {
            let _ = store.write(store.state);
        }
    }

    fn serve(&self, store: &mut Store, job: Job) {
        if let Err(refusal) = self.check_leading() {
            let _ = job.answer.send(Err(refusal));
            return;
        }
        let _ = job.answer.send(self.advance(store, job.at_least));
    }

    /// Writes, unless the value is there already.
    fn advance(&self, store: &mut Store, at_least: u64) -> Result<u64, ConsensusError> {
        let epoch = self.epoch;
        let mut next = store.state;
        let value = AdvancePayload { at_least, epoch }.apply(&mut next)?;
        if self.flaw == Flaw::LoadsBeforeSync {
            self.durable.store(value, Ordering::SeqCst);
        }
        match self.flaw {
            Flaw::AcksFromMemory => store.state = next,
            _ if next == store.state => {}
            _ => self.write(store, next)?,
        }
        self.durable.store(value, Ordering::SeqCst);
        Ok(value)
    }

    #[expect(clippy::panic, reason = "an exhibit's flaw")]
    fn write(&self, store: &mut Store, next: HighWaterState) -> Result<(), ConsensusError> {
        let written = match self.flaw {
            Flaw::SyncsLater => store.write_late(next),
            _ => store.write(next),
        };
        if self.flaw == Flaw::FailurePanics && written.is_err() {
            panic!("a disk does not fail");
        }
        written.map_err(|error| self.fail(&error.to_string()))
    }
}

/// What these locks guard is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
