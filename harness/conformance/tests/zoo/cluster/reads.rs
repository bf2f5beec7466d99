//! R1, R2: reads from the wrong node, or too early.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "followers_load",
            |rules| rules.only_leaders_load = false,
            &[
                "load_waits_for_apply",
                "follower_load_refuses",
                "concurrent_history_is_linearizable",
                "persist_is_bounded_without_quorum",
                "no_quorum_no_ok",
            ],
        ),
        exhibit(
            "loads_without_a_lease",
            |rules| rules.asks_the_quorum_without_a_lease = false,
            &[
                "isolated_leader_load_refuses",
                "concurrent_history_is_linearizable",
                "no_quorum_no_ok",
            ],
        ),
        exhibit(
            "leads_before_its_opening_is_applied",
            |rules| rules.waits_for_its_opening = false,
            &["load_waits_for_apply"],
        ),
    ]
}
