//! C2: answers of too few.

use super::exhibit;
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit(
            "quorum_of_one",
            |rules| rules.quorum = |_| 1,
            &["minority_never_ok"],
        ),
        exhibit(
            "quorum_of_half",
            |rules| rules.quorum = |voters| (voters / 2).max(1),
            &["minority_never_ok"],
        ),
    ]
}
