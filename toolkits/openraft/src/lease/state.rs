//! What a keeper knows, behind its lock, and how each change of it is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, watch};
use tsoracle_lease::{Clock, LeaseNode, LeaseObserver, NodeId, Quorum, Reading, Release};
use tsoracle_peer_transport::{GroupId, Transport};

use super::RaftBallot;
use super::silence::{Silence, Unanswered};

/// The newest round that a quorum granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    pub(super) ballot: RaftBallot,
    pub(super) round: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) me: NodeId,
    /// The store held no vote when the keeper was started.
    pub(super) started_empty: bool,
    pub(super) group: GroupId,
    pub(super) transport: Transport,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn LeaseObserver<RaftBallot>>,
    state: Mutex<State>,
    /// Wakes the task that sends rounds.
    pub(super) wake: Notify,
    /// Counts the moments at which what is held may pass.
    pub(super) opened: watch::Sender<u64>,
    pub(super) confirmed: watch::Sender<Option<Confirmed>>,
    pub(super) granted_to: watch::Sender<Option<RaftBallot>>,
    /// Bounds the requests that wait at the gate.
    pub(super) held: Semaphore,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) node: LeaseNode<RaftBallot>,
    /// The sets whose grants count; empty while this node does not lead.
    pub(super) sets: Vec<Quorum>,
    /// A change of the voters is under way: only it touches the sets.
    pub(super) changing: bool,
    /// The engine's turns of silence, once there is an engine.
    pub(super) silence: Option<Silence>,
    /// The rounds that no quorum has granted yet.
    pub(super) unanswered: Option<Unanswered>,
    /// The ballot that the observer knows as led, and the deadline it was told.
    told: Option<(RaftBallot, Option<Reading>)>,
}

impl Shared {
    pub(super) fn new(
        keeper: super::KeeperSettings,
        node: LeaseNode<RaftBallot>,
        held_max: usize,
    ) -> Self {
        Self {
            me: NodeId(keeper.me),
            started_empty: keeper.stored.promise.is_none(),
            group: keeper.group,
            transport: keeper.transport,
            clock: keeper.clock,
            observer: keeper.observer,
            state: Mutex::new(State {
                node,
                sets: Vec::new(),
                changing: false,
                silence: None,
                unanswered: None,
                told: None,
            }),
            wake: Notify::new(),
            opened: watch::channel(0).0,
            confirmed: watch::channel(None).0,
            granted_to: watch::channel(None).0,
            held: Semaphore::new(held_max),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody what has changed. The lock is held, so that they are told in order.
    pub(super) fn tell(&self, state: &mut State) {
        let ballot = state.node.ballot();
        if let Some((old, _)) = state.told
            && ballot != Some(old)
        {
            self.observer.ended(old);
            tracing::info!(group = %self.group, "the lease at {old} is over");
            state.told = None;
            state.sets.clear();
        }
        let Some(ballot) = ballot else {
            self.confirm(None);
            return;
        };
        let deadline = state.node.deadline();
        let known = state.told.and_then(|(_, deadline)| deadline);
        if let Some(deadline) = deadline
            && known < Some(deadline)
        {
            self.observer.renewed(ballot, deadline);
        }
        state.told = Some((ballot, deadline));
        let confirmed = state.confirmed();
        state.unanswered = state.unanswered.filter(|rounds| rounds.stands(confirmed));
        self.confirm(confirmed);
    }

    fn confirm(&self, confirmed: Option<Confirmed>) {
        self.confirmed.send_if_modified(|known| {
            let changed = *known != confirmed;
            *known = confirmed;
            changed
        });
    }

    /// What waits at the gate asks again.
    pub(super) fn open(&self) {
        self.opened
            .send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Ends the lease for good: the observer learns of it first, then the granters.
    pub(super) fn end(&self, state: &mut State) -> Option<Ended> {
        if let Some((ballot, _)) = state.told.take() {
            self.observer.ended(ballot);
            tracing::info!(group = %self.group, "the lease at {ballot} is given up");
        }
        let to = state.others(self.me);
        let release = state.node.end();
        self.tell(state);
        state.sets.clear();
        release.map(|release| Ended { release, to })
    }
}

/// A release that is yet to be sent.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) release: Release<RaftBallot>,
    pub(super) to: BTreeSet<NodeId>,
}

impl State {
    fn confirmed(&self) -> Option<Confirmed> {
        let ballot = self.node.ballot()?;
        let round = self.node.confirmed()?;
        Some(Confirmed { ballot, round })
    }

    /// When this leader's present silence is over; `None` if it may send rounds.
    pub(super) fn silent_until(&self, now: Reading) -> Option<Reading> {
        self.silence?.until(self.unanswered.as_ref()?, now)
    }

    /// Everybody whose grant may count, but this node.
    pub(super) fn others(&self, me: NodeId) -> BTreeSet<NodeId> {
        let members = self.sets.iter().flat_map(Quorum::members).copied();
        members.filter(|member| *member != me).collect()
    }
}
