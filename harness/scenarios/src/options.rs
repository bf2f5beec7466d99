//! How a scenario is run.

use std::path::PathBuf;
use std::time::Duration;

/// How to run a scenario.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every random choice.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// Where the run's directory is made, on the disk that is to be tried.
    pub dir: PathBuf,
    /// How long the long ones take.
    pub effort: Effort,
    /// How long a soak lasts.
    pub soak: Duration,
}

impl Options {
    /// A short run with `seed` on `nodes` nodes in `dir`.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, dir: impl Into<PathBuf>) -> Self {
        Self {
            seed,
            nodes,
            dir: dir.into(),
            effort: Effort::Quick,
            soak: Duration::from_secs(60),
        }
    }
}

/// How long scenarios take whose length is not a matter of election timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Long enough to see the fault at work.
    Quick,
    /// As long as the reports say.
    Full,
}
