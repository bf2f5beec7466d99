//! C2: answers of too few.

use super::exhibit;
use crate::exhibit::Exhibit;

/// Two nodes lead at once, each with a quorum of its own: little is left of the contract.
const TOO_FEW: &[&str] = &[
    "concurrent_history_is_linearizable",
    "configuration_change_ends_lease",
    "lapsed_lease_answers_transient",
    "later_term_greater_epoch",
    "lease_ends_when_isolated",
    "leases_never_overlap",
    "load_after_restart_is_not_stale",
    "minority_never_ok",
    "restart_does_not_forget_grant",
    "same_node_again_new_epoch",
    "stale_epoch_same_node",
    "start_after_stop",
    "stop_while_busy",
];

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit("quorum_of_one", |rules| rules.quorum = |_| 1, TOO_FEW),
        exhibit(
            "quorum_of_half",
            |rules| rules.quorum = |voters| (voters / 2).max(1),
            TOO_FEW,
        ),
    ]
}
