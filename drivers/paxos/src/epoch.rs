//! A ballot as one epoch: lossless, and ordered as its elections were.

use tsoracle_core::Epoch;
use tsoracle_paxos_toolkit::PaxosBallot;

/// What an epoch is made of: a ballot without its owner's priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochParts {
    /// The configuration that the election was in.
    pub configuration: u32,
    /// Counts the elections of the configuration.
    pub n: u32,
    /// The owner.
    pub pid: u64,
}

impl From<PaxosBallot> for EpochParts {
    /// Leaves the priority out. In every configuration that
    /// [`Members::check`](tsoracle_paxos_toolkit::Members::check) lets pass it follows from the pid,
    /// and orders no two ballots otherwise than their pids do.
    fn from(ballot: PaxosBallot) -> Self {
        Self {
            configuration: ballot.configuration,
            n: ballot.n,
            pid: ballot.pid,
        }
    }
}

/// The epoch of a ballot: the configuration in bits 96 to 128, the election in 64 to 96, the owner in
/// the lower 64. A later ballot has a greater epoch, since the engine counts elections from 1 in each
/// configuration and configurations are numbered upward.
#[must_use]
pub fn encode_epoch(ballot: impl Into<EpochParts>) -> Epoch {
    let EpochParts {
        configuration,
        n,
        pid,
    } = ballot.into();
    let election = u128::from(configuration) << 96 | u128::from(n) << 64;
    Epoch::new(election | u128::from(pid))
}

/// The parts of an epoch. Every epoch has some.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "each part has just its bits"
)]
pub const fn decode_epoch(epoch: Epoch) -> EpochParts {
    let bits = epoch.as_u128();
    EpochParts {
        configuration: (bits >> 96) as u32,
        n: (bits >> 64) as u32,
        pid: bits as u64,
    }
}

#[cfg(test)]
mod tests {
    use omnipaxos::ballot_leader_election::Ballot;
    use proptest::prelude::*;
    use tsoracle_paxos_toolkit::{Member, Members, MembersError};

    use super::*;

    fn parts() -> impl Strategy<Value = EpochParts> {
        (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(configuration, n, pid)| EpochParts {
            configuration,
            n,
            pid,
        })
    }

    /// Members with pids on both sides of 65,535 and priorities from a few.
    fn members() -> impl Strategy<Value = Members> {
        let pids = prop_oneof![1..8_u64, 65_530..65_540_u64];
        prop::collection::btree_map(pids, 0..3_u32, 2..6).prop_map(|members| {
            let mut all = Members::new(1, []);
            let member = |(pid, priority)| Member { pid, priority };
            all.members = members.into_iter().map(member).collect();
            all
        })
    }

    fn ballots(members: &Members, n: u32) -> Vec<Ballot> {
        let ballot = |m: &Member| Ballot::with(members.configuration, n, m.priority, m.pid);
        members.members.iter().map(ballot).collect()
    }

    /// Whether the engine and the epochs order all ballots of an election alike.
    fn ordered_alike(members: &Members) -> bool {
        let ballots = ballots(members, 1);
        let epoch = |ballot: &Ballot| encode_epoch(PaxosBallot::from(*ballot));
        let alike = |a: &Ballot, b: &Ballot| a.cmp(b) == epoch(a).cmp(&epoch(b));
        ballots.iter().all(|a| ballots.iter().all(|b| alike(a, b)))
    }

    #[test]
    fn the_bits_are_where_they_are_documented() {
        let parts = EpochParts {
            configuration: 0x0102_0304,
            n: 0x0506_0708,
            pid: 0x1_0000,
        };
        let bits = 0x0102_0304_0506_0708_0000_0000_0001_0000_u128;
        assert_eq!(encode_epoch(parts), Epoch::new(bits));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(parts in parts(), bits in any::<u128>()) {
            prop_assert_eq!(decode_epoch(encode_epoch(parts)), parts);
            prop_assert_eq!(encode_epoch(decode_epoch(Epoch::new(bits))), Epoch::new(bits));
        }

        #[test]
        fn a_later_ballot_has_a_greater_epoch(
            members in members(),
            (first, second) in (1..4_u32, 1..4_u32),
            (next, later) in (1..3_u32, 1..3_u32),
        ) {
            prop_assume!(members.check().is_ok());
            for a in ballots(&members, first) {
                for b in ballots(&members, second) {
                    let (a, b) = (PaxosBallot::from(a), PaxosBallot::from(b));
                    let (a, b) = (
                        PaxosBallot { configuration: next, ..a },
                        PaxosBallot { configuration: later, ..b },
                    );
                    prop_assert_eq!(encode_epoch(a).cmp(&encode_epoch(b)), a.cmp(&b));
                }
            }
        }

        #[test]
        fn priorities_that_would_reorder_epochs_are_refused(members in members()) {
            match members.check() {
                Ok(()) => prop_assert!(ordered_alike(&members)),
                Err(refusal) => {
                    let named = matches!(refusal, MembersError::Priorities { .. });
                    prop_assert!(named && !ordered_alike(&members), "{}", refusal);
                }
            }
        }
    }
}
