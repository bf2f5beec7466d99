//! What a compacted log keeps of the oracle.

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{AdvancePayload, HighWaterState};

use crate::HighWaterCommand;

/// The oracle's part of a snapshot: the shortest run of commands with the same effect on *every*
/// state as all that it stands for.
///
/// OmniPaxos makes snapshots of pieces of the log, and merges them. Value and epoch alone would not
/// do for a piece: a command of an old epoch that the whole log fences would count in it. Of the
/// commands of a piece the fence lets pass, after whatever state, those from some epoch on; so of each
/// epoch only the greatest value counts, and only if no later epoch has a greater one. In a log whose
/// values rise that leaves two commands at most: the greatest value, and the newest epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighWaterSnapshot {
    /// Epochs rise, values fall.
    commands: Vec<AdvancePayload>,
}

impl HighWaterSnapshot {
    /// What a run of commands does.
    #[must_use]
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a HighWaterCommand>) -> Self {
        let mut snapshot = Self::default();
        for command in commands {
            snapshot.push(command.0);
        }
        snapshot
    }

    /// What this does, and then another.
    pub fn merge(&mut self, later: Self) {
        for command in later.commands {
            self.push(command);
        }
    }

    /// What it makes of a fresh store: the state itself, for a snapshot that begins with the log.
    #[must_use]
    pub fn state(&self) -> HighWaterState {
        let mut state = HighWaterState::default();
        for command in &self.commands {
            // Epochs rise, so nothing is superseded.
            let _ = command.apply(&mut state);
        }
        state
    }

    fn push(&mut self, command: AdvancePayload) {
        let newest = self.commands.last().map(|last| last.epoch);
        if newest.is_some_and(|newest| command.epoch < newest) {
            return;
        }
        let covered = |last: &AdvancePayload| last.at_least <= command.at_least;
        while self.commands.pop_if(|last| covered(last)).is_some() {}
        let same_epoch = self.commands.last().map(|last| last.epoch) == Some(command.epoch);
        if !same_epoch {
            self.commands.push(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tsoracle_core::Epoch;

    use super::*;

    fn commands() -> impl Strategy<Value = Vec<HighWaterCommand>> {
        let command = (0..8_u64, 0..5_u128).prop_map(|(at_least, epoch)| {
            let epoch = Epoch::new(epoch);
            HighWaterCommand(AdvancePayload { at_least, epoch })
        });
        prop::collection::vec(command, 0..12)
    }

    fn after(mut state: HighWaterState, commands: &[HighWaterCommand]) -> HighWaterState {
        for command in commands {
            let _ = command.0.apply(&mut state);
        }
        state
    }

    fn run(state: HighWaterState, snapshot: &HighWaterSnapshot) -> HighWaterState {
        let commands: Vec<_> = snapshot
            .commands
            .iter()
            .copied()
            .map(HighWaterCommand)
            .collect();
        after(state, &commands)
    }

    proptest! {
        #[test]
        fn a_snapshot_of_a_piece_does_to_every_state_what_the_piece_does(
            piece in commands(),
            (high_water, epoch) in (0..8_u64, 0..6_u128),
        ) {
            let epoch = Epoch::new(epoch);
            let before = HighWaterState { high_water, epoch };
            prop_assert_eq!(run(before, &HighWaterSnapshot::of(&piece)), after(before, &piece));
        }

        #[test]
        fn pieces_that_are_merged_do_what_the_whole_does(log in commands(), cuts in (0..12_usize, 0..12_usize)) {
            let (from, to) = (cuts.0.min(cuts.1).min(log.len()), cuts.0.max(cuts.1).min(log.len()));
            let mut middle = HighWaterSnapshot::of(&log[from..to]);
            middle.merge(HighWaterSnapshot::of(&log[to..]));
            let mut whole = HighWaterSnapshot::of(&log[..from]);
            whole.merge(middle);
            prop_assert_eq!(&whole, &HighWaterSnapshot::of(&log));
            prop_assert_eq!(whole.state(), after(HighWaterState::default(), &log));
        }
    }

    #[test]
    fn a_rising_log_leaves_two_commands() {
        let rising = (1..1_000_u64).map(|value| {
            let epoch = Epoch::new(u128::from(value / 10));
            let at_least = if value % 10 == 0 { 0 } else { value };
            HighWaterCommand(AdvancePayload { at_least, epoch })
        });
        let log: Vec<_> = rising.collect();
        for length in 0..log.len() {
            assert!(HighWaterSnapshot::of(&log[..length]).commands.len() <= 2);
        }
    }
}
