//! The driver of a node in another process, behind the same trait.

use std::sync::Arc;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, LeadershipStream};

use super::TestbedError;
use super::pipe::Pipe;
use super::protocol::{Answer, Request};

/// Forwards each call over the pipe. A call whose process ends before it answers is `Transient`:
/// nobody knows whether it was applied. Leases arrive as absent.
#[derive(Debug)]
pub(super) struct RemoteDriver {
    pub(super) pipe: Arc<Pipe>,
}

impl RemoteDriver {
    async fn value(&self, request: Request) -> Result<u64, ConsensusError> {
        match self.pipe.call(request).await {
            Ok(Answer::Value(value)) => Ok(value),
            Ok(Answer::Driver(error)) => Err(error),
            Ok(other) => Err(ConsensusError::transient(TestbedError::Protocol(format!(
                "{other:?}"
            )))),
            Err(error) => Err(ConsensusError::transient(error)),
        }
    }
}

#[async_trait]
impl ConsensusDriver for RemoteDriver {
    fn leadership_events(&self) -> LeadershipStream {
        self.pipe.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        self.value(Request::Load).await
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        self.value(Request::Persist { at_least, epoch }).await
    }
}
