//! The keeper: what its owner holds.

use std::sync::Arc;

use tokio::sync::watch;
use tsoracle_lease::{
    BootClock, Clock, LeaseMessage, LeaseNode, LeaseObserver, Reading, Stored, Timing,
};
use tsoracle_peer_transport::{GroupId, Transport};

use super::state::Shared;
use super::{KeeperError, RaftBallot};

/// Requests that may wait at the gate of one group; more are refused at once.
const HELD_MAX: usize = 256;

/// What a [`Keeper`] is started with.
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    /// This node.
    pub me: u64,
    /// The group whose lease it keeps.
    pub group: GroupId,
    /// The links to the other nodes.
    pub transport: Transport,
    /// How long grants and leases last; alike on all nodes.
    pub timing: Timing,
    /// What the store remembers: the vote, and the longest grant it was ever started with.
    pub stored: Stored<RaftBallot>,
    /// The clock of deadlines and grants.
    pub clock: Arc<dyn Clock>,
    /// Who is told of this node's own lease.
    pub observer: Arc<dyn LeaseObserver<RaftBallot>>,
}

impl KeeperSettings {
    /// Settings with the machine's clock, and nobody who is told.
    #[must_use]
    pub fn new(
        me: u64,
        group: GroupId,
        transport: Transport,
        timing: Timing,
        stored: Stored<RaftBallot>,
    ) -> Self {
        Self {
            me,
            group,
            transport,
            timing,
            stored,
            clock: Arc::new(BootClock),
            observer: Arc::new(()),
        }
    }
}

/// Keeps the lease of one group at one node. Clones are the same keeper.
///
/// It holds back votes as the lease asks for, grants rounds of the leader, and sends rounds while
/// this node leads. Grants and rounds are handled where they arrive, so that none waits behind the
/// engine.
#[derive(Clone, Debug)]
pub struct Keeper {
    pub(super) shared: Arc<Shared>,
}

impl Keeper {
    /// A keeper on what the store remembers. On a store with a vote, everything above it waits for
    /// the longest grant, from now on.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn start(settings: KeeperSettings) -> Result<Self, KeeperError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(KeeperError::NoRuntime);
        }
        let me = tsoracle_lease::NodeId(settings.me);
        let now = settings.clock.now();
        let node = LeaseNode::start(me, settings.timing, settings.stored, now)?;
        let shared = Arc::new(Shared::new(settings, node, HELD_MAX));
        Ok(Self { shared })
    }

    /// The clock that deadlines are of.
    #[must_use]
    pub fn now(&self) -> Reading {
        self.shared.clock.now()
    }

    /// The ballot that this node leads under, with a lease or without.
    #[must_use]
    pub fn ballot(&self) -> Option<RaftBallot> {
        self.shared.lock().node.ballot()
    }

    /// The end of this node's lease; it may have passed.
    #[must_use]
    pub fn deadline(&self) -> Option<Reading> {
        self.shared.lock().node.deadline()
    }

    /// Whether this node's lease covers this moment.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let now = self.now();
        self.shared.lock().node.is_valid_at(now)
    }

    /// The last leader whose round this node granted, itself included: it has led, so it is no mere
    /// candidate.
    #[must_use]
    pub fn granted_to(&self) -> watch::Receiver<Option<RaftBallot>> {
        self.shared.granted_to.subscribe()
    }

    /// Whether the store held no vote when this keeper was started: a node that never took part.
    pub(crate) fn started_empty(&self) -> bool {
        self.shared.started_empty
    }

    /// Ends this node's lease under its present ballot, for good, and releases those who granted
    /// it: before a handoff, before a voter set without this node, or to let in what waits here.
    /// The observer is told before the release leaves. False if there was no leadership.
    pub fn end(&self) -> bool {
        let ended = self.shared.end(&mut self.shared.lock());
        self.shared.open();
        let Some(ended) = ended else {
            return false;
        };
        let release = LeaseMessage::Release(ended.release);
        self.shared.send(&ended.to, &release);
        true
    }
}
