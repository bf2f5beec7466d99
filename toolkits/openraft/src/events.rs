//! Who leads, as one node sees it, as a stream.

use futures_util::{Stream, stream};
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftServerMetrics;
use openraft::storage::RaftStateMachine;
use openraft::{Raft, ServerState};

use crate::{RaftBallot, RaftTypes};

/// What a node is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It has no vote.
    Learner,
    /// It has a vote, and follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// A quorum elected it. That alone lets it serve nothing: see the keeper's lease.
    Leader,
}

/// A change of the role, the ballot or the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeadershipEvent {
    /// What this node is.
    pub role: Role,
    /// The newest vote that is durable here.
    pub ballot: RaftBallot,
    /// Who leads by what this node knows: not a mere candidate, but perhaps one that leads no more.
    pub leader: Option<u64>,
}

/// The changes of leadership as one node sees them. The first item is the present state, at once;
/// two items in a row differ; states may be left out, the last one never is. Ends when the engine
/// shuts down.
pub fn leadership_events<C, SM>(
    raft: &Raft<C, SM>,
) -> impl Stream<Item = LeadershipEvent> + Send + 'static
where
    C: RaftTypes,
    SM: RaftStateMachine<C>,
{
    let metrics = raft.server_metrics();
    stream::unfold((metrics, None), |(mut metrics, last)| async move {
        loop {
            let event = event(&*metrics.borrow_and_update());
            if last != Some(event) {
                return Some((event, (metrics, Some(event))));
            }
            metrics.changed().await.ok()?;
        }
    })
}

fn event<C: RaftTypes>(metrics: &RaftServerMetrics<C>) -> LeadershipEvent {
    LeadershipEvent {
        role: match metrics.state {
            ServerState::Leader => Role::Leader,
            ServerState::Candidate => Role::Candidate,
            ServerState::Follower => Role::Follower,
            ServerState::Learner | ServerState::Shutdown => Role::Learner,
        },
        ballot: RaftBallot::from(&metrics.vote),
        leader: metrics.current_leader,
    }
}
