//! One node's part in the lease, and telling of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tsoracle_lease::{
    Ballot, Clock, Gate, LeadError, LeaseMessage, LeaseNode, LeaseObserver, NodeId, Reading,
    Release, Stored, Voters,
};

use crate::PaxosBallot;
use crate::runner::{LeaseSettings, Proof, ProveError};

/// Who waits for a proof.
pub(crate) type Proving = oneshot::Sender<Result<Proof, ProveError>>;

/// Drives a [`LeaseNode`]. Dropped, it ends the published lease.
#[derive(Debug)]
pub(crate) struct Keeper {
    node: LeaseNode<PaxosBallot>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn LeaseObserver<PaxosBallot>>,
    voters: Voters,
    granted_to: watch::Sender<Option<PaxosBallot>>,
    /// What the observer knows.
    told: Option<(PaxosBallot, Option<Reading>)>,
    proving: Vec<(PaxosBallot, u64, Proving)>,
}

impl Keeper {
    pub(crate) fn start(
        me: u64,
        timing: tsoracle_lease::Timing,
        stored: Stored<PaxosBallot>,
        voters: Voters,
        settings: &LeaseSettings,
        granted_to: watch::Sender<Option<PaxosBallot>>,
    ) -> Result<Self, tsoracle_lease::StartError> {
        let now = settings.clock.now();
        Ok(Self {
            node: LeaseNode::start(NodeId(me), timing, stored, now)?,
            clock: Arc::clone(&settings.clock),
            observer: Arc::clone(&settings.observer),
            voters,
            granted_to,
            told: None,
            proving: Vec::new(),
        })
    }

    /// How long until `reading`.
    pub(crate) fn until(&self, reading: Reading) -> Duration {
        reading.saturating_since(self.clock.now())
    }

    /// Whether another node's Prepare may reach the engine.
    pub(crate) fn admit(&mut self, ballot: PaxosBallot) -> Gate {
        let gate = self.node.admit(ballot, self.clock.now());
        self.tell();
        gate
    }

    /// Whether this node's own Prepare may leave.
    pub(crate) fn emit(&mut self, ballot: PaxosBallot) -> Gate {
        let gate = self.node.emit(ballot, self.clock.now());
        self.tell();
        gate
    }

    /// Whether this node's own Prepare of this ballot would be held.
    pub(crate) fn withholds(&self, ballot: PaxosBallot) -> bool {
        !self.node.admits_probe(ballot, self.clock.now())
    }

    /// The engine has handled a Prepare that passed.
    pub(crate) fn settle(&mut self, ballot: PaxosBallot, promise: PaxosBallot) {
        self.node.settle(ballot, promise);
        self.tell();
    }

    /// The engine's promise, however it came.
    pub(crate) fn promised(&mut self, promise: PaxosBallot) {
        self.node.promised(promise);
        self.tell();
    }

    /// This node is in the accept phase at `ballot`.
    pub(crate) fn lead(&mut self, ballot: PaxosBallot) -> Result<(), LeadError<PaxosBallot>> {
        if self.node.ballot() == Some(ballot) {
            return Ok(());
        }
        self.node.lead(ballot, self.voters.clone())?;
        tracing::info!("leads at {ballot}");
        self.granted(ballot);
        self.tell();
        Ok(())
    }

    /// The ballot whose lease this node keeps.
    pub(crate) fn ballot(&self) -> Option<PaxosBallot> {
        self.node.ballot()
    }

    /// How long until the next round is due; `None` while there is none.
    pub(crate) fn round_due(&self) -> Option<Duration> {
        self.node.next_round().map(|due| self.until(due))
    }

    /// A round to send to every other member.
    pub(crate) fn round(&mut self) -> Option<LeaseMessage<PaxosBallot>> {
        let round = self.node.round(self.clock.now())?;
        self.tell();
        Some(LeaseMessage::Round(round))
    }

    /// A round whose grants prove that this node led when it was asked for.
    pub(crate) fn prove(&mut self, proving: Proving) -> Option<LeaseMessage<PaxosBallot>> {
        let Some(LeaseMessage::Round(round)) = self.round() else {
            let _ = proving.send(Err(ProveError::NotLeading));
            return None;
        };
        self.proving.retain(|(_, _, proving)| !proving.is_closed());
        self.proving.push((round.ballot, round.round, proving));
        Some(LeaseMessage::Round(round))
    }

    /// Handles what another node's keeper sent; what to send back.
    pub(crate) fn receive(
        &mut self,
        from: u64,
        message: LeaseMessage<PaxosBallot>,
    ) -> Option<LeaseMessage<PaxosBallot>> {
        let from = NodeId(from);
        match message {
            LeaseMessage::Round(round) if round.ballot.owner() == from => {
                match self.node.grant(&round, self.clock.now()) {
                    Ok(grant) => {
                        self.granted(round.ballot);
                        return Some(LeaseMessage::Grant(grant));
                    }
                    Err(refusal) => tracing::trace!("a round is refused: {refusal}"),
                }
            }
            LeaseMessage::Grant(grant) => {
                self.node.granted(from, &grant);
                self.tell();
            }
            LeaseMessage::Release(release) if release.ballot.owner() == from => {
                self.node.released(&release);
            }
            LeaseMessage::Round(_) | LeaseMessage::Release(_) => {
                tracing::warn!(%from, "a lease message in another's name");
            }
        }
        None
    }

    /// Ends the lease of this ballot for good. The observer knows when this returns; the release is
    /// to be sent after.
    pub(crate) fn end(&mut self) -> Option<Release<PaxosBallot>> {
        self.ended();
        let release = self.node.end();
        self.tell();
        release
    }

    fn granted(&self, ballot: PaxosBallot) {
        self.granted_to.send_if_modified(|known| {
            let newer = *known < Some(ballot);
            *known = Some(ballot).max(*known);
            newer
        });
    }

    fn ended(&mut self) {
        if let Some((ballot, _)) = self.told.take() {
            self.observer.ended(ballot);
            tracing::info!("the lease at {ballot} is over");
        }
    }

    /// Tells the observer and who waits for a proof what has changed.
    fn tell(&mut self) {
        let ballot = self.node.ballot();
        if self.told.is_some_and(|(told, _)| Some(told) != ballot) {
            self.ended();
        }
        if let Some(ballot) = ballot {
            let deadline = self.node.deadline();
            let known = self.told.and_then(|(_, deadline)| deadline);
            if let Some(deadline) = deadline
                && known < Some(deadline)
            {
                self.observer.renewed(ballot, deadline);
            }
            self.told = Some((ballot, deadline));
        }
        if !self.proving.is_empty() {
            self.answer(ballot);
        }
    }

    fn answer(&mut self, leads: Option<PaxosBallot>) {
        let confirmed = self.node.confirmed();
        for (ballot, round, proving) in std::mem::take(&mut self.proving) {
            if leads != Some(ballot) {
                let _ = proving.send(Err(ProveError::NotLeading));
            } else if confirmed >= Some(round) {
                let _ = proving.send(Ok(Proof { ballot }));
            } else {
                self.proving.push((ballot, round, proving));
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.ended();
    }
}
