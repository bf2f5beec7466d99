//! The oracle's state on one node: the end that applies, and the end that reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tsoracle_consensus::replicated::{
    AppliedHighWater, HighWaterCommand, HighWaterOutcome, HighWaterStateMachine,
};
use tsoracle_core::Epoch;
use tsoracle_paxos_toolkit::RequestId;

use crate::HighWaterSnapshot;

/// The oracle's state machine with the answers to whoever waits: a host's own state machine owns
/// one, and hands it the oracle's commands in the order of the log.
#[derive(Debug)]
pub struct HighWaterReplica {
    machine: HighWaterStateMachine,
    epoch: watch::Sender<Epoch>,
    view: HighWaterView,
}

/// What the driver sees of a [`HighWaterReplica`]. Clones see the same one.
#[derive(Clone, Debug)]
pub struct HighWaterView {
    applied: AppliedHighWater,
    epoch: watch::Receiver<Epoch>,
    waiting: Arc<Mutex<Waiting>>,
}

type Waiting = HashMap<RequestId, oneshot::Sender<HighWaterOutcome>>;

/// A request whose outcome is waited for. Dropped, nobody waits any more.
#[derive(Debug)]
pub(crate) struct Awaited {
    id: RequestId,
    outcome: oneshot::Receiver<HighWaterOutcome>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Default for HighWaterReplica {
    fn default() -> Self {
        let machine = HighWaterStateMachine::default();
        let (epoch, seen) = watch::channel(Epoch::ZERO);
        let view = HighWaterView {
            applied: machine.applied(),
            epoch: seen,
            waiting: Arc::default(),
        };
        Self {
            machine,
            epoch,
            view,
        }
    }
}

impl HighWaterReplica {
    /// What the driver reads, through its host.
    #[must_use]
    pub fn view(&self) -> HighWaterView {
        self.view.clone()
    }

    /// Applies one command of the log, with or without effect, and tells whoever waits for this
    /// request. `request` is the one that the entry carries.
    pub fn apply(&mut self, command: &HighWaterCommand, request: Option<RequestId>) {
        let outcome = self.machine.apply(command);
        if outcome.is_ok() {
            self.show_epoch(command.0.epoch);
        }
        let waits = request.and_then(|request| lock(&self.view.waiting).remove(&request));
        if let Some(waits) = waits {
            // Whoever waited may have gone.
            let _ = waits.send(outcome);
        }
    }

    /// Takes the state of a snapshot that begins with the log, in place of its own.
    pub fn restore(&mut self, snapshot: &HighWaterSnapshot) {
        let state = snapshot.state();
        let whole = tsoracle_consensus::replicated::HighWaterSnapshot(state);
        self.machine.restore(whole);
        self.show_epoch(state.epoch);
    }

    fn show_epoch(&self, epoch: Epoch) {
        self.epoch.send_if_modified(|shown| {
            let newer = *shown != epoch;
            *shown = epoch;
            newer
        });
    }
}

impl HighWaterView {
    /// The high water that this node has applied.
    #[must_use]
    pub const fn applied(&self) -> &AppliedHighWater {
        &self.applied
    }

    /// The highest epoch that this node has applied a command of, with every change; closed once the
    /// replica is gone.
    #[must_use]
    pub fn epoch(&self) -> watch::Receiver<Epoch> {
        self.epoch.clone()
    }

    /// Waits for a request from now on.
    pub(crate) fn wait_for(&self, id: RequestId) -> Awaited {
        let (answer, outcome) = oneshot::channel();
        lock(&self.waiting).insert(id, answer);
        Awaited {
            id,
            outcome,
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl Awaited {
    /// What the command did here; `None` if the replica is gone, or was given a snapshot instead.
    pub(crate) async fn outcome(mut self) -> Option<HighWaterOutcome> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        lock(&self.waiting).remove(&self.id);
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tsoracle_consensus::AdvancePayload;

    use super::*;

    fn command(at_least: u64, epoch: u128) -> HighWaterCommand {
        let epoch = Epoch::new(epoch);
        HighWaterCommand(AdvancePayload { at_least, epoch })
    }

    fn request(number: u64) -> RequestId {
        RequestId {
            node: 1,
            life: 1,
            number,
        }
    }

    #[tokio::test]
    async fn each_request_gets_the_outcome_of_its_own_command() {
        let mut replica = HighWaterReplica::default();
        let view = replica.view();
        let (first, second) = (view.wait_for(request(1)), view.wait_for(request(2)));
        drop(view.wait_for(request(3)));
        for (number, at_least, epoch) in [(1, 5, 2), (3, 9, 2), (2, 30, 1)] {
            replica.apply(&command(at_least, epoch), Some(request(number)));
        }
        replica.apply(&command(10, 3), None);
        assert_eq!(first.outcome().await, Some(Ok(5)));
        assert!(second.outcome().await.unwrap().is_err());
        assert_eq!(view.applied().get(), 10);
        assert_eq!(*view.epoch().borrow(), Epoch::new(3));
        assert!(lock(&view.waiting).is_empty());
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_state() {
        let mut replica = HighWaterReplica::default();
        let view = replica.view();
        replica.restore(&HighWaterSnapshot::of(&[command(7, 2), command(0, 4)]));
        assert_eq!(view.applied().get(), 7);
        assert_eq!(*view.epoch().borrow(), Epoch::new(4));
        replica.apply(&command(9, 3), None);
        assert_eq!(view.applied().get(), 7);
    }
}
