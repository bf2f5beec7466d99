//! P4, P5, P9: epochs that are not looked at, or in the wrong place, and refusals in the wrong order.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    [epochs(), refusals()].into_iter().flatten().collect()
}

fn epochs() -> Vec<Exhibit> {
    vec![
        exhibit(
            "no_fence_when_applying",
            |rules| rules.fences_when_applying = false,
            &[
                "late_commit_of_old_epoch_has_no_effect",
                "opening_command_fences",
                "snapshot_keeps_value_and_fence",
                "purge_then_restart",
                "laggard_catches_up_by_snapshot",
                "added_member_counts",
                "replaced_member_hands_over_its_part",
            ],
        ),
        exhibit(
            "no_fence_on_followers",
            |rules| rules.fences_on_followers = false,
            &[
                "late_commit_of_old_epoch_has_no_effect",
                "opening_command_fences",
                "snapshot_keeps_value_and_fence",
                "purge_then_restart",
                "laggard_catches_up_by_snapshot",
                "added_member_counts",
                "replaced_member_hands_over_its_part",
            ],
        ),
        exhibit(
            "no_opening_command",
            |rules| rules.opens_its_epoch = false,
            &["opening_command_fences"],
        ),
        exhibit(
            "no_fence_at_the_door",
            |rules| rules.checks_the_epoch_at_the_door = false,
            &["unheld_epoch_is_refused", "one_refusal_per_situation"],
        ),
        exhibit(
            "stamps_its_own_epoch",
            |rules| {
                rules.checks_the_epoch_at_the_door = false;
                rules.proposes_what_was_offered = false;
            },
            &[
                "stale_epoch_is_fenced",
                "stale_epoch_same_node",
                "unheld_epoch_is_refused",
                "one_refusal_per_situation",
                "snapshot_keeps_value_and_fence",
                "purge_then_restart",
                "laggard_catches_up_by_snapshot",
                "added_member_counts",
                "removed_member_does_not_count",
                "replaced_member_hands_over_its_part",
            ],
        ),
    ]
}

fn refusals() -> Vec<Exhibit> {
    vec![
        exhibit(
            "range_is_checked_by_the_leader",
            |rules| rules.checks_the_range_first = false,
            &["one_refusal_per_situation", "error_class_by_fault"],
        ),
        exhibit(
            "followers_say_fenced",
            |rules| rules.says_not_leader_before_fenced = false,
            &["one_refusal_per_situation"],
        ),
        exhibit(
            "lapsed_leaders_say_transient",
            |rules| rules.says_fenced_before_transient = false,
            &["one_refusal_per_situation"],
        ),
        exhibit(
            "followers_say_transient",
            |rules| rules.refuses_as_not_leader = false,
            &[
                "hint_is_never_a_candidate",
                "follower_load_refuses",
                "stale_epoch_is_fenced",
                "one_refusal_per_situation",
                "error_class_by_fault",
            ],
        ),
        exhibit(
            "lost_races_are_not_leader",
            |rules| rules.lost_races_are_transient = false,
            &[
                "load_after_restart_is_not_stale",
                "concurrent_history_is_linearizable",
                "stop_while_busy",
                "handoff_loses_nothing",
            ],
        ),
    ]
}
