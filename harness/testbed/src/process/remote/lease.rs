//! The lease of a node in another process.

use std::sync::Arc;

use tsoracle_consensus::BootInstant;

use super::super::TestbedError;
use super::super::pipe::Pipe;
use super::super::protocol::{Answer, NodeRequest};

/// Asks the node's process each time; one that stands still does not answer.
#[derive(Clone, Debug)]
pub(crate) struct RemoteLease {
    pipe: Arc<Pipe>,
}

impl RemoteLease {
    pub(in super::super) fn new(pipe: &Arc<Pipe>) -> Self {
        let pipe = Arc::clone(pipe);
        Self { pipe }
    }

    pub(crate) async fn deadline(&self) -> Result<Option<BootInstant>, TestbedError> {
        match self.pipe.ask(NodeRequest::LeaseDeadline).await? {
            Answer::Deadline(deadline) => Ok(deadline),
            other => Err(other.into_error()),
        }
    }
}
