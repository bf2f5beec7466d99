//! What a keeper refuses.

use std::time::Duration;

use tsoracle_lease::StartError;

/// A keeper that cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeeperError {
    /// The longest grant has to be in the store before a node starts with it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its tasks need a runtime.
    #[error("a keeper starts inside of a tokio runtime, and there is none")]
    NoRuntime,
}

/// Why leadership was not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// This node does not lead, or stopped leading before the proof was there.
    #[error("this node does not lead; ask the leader")]
    NotLeading,
    /// No quorum answered in time.
    #[error("no quorum of the voters granted a round within {within:?}; try again")]
    NoQuorum {
        /// The time that the caller gave.
        within: Duration,
    },
}
