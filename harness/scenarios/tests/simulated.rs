//! Every scenario on the simulated reference, in virtual time: no run is unsafe, invalid or failed,
//! and what must not disturb a cluster does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot run has failed"
)]

mod common;

use common::{reference, run, run_named};
use tsoracle_latency::failover::PhaseKind;
use tsoracle_scenarios::{ALL, Options, SOAKS, Verdict, named, run_scenario};

const SEED: u64 = 7;

#[test]
fn every_scenario_is_safe_and_shows_its_fault() {
    for scenario in ALL.iter().chain(SOAKS) {
        let result = run(&reference(), scenario, SEED);
        println!(
            "seed {SEED}: {}: {} {:?}",
            result.scenario, result.verdict, result.outage_t
        );
        assert!(result.verdict.is_good(), "{result:#?}");
        assert_ne!(result.verdict, Verdict::NotOffered, "{result:#?}");
    }
}

#[test]
fn the_phases_of_a_crash_add_up_to_its_outage() {
    let result = run_named(&reference(), "leader_crash", SEED);
    let outage_ms = result.outage_ms.unwrap();
    let sum_ms: f64 = result.phases.iter().map(|phase| phase.ms).sum();
    // An acknowledgement may still be under way when the fault comes.
    assert!((sum_ms - outage_ms).abs() <= 10.0, "{result:#?}");
    // A follower waits for one to two election timeouts.
    let detect = result
        .phases
        .iter()
        .find(|phase| phase.covers == [PhaseKind::Detect]);
    let detect_ms = detect.unwrap().ms;
    assert!((80.0..=200.0).contains(&detect_ms), "{result:#?}");
    assert_eq!((result.leader_changes, result.overlap_ms), (1, Some(0.0)));
}

#[test]
fn what_leaves_the_leader_its_quorum_is_no_outage() {
    for name in [
        "follower_crash",
        "slow_sync_20_ms_follower",
        "clock_jump_back",
        "loss_1",
    ] {
        let result = run_named(&reference(), name, SEED);
        assert_eq!(result.verdict, Verdict::Recovered, "{result:#?}");
        assert!(
            result.outage_t.unwrap() < 0.5 && result.leader_changes == 0,
            "{result:#?}"
        );
        assert_eq!(result.availability, Some(1.0), "{result:#?}");
    }
}

#[test]
fn without_a_quorum_nothing_is_acknowledged() {
    let result = run_named(&reference(), "no_quorum", SEED);
    assert_eq!(result.verdict, Verdict::UnavailableByDesign, "{result:#?}");
    assert!(result.availability.unwrap() < 0.9, "{result:#?}");
}

#[test]
fn one_seed_gives_one_run_and_another_gives_another() {
    let figures = |seed| {
        let result = run_named(&reference(), "leader_isolated", seed);
        (result.outage_ms, result.phases, result.errors)
    };
    assert_eq!(figures(3), figures(3));
    assert_ne!(figures(3), figures(4));
}

#[test]
fn a_scenario_of_one_size_is_not_offered_at_another() {
    let options = Options::new(SEED, 3, common::place());
    let result = run_scenario(&reference(), named("bridge").unwrap(), &options);
    assert_eq!(result.verdict, Verdict::NotOffered);
    assert_eq!(result.reason.as_deref(), Some("it needs 5 nodes"));
}
