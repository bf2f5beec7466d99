//! The keeper's eye on the engine: what it has promised, whether it leads, who votes.

use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftServerMetrics;
use openraft::storage::RaftStateMachine;
use openraft::{Raft, ServerState};
use tokio::task::JoinHandle;
use tsoracle_lease::{LeadError, LeaseMessage, NodeId, Quorum, Voters};

use super::rounds::keep_rounds;
use super::silence::Silence;
use super::state::{Shared, State};
use super::{Keeper, RaftBallot};
use crate::{LogId, Members, RaftTypes, StoredMembership};

/// Ties a keeper to its engine. Dropped, the lease ends and no more rounds are sent; what was
/// granted to others goes on binding.
#[derive(Debug)]
pub struct Following {
    keeper: Keeper,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Following {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.keeper.abandon();
    }
}

impl Keeper {
    /// Follows the engine: learns what it promised, leads when it has committed an entry of its own
    /// term, and ends the lease with the leadership. Ends by itself when the engine shuts down.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn follow<C, SM>(&self, raft: &Raft<C, SM>) -> Following
    where
        C: RaftTypes,
        SM: RaftStateMachine<C>,
    {
        self.shared.lock().silence = Silence::of(raft.config());
        let follow = follow(self.clone(), raft.clone());
        let tasks = [
            tokio::spawn(follow),
            tokio::spawn(keep_rounds(self.clone())),
        ];
        Following {
            keeper: self.clone(),
            tasks,
        }
    }

    /// The leadership is over, and nobody has asked for it.
    fn abandon(&self) {
        let mut state = self.shared.lock();
        if state.node.ballot().is_none() {
            return;
        }
        let ended = self.shared.end(&mut state);
        drop(state);
        self.shared.open();
        if let Some(ended) = ended {
            let release = LeaseMessage::Release(ended.release);
            self.shared.send(&ended.to, &release);
        }
    }
}

async fn follow<C, SM>(keeper: Keeper, raft: Raft<C, SM>)
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    let mut server = raft.server_metrics();
    let mut commits = raft.watch_commit_progress();
    let mut opened = keeper.shared.opened.subscribe();
    drop(raft);
    loop {
        let seen = server.borrow_and_update().clone();
        let leads = keeper.observe(&seen, commits.get());
        let ended = tokio::select! {
            changed = server.changed() => changed.is_err(),
            changed = commits.changed(), if leads == Leads::Soon => changed.is_err(),
            changed = opened.changed() => changed.is_err(),
        };
        if ended {
            keeper.abandon();
            return;
        }
    }
}

/// Whether the engine leads, and may have a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    No,
    /// It leads, and no entry of its own term is committed yet.
    Soon,
    Yes,
}

impl Keeper {
    fn observe<C: RaftTypes>(
        &self,
        seen: &RaftServerMetrics<C>,
        committed: Option<LogId>,
    ) -> Leads {
        self.promised(&seen.vote);
        let ballot = RaftBallot::from(&seen.vote);
        let elected = seen.state == ServerState::Leader
            && seen.vote.committed
            && NodeId(ballot.node) == self.shared.me;
        if !elected {
            self.abandon();
            return if seen.state == ServerState::Leader {
                Leads::Soon
            } else {
                Leads::No
            };
        }
        let own_term = committed.is_some_and(|id| RaftBallot::from(&id.leader_id) == ballot);
        if !own_term {
            return Leads::Soon;
        }
        let sets = sets_of::<C>(&seen.membership_config, &seen.committed_membership_config);
        let mut state = self.shared.lock();
        let joined = self.shared.join(&mut state, ballot, &sets);
        drop(state);
        match joined {
            Ok(()) => self.shared.wake.notify_one(),
            // A leader that is no voter any more has no lease.
            Err(LeadError::NotVoter) => self.abandon(),
            Err(why) => tracing::debug!(group = %self.shared.group, "no lease at {ballot}: {why}"),
        }
        Leads::Yes
    }
}

impl Shared {
    fn join(
        &self,
        state: &mut State,
        ballot: RaftBallot,
        sets: &[Quorum],
    ) -> Result<(), LeadError<RaftBallot>> {
        if state.node.ballot() != Some(ballot) {
            state
                .node
                .lead(ballot, Voters::joint(sets.iter().cloned()))?;
            tracing::info!(group = %self.group, "leads at {ballot}");
            sets.clone_into(&mut state.sets);
            self.tell(state);
            self.granted(ballot);
        } else if !state.changing && state.sets != sets {
            state.node.set_voters(Voters::joint(sets.iter().cloned()))?;
            sets.clone_into(&mut state.sets);
        }
        Ok(())
    }
}

/// The sets that elect: of the membership in force, and of the committed one as long as they
/// differ, since the change to the former may yet be undone.
fn sets_of<C: RaftTypes>(
    effective: &StoredMembership<C>,
    committed: &StoredMembership<C>,
) -> Vec<Quorum> {
    let mut sets = Vec::new();
    let mut add = |members: &Members<C>| {
        for set in members.get_joint_config() {
            let set = Quorum::majority(set.iter().copied().map(NodeId));
            if let Ok(set) = set
                && !sets.contains(&set)
            {
                sets.push(set);
            }
        }
    };
    add(effective.membership());
    if committed.log_id() != effective.log_id() {
        add(committed.membership());
    }
    sets
}
