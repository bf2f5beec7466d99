//! S4, C4: stores that nobody asks whose they are, and a voter that forgot its votes.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "any_store_counts",
            |rules| rules.checks_stores = false,
            &[
                "fresh_store_under_known_identity_is_refused",
                "wiped_member_cannot_lose_values",
            ],
        ),
        exhibit(
            "store_opens_for_anyone",
            |rules| rules.checks_identity = false,
            &["store_of_another_node_is_refused"],
        ),
    ]
}
