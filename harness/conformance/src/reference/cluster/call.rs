//! What a replica is asked for.

use tokio::sync::oneshot;
use tsoracle_consensus::{
    AdvancePayload, ConsensusError, Epoch, HandoffError, Member, MembershipError, NodeId,
};

pub(super) type Reply<T> = oneshot::Sender<Result<T, ConsensusError>>;

pub(super) enum Call {
    Load(Reply<u64>),
    Persist {
        at_least: u64,
        epoch: Epoch,
        reply: Reply<u64>,
    },
    HandOff {
        to: NodeId,
        reply: oneshot::Sender<Result<(), HandoffError>>,
    },
    Members(oneshot::Sender<Result<Vec<Member>, MembershipError>>),
    Change {
        change: Change,
        reply: oneshot::Sender<Result<(), MembershipError>>,
    },
    Hook {
        hook: Hook,
        reply: Reply<()>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Add(Member),
    Remove(NodeId),
    Replace(NodeId, Member),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Hook {
    HoldApply(bool),
    Inject(AdvancePayload),
    SnapshotNow,
    PurgeNow,
    Campaign,
}
