//! Handoff in a node of another process.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{Handoff, HandoffError, NodeId};

use super::super::pipe::Pipe;
use super::super::protocol::{Answer, NodeRequest};

/// A process that ends before it answers makes the attempt `Transient`.
#[derive(Debug)]
pub(in super::super) struct RemoteHandoff {
    pipe: Arc<Pipe>,
}

impl RemoteHandoff {
    pub(in super::super) fn new(pipe: &Arc<Pipe>) -> Self {
        let pipe = Arc::clone(pipe);
        Self { pipe }
    }
}

#[async_trait]
impl Handoff for RemoteHandoff {
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError> {
        match self.pipe.ask(NodeRequest::HandOff(to)).await {
            Ok(Answer::HandedOff(outcome)) => outcome,
            Ok(other) => Err(other.into_error().into_consensus().into()),
            Err(error) => Err(error.into_consensus().into()),
        }
    }
}
