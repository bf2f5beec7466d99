//! What a check is.

use futures_util::future::BoxFuture;

use crate::Stop;
use crate::case::Case;

/// One property of the contract, and how it is tried.
#[derive(Clone, Copy)]
pub struct Check {
    /// Named after what it asserts.
    pub name: &'static str,
    /// The clause that it comes from, for example `P3`.
    pub clause: &'static str,
    /// The size of cluster that it needs.
    pub level: Level,
    /// What a backend must have beyond a driver; anything missing makes the check not offered.
    pub needs: &'static [Need],
    /// The check itself.
    pub(crate) run: for<'a> fn(&'a mut Case) -> BoxFuture<'a, Result<(), Stop>>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {:?})", self.name, self.clause, self.level)
    }
}

/// The size of cluster that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The smallest cluster that the backend declares.
    Single,
    /// Both the smallest cluster and a larger one have something to show.
    Both,
}

/// What a check needs of a backend and of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A store that outlives its process.
    Disk,
    /// Leases.
    Leases,
    /// Disk faults inside a node process.
    DiskFaults,
}
