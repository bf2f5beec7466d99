//! N1: snapshots that leave something behind.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    [incomplete(), misplaced()].into_iter().flatten().collect()
}

/// Snapshots and purges that lose something.
fn incomplete() -> Vec<Exhibit> {
    vec![
        exhibit(
            "snapshot_without_the_fence",
            |rules| rules.snapshots_keep_the_fence = false,
            &[
                "laggard_catches_up_by_snapshot",
                "purge_then_restart",
                "snapshot_keeps_value_and_fence",
            ],
        ),
        exhibit(
            "snapshot_without_the_value",
            |rules| rules.snapshots_keep_the_value = false,
            &[
                "load_sees_all_acknowledged_after_failover",
                "load_after_restart_is_not_stale",
                "random_orders_never_regress",
                "concurrent_history_is_linearizable",
                "acknowledged_survives_power_loss",
                "late_commit_of_old_epoch_has_no_effect",
                "persist_is_bounded_while_disk_stalls",
                "crash_points_keep_old_or_new",
                "failing_disk_stops_the_node",
                "stop_while_busy",
                "start_after_stop",
                "snapshot_keeps_value_and_fence",
                "purge_then_restart",
                "laggard_catches_up_by_snapshot",
                "timestamps_are_realtime_ordered",
                "clock_jump_back",
            ],
        ),
        exhibit(
            "purges_more_than_the_snapshot_has",
            |rules| rules.purges_only_what_the_snapshot_has = false,
            &[
                "load_sees_own_persist",
                "load_sees_all_acknowledged_after_failover",
                "random_orders_never_regress",
                "acknowledged_survives_power_loss",
                "late_commit_of_old_epoch_has_no_effect",
                "cancelled_persist_is_legal",
                "purge_then_restart",
                "heal_converges",
                "timestamps_are_realtime_ordered",
            ],
        ),
    ]
}

/// Snapshots that do not arrive where they are needed, or arrive where they are not.
fn misplaced() -> Vec<Exhibit> {
    vec![
        exhibit(
            "laggard_gets_no_snapshot",
            |rules| rules.sends_snapshots = false,
            &[
                "concurrent_history_is_linearizable",
                "laggard_catches_up_by_snapshot",
                "heal_converges",
                "members_change_under_load",
            ],
        ),
        exhibit(
            "laggard_skips_what_was_purged",
            |rules| rules.installs_the_state = false,
            &[
                "load_sees_all_acknowledged_after_failover",
                "random_orders_never_regress",
                "snapshot_keeps_value_and_fence",
                "laggard_catches_up_by_snapshot",
            ],
        ),
        exhibit(
            "old_snapshot_lowers_the_state",
            |rules| rules.installs_only_newer_snapshots = false,
            &[
                "random_orders_never_regress",
                "stale_epoch_same_node",
                "purge_then_restart",
                "heal_converges",
                "timestamps_are_realtime_ordered",
            ],
        ),
    ]
}
