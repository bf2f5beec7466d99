//! One rule left out at a time: some world shows what it is for.

use std::collections::BTreeSet;

use crate::common::nanos;
use crate::model::{DISORDER, OUTVOTED, OVERLAP, STARVED, breaks};
use crate::scenario::{Broken, DRIFT, Scenario};
use crate::whole::{flexible, handing_off, learning, of_four, patient, raft, restarting};
use tsoracle_lease::Timing;

#[test]
fn clocks_beyond_the_bound() {
    let scenario = Scenario {
        rates: vec![vec![2, 4, 4]],
        ..Scenario::of_three()
    };
    breaks("clocks_beyond_the_bound", OVERLAP, scenario);
}

#[test]
fn a_rounds_before_the_accept_phase() {
    let scenario = flexible().broken(Broken::RoundsBeforeElected);
    breaks("a_rounds_before_the_accept_phase", OVERLAP, scenario);
}

#[test]
fn a_send_time_read_after_sending() {
    let scenario = Scenario {
        rounds: (1, 1),
        ..Scenario::of_three().broken(Broken::StampsLate)
    };
    breaks("a_send_time_read_after_sending", OVERLAP, scenario);
}

#[test]
fn b_granting_only_the_promise() {
    let scenario = Scenario::of_three().broken(Broken::GrantsUnpromised);
    breaks("b_granting_only_the_promise", OVERLAP, scenario);
}

#[test]
fn b_refusing_while_a_vote_is_unsettled() {
    let scenario = raft().broken(Broken::GrantsPastUnsettled);
    breaks("b_refusing_while_a_vote_is_unsettled", OVERLAP, scenario);
}

#[test]
fn b_refusing_while_something_waits() {
    let scenario = patient().broken(Broken::GrantsPastWaiting);
    breaks("b_refusing_while_something_waits", STARVED, scenario);
}

#[test]
fn b_reading_the_clock_after_receipt() {
    let scenario = Scenario::of_three().broken(Broken::CachedClock);
    breaks("b_reading_the_clock_after_receipt", OVERLAP, scenario);
}

#[test]
fn c_holding_what_comes_in() {
    let scenario = Scenario::of_three().broken(Broken::AdmitsAtOnce);
    breaks("c_holding_what_comes_in", OVERLAP, scenario);
}

#[test]
fn c_holding_what_goes_out() {
    let scenario = Scenario::of_three().broken(Broken::EmitsAtOnce);
    breaks("c_holding_what_goes_out", OVERLAP, scenario);
}

#[test]
fn c_holding_at_the_leaders_own_node() {
    let scenario = Scenario::of_three().broken(Broken::LeaderAdmitsAtOnce);
    breaks("c_holding_at_the_leaders_own_node", OVERLAP, scenario);
}

#[test]
fn c_holding_what_was_only_learned() {
    let scenario = learning().broken(Broken::LearnsAsPassed);
    breaks("c_holding_what_was_only_learned", OVERLAP, scenario);
}

#[test]
fn d_ending_the_lease_before_its_release() {
    let scenario = handing_off().broken(Broken::ReleasesFirst);
    breaks("d_ending_the_lease_before_its_release", OVERLAP, scenario);
}

#[test]
fn e_withholding_after_a_restart() {
    let scenario = restarting().broken(Broken::ForgetsGrants);
    breaks("e_withholding_after_a_restart", OVERLAP, scenario);
}

#[test]
fn e_withholding_for_the_longest_grant() {
    let scenario = Scenario {
        timing: Timing::new(nanos(12), nanos(3), DRIFT).unwrap(),
        timing_after_restart: Some(Timing::new(nanos(8), nanos(3), DRIFT).unwrap()),
        ..restarting().broken(Broken::ForgetsLongest)
    };
    breaks("e_withholding_for_the_longest_grant", OVERLAP, scenario);
}

#[test]
fn e_holding_a_stored_campaign() {
    let scenario = Scenario {
        candidates: vec![2],
        resumes_campaign: true,
        ..restarting().broken(Broken::EmitsStoredCampaign)
    };
    breaks("e_holding_a_stored_campaign", OUTVOTED, scenario);
}

#[test]
fn e_no_lease_for_a_ballot_from_before_a_restart() {
    let scenario = restarting().broken(Broken::ResumesBallot);
    breaks(
        "e_no_lease_for_a_ballot_from_before_a_restart",
        OVERLAP,
        scenario,
    );
}

#[test]
fn f_ending_the_lease_at_a_stop_sign() {
    let scenario = Scenario {
        stop_sign: true,
        follows: false,
        ..of_four(&[2, 3, 4]).broken(Broken::KeepsLease)
    };
    breaks("f_ending_the_lease_at_a_stop_sign", OVERLAP, scenario);
}

#[test]
fn f_ending_the_lease_before_the_leader_leaves() {
    let scenario = of_four(&[2, 3, 4]).broken(Broken::KeepsLease);
    breaks(
        "f_ending_the_lease_before_the_leader_leaves",
        OVERLAP,
        scenario,
    );
}

#[test]
fn f_ending_the_lease_before_a_single_other_voter() {
    let scenario = Scenario {
        candidates: vec![2],
        ..of_four(&[2]).broken(Broken::KeepsLease)
    };
    breaks(
        "f_ending_the_lease_before_a_single_other_voter",
        OVERLAP,
        scenario,
    );
}

#[test]
fn f_a_quorum_of_both_sets() {
    let scenario = of_four(&[1, 3, 4]).broken(Broken::OldSetOnly);
    breaks("f_a_quorum_of_both_sets", OVERLAP, scenario);
}

#[test]
fn f_covering_the_lease_before_the_change() {
    let scenario = of_four(&[1, 3, 4]).broken(Broken::ProposesUncovered);
    breaks("f_covering_the_lease_before_the_change", OVERLAP, scenario);
}

#[test]
fn f_covering_the_lease_of_a_sole_voter() {
    let scenario = Scenario {
        nodes: 3,
        rates: vec![vec![3, 4, 4]],
        old: BTreeSet::from([1]),
        candidates: vec![3],
        ..of_four(&[1, 2, 3]).broken(Broken::ProposesUncovered)
    };
    breaks("f_covering_the_lease_of_a_sole_voter", OVERLAP, scenario);
}

#[test]
fn h_showing_a_leader_only_with_a_lease() {
    let scenario = Scenario {
        candidates: vec![2, 3],
        campaigns: 2,
        rounds: (0, 0),
        ticks: 1,
        ..Scenario::of_three().broken(Broken::ShowsWithoutLease)
    };
    breaks("h_showing_a_leader_only_with_a_lease", DISORDER, scenario);
}
