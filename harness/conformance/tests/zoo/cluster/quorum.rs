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
    vec![
        exhibit(
            "quorum_of_one",
            |rules| rules.quorum = |_| 1,
            &[
                "same_node_again_new_epoch",
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
                "no_quorum_no_ok",
                "minority_never_ok",
            ],
        ),
        exhibit(
            "quorum_of_half",
            |rules| rules.quorum = |voters| (voters / 2).max(1),
            &[
                "same_node_again_new_epoch",
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
                "no_quorum_no_ok",
                "minority_never_ok",
            ],
        ),
    ]
}

fn too_many() -> Vec<Exhibit> {
    vec![exhibit(
        "quorum_of_all",
        |rules| rules.quorum = |voters| voters,
        &[
            "load_sees_own_persist",
            "load_sees_all_acknowledged_after_failover",
            "load_waits_for_apply",
            "follower_load_refuses",
            "isolated_leader_load_refuses",
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
            "minority_never_ok",
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
            "no_quorum_no_ok",
            "minority_never_ok",
        ],
    )]
}

fn no_answer() -> Vec<Exhibit> {
    vec![
        exhibit(
            "no_quorum_is_permanent",
            |rules| rules.no_quorum_is_transient = false,
            &[
                "isolated_leader_load_refuses",
                "load_is_bounded_while_persist_is_slow",
                "persist_is_bounded_without_quorum",
                "persist_is_bounded_while_disk_stalls",
            ],
        ),
        exhibit(
            "waits_for_a_quorum_for_ever",
            |rules| rules.answers_by_the_deadline = false,
            &[
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
