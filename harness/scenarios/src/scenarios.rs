//! Every scenario, one fault per file, in the order of the reports.

mod bridge;
mod chained;
mod clock_jump;
mod constrained_election;
mod crash_of_all;
mod failed_handoff;
mod failing_disk;
mod flapping_link;
mod follower_crash;
mod half_open_follower;
mod handoff;
mod heal;
mod leader_churn;
mod leader_crash;
mod leader_isolated;
mod leader_pause;
mod lossy;
mod majority_ring;
mod minority_split;
mod no_false_election;
mod no_quorum;
mod one_way;
mod quorum_loss;
mod rolling_restart;
mod round_trip_sweep;
mod slow_sync;
mod stalled_disk;
mod swizzle;
mod two_leaves;

use crate::Scenario;

/// All scenarios that a report is made of.
pub const ALL: &[Scenario] = &[
    leader_crash::SCENARIO,
    follower_crash::SCENARIO,
    leader_pause::HALF,
    leader_pause::TWO,
    leader_pause::TEN,
    no_quorum::SCENARIO,
    crash_of_all::KILL,
    crash_of_all::POWER_LOSS,
    rolling_restart::SCENARIO,
    handoff::SCENARIO,
    failed_handoff::SCENARIO,
    leader_isolated::ALONE,
    leader_isolated::RIVAL,
    quorum_loss::SCENARIO,
    constrained_election::SCENARIO,
    chained::SCENARIO,
    bridge::SCENARIO,
    two_leaves::SCENARIO,
    one_way::IN,
    one_way::OUT,
    half_open_follower::SCENARIO,
    majority_ring::SCENARIO,
    minority_split::FEW,
    minority_split::MANY,
    flapping_link::SCENARIO,
    swizzle::SCENARIO,
    lossy::LOSS_1,
    lossy::LOSS_10,
    lossy::LOSS_30,
    lossy::DUPLICATION_1,
    lossy::DUPLICATION_10,
    lossy::DUPLICATION_30,
    lossy::REORDERING_1,
    lossy::REORDERING_10,
    lossy::REORDERING_30,
    heal::SCENARIO,
    round_trip_sweep::SCENARIO,
    slow_sync::LEADER_20,
    slow_sync::FOLLOWER_20,
    slow_sync::LEADER_200,
    slow_sync::FOLLOWER_200,
    stalled_disk::SCENARIO,
    failing_disk::FULL,
    failing_disk::IO_ERROR,
    clock_jump::FORWARD,
    clock_jump::BACK,
    clock_jump::STROBE,
];

/// The long ones, outside every report.
pub const SOAKS: &[Scenario] = &[no_false_election::SCENARIO, leader_churn::SCENARIO];

/// The scenario of this name, soaks included.
#[must_use]
pub fn named(name: &str) -> Option<&'static Scenario> {
    let mut all = ALL.iter().chain(SOAKS);
    all.find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_scenarios_have_the_same_name() {
        let all: Vec<_> = ALL
            .iter()
            .chain(SOAKS)
            .map(|scenario| scenario.name)
            .collect();
        let names: BTreeSet<_> = all.iter().collect();
        assert_eq!(names.len(), all.len(), "{all:?}");
    }
}
