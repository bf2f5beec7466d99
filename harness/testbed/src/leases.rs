//! Whose lease was valid at one instant, from what was read before and after it.

use std::collections::BTreeMap;

use tsoracle_consensus::{BootInstant, Epoch};

/// A term of leadership: the place of its node, and its epoch.
pub type Term = (usize, Epoch);

/// The deadlines of leases that have not ended for good, by their term.
pub type LeaseDeadlines = BTreeMap<Term, BootInstant>;

/// The terms whose lease was valid `at` an instant between two readings of all leases: valid when
/// it was read before, and not ended when it was read after. More than one breaks L7.
#[must_use]
pub fn valid_leases(before: &LeaseDeadlines, at: BootInstant, after: &LeaseDeadlines) -> Vec<Term> {
    let valid = before.iter();
    valid
        .filter(|(term, deadline)| at < **deadline && after.contains_key(term))
        .map(|(term, _)| *term)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_if_it_had_time_left_and_was_not_ended() {
        let at = BootInstant::from_nanos(10);
        let reading = |leases: &[(usize, u64)]| -> LeaseDeadlines {
            let lease = |(place, ns): &(usize, u64)| {
                ((*place, Epoch::new(1)), BootInstant::from_nanos(*ns))
            };
            leases.iter().map(lease).collect()
        };
        let before = reading(&[(0, 10), (1, 11), (2, 20)]);
        assert_eq!(
            valid_leases(&before, at, &before),
            [(1, Epoch::new(1)), (2, Epoch::new(1))]
        );
        let ended = reading(&[(1, 11)]);
        assert_eq!(valid_leases(&before, at, &ended), [(1, Epoch::new(1))]);
    }
}
