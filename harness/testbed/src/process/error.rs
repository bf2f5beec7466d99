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
    /// The operation needs a node in a process of its own.
    #[error("node {node} runs inside this process; this needs a process of its own")]
    NeedsProcess {
        /// Which node.
        node: u64,
    },
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
}
