//! Handing leadership to a chosen node (H1, H2).

use std::time::Instant;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Handoff, HandoffError, NodeId};
use tsoracle_openraft_toolkit::TransferError;

use crate::{OpenraftDriver, OpenraftHighWaterHost};

#[async_trait]
impl<H: OpenraftHighWaterHost> Handoff for OpenraftDriver<H> {
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError> {
        self.leading()?;
        let bad_target = |reason: String| HandoffError::BadTarget { to, reason };
        if to == *self.host.lifecycle().raft().node_id() {
            return Err(bad_target("it leads already".into()));
        }
        let began = Instant::now();
        let within = self.settings.handoff_deadline;
        let transfer = self.host.lifecycle().transfer_leadership(to, within).await;
        transfer.map_err(|error| match error {
            TransferError::NotVoter { .. } | TransferError::NotReady { .. } => {
                bad_target(error.to_string())
            }
            TransferError::Other { .. } | TransferError::Late { .. } => HandoffError::TimedOut {
                to,
                waited_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
            TransferError::NotLeader { .. } => self.not_leading().into(),
            TransferError::Busy | TransferError::Stopped { .. } => {
                ConsensusError::transient(error).into()
            }
        })
    }
}
