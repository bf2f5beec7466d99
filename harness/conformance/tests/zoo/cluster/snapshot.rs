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
                "acknowledged_survives_power_loss",
                "clock_jump_back",
                "concurrent_history_is_linearizable",
                "crash_points_keep_old_or_new",
                "failing_disk_stops_the_node",
                "laggard_catches_up_by_snapshot",
                "load_sees_all_acknowledged_after_failover",
                "persist_is_bounded_while_disk_stalls",
                "purge_then_restart",
                "random_orders_never_regress",
                "snapshot_keeps_value_and_fence",
                "start_after_stop",
                "stop_while_busy",
                "timestamps_are_realtime_ordered",
            ],
        ),
        exhibit(
            "purges_more_than_the_snapshot_has",
            |rules| rules.purges_only_what_the_snapshot_has = false,
            &[
                "cancelled_persist_is_legal",
                "epochs_never_decrease",
                "heal_converges",
                "leases_never_overlap",
                "load_after_restart_is_not_stale",
                "load_sees_all_acknowledged_after_failover",
                "load_sees_own_persist",
                "purge_then_restart",
                "random_orders_never_regress",
                "start_after_stop",
                "timestamps_are_realtime_ordered",
                "unheld_epoch_is_refused",
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
                "heal_converges",
                "laggard_catches_up_by_snapshot",
                "members_change_under_load",
            ],
        ),
        exhibit(
            "laggard_skips_what_was_purged",
            |rules| rules.installs_the_state = false,
            &[
                "laggard_catches_up_by_snapshot",
                "snapshot_keeps_value_and_fence",
            ],
        ),
        exhibit(
            "old_snapshot_lowers_the_state",
            |rules| rules.installs_only_newer_snapshots = false,
            &[
                "heal_converges",
                "purge_then_restart",
                "timestamps_are_realtime_ordered",
            ],
        ),
    ]
}
