//! What a runner is started with.

use std::sync::Arc;

use tsoracle_lease::{BootClock, Clock, LeaseObserver};

use crate::{GroupTimes, Members, PaxosBallot};

/// Settings of a [`PaxosRunner`](crate::PaxosRunner).
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// This node.
    pub pid: u64,
    /// A number that no other life of this node has: the store counts its starts.
    pub life: u64,
    /// The configuration.
    pub members: Members,
    /// The group's times.
    pub times: GroupTimes,
    /// The leader lease; `None` for none. Alike on all nodes.
    pub lease: Option<LeaseSettings>,
    /// Campaign at once on a storage without a promise: one member of a new group need not wait for
    /// its clock.
    pub founds: bool,
    /// How many entries the service has applied, and keeps by itself; what is decided is shown from
    /// there on.
    pub applied: usize,
    /// Bounds of queues.
    pub limits: Limits,
}

impl RunnerSettings {
    /// Default times and limits, a lease that nobody is told of, and nothing applied.
    #[must_use]
    pub fn new(pid: u64, life: u64, members: Members) -> Self {
        Self {
            pid,
            life,
            members,
            times: GroupTimes::default(),
            lease: Some(LeaseSettings::default()),
            founds: false,
            applied: 0,
            limits: Limits::default(),
        }
    }
}

/// The lease's clock, and who is told.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The clock of deadlines and grants.
    pub clock: Arc<dyn Clock>,
    /// Who is told of this node's own lease.
    pub observer: Arc<dyn LeaseObserver<PaxosBallot>>,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            clock: Arc::new(BootClock),
            observer: Arc::new(()),
        }
    }
}

impl LeaseSettings {
    /// The machine's clock, and somebody who is told.
    #[must_use]
    pub fn observed(observer: Arc<dyn LeaseObserver<PaxosBallot>>) -> Self {
        Self {
            observer,
            ..Self::default()
        }
    }
}

/// Bounds of a runner's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames of peers that may wait for the engine; a further one is lost, and its session ends.
    pub frames: usize,
    /// Their bytes. One frame always finds room.
    pub bytes: usize,
    /// Appends that may wait for the engine or for a decision; further ones wait for room.
    pub appends: usize,
    /// Entries that a leader keeps undecided; further appends are refused. Callers that give up
    /// leave their entries behind, so without a quorum the log would grow for ever.
    pub undecided: usize,
    /// Other calls that may wait; further ones wait for room.
    pub commands: usize,
    /// Entries that are shown to the service at once.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frames: 16_384,
            bytes: 128 << 20,
            appends: 1_024,
            undecided: 65_536,
            commands: 256,
            batch: 1_024,
        }
    }
}
