//! Why there is no figure.

use std::io;
use std::path::PathBuf;

use tsoracle_consensus::ConsensusError;
use tsoracle_latency::LatencyError;
use tsoracle_testbed::{TestbedError, TimedOut};

/// A benchmark could not run. Criterion has no place for that, so that it ends the program.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The driver refused a call again and again.
    #[error(
        "the driver refused: {0}; run its conformance checks, or run again on a quieter machine"
    )]
    Driver(#[from] ConsensusError),
    /// The driver acknowledged a persist with less than it was asked for.
    #[error("a persist of {asked} was acknowledged with {got}, which breaks clause P1")]
    WrongValue {
        /// The value that was to be durable.
        asked: u64,
        /// The value that the driver says is durable.
        got: u64,
    },
    /// Nodes could not be started, killed or asked.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// Nodes did not get where they should.
    #[error("{0}; run the driver's conformance checks first")]
    TimedOut(#[from] TimedOut),
    /// A floor could not be taken.
    #[error(transparent)]
    Floor(#[from] LatencyError),
    /// No folder for the stores.
    #[error("cannot make a folder in {}: {source}", .dir.display())]
    Folder {
        /// Where.
        dir: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// No runtime for the nodes.
    #[error("no runtime for the nodes: {0}")]
    Runtime(io::Error),
}

/// The value, or the end of the program: a benchmark that cannot run has no figure, and criterion
/// would take any for one.
///
/// # Panics
/// With the error's own words.
#[expect(
    clippy::panic,
    reason = "criterion has no other way to stop a benchmark"
)]
pub(crate) fn figure<T>(outcome: Result<T, BenchError>) -> T {
    outcome.unwrap_or_else(|error| panic!("no figure: {error}"))
}
