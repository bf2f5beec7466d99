//! R1, R2: reads from the wrong node, or too early.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "followers_load",
            |rules| rules.only_leaders_load = false,
            &[
                "restart_does_not_forget_grant",
                "load_waits_for_apply",
                "follower_load_refuses",
                "concurrent_history_is_linearizable",
                "persist_is_bounded_without_quorum",
                "fresh_store_under_known_identity_is_refused",
                "no_quorum_no_ok",
                "wiped_member_cannot_lose_values",
                "added_member_counts",
                "removed_member_does_not_count",
                "replaced_member_hands_over_its_part",
            ],
        ),
        exhibit(
            "loads_without_a_lease",
            |rules| rules.asks_the_quorum_without_a_lease = false,
            &[
                "lapsed_lease_answers_transient",
                "isolated_leader_load_refuses",
                "concurrent_history_is_linearizable",
                "fresh_store_under_known_identity_is_refused",
                "no_quorum_no_ok",
                "heal_converges",
            ],
        ),
        exhibit(
            "leads_before_its_opening_is_applied",
            |rules| rules.waits_for_its_opening = false,
            &["load_waits_for_apply"],
        ),
    ]
}
