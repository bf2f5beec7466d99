//! A proof of leadership by a round of its own.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::rounds::Asked;
use super::{Keeper, ProveError, RaftBallot};

/// Nobody led after this node when a certain moment, after the call began, had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Proof {
    /// The ballot that this node led under.
    pub ballot: RaftBallot,
}

impl Keeper {
    /// Proves that this node led after the call began: sends a round, and waits until a quorum has
    /// granted it or a later one. Needs no valid lease. What was committed anywhere before the call
    /// is in this node's log by then, and applied once its state machine is at the commit index of
    /// a leader that has committed an entry of its own term.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`ProveError`].
    pub async fn prove(&self, within: Duration) -> Result<Proof, ProveError> {
        let limit = Instant::now() + within;
        let mut confirmed = self.shared.confirmed.subscribe();
        let no_quorum = ProveError::NoQuorum { within };
        let asked = loop {
            match self.shared.ask_round() {
                Asked::Round(asked) => break asked,
                Asked::NotLeading => return Err(ProveError::NotLeading),
                Asked::Silent { until } => {
                    let silence = until.saturating_since(self.now());
                    let broken = timeout(silence, confirmed.changed());
                    // Either it is over, or somebody has answered.
                    let _ = timeout_at(limit, broken).await.map_err(|_| no_quorum)?;
                }
            }
        };
        self.shared.wake.notify_one();
        let ballot = asked.ballot;
        loop {
            let newest = *confirmed.borrow_and_update();
            if newest.is_some_and(|newest| newest.ballot == ballot && newest.round >= asked.round) {
                return Ok(Proof { ballot });
            }
            if self.ballot() != Some(ballot) {
                return Err(ProveError::NotLeading);
            }
            let changed = timeout_at(limit, confirmed.changed()).await;
            let changed = changed.map_err(|_| no_quorum)?;
            changed.map_err(|_| ProveError::NotLeading)?;
        }
    }
}
