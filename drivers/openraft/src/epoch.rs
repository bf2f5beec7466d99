//! A leader's term and node as one epoch: lossless, and ordered as Raft orders leaders.

use tsoracle_core::Epoch;

/// The epoch of the leadership of `node` in `term`: the term in the upper 64 bits, the node in the
/// lower. A term may have several leaders, one after the other; the greater node comes later, in
/// Raft's order as in this one.
#[must_use]
pub const fn encode_epoch(term: u64, node: u64) -> Epoch {
    Epoch::new(((term as u128) << 64) | node as u128)
}

/// The term and the node of an epoch that [`encode_epoch`] made.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "each half has 64 bits")]
pub const fn decode_epoch(epoch: Epoch) -> (u64, u64) {
    let bits = epoch.as_u128();
    ((bits >> 64) as u64, bits as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_later_leaders_have_greater_epochs(
            a in (any::<u64>(), any::<u64>()),
            b in (any::<u64>(), any::<u64>()),
        ) {
            let (of_a, of_b) = (encode_epoch(a.0, a.1), encode_epoch(b.0, b.1));
            prop_assert_eq!(decode_epoch(of_a), a);
            prop_assert_eq!(of_a.cmp(&of_b), a.cmp(&b));
        }
    }
}
