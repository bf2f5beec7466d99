//! Leadership on its way to another node, without waiting for a lease to run out.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::storage::RaftStateMachine;

use super::{ChangeError, Deadline, Lifecycle, TransferError};
use crate::{RaftBallot, RaftTypes};

impl<C, SM> Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    /// Ends this node's lease, releases its granters, and hands leadership to `to`. Done when `to`
    /// leads.
    ///
    /// From here on this node serves nothing before the next election, whatever becomes of the
    /// transfer: openraft's leader takes no more writes and sends no more heartbeats. So if `to` is
    /// not elected within an election timeout, another voter is asked; and if that fails too, the
    /// followers elect by their own timers.
    ///
    /// Dropped or late, the transfer goes on by itself.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn transfer_leadership(
        &self,
        to: u64,
        within: Duration,
    ) -> Result<(), TransferError> {
        let place = self.busy.clone().try_lock_owned();
        let place = place.map_err(|_| TransferError::Busy)?;
        let deadline = Deadline::new(within);
        let view = self
            .view()
            .map_err(|leader| TransferError::NotLeader { leader })?;
        if to == view.me() {
            return Ok(());
        }
        if !view.voters().contains(&to) {
            return Err(TransferError::NotVoter { to });
        }
        if !view.is_ready(to) {
            return Err(TransferError::NotReady { to });
        }
        let this = self.clone();
        let transfer = tokio::spawn(async move {
            let _place = place;
            this.keeper.end();
            this.hand_over(view.ballot, to).await
        });
        let done = deadline.limit(transfer).await;
        match done.ok_or(TransferError::Late { to, within })? {
            Ok(Ok(Some(leader))) if leader == to => Ok(()),
            Ok(Ok(Some(leader))) => Err(TransferError::Other { to, leader }),
            Ok(Ok(None)) => Err(TransferError::Late { to, within }),
            Ok(Err(why)) => Err(TransferError::Stopped { why }),
            Err(_) => Err(TransferError::Stopped {
                why: "it was shut down".to_owned(),
            }),
        }
    }

    /// Hands leadership to `to`, or else to another voter that is ready. Gives the new leader, or
    /// none if this node has seen none.
    async fn hand_over(&self, ballot: RaftBallot, to: u64) -> Result<Option<u64>, String> {
        let patience = Duration::from_millis(self.raft.config().election_timeout_max);
        let mut tried = BTreeSet::new();
        let mut next = Some(to);
        while let Some(to) = next {
            tracing::info!(to, "hands leadership over");
            let asked = self.raft.trigger().transfer_leader(to).await;
            asked.map_err(|error| error.to_string())?;
            if let Some(leader) = self.next_leader(ballot, patience).await? {
                return Ok(Some(leader));
            }
            tried.insert(to);
            next = self.view().ok().and_then(|view| view.successor(&tried));
        }
        // The followers' own timers: openraft's lease of the silent leader, and a timeout.
        self.next_leader(ballot, 3 * patience).await
    }

    /// Waits for a leader above `ballot`.
    async fn next_leader(
        &self,
        ballot: RaftBallot,
        within: Duration,
    ) -> Result<Option<u64>, String> {
        let mut metrics = self.raft.server_metrics();
        let deadline = Deadline::new(within);
        loop {
            let next = {
                let seen = metrics.borrow_and_update();
                let higher = RaftBallot::from(&seen.vote) > ballot;
                seen.current_leader.filter(|_| higher)
            };
            if next.is_some() {
                return Ok(next);
            }
            match deadline.limit(metrics.changed()).await {
                None => return Ok(None),
                Some(Ok(())) => {}
                Some(Err(_)) => return Err("it was shut down".to_owned()),
            }
        }
    }

    /// A leader that the committed membership leaves out goes: hands leadership to the voter with
    /// the most of the log, and follows or falls silent.
    pub(super) async fn leave(&self) -> Result<(), ChangeError> {
        let Ok(view) = self.view() else {
            return Ok(());
        };
        let membership = view.settled();
        let stopped = |why: String| ChangeError::Stopped { why };
        if let Some(to) = view.successor(&BTreeSet::new()) {
            let asked = self.raft.trigger().transfer_leader(to).await;
            asked.map_err(|error| stopped(error.to_string()))?;
            // A node that is no member is not told who was elected; this is only so that the
            // request leaves before the links are closed.
            let pause = Duration::from_millis(self.raft.config().heartbeat_interval);
            self.next_leader(view.ballot, pause)
                .await
                .map_err(stopped)?;
        }
        let Ok(now) = self.view() else {
            return Ok(());
        };
        if now.ballot == view.ballot && membership.is_some() {
            let vote = self.raft.server_metrics().borrow_watched().vote;
            let refreshed = self
                .raft
                .trigger()
                .refresh_server_state(Some(vote), membership)
                .await;
            refreshed.map_err(|error| stopped(error.to_string()))?;
        }
        Ok(())
    }
}
