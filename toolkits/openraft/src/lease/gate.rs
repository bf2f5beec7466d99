//! The gate that votes pass, on their way in and out.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tsoracle_lease::{Gate, Reading};

use super::{Keeper, RaftBallot};
use crate::Vote;

/// A vote request that may reach the engine. Dropped without its answer, it goes on counting as
/// unanswered, and this node grants nothing below it any more.
#[derive(Debug)]
#[must_use]
pub(crate) struct Passed {
    keeper: Keeper,
    ballot: RaftBallot,
}

/// It waits longer than its sender does, or too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held;

impl Passed {
    /// The engine answered, and this is its vote by then, durably.
    pub(crate) fn settle(self, vote: &Vote) {
        let shared = &self.keeper.shared;
        let mut state = shared.lock();
        state.node.settle(self.ballot, vote.into());
        shared.tell(&mut state);
    }
}

impl Keeper {
    /// Waits until another node's vote request may reach the engine.
    pub(crate) async fn admit(&self, ballot: RaftBallot, within: Duration) -> Result<Passed, Held> {
        self.pass(within, |keeper| {
            keeper.ask(|node, now| node.admit(ballot, now))
        })
        .await?;
        let keeper = self.clone();
        Ok(Passed { keeper, ballot })
    }

    /// Waits until this node's own vote request may leave.
    pub(crate) async fn emit(&self, ballot: RaftBallot, within: Duration) -> Result<(), Held> {
        self.pass(within, |keeper| {
            keeper.ask(|node, now| node.emit(ballot, now))
        })
        .await
    }

    /// Whether a pre-vote may pass, in or out.
    pub(crate) fn admits_probe(&self, ballot: RaftBallot) -> bool {
        let state = self.shared.lock();
        state.node.admits_probe(ballot, self.shared.clock.now())
    }

    /// The engine's vote is now `vote`, durably.
    pub(crate) fn promised(&self, vote: &Vote) {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.node.promised(vote.into());
        shared.tell(&mut state);
    }

    fn ask(
        &self,
        gate: impl FnOnce(&mut tsoracle_lease::LeaseNode<RaftBallot>, Reading) -> Gate,
    ) -> Gate {
        let shared = &self.shared;
        let mut state = shared.lock();
        let gate = gate(&mut state.node, shared.clock.now());
        shared.tell(&mut state);
        gate
    }

    async fn pass(&self, within: Duration, ask: impl Fn(&Self) -> Gate) -> Result<(), Held> {
        let limit = Instant::now() + within;
        let mut opened = self.shared.opened.subscribe();
        let Gate::Hold { mut until } = ask(self) else {
            return Ok(());
        };
        tracing::debug!(group = %self.shared.group, "a vote request is held");
        let _place = self.shared.held.try_acquire().map_err(|_| Held)?;
        loop {
            let wait = until.saturating_since(self.now());
            let asked_again = async {
                tokio::select! {
                    () = sleep(wait) => {}
                    // The sender lives as long as the keeper.
                    _ = opened.changed() => {}
                }
            };
            timeout_at(limit, asked_again).await.map_err(|_| Held)?;
            match ask(self) {
                Gate::Pass => return Ok(()),
                Gate::Hold { until: later } => until = later,
            }
        }
    }
}
