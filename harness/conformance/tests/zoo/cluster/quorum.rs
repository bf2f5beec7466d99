//! C2: answers of too few.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "quorum_of_one",
            |rules| rules.quorum = |_| 1,
            &[
                "added_member_counts",
                "concurrent_history_is_linearizable",
                "failed_handoff_recovers",
                "fresh_store_under_known_identity_is_refused",
                "handoff_loses_nothing",
                "heal_converges",
                "load_after_restart_is_not_stale",
                "losing_the_quorum_is_refused",
                "minority_never_ok",
                "removed_member_does_not_count",
                "replaced_member_hands_over_its_part",
                "same_node_again_new_epoch",
                "stale_epoch_same_node",
                "start_after_stop",
                "stop_while_busy",
                "timestamps_are_realtime_ordered",
                "wiped_member_cannot_lose_values",
            ],
        ),
        exhibit(
            "quorum_of_half",
            |rules| rules.quorum = |voters| (voters / 2).max(1),
            &[
                "added_member_counts",
                "concurrent_history_is_linearizable",
                "failed_handoff_recovers",
                "fresh_store_under_known_identity_is_refused",
                "handoff_loses_nothing",
                "heal_converges",
                "load_after_restart_is_not_stale",
                "losing_the_quorum_is_refused",
                "minority_never_ok",
                "removed_member_does_not_count",
                "replaced_member_hands_over_its_part",
                "same_node_again_new_epoch",
                "stale_epoch_same_node",
                "start_after_stop",
                "stop_while_busy",
                "timestamps_are_realtime_ordered",
                "wiped_member_cannot_lose_values",
            ],
        ),
    ]
}
