//! The phases of a link, as its sender goes through them.

use tokio::time::Instant;

use super::{NotQueued, Outbox, Queue};
use crate::wire::Frame;
use crate::{EndReason, Incarnation, Refusal};

/// Where a link stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// A connection is being made. Calls wait for its outcome.
    Connecting,
    /// The opening of this session is under way. Calls wait for its outcome.
    Opening { number: u64 },
    /// The session runs, with this life of the peer.
    Up { number: u64, peer: Incarnation },
    /// The peer is not who it should be, and is being told.
    Farewell { number: u64, refusal: Refusal },
    /// The last attempt failed, or the last session ended; the next attempt comes.
    Backoff(Down),
    /// Closed for good.
    Closed(EndReason),
}

/// Why a link is down.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    /// There is no connection.
    Unconnected(String),
    /// One end refuses the other.
    Refused(Refusal),
    /// The last session ended.
    Ended(EndReason),
}

impl Phase {
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Opening { number } | Self::Up { number, .. } | Self::Farewell { number, .. } => {
                Some(*number)
            }
            Self::Connecting | Self::Backoff(_) | Self::Closed(_) => None,
        }
    }

    pub(super) fn session_up(&self) -> Result<u64, NotQueued> {
        match self {
            Self::Up { number, .. } => Ok(*number),
            Self::Connecting | Self::Opening { .. } => Err(NotQueued::Connecting),
            Self::Farewell { refusal, .. } => Err(NotQueued::Down(Down::Refused(refusal.clone()))),
            Self::Backoff(down) => Err(NotQueued::Down(down.clone())),
            Self::Closed(reason) => Err(NotQueued::Closed(reason.clone())),
        }
    }
}

impl Outbox {
    /// An attempt to connect begins.
    pub(crate) fn connecting(&self) {
        self.go(Phase::Connecting);
    }

    /// The opening of a session begins.
    pub(crate) fn opening(&self, number: u64) {
        self.go(Phase::Opening { number });
    }

    /// The attempt failed.
    pub(crate) fn backoff(&self, down: Down) {
        self.go(Phase::Backoff(down));
    }

    /// The session was accepted by this life of the peer. Sends what was held for it. False if the
    /// session was ended in the meantime.
    pub(crate) fn up(&self, session: u64, peer: Incarnation) -> bool {
        let mut state = self.lock();
        if state.phase.number() != Some(session) {
            return false;
        }
        state.phase = Phase::Up {
            number: session,
            peer,
        };
        // The first frame tells the peer that it is accepted, too; one without an encoding would
        // be made up for by the next.
        let _ = state.queue.push_small(&Frame::Beat, 2);
        let now = Instant::now();
        for held in std::mem::take(&mut state.held) {
            if held.caller == peer && held.expires > now {
                state.push_answer(held.call, held.answer, &self.limits);
            }
        }
        self.wake(state);
        self.changed.notify_waiters();
        true
    }

    /// The peer answered and is refused: the stream tells it, and ends.
    pub(crate) fn farewell(&self, session: u64, refusal: Refusal) {
        let mut state = self.lock();
        if state.phase.number() == Some(session) {
            state.phase = Phase::Farewell {
                number: session,
                refusal,
            };
            self.wake(state);
            self.changed.notify_waiters();
        }
    }

    /// Ends this session, unless it has ended: nothing of it is sent any more, and its calls fail.
    pub(crate) fn end(&self, session: u64, reason: &EndReason) {
        self.end_locked(self.lock(), session, reason);
    }

    /// Closes the link for good.
    pub(crate) fn close(&self, reason: &EndReason) {
        let mut state = self.lock();
        state.queue = Queue::default();
        state.held.clear();
        let calls = std::mem::take(&mut state.calls);
        state.phase = Phase::Closed(reason.clone());
        self.wake(state);
        super::fail(calls, reason);
        self.changed.notify_waiters();
    }

    /// Why the link is down, if it is.
    pub(crate) fn down(&self) -> Option<Down> {
        match self.lock().phase.session_up() {
            Err(NotQueued::Down(down)) => Some(down),
            Err(NotQueued::Closed(reason)) => Some(Down::Ended(reason)),
            _ => None,
        }
    }

    /// Whether a session is up.
    pub(crate) fn is_up(&self) -> bool {
        self.lock().phase.session_up().is_ok()
    }

    /// Waits until this session is over; at once if it is.
    ///
    /// Cancel-safe.
    pub(crate) async fn over(&self, session: u64) {
        self.wait(|phase| phase.number() != Some(session)).await;
    }

    /// Waits until the attempt to connect that is under way has succeeded or failed.
    ///
    /// Cancel-safe.
    pub(crate) async fn settled(&self) {
        let settled = |phase: &Phase| !matches!(phase.session_up(), Err(NotQueued::Connecting));
        self.wait(settled).await;
    }

    async fn wait(&self, until: impl Fn(&Phase) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Enabled before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if until(&self.lock().phase) {
                return;
            }
            changed.await;
        }
    }

    fn go(&self, phase: Phase) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Closed(_)) {
            return;
        }
        state.phase = phase;
        state.queue = Queue::default();
        self.wake(state);
        self.changed.notify_waiters();
    }
}
