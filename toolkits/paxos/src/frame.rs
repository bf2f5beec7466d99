//! What runners tell each other.

use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use serde::{Deserialize, Serialize};
use tsoracle_lease::LeaseMessage;

use crate::{GroupEntry, PaxosBallot};

/// One message between two runners of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: GroupEntry")]
pub struct Frame<T: GroupEntry> {
    /// The sender's configuration. The engine itself takes messages of any.
    pub configuration: u32,
    /// The message.
    pub body: Body<T>,
}

/// What a frame carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: GroupEntry")]
pub enum Body<T: GroupEntry> {
    /// From engine to engine.
    Engine(Message<T>),
    /// A round, a grant or a release.
    Lease(LeaseMessage<PaxosBallot>),
    /// The leader at this ballot asks the receiver to campaign in its place.
    TakeOver(PaxosBallot),
}

impl<T: GroupEntry> Body<T> {
    /// Whether it may leave when the batch of its turn is written, and not yet synced. Why this list
    /// is right stands in `docs/proofs/paxos-runner.md` of the repository.
    #[must_use]
    pub fn may_leave_early(&self) -> bool {
        match self {
            Self::Engine(Message::BLE(_)) => true,
            Self::Engine(Message::SequencePaxos(message)) => match message.msg {
                PaxosMsg::AcceptSync(_)
                | PaxosMsg::AcceptDecide(_)
                | PaxosMsg::AcceptStopSign(_)
                | PaxosMsg::Decide(_)
                | PaxosMsg::PrepareReq(_)
                | PaxosMsg::Compaction(_) => true,
                PaxosMsg::Prepare(_)
                | PaxosMsg::Promise(_)
                | PaxosMsg::Accepted(_)
                | PaxosMsg::NotAccepted(_)
                | PaxosMsg::ProposalForward(_)
                | PaxosMsg::ForwardStopSign(_) => false,
            },
            Self::Lease(LeaseMessage::Round(_) | LeaseMessage::Release(_)) => true,
            // A grant says what this node has promised.
            Self::Lease(LeaseMessage::Grant(_)) | Self::TakeOver(_) => false,
        }
    }
}
