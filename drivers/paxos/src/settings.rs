//! What an operator may set for the driver itself.

use std::time::Duration;

/// Settings of a [`PaxosDriver`](crate::PaxosDriver). The engine's own stand in the toolkit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverSettings {
    /// The deadline of every persist and load (R4, P8).
    pub deadline: Duration,
    /// How long a load under the lease waits until what this node had accepted when it began is
    /// decided and applied; a longer wait is `Transient`.
    pub grace: Duration,
    /// How long the target of a handoff has to take over.
    pub handoff_deadline: Duration,
    /// How loads find out that nobody else leads.
    pub reads: Reads,
}

impl Default for DriverSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            handoff_deadline: Duration::from_secs(1),
            reads: Reads::Lease,
        }
    }
}

/// How a load on the leader makes sure that nobody leads after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// By the lease, in memory; through the log while there is none, or it has lapsed.
    #[default]
    Lease,
    /// Always through the log.
    Log,
}
