//! The replicated state, the command that changes it, and the one rule by which it does.

use tsoracle_core::{Epoch, PHYSICAL_MS_MAX};

/// What every replica holds: the value and the highest epoch that it has applied. They are one
/// state (P4): snapshots, restarts and reconfigurations carry both (N1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HighWaterState {
    /// Milliseconds since the Unix epoch; 0 on a fresh store (R3).
    pub high_water: u64,
    /// The highest epoch applied; [`Epoch::ZERO`] on a fresh store.
    pub epoch: Epoch,
}

/// The payload of a log entry of every engine: raise the high water under this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdvancePayload {
    /// Milliseconds since the Unix epoch, in range ([`reject_out_of_range_advance`]).
    ///
    /// [`reject_out_of_range_advance`]: crate::reject_out_of_range_advance
    pub at_least: u64,
    /// The epoch of the leader that proposed it.
    pub epoch: Epoch,
}

/// A command of an epoch below one that was already applied: it had no effect and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command of epoch {offered} came after epoch {current} was applied")]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Superseded {
    /// The command's epoch.
    pub offered: Epoch,
    /// The highest epoch applied.
    pub current: Epoch,
}

impl From<Superseded> for crate::ConsensusError {
    fn from(Superseded { offered, current }: Superseded) -> Self {
        Self::Fenced { offered, current }
    }
}

impl AdvancePayload {
    /// A leader's first command: it changes no value, and once applied it fences every older
    /// epoch (P4).
    #[must_use]
    pub fn opening(epoch: Epoch) -> Self {
        Self { at_least: 0, epoch }
    }

    /// Applies this command and returns the high water after it.
    ///
    /// The value only rises (P2). A value above [`PHYSICAL_MS_MAX`] cannot come from a driver that
    /// keeps P6; one that does is clamped, so that replicas stay equal and decodable.
    ///
    /// # Errors
    /// [`Superseded`], with `state` unchanged, when a later epoch was applied before (P4).
    pub fn apply(&self, state: &mut HighWaterState) -> Result<u64, Superseded> {
        if self.epoch < state.epoch {
            return Err(Superseded {
                offered: self.epoch,
                current: state.epoch,
            });
        }
        state.epoch = self.epoch;
        state.high_water = state.high_water.max(self.at_least.min(PHYSICAL_MS_MAX));
        Ok(state.high_water)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_opening_command_fences_without_changing_the_value() {
        let mut state = HighWaterState {
            high_water: 9,
            epoch: Epoch::new(1),
        };
        assert_eq!(
            AdvancePayload::opening(Epoch::new(2)).apply(&mut state),
            Ok(9)
        );
        let late = AdvancePayload {
            at_least: 50,
            epoch: Epoch::new(1),
        };
        let refused = Superseded {
            offered: Epoch::new(1),
            current: Epoch::new(2),
        };
        assert_eq!(late.apply(&mut state), Err(refused));
        assert_eq!(
            state,
            HighWaterState {
                high_water: 9,
                epoch: Epoch::new(2)
            }
        );
    }

    proptest! {
        #[test]
        fn neither_value_nor_epoch_ever_falls(
            commands in prop::collection::vec((0..=u64::MAX, 0u128..6), 0..60),
        ) {
            let mut state = HighWaterState::default();
            for (at_least, epoch) in commands {
                let before = state;
                let command = AdvancePayload { at_least, epoch: Epoch::new(epoch) };
                match command.apply(&mut state) {
                    Ok(value) => {
                        prop_assert!(command.epoch >= before.epoch);
                        prop_assert_eq!(value, before.high_water.max(at_least.min(PHYSICAL_MS_MAX)));
                    }
                    Err(_) => prop_assert!(command.epoch < before.epoch && state == before),
                }
                prop_assert!(state.high_water >= before.high_water && state.epoch >= before.epoch);
            }
        }
    }
}
