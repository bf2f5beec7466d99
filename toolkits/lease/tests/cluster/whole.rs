//! All rules in force: no world of these clusters has two leases, shows leaders out of order, or
//! keeps anything waiting.

use std::collections::BTreeSet;

use crate::model::holds;
use crate::scenario::{Broken, Scenario};

/// Four nodes, of which the first three vote; the leader's clock is the slowest.
pub(crate) fn of_four(new: &[u8]) -> Scenario {
    Scenario {
        nodes: 4,
        rates: vec![vec![3, 4, 4, 4]],
        ticks: 3,
        rounds: (2, 1),
        grants_at_once: true,
        candidates: vec![4],
        campaigns: 1,
        follows: true,
        new: Some(BTreeSet::from_iter(new.iter().copied())),
        ..Scenario::of_three()
    }
}

/// Four nodes of which two write and three elect.
pub(crate) fn flexible() -> Scenario {
    Scenario {
        nodes: 4,
        old: BTreeSet::from([1, 2, 3, 4]),
        rates: vec![vec![3, 4, 4, 4]],
        ticks: 3,
        rounds: (1, 1),
        grants_at_once: true,
        write: Some(2),
        ..Scenario::of_three()
    }
}

/// Node 1 leads and may hand off to node 3.
pub(crate) fn handing_off() -> Scenario {
    Scenario {
        handoff: true,
        rounds: (1, 1),
        ticks: 3,
        ..Scenario::of_three()
    }
}

/// One of three nodes restarts.
pub(crate) fn restarting() -> Scenario {
    Scenario {
        restarts: 1,
        rounds: (1, 1),
        ticks: 4,
        ..Scenario::of_three()
    }
}

/// Voting as Raft does it.
pub(crate) fn raft() -> Scenario {
    Scenario {
        queued: true,
        follows: true,
        ticks: 4,
        grants_at_once: true,
        ..Scenario::of_three()
    }
}

/// Votes that rise past the gate.
pub(crate) fn learning() -> Scenario {
    Scenario {
        learns: true,
        rounds: (1, 1),
        ..raft()
    }
}

/// Clocks of one rate, and rounds enough to keep a candidate waiting.
pub(crate) fn patient() -> Scenario {
    Scenario {
        rates: vec![vec![4, 4, 4]],
        rounds: (3, 1),
        ticks: 4,
        grants_at_once: true,
        longest_wait: Some(2),
        prompt: true,
        ..Scenario::of_three()
    }
}

#[test]
fn an_election_with_late_grants() {
    holds("an_election_with_late_grants", Scenario::of_three());
}

#[test]
fn two_elections() {
    let scenario = Scenario {
        candidates: vec![2, 3],
        campaigns: 2,
        rounds: (1, 1),
        grants_at_once: true,
        ..Scenario::of_three()
    };
    holds("two_elections", scenario);
}

#[test]
fn the_first_leader_campaigns_again() {
    let scenario = Scenario {
        candidates: vec![1, 3],
        campaigns: 2,
        rounds: (1, 1),
        grants_at_once: true,
        ticks: 4,
        ..Scenario::of_three()
    };
    holds("the_first_leader_campaigns_again", scenario);
}

#[test]
fn clocks_that_change_their_rates() {
    let scenario = Scenario {
        rates: vec![vec![3, 4, 4], vec![4, 3, 3], vec![3, 4, 3]],
        grants_at_once: true,
        ticks: 4,
        ..Scenario::of_three()
    };
    holds("clocks_that_change_their_rates", scenario);
}

#[test]
fn a_restart() {
    holds("a_restart", restarting());
}

#[test]
fn a_restart_of_a_candidate() {
    let scenario = Scenario {
        resumes_campaign: true,
        grants_at_once: true,
        ..restarting()
    };
    holds("a_restart_of_a_candidate", scenario);
}

#[test]
fn an_engine_that_handles_votes_late() {
    holds("an_engine_that_handles_votes_late", raft());
}

#[test]
fn a_ballot_learned_from_a_refusal() {
    holds("a_ballot_learned_from_a_refusal", learning());
}

#[test]
fn a_restart_after_a_ballot_was_learned() {
    let scenario = Scenario {
        queued: false,
        restarts: 1,
        ..learning()
    };
    holds("a_restart_after_a_ballot_was_learned", scenario);
}

#[test]
fn a_handoff() {
    holds("a_handoff", handing_off());
}

#[test]
fn flexible_quorums() {
    holds("flexible_quorums", flexible());
}

#[test]
fn a_voter_is_added() {
    holds("a_voter_is_added", of_four(&[1, 2, 3, 4]));
}

#[test]
fn a_voter_is_replaced() {
    let scenario = Scenario {
        candidates: vec![3],
        ..of_four(&[1, 3, 4])
    };
    holds("a_voter_is_replaced", scenario);
}

#[test]
fn a_sole_voter_takes_two_more() {
    let scenario = Scenario {
        nodes: 3,
        rates: vec![vec![3, 4, 4]],
        old: BTreeSet::from([1]),
        candidates: vec![3],
        ..of_four(&[1, 2, 3])
    };
    holds("a_sole_voter_takes_two_more", scenario);
}

#[test]
fn the_leader_leaves_the_voters() {
    holds("the_leader_leaves_the_voters", of_four(&[2, 3, 4]));
}

#[test]
fn a_stop_sign() {
    let scenario = Scenario {
        stop_sign: true,
        follows: false,
        ..of_four(&[2, 3, 4])
    };
    holds("a_stop_sign", scenario);
}

#[test]
fn nothing_waits_for_ever() {
    holds("nothing_waits_for_ever", patient());
}

/// These are not needed for the theorem; the proof says why they stay.
mod spare {
    use super::*;

    #[test]
    fn the_round_of_a_release() {
        let scenario = handing_off().broken(Broken::ReleaseWithoutRound);
        holds("the_round_of_a_release", scenario);
    }

    #[test]
    fn the_refusal_of_a_single_other_voter() {
        let scenario = Scenario {
            candidates: vec![2, 3],
            campaigns: 2,
            rounds: (1, 1),
            ticks: 2,
            ..of_four(&[2])
        };
        holds("the_refusal_of_a_single_other_voter", scenario);
    }
}
