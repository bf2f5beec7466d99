//! What an operator may set for the driver itself.

use std::time::Duration;

/// Settings of an [`OpenraftDriver`](crate::OpenraftDriver). The engine's own stand in the
/// toolkit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverSettings {
    /// The deadline of every persist and load (R4, P8).
    pub deadline: Duration,
    /// The deadline of each step of a change of members: a new node gets the log, the voters change.
    pub change_deadline: Duration,
    /// How long the target of a handoff has to take over.
    pub handoff_deadline: Duration,
    /// How loads find out that nobody else leads.
    pub reads: Reads,
}

impl Default for DriverSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(1),
            change_deadline: Duration::from_secs(4),
            handoff_deadline: Duration::from_secs(1),
            reads: Reads::Lease,
        }
    }
}

/// How a load on the leader makes sure that nobody leads after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// By the lease, in memory; by a round of the quorum while the lease has lapsed.
    #[default]
    Lease,
    /// Always by a round of the quorum.
    Quorum,
}
