//! H1, H2: leadership that is given away carelessly.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "handoff_keeps_the_lease",
            |rules| rules.ends_its_lease_before_a_handoff = false,
            &["leases_never_overlap", "failed_handoff_recovers"],
        ),
        exhibit(
            "handoff_without_an_election",
            |rules| rules.takes_over_by_election = false,
            &["failed_handoff_recovers"],
        ),
        exhibit(
            "handoff_to_anyone",
            |rules| rules.refuses_bad_targets = false,
            &["handoff_loses_nothing"],
        ),
        exhibit(
            "handoff_says_ok_at_once",
            |rules| rules.waits_for_the_target = false,
            &["failed_handoff_recovers"],
        ),
        exhibit(
            "failed_handoff_leaves_a_mute_leader",
            |rules| rules.gives_up_a_failed_handoff = false,
            &["failed_handoff_recovers"],
        ),
    ]
}
