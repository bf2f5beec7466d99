//! Handing leadership to another member.

use std::time::{Duration, Instant};

use tokio::sync::oneshot::Sender;

use super::HandoffError;
use super::engine::Engine;
use crate::storage::SyncedStorage;
use crate::{Body, GroupEntry, Leadership, PaxosBallot};

/// A handoff under way. Nothing is appended meanwhile, and the lease has ended.
#[derive(Debug)]
pub(super) struct Handoff {
    pub(super) to: u64,
    ballot: PaxosBallot,
    within: Duration,
    until: Instant,
    answer: Sender<Result<(), HandoffError>>,
}

impl Handoff {
    /// How long it may still take.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }
}

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    /// Ends the lease, releases it, and asks the target to campaign, in this order.
    pub(super) fn hand_off(
        &mut self,
        to: u64,
        within: Duration,
        answer: Sender<Result<(), HandoffError>>,
    ) {
        let refusal = match (self.leads(), &self.handoff) {
            (None, _) => HandoffError::NotLeading,
            (Some(_), Some(handoff)) => HandoffError::UnderWay { to: handoff.to },
            (Some(_), None) if !self.peers.contains(&to) => HandoffError::NotMember { to },
            (Some(ballot), None) => {
                let until = Instant::now() + within;
                self.handoff = Some(Handoff {
                    to,
                    ballot,
                    within,
                    until,
                    answer,
                });
                self.end_lease();
                self.outbound.push(to, Body::TakeOver(ballot));
                return;
            }
        };
        let _ = answer.send(Err(refusal));
    }

    /// Ends a handoff when somebody else leads, or its time is up; then this node serves on.
    pub(super) fn step_handoff(&mut self, leading: Leadership) {
        let Some(handoff) = &self.handoff else {
            return;
        };
        let (to, within) = (handoff.to, handoff.within);
        let outcome = match leading {
            Leadership::Follower {
                promise,
                has_led: true,
            } if promise > handoff.ballot => {
                let by = promise.pid;
                let elsewhere = HandoffError::Elsewhere { to, by };
                if by == to { Ok(()) } else { Err(elsewhere) }
            }
            _ if handoff.left(Instant::now()).is_zero() => Err(HandoffError::Late { to, within }),
            _ => return,
        };
        if let Some(handoff) = self.handoff.take() {
            let _ = handoff.answer.send(outcome);
        }
        // A ballot without a lease is found at the next turn, and followed by a campaign.
        self.again = true;
    }
}
