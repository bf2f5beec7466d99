//! Handing leadership to a chosen node (H1, H2).

use std::time::Instant;

use async_trait::async_trait;
use tsoracle_consensus::{ConsensusError, Handoff, HandoffError, NodeId};
use tsoracle_paxos_toolkit::HandoffError as Refusal;

use crate::{PaxosDriver, PaxosHighWaterHost, decode_epoch};

#[async_trait]
impl<H: PaxosHighWaterHost> Handoff for PaxosDriver<H> {
    async fn hand_off(&self, to: NodeId) -> Result<(), HandoffError> {
        let (epoch, _) = self.leading()?;
        let bad_target = |reason: String| HandoffError::BadTarget { to, reason };
        if to == decode_epoch(epoch).pid {
            return Err(bad_target("it leads already".into()));
        }
        let began = Instant::now();
        let within = self.settings.handoff_deadline;
        let handed = self.host.handle().hand_off(to, within).await;
        handed.map_err(|refusal| match refusal {
            Refusal::NotMember { .. } => bad_target(refusal.to_string()),
            Refusal::Elsewhere { .. } | Refusal::Late { .. } => HandoffError::TimedOut {
                to,
                waited_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
            Refusal::NotLeading => self.not_leading().into(),
            Refusal::UnderWay { .. } | Refusal::Ended => ConsensusError::transient(refusal).into(),
        })
    }
}
