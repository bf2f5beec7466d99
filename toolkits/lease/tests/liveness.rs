//! Nothing waits for ever, and nothing that waits stops a lease for ever.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{TestBallot, at, ballot, nanos, node, promised, timing, voters};
use tsoracle_lease::{Gate, LeaseNode, Stored};

const LEADER: TestBallot = ballot(1, 1);
const RIVAL: TestBallot = ballot(2, 3);
/// How long the runs are: many grants.
const LONG: u64 = 5_000;

/// A leader that renews without end, and one granter of two voters.
struct Pair {
    leader: LeaseNode<TestBallot>,
    granter: LeaseNode<TestBallot>,
}

impl Pair {
    fn with_patience(patience: Duration) -> Self {
        let timing = timing().with_patience(patience);
        let longest = timing.grant();
        let stored = Stored {
            promise: None,
            admitted: None,
            longest,
        };
        let mut granter = LeaseNode::start(node(2), timing, stored, at(0)).unwrap();
        granter.promised(LEADER);
        let mut leader = promised(1, LEADER);
        leader.lead(LEADER, voters(&[1, 2])).unwrap();
        Self { leader, granter }
    }

    /// One moment of both; whether the leader has a lease.
    fn at(&mut self, now: u64) -> bool {
        if self.leader.next_round() <= Some(at(now)) {
            let round = self.leader.round(at(now)).unwrap();
            if let Ok(grant) = self.granter.grant(&round, at(now)) {
                self.leader.granted(node(2), &grant);
            }
        }
        self.leader.is_valid_at(at(now))
    }
}

#[test]
fn what_is_kept_comes_in_after_one_grant_although_the_leader_renews() {
    for asked in 1..200 {
        let mut pair = Pair::with_patience(timing().patience());
        let mut hold = None;
        let came_in = (0..LONG).find(|now| {
            // Even when a round is handled just before.
            pair.at(*now);
            if *now < asked || hold.is_some_and(|until| at(*now) < until) {
                return false;
            }
            match pair.granter.admit(RIVAL, at(*now)) {
                Gate::Pass => true,
                Gate::Hold { until } => {
                    hold = Some(until);
                    false
                }
            }
        });
        assert!(
            came_in <= Some(asked + 100),
            "asked at {asked}, in at {came_in:?}"
        );
    }
}

#[test]
fn what_is_dropped_comes_in_if_it_comes_back_within_the_patience() {
    for every in [1, 7, 60, 99] {
        let mut pair = Pair::with_patience(nanos(100));
        let came_in = (0..LONG).find(|now| {
            pair.at(*now);
            *now >= 50 && now % every == 0 && pair.granter.admit(RIVAL, at(*now)) == Gate::Pass
        });
        assert!(
            came_in < Some(50 + 100 + 2 * every),
            "every {every}: {came_in:?}"
        );
    }
}

/// When the leader has a lease again after a request was held once and its sender died.
fn back_after_a_dead_candidate(patience: Duration) -> Option<u64> {
    let mut pair = Pair::with_patience(patience);
    assert!(pair.at(0) && pair.at(30));
    assert_eq!(
        pair.granter.admit(RIVAL, at(31)),
        Gate::Hold { until: at(130) }
    );
    let lapsed = (31..LONG).find(|now| !pair.at(*now))?;
    (lapsed..LONG).find(|now| pair.at(*now))
}

#[test]
fn a_dead_candidate_stops_the_lease_for_a_grant_and_the_patience_at_most() {
    for patience in [0, 40, 100, 500] {
        let back = back_after_a_dead_candidate(nanos(patience));
        let rounds = 30;
        assert!(
            back <= Some(130 + patience + rounds),
            "{patience}: {back:?}"
        );
        assert!(back.is_some());
    }
}

#[test]
fn without_an_end_to_the_patience_it_stops_the_lease_for_ever() {
    assert_eq!(back_after_a_dead_candidate(Duration::MAX), None);
}

#[test]
fn without_patience_a_retry_can_be_starved() {
    let mut pair = Pair::with_patience(Duration::ZERO);
    let came_in = (0..LONG).find(|now| {
        pair.at(*now);
        *now >= 50 && now % 130 == 0 && pair.granter.admit(RIVAL, at(*now)) == Gate::Pass
    });
    assert_eq!(came_in, None);
}
