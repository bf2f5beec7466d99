//! What is known of the register from outside, across crashes.

use tsoracle_consensus::ConsensusError;

use crate::Stop;
use crate::traffic::Tally;
use crate::verdict::ensure;

/// How far apart proposed values lie.
pub(crate) const STEP: u64 = 10;

/// The greatest value that was returned, and the greatest that was asked for: after any crash a
/// load returns something between the two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ledger {
    returned: u64,
    proposed: u64,
}

impl Ledger {
    /// A value above everything so far, which counts as proposed from now on.
    pub(crate) fn propose(&mut self) -> u64 {
        self.proposed += STEP;
        self.proposed
    }

    /// The greatest value that was returned.
    pub(crate) fn returned(&self) -> u64 {
        self.returned
    }

    /// Notes an answer; an error is none.
    pub(crate) fn note(&mut self, answer: &Result<u64, ConsensusError>) {
        if let Ok(value) = answer {
            self.returned = self.returned.max(*value);
        }
    }

    /// Notes what clients have been told.
    pub(crate) fn add(&mut self, tally: &Tally) {
        self.returned = self.returned.max(tally.highest_returned);
        self.proposed = self.proposed.max(tally.highest_proposed);
    }

    /// Judges the first load after a crash; its value is known from now on.
    pub(crate) fn check(&mut self, loaded: u64) -> Result<(), Stop> {
        let Self { returned, proposed } = *self;
        ensure!(
            loaded >= returned,
            "{returned} was returned, and after that {loaded} came back"
        );
        ensure!(
            loaded <= proposed,
            "{loaded} came back, and nobody had asked for more than {proposed}"
        );
        self.returned = loaded;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_lies_between_what_was_told_and_what_was_asked() {
        let mut ledger = Ledger::default();
        let first = ledger.propose();
        ledger.note(&Ok(first));
        let second = ledger.propose();
        ledger.note(&Err(ConsensusError::transient("unknown")));
        assert!(ledger.check(first - 1).is_err() && ledger.check(second + 1).is_err());
        assert_eq!(ledger.check(second), Ok(()));
        assert!(ledger.check(first).is_err(), "a load had returned more");
    }
}
