//! What a leader sees of its group.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::storage::RaftStateMachine;
use openraft::{Instant, RaftMetrics, ServerState};

use super::Lifecycle;
use crate::{LogId, RaftBallot, RaftTypes};

/// Entries that a node may lack and still count as having the log.
const LAG: u64 = 1_000;

/// The group, seen by its leader.
#[derive(Debug)]
pub(super) struct View<C: RaftTypes> {
    pub(super) ballot: RaftBallot,
    metrics: RaftMetrics<C>,
    /// A node that has not answered for this long counts as dead.
    silence: Duration,
}

impl<C, SM> Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    /// # Errors
    /// Who leads instead, if that is known.
    pub(super) fn view(&self) -> Result<View<C>, Option<u64>> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let ballot = RaftBallot::from(&metrics.vote);
        let leads = metrics.state == ServerState::Leader
            && metrics.vote.committed
            && ballot.node == metrics.id;
        if !leads {
            return Err(metrics.current_leader);
        }
        let silence = Duration::from_millis(2 * self.raft.config().election_timeout_max);
        Ok(View {
            ballot,
            metrics,
            silence,
        })
    }
}

impl<C: RaftTypes> View<C> {
    pub(super) fn me(&self) -> u64 {
        self.metrics.id
    }

    pub(super) fn members(&self) -> BTreeSet<u64> {
        let members = self.metrics.membership_config.membership();
        members.nodes().map(|(node, _)| *node).collect()
    }

    pub(super) fn voters(&self) -> BTreeSet<u64> {
        self.metrics.membership_config.voter_ids().collect()
    }

    /// Where the membership in force stands in the log, once it is committed.
    pub(super) fn settled(&self) -> Option<LogId> {
        let (effective, committed) = (
            self.metrics.membership_config.log_id(),
            self.metrics.committed_membership_config.log_id(),
        );
        effective.filter(|_| effective == committed)
    }

    /// Whether a node answers and has the log, but for the newest entries.
    pub(super) fn is_ready(&self, node: u64) -> bool {
        if node == self.me() {
            return true;
        }
        let heard = self
            .metrics
            .heartbeat
            .as_ref()
            .and_then(|all| all.get(&node).copied());
        let answers = heard
            .flatten()
            .is_some_and(|at| at.elapsed() < self.silence);
        let last = self.metrics.last_log_index.unwrap_or(0);
        answers
            && self
                .matched(node)
                .is_some_and(|id| id.index.saturating_add(LAG) >= last)
    }

    fn matched(&self, node: u64) -> Option<LogId> {
        self.metrics
            .replication
            .as_ref()?
            .get(&node)
            .copied()
            .flatten()
    }

    /// The voter that is ready and has most of the log, of all but this one and those left out.
    pub(super) fn successor(&self, without: &BTreeSet<u64>) -> Option<u64> {
        let voters = self.voters();
        let others = voters.difference(without).copied();
        let ready = others.filter(|node| *node != self.me() && self.is_ready(*node));
        ready.max_by_key(|node| self.matched(*node))
    }
}
