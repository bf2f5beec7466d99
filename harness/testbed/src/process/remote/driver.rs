//! The driver of a node in another process.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, LeadershipStream};

use super::super::pipe::Pipe;
use super::super::protocol::{Answer, NodeRequest};

/// Forwards each call over the pipe. A call whose process ends before it answers is `Transient`:
/// nobody knows whether it was applied. Leases arrive as absent.
#[derive(Debug)]
pub(in super::super) struct RemoteDriver {
    pipe: Arc<Pipe>,
}

impl RemoteDriver {
    pub(in super::super) fn new(pipe: &Arc<Pipe>) -> Self {
        let pipe = Arc::clone(pipe);
        Self { pipe }
    }

    async fn value(&self, request: NodeRequest) -> Result<u64, ConsensusError> {
        match self.pipe.ask(request).await {
            Ok(Answer::Value(value)) => Ok(value),
            Ok(other) => Err(other.into_error().into_consensus()),
            Err(error) => Err(error.into_consensus()),
        }
    }
}

#[async_trait]
impl ConsensusDriver for RemoteDriver {
    fn leadership_events(&self) -> LeadershipStream {
        self.pipe.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        self.value(NodeRequest::Load).await
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        self.value(NodeRequest::Persist { at_least, epoch }).await
    }
}
