//! What the log carries for the oracle, what a snapshot keeps of it, and the state they build.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsoracle_core::Epoch;

use crate::{AdvancePayload, HighWaterState, Superseded};

/// The oracle's command in the log: raise the high water under an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HighWaterCommand(pub AdvancePayload);

impl fmt::Display for HighWaterCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "advance to {} under {}", self.0.at_least, self.0.epoch)
    }
}

/// What a replica answers to a command: the high water after it, or that a later epoch came first.
pub type HighWaterOutcome = Result<u64, Superseded>;

/// The oracle's part of a snapshot: the value and the highest epoch applied, as one (N1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HighWaterSnapshot(pub HighWaterState);

/// The first byte of [`HighWaterSnapshot`]'s form.
const SNAPSHOT_VERSION: u8 = 1;

/// Bytes that are no part of a snapshot of the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes are no snapshot of the oracle in version {SNAPSHOT_VERSION}")]
pub struct NotASnapshot {
    /// How many bytes there were.
    pub length: usize,
}

impl HighWaterSnapshot {
    /// How many bytes [`to_bytes`](Self::to_bytes) makes.
    pub const LEN: usize = 25;

    /// The bytes: a version, the value and the epoch, little endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [SNAPSHOT_VERSION; Self::LEN];
        bytes[1..9].copy_from_slice(&self.0.high_water.to_le_bytes());
        bytes[9..].copy_from_slice(&self.0.epoch.as_u128().to_le_bytes());
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`NotASnapshot`]: another version, or another state machine's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotASnapshot> {
        let read = || {
            let (version, rest) = bytes.split_first()?;
            let (high_water, epoch) = rest.split_first_chunk()?;
            let epoch = <[u8; 16]>::try_from(epoch).ok()?;
            (*version == SNAPSHOT_VERSION).then(|| HighWaterState {
                high_water: u64::from_le_bytes(*high_water),
                epoch: Epoch::new(u128::from_le_bytes(epoch)),
            })
        };
        let length = bytes.len();
        read().map(Self).ok_or(NotASnapshot { length })
    }
}

/// The high water that this node has applied, readable at any time without a lock.
#[derive(Clone, Debug, Default)]
pub struct AppliedHighWater(Arc<AtomicU64>);

impl AppliedHighWater {
    /// In milliseconds since the Unix epoch. On a leader whose epoch is open it covers every
    /// persist that was acknowledged before the lease was last found valid, if it is read *before*
    /// the lease (R1).
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The replicated state of the oracle: a host's state machine owns one, and hands it the oracle's
/// commands in the order of the log.
#[derive(Debug, Default)]
pub struct HighWaterStateMachine {
    state: HighWaterState,
    applied: AppliedHighWater,
}

impl HighWaterStateMachine {
    /// Where the value can be read while the machine is applied to.
    #[must_use]
    pub fn applied(&self) -> AppliedHighWater {
        self.applied.clone()
    }

    /// Applies one command of the log, with or without effect.
    ///
    /// # Errors
    /// [`Superseded`]: a later epoch was applied before, and the command had no effect (P4). That
    /// is an answer to the caller, not a failure of the machine.
    pub fn apply(&mut self, command: &HighWaterCommand) -> HighWaterOutcome {
        let outcome = command.0.apply(&mut self.state);
        self.show();
        outcome
    }

    /// The oracle's part of a snapshot.
    #[must_use]
    pub const fn snapshot(&self) -> HighWaterSnapshot {
        HighWaterSnapshot(self.state)
    }

    /// Takes the state of a snapshot in place of its own.
    pub fn restore(&mut self, snapshot: HighWaterSnapshot) {
        self.state = snapshot.0;
        self.show();
    }

    fn show(&self) {
        self.applied
            .0
            .store(self.state.high_water, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(at_least: u64, epoch: u128) -> HighWaterCommand {
        HighWaterCommand(AdvancePayload {
            at_least,
            epoch: Epoch::new(epoch),
        })
    }

    #[test]
    fn a_snapshot_carries_value_and_fence() {
        let mut machine = HighWaterStateMachine::default();
        assert_eq!(machine.apply(&command(7, 2)), Ok(7));
        let bytes = machine.snapshot().to_bytes();
        let mut other = HighWaterStateMachine::default();
        let applied = other.applied();
        other.restore(HighWaterSnapshot::from_bytes(&bytes).unwrap());
        assert_eq!(applied.get(), 7);
        assert!(other.apply(&command(9, 1)).is_err());
        assert_eq!(applied.get(), 7);
        assert_eq!(other.apply(&command(9, 2)), Ok(9));
        assert_eq!(applied.get(), 9);
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused() {
        assert!(HighWaterSnapshot::from_bytes(b"").is_err());
        let mut bytes = HighWaterSnapshot::default().to_bytes();
        assert!(HighWaterSnapshot::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        bytes[0] += 1;
        assert!(HighWaterSnapshot::from_bytes(&bytes).is_err());
    }
}
