//! P3: what is told before it is safe, and what is forgotten.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "nothing_is_synced_in_time",
            |rules| rules.syncs_before_it_speaks = false,
            &[
                "load_is_bounded_while_persist_is_slow",
                "acknowledged_survives_kill",
                "acknowledged_survives_power_loss",
                "persist_is_bounded_while_disk_stalls",
                "error_class_by_fault",
                "crash_points_keep_old_or_new",
                "failing_disk_stops_the_node",
                "shutdown_is_bounded_while_disk_stalls",
            ],
        ),
        exhibit(
            "followers_accept_before_the_sync",
            |rules| rules.accepts_once_synced = false,
            &[
                "load_is_bounded_while_persist_is_slow",
                "acknowledged_survives_power_loss",
            ],
        ),
        exhibit(
            "keeps_its_own_log",
            |rules| rules.adopts_the_newest_log = false,
            &[
                "load_sees_all_acknowledged_after_failover",
                "stale_epoch_is_fenced",
                "heal_converges",
                "wiped_member_cannot_lose_values",
                "failed_handoff_recovers",
                "added_member_counts",
            ],
        ),
    ]
}
