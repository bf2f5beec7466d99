//! Changes of the members, one at a time, with the lease covered before each.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::error::{ClientWriteError, RaftError};
use openraft::storage::RaftStateMachine;
use openraft::{ChangeMembers, Precondition};
use tsoracle_lease::{ChangeRefused, NodeId, Quorum};

use super::view::View;
use super::{ChangeError, Deadline, Lifecycle};
use crate::lease::Uncovered;
use crate::{ProveError, RaftBallot, RaftTypes};

impl<C, SM> Lifecycle<C, SM>
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    /// Adds a node that gets the log and has no vote, and waits until it has the log, but for the
    /// newest entries.
    ///
    /// Dropped or late, the change goes on by itself.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn add_learner(
        &self,
        id: u64,
        node: C::Node,
        within: Duration,
    ) -> Result<(), ChangeError> {
        let place = self.busy.clone().try_lock_owned();
        let place = place.map_err(|_| ChangeError::Busy)?;
        let deadline = Deadline::new(within);
        let this = self.clone();
        let add = tokio::spawn(async move {
            let view = this.leading()?;
            this.accepts(view.ballot).await?;
            let added = this.raft.add_learner(id, node, false).await;
            added.map_err(|error| refused(&error))?;
            drop(place);
            this.caught_up(id).await
        });
        finished(deadline, add).await
    }

    /// Takes a node without a vote out of the members: one that was added and does not come, say.
    ///
    /// Dropped or late, the change goes on by itself.
    ///
    /// # Errors
    /// [`ChangeError`]; a voter is refused.
    pub async fn remove_learner(&self, id: u64, within: Duration) -> Result<(), ChangeError> {
        let place = self.busy.clone().try_lock_owned();
        let place = place.map_err(|_| ChangeError::Busy)?;
        let deadline = Deadline::new(within);
        let this = self.clone();
        let remove = tokio::spawn(async move {
            let _place = place;
            let view = this.leading()?;
            this.accepts(view.ballot).await?;
            let change = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
            let under = under(view.ballot);
            let removed = this.raft.change_membership_if(change, true, [under]).await;
            removed.map(drop).map_err(|error| refused(&error))
        });
        finished(deadline, remove).await
    }

    /// Makes `voters` the nodes that vote. Nodes that lose their vote stay as learners with
    /// `retain`, and are removed without it. All new voters have to be members already.
    ///
    /// The leader's lease is made to stand on the new voters too before the change is proposed. If
    /// the leader is not among them, its lease is ended and released first, and leadership goes to
    /// the voter with the most of the log once the change is committed.
    ///
    /// Dropped or late, the change goes on by itself.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change_membership(
        &self,
        voters: BTreeSet<u64>,
        retain: bool,
        within: Duration,
    ) -> Result<(), ChangeError> {
        let place = self.busy.clone().try_lock_owned();
        let place = place.map_err(|_| ChangeError::Busy)?;
        let deadline = Deadline::new(within);
        let (view, quorum) = self.admitted(&voters, deadline).await?;
        let this = self.clone();
        let change = tokio::spawn(async move {
            let _place = place;
            this.accepts(view.ballot).await?;
            if voters.contains(&view.me()) {
                this.change_among(view.ballot, voters, retain, &quorum, deadline)
                    .await
            } else {
                this.keeper.end();
                this.propose(view.ballot, voters, retain).await?;
                this.leave().await
            }
        });
        finished(deadline, change).await
    }

    /// Whether these may become the voters. A leader that was just elected has not heard everybody,
    /// so those that do not answer have the time after which they count as dead.
    async fn admitted(
        &self,
        voters: &BTreeSet<u64>,
        deadline: Deadline,
    ) -> Result<(View<C>, Quorum), ChangeError> {
        let mut metrics = self.raft.metrics();
        let patience = Duration::from_millis(2 * self.raft.config().election_timeout_max);
        let patience = Deadline::new(patience.min(deadline.left()));
        loop {
            let view = self.leading()?;
            let refusal = match admitted(&view, voters) {
                Ok(quorum) => return Ok((view, quorum)),
                Err(refusal) => refusal,
            };
            let hopeful = matches!(refusal, ChangeError::WouldLoseQuorum { .. });
            if !hopeful || !matches!(patience.limit(metrics.changed()).await, Some(Ok(()))) {
                return Err(refusal);
            }
        }
    }

    fn leading(&self) -> Result<View<C>, ChangeError> {
        self.view()
            .map_err(|leader| ChangeError::NotLeader { leader })
    }

    /// Waits until an entry of the leader's own term is committed: until then the voters that it
    /// knows may yet be undone.
    async fn accepts(&self, ballot: RaftBallot) -> Result<(), ChangeError> {
        let mut commits = self.raft.watch_commit_progress();
        let mut server = self.raft.server_metrics();
        loop {
            if self.leading().map(|view| view.ballot) != Ok(ballot) {
                return Err(ChangeError::LeadershipLost);
            }
            let committed = commits.get().map(|id| RaftBallot::from(&id.leader_id));
            if committed == Some(ballot) {
                break;
            }
            let changed = tokio::select! {
                changed = commits.changed() => changed,
                changed = server.changed() => changed,
            };
            changed.map_err(|_| stopped())?;
        }
        // The keeper follows the same news.
        let mut granted = self.keeper.granted_to();
        let led = granted.wait_for(|granted| *granted >= Some(ballot)).await;
        led.map(drop).map_err(|_| stopped())
    }

    async fn change_among(
        &self,
        ballot: RaftBallot,
        voters: BTreeSet<u64>,
        retain: bool,
        quorum: &Quorum,
        deadline: Deadline,
    ) -> Result<(), ChangeError> {
        let changing = self.keeper.begin_change(quorum);
        let _changing = changing.map_err(|refused| match refused {
            ChangeRefused::SingleOther => ChangeError::SingleOther,
            ChangeRefused::NotLeading | ChangeRefused::LeaderLeaves => ChangeError::LeadershipLost,
        })?;
        self.answered(deadline).await?;
        let covered = self.keeper.covered(ballot, quorum, deadline.left()).await;
        covered.map_err(|uncovered| match uncovered {
            Uncovered::Lost => ChangeError::LeadershipLost,
            Uncovered::Late => ChangeError::Late {
                within: deadline.within,
            },
        })?;
        self.propose(ballot, voters, retain).await
    }

    /// A round of both sets, before anything is proposed: an entry that its voters do not take
    /// would stop the group. A lease that has ended has no rounds; then the view has to do.
    async fn answered(&self, deadline: Deadline) -> Result<(), ChangeError> {
        let within = Duration::from_millis(self.raft.config().election_timeout_max);
        let within = within.min(deadline.left());
        match self.keeper.prove(within).await {
            Ok(_) | Err(ProveError::NotLeading) => Ok(()),
            Err(ProveError::NoQuorum { within }) => Err(ChangeError::Silent { within }),
        }
    }

    /// Both steps of openraft's change, under the ballot that the lease was covered for.
    async fn propose(
        &self,
        ballot: RaftBallot,
        voters: BTreeSet<u64>,
        retain: bool,
    ) -> Result<(), ChangeError> {
        let change = ChangeMembers::ReplaceAllVoters(voters);
        let changed = self
            .raft
            .change_membership_if(change, retain, [under(ballot)])
            .await;
        changed.map(drop).map_err(|error| refused(&error))
    }

    async fn caught_up(&self, id: u64) -> Result<(), ChangeError> {
        let mut metrics = self.raft.metrics();
        let mut seen = false;
        loop {
            let view = self.leading()?;
            if view.is_ready(id) {
                return Ok(());
            }
            let is_member = view.members().contains(&id);
            if seen && !is_member {
                let nodes = BTreeSet::from([id]);
                return Err(ChangeError::NotMembers { nodes });
            }
            seen |= is_member;
            metrics.changed().await.map_err(|_| stopped())?;
        }
    }
}

/// Refuses a change once another leader's entries are committed.
fn under<C: RaftTypes>(ballot: RaftBallot) -> Precondition<C> {
    Precondition::CommittedLeaderId {
        committed_leader_id: ballot.into(),
    }
}

/// Whether these may become the voters.
fn admitted<C: RaftTypes>(view: &View<C>, voters: &BTreeSet<u64>) -> Result<Quorum, ChangeError> {
    let quorum = Quorum::majority(voters.iter().copied().map(NodeId));
    let quorum = quorum.map_err(|_| ChangeError::NoVoters)?;
    let strangers: BTreeSet<_> = voters.difference(&view.members()).copied().collect();
    if !strangers.is_empty() {
        return Err(ChangeError::NotMembers { nodes: strangers });
    }
    if voters.len() == 1 && !voters.contains(&view.me()) {
        return Err(ChangeError::SingleOther);
    }
    let ready: BTreeSet<_> = voters
        .iter()
        .copied()
        .filter(|node| view.is_ready(*node))
        .collect();
    let needed = quorum.write();
    if ready.len() < needed {
        return Err(ChangeError::WouldLoseQuorum { ready, needed });
    }
    Ok(quorum)
}

/// Waits for a change that runs by itself.
async fn finished(
    deadline: Deadline,
    change: tokio::task::JoinHandle<Result<(), ChangeError>>,
) -> Result<(), ChangeError> {
    let within = deadline.within;
    let done = deadline.limit(change).await;
    let done = done.ok_or(ChangeError::Late { within })?;
    done.unwrap_or_else(|_| Err(stopped()))
}

fn refused<C: RaftTypes>(error: &RaftError<C, ClientWriteError<C>>) -> ChangeError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => ChangeError::LeadershipLost,
        RaftError::APIError(error) => ChangeError::Refused {
            why: error.to_string(),
        },
        RaftError::Fatal(error) => ChangeError::Stopped {
            why: error.to_string(),
        },
    }
}

fn stopped() -> ChangeError {
    ChangeError::Stopped {
        why: "it was shut down".to_owned(),
    }
}
