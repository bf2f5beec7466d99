//! The lease through a change of the voters.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tsoracle_lease::{ChangeRefused, Quorum};

use super::state::Shared;
use super::{Keeper, RaftBallot};

/// Why a change of voters is not to be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncovered {
    /// This node stopped leading, or leads under another ballot.
    Lost,
    /// The lease that was given out did not end, and the new voters did not grant, in time.
    Late,
}

/// While it lives, only a change touches the sets of voters. Dropped, the sets follow the engine's
/// membership again.
#[derive(Debug)]
pub(crate) struct Changing {
    keeper: Keeper,
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.keeper.shared.lock().changing = false;
        self.keeper
            .shared
            .opened
            .send_modify(|times| *times = times.wrapping_add(1));
    }
}

impl Keeper {
    /// From now on the lease needs the voters so far and the new ones.
    pub(crate) fn begin_change(&self, to: &Quorum) -> Result<Changing, ChangeRefused> {
        let mut state = self.shared.lock();
        state.node.begin_change(to.clone())?;
        if !state.sets.contains(to) && state.node.ballot().is_some() {
            state.sets.push(to.clone());
        }
        state.changing = true;
        drop(state);
        self.shared.wake.notify_one();
        Ok(Changing {
            keeper: self.clone(),
        })
    }

    /// Waits until the change to `to` may be proposed under `ballot`.
    pub(crate) async fn covered(
        &self,
        ballot: RaftBallot,
        to: &Quorum,
        within: Duration,
    ) -> Result<(), Uncovered> {
        let limit = Instant::now() + within;
        let mut confirmed = self.shared.confirmed.subscribe();
        loop {
            confirmed.mark_unchanged();
            let lapses = match self.shared.is_covered(ballot, to) {
                Some(Ok(())) => return Ok(()),
                Some(Err(lapses)) => lapses,
                None => return Err(Uncovered::Lost),
            };
            let news = async {
                tokio::select! {
                    _ = confirmed.changed() => {}
                    () = tokio::time::sleep(lapses) => {}
                }
            };
            timeout_at(limit, news).await.map_err(|_| Uncovered::Late)?;
        }
    }
}

impl Shared {
    /// Whether a change is covered, or in how long the lease given out so far is over; `None` if
    /// this node leads under another ballot, or not at all. A lease that has ended covers all.
    fn is_covered(&self, ballot: RaftBallot, to: &Quorum) -> Option<Result<(), Duration>> {
        let state = self.lock();
        let led = state.node.ballot();
        if led.is_some_and(|led| led != ballot) {
            return None;
        }
        let now = self.clock.now();
        if state.node.change_covered(to, now) {
            return Some(Ok(()));
        }
        led?;
        let deadline = state.node.deadline().unwrap_or(now);
        Some(Err(deadline
            .saturating_since(now)
            .max(Duration::from_millis(1))))
    }
}
