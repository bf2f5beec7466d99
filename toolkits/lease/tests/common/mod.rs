//! Ballots and nodes that the tests share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its own part, and what they share is within its means"
)]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_lease::{
    Ballot, Drift, LeaseNode, NodeId, Quorum, Reading, Round, Stored, Timing, Voters,
};

/// `(n, pid)`, as both engines order them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TestBallot {
    pub n: u8,
    pub pid: u8,
}

impl Ballot for TestBallot {
    fn owner(&self) -> NodeId {
        NodeId(u64::from(self.pid))
    }
}

pub const fn ballot(n: u8, pid: u8) -> TestBallot {
    TestBallot { n, pid }
}

pub const fn node(pid: u8) -> NodeId {
    NodeId(pid as u64)
}

pub const fn at(nanos: u64) -> Reading {
    Reading::from_nanos(nanos)
}

pub const fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Grants of 100, leases of 90, rounds every 30.
pub fn timing() -> Timing {
    let drift = Drift {
        share_ppm: 90_000,
        slack: nanos(1),
    };
    Timing::new(nanos(100), nanos(30), drift).unwrap()
}

pub fn voters(pids: &[u8]) -> Voters {
    Voters::uniform(quorum(pids))
}

pub fn quorum(pids: &[u8]) -> Quorum {
    Quorum::majority(pids.iter().map(|pid| node(*pid))).unwrap()
}

pub fn start(pid: u8, promise: Option<TestBallot>, now: u64) -> LeaseNode<TestBallot> {
    let stored = Stored {
        promise,
        admitted: promise,
        longest: timing().grant(),
    };
    LeaseNode::start(node(pid), timing(), stored, at(now)).unwrap()
}

/// A node that has promised `promise` in this life.
pub fn promised(pid: u8, promise: TestBallot) -> LeaseNode<TestBallot> {
    let mut node = start(pid, None, 0);
    node.promised(promise);
    node
}

pub fn round(ballot: TestBallot, number: u64) -> Round<TestBallot> {
    Round {
        ballot,
        round: number,
        lasts: timing().grant(),
    }
}
