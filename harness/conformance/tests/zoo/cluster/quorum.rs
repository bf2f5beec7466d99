//! C2: answers of too few, or of more than a cluster that has lost some can give.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    [too_few(), too_many(), too_soon(), no_answer()]
        .into_iter()
        .flatten()
        .collect()
}

fn too_few() -> Vec<Exhibit> {
    vec![exhibit(
        "quorum_of_one",
        |rules| rules.quorum = |_| 1,
        &[
            "later_term_greater_epoch",
            "same_node_again_new_epoch",
            "lease_ends_when_isolated",
            "leases_never_overlap",
            "restart_does_not_forget_grant",
            "configuration_change_ends_lease",
            "lapsed_lease_answers_transient",
            "load_sees_own_persist",
            "load_sees_all_acknowledged_after_failover",
            "load_waits_for_apply",
            "load_after_restart_is_not_stale",
            "isolated_leader_load_refuses",
            "concurrent_history_is_linearizable",
            "acknowledged_survives_kill",
            "acknowledged_survives_kill_of_all",
            "acknowledged_survives_power_loss",
            "stale_epoch_is_fenced",
            "stale_epoch_same_node",
            "persist_is_bounded_without_quorum",
            "one_refusal_per_situation",
            "error_class_by_fault",
            "stop_while_busy",
            "start_after_stop",
            "fresh_store_under_known_identity_is_refused",
            "no_quorum_no_ok",
            "minority_never_ok",
            "heal_converges",
            "wiped_member_cannot_lose_values",
            "handoff_loses_nothing",
            "failed_handoff_recovers",
            "added_member_counts",
            "removed_member_does_not_count",
            "replaced_member_hands_over_its_part",
            "losing_the_quorum_is_refused",
            "timestamps_are_realtime_ordered",
        ],
    )]
}

fn too_many() -> Vec<Exhibit> {
    vec![exhibit(
        "quorum_of_all",
        |rules| rules.quorum = |voters| voters,
        &[
            "one_leader_per_epoch",
            "later_term_greater_epoch",
            "same_node_again_new_epoch",
            "epochs_never_decrease",
            "hint_is_service_endpoint",
            "leases_never_overlap",
            "restart_does_not_forget_grant",
            "lapsed_lease_answers_transient",
            "load_sees_own_persist",
            "load_sees_all_acknowledged_after_failover",
            "load_waits_for_apply",
            "follower_load_refuses",
            "isolated_leader_load_refuses",
            "load_after_shutdown_refuses",
            "load_is_bounded_while_persist_is_slow",
            "random_orders_never_regress",
            "concurrent_history_is_linearizable",
            "acknowledged_survives_kill",
            "acknowledged_survives_power_loss",
            "stale_epoch_is_fenced",
            "stale_epoch_same_node",
            "late_commit_of_old_epoch_has_no_effect",
            "opening_command_fences",
            "unheld_epoch_is_refused",
            "cancelled_persist_is_legal",
            "error_class_by_fault",
            "shutdown_is_bounded",
            "stop_while_busy",
            "fresh_store_under_known_identity_is_refused",
            "laggard_catches_up_by_snapshot",
            "elects_within_bound",
            "minority_never_ok",
            "wiped_member_cannot_lose_values",
            "failed_handoff_recovers",
            "added_member_counts",
            "replaced_member_hands_over_its_part",
            "dead_member_is_replaced",
            "losing_the_quorum_is_refused",
            "timestamps_are_realtime_ordered",
        ],
    )]
}

fn too_soon() -> Vec<Exhibit> {
    vec![exhibit(
        "answers_after_its_own_sync",
        |rules| rules.answers_once_committed = false,
        &[
            "load_sees_own_persist",
            "load_sees_all_acknowledged_after_failover",
            "load_waits_for_apply",
            "load_after_restart_is_not_stale",
            "isolated_leader_load_refuses",
            "load_is_bounded_while_persist_is_slow",
            "random_orders_never_regress",
            "concurrent_history_is_linearizable",
            "acknowledged_survives_kill",
            "acknowledged_survives_kill_of_all",
            "acknowledged_survives_power_loss",
            "stale_epoch_is_fenced",
            "opening_command_fences",
            "unheld_epoch_is_refused",
            "cancelled_persist_is_legal",
            "persist_is_bounded_without_quorum",
            "persist_is_bounded_while_disk_stalls",
            "stop_twice",
            "stop_while_busy",
            "start_after_stop",
            "fresh_store_under_known_identity_is_refused",
            "laggard_catches_up_by_snapshot",
            "no_quorum_no_ok",
            "minority_never_ok",
            "heal_converges",
            "wiped_member_cannot_lose_values",
            "handoff_loses_nothing",
            "added_member_counts",
            "removed_member_does_not_count",
            "replaced_member_hands_over_its_part",
            "dead_member_is_replaced",
            "members_change_under_load",
            "losing_the_quorum_is_refused",
        ],
    )]
}

fn no_answer() -> Vec<Exhibit> {
    vec![
        exhibit(
            "no_quorum_is_permanent",
            |rules| rules.no_quorum_is_transient = false,
            &[
                "lapsed_lease_answers_transient",
                "isolated_leader_load_refuses",
                "load_is_bounded_while_persist_is_slow",
                "persist_is_bounded_without_quorum",
                "persist_is_bounded_while_disk_stalls",
                "heal_converges",
            ],
        ),
        exhibit(
            "waits_for_a_quorum_for_ever",
            |rules| rules.answers_by_the_deadline = false,
            &[
                "lapsed_lease_answers_transient",
                "load_sees_all_acknowledged_after_failover",
                "follower_load_refuses",
                "isolated_leader_load_refuses",
                "load_is_bounded_while_persist_is_slow",
                "concurrent_history_is_linearizable",
                "acknowledged_survives_kill",
                "persist_is_bounded_without_quorum",
                "persist_is_bounded_while_disk_stalls",
                "no_quorum_no_ok",
                "minority_never_ok",
            ],
        ),
    ]
}
