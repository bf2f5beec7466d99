//! Rounds, grants and releases on their way between the nodes.

use std::collections::BTreeSet;

use tokio::time::sleep;
use tsoracle_lease::{Ballot, LeaseMessage, NodeId, Reading};
use tsoracle_peer_transport::PeerId;

use super::silence::Unanswered;
use super::state::{Confirmed, Shared};
use super::{Keeper, RaftBallot};
use crate::network::wire;

impl Shared {
    /// Sends to each of them; what is lost is asked for again by the next round, or runs out.
    pub(super) fn send(&self, to: &BTreeSet<NodeId>, message: &LeaseMessage<RaftBallot>) {
        let frame = match wire::encode_message(message) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!(group = %self.group, "a lease message has no encoding: {error}");
                return;
            }
        };
        for node in to {
            if let Err(lost) = self
                .transport
                .send(PeerId(node.0), self.group, frame.clone())
            {
                tracing::trace!(group = %self.group, "a lease message is lost: {lost}");
            }
        }
    }

    /// Asks everybody whose grant may count. The clock is read before the first frame leaves.
    pub(super) fn ask_round(&self) -> Asked {
        let now = self.clock.now();
        let (round, to) = {
            let mut state = self.lock();
            if let Some(until) = state.silent_until(now) {
                return Asked::Silent { until };
            }
            let Some(round) = state.node.round(now) else {
                return Asked::NotLeading;
            };
            let asked = Confirmed {
                ballot: round.ballot,
                round: round.round,
            };
            state.unanswered = Some(Unanswered::and(state.unanswered, asked, now));
            self.tell(&mut state);
            (round, state.others(self.me))
        };
        self.send(&to, &LeaseMessage::Round(round));
        Asked::Round(Confirmed {
            ballot: round.ballot,
            round: round.round,
        })
    }

    /// When the next round is to be sent; none while this node does not lead.
    fn due(&self) -> Option<Reading> {
        let state = self.lock();
        let due = state.node.next_round()?;
        let silent = state.silent_until(self.clock.now());
        Some(silent.map_or(due, |until| until.max(due)))
    }
}

/// What came of asking for a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It was sent.
    Round(Confirmed),
    /// No quorum has answered for long, and none was sent.
    Silent { until: Reading },
    /// This node does not lead.
    NotLeading,
}

impl Keeper {
    /// Handles what another node's keeper sent, at once.
    pub(crate) fn receive(&self, from: PeerId, message: LeaseMessage<RaftBallot>) {
        let shared = &self.shared;
        let from = NodeId(from.0);
        match message {
            LeaseMessage::Round(round) if round.ballot.owner() == from => {
                let mut state = shared.lock();
                let granted = state.node.grant(&round, shared.clock.now());
                drop(state);
                match granted {
                    Ok(grant) => {
                        shared.send(&BTreeSet::from([from]), &LeaseMessage::Grant(grant));
                        shared.granted(round.ballot);
                    }
                    Err(refusal) => {
                        tracing::trace!(group = %shared.group, "a round is refused: {refusal}");
                    }
                }
            }
            LeaseMessage::Grant(grant) => {
                let mut state = shared.lock();
                state.node.granted(from, &grant);
                let was_silent = state.silent_until(shared.clock.now()).is_some();
                shared.tell(&mut state);
                if was_silent {
                    shared.wake.notify_one();
                }
            }
            LeaseMessage::Release(release) if release.ballot.owner() == from => {
                shared.lock().node.released(&release);
                shared.open();
            }
            LeaseMessage::Round(_) | LeaseMessage::Release(_) => {
                tracing::warn!(group = %shared.group, %from, "a lease message in another's name");
            }
        }
    }
}

impl Shared {
    pub(super) fn granted(&self, ballot: RaftBallot) {
        self.granted_to.send_if_modified(|known| {
            let newer = *known < Some(ballot);
            if newer {
                *known = Some(ballot);
            }
            newer
        });
    }
}

/// Sends a round whenever one is due.
pub(super) async fn keep_rounds(keeper: Keeper) {
    let shared = &keeper.shared;
    loop {
        let woken = shared.wake.notified();
        let Some(due) = shared.due() else {
            woken.await;
            continue;
        };
        let wait = due.saturating_since(shared.clock.now());
        if wait.is_zero() {
            shared.ask_round();
            continue;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = woken => {}
        }
    }
}
