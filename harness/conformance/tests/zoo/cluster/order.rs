//! C1, C3, O1: elections that need everybody, clusters that do not heal, and two oracles at once.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "quorum_of_all",
            |rules| rules.quorum = |voters| voters,
            &[
                "added_member_counts",
                "dead_member_is_replaced",
                "elects_within_bound",
                "failed_handoff_recovers",
                "fresh_store_under_known_identity_is_refused",
                "laggard_catches_up_by_snapshot",
                "load_after_shutdown_refuses",
                "losing_the_quorum_is_refused",
                "minority_never_ok",
                "replaced_member_hands_over_its_part",
                "shutdown_is_bounded",
                "stop_while_busy",
                "timestamps_are_realtime_ordered",
                "wiped_member_cannot_lose_values",
            ],
        ),
        exhibit(
            "lapsed_leader_stays_mute",
            |rules| rules.renews_a_lapsed_lease = false,
            &[
                "fresh_store_under_known_identity_is_refused",
                "heal_converges",
                "load_is_bounded_while_persist_is_slow",
                "persist_is_bounded_while_disk_stalls",
            ],
        ),
        exhibit(
            "promises_that_are_not_kept",
            |rules| rules.keeps_grants = false,
            &["timestamps_are_realtime_ordered"],
        ),
    ]
}
