//! A service for tests: a sum, and the entries that make it.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its part, and one that cannot run has failed"
)]

#[cfg(feature = "test-fakes")]
pub(crate) mod cluster;
#[cfg(feature = "test-fakes")]
pub(crate) mod leases;

use std::time::Duration;

use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tsoracle_paxos_toolkit::{GroupEntry, RequestId};

/// Of a wait that ends soon, however slow the machine is.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Adds a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) add: u64,
    pub(crate) request: Option<RequestId>,
}

/// The sum of what a snapshot covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total(pub(crate) u64);

impl Command {
    pub(crate) fn add(add: u64) -> Self {
        Self { add, request: None }
    }

    pub(crate) fn of(add: u64, request: RequestId) -> Self {
        let request = Some(request);
        Self { add, request }
    }
}

impl Entry for Command {
    type Snapshot = Total;
}

impl GroupEntry for Command {
    fn request(&self) -> Option<RequestId> {
        self.request
    }
}

impl Snapshot<Command> for Total {
    fn create(entries: &[Command]) -> Self {
        Self(entries.iter().map(|entry| entry.add).sum())
    }

    fn merge(&mut self, delta: Self) {
        self.0 += delta.0;
    }

    fn use_snapshots() -> bool {
        true
    }
}

/// A seed of the environment's choice (`SEED`), or a new one; printed.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    seed
}
