//! What can go wrong between the harness and a node.

use tsoracle_consensus::ConsensusError;

/// A node could not be driven; not a verdict on its driver, except for `Driver`.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// The driver under test refused.
    #[error(transparent)]
    Driver(#[from] ConsensusError),
    /// The node's process has ended, or never began.
    #[error("node {node} is not running")]
    NotRunning {
        /// Which node.
        node: u64,
    },
    /// The node's process takes no more requests: it stands still, and all that may wait waits.
    #[error("node {node} stands still: {waiting} requests wait to be read by its process")]
    StandsStill {
        /// Which node.
        node: u64,
        /// How many requests its process has not read.
        waiting: usize,
    },
    /// The operation needs a node in a process of its own.
    #[error("node {node} runs inside this process; this needs a process of its own")]
    NeedsProcess {
        /// Which node.
        node: u64,
    },
    /// The backend declares a capability that its node does not have.
    #[error("the node has no {0}, though its backend declares it")]
    Lacks(&'static str),
    /// The operating system refused something to the harness itself.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// The refusal.
        source: std::io::Error,
    },
    /// A fault could not be set up.
    #[error("disk faults: {0}")]
    Faults(String),
    /// The other end of the pipe said something that makes no sense here.
    #[error("unexpected answer from the node's process: {0}")]
    Protocol(String),
}

impl TestbedError {
    pub(crate) fn system(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::System {
            what: what.into(),
            source,
        }
    }

    /// How a caller of the driver sees it. What became of a call that got no answer is unknown, and
    /// a capability that is missing stays so.
    pub(crate) fn into_consensus(self) -> ConsensusError {
        match self {
            Self::Driver(error) => error,
            lacks @ Self::Lacks(_) => ConsensusError::permanent(lacks),
            other => ConsensusError::transient(other),
        }
    }
}
