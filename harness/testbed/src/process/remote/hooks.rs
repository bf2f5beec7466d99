//! Hooks that are called in a node of another process.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;

use super::super::pipe::Pipe;
use super::super::protocol::{Answer, HookCall, NodeRequest};
use crate::{Hook, HookKind, Hooks};

/// The hooks of these kinds. One that the node itself does not have is refused there.
pub(in super::super) fn remote_hooks(pipe: &Arc<Pipe>, offered: &BTreeSet<HookKind>) -> Hooks {
    let is_offered = |kind| offered.contains(&kind);
    let plain = |kind, call| is_offered(kind).then(|| hook(pipe, move |()| call));
    Hooks {
        hold_apply: is_offered(HookKind::HoldApply).then(|| hook(pipe, HookCall::HoldApply)),
        inject: is_offered(HookKind::Inject).then(|| hook(pipe, HookCall::Inject)),
        snapshot_now: plain(HookKind::SnapshotNow, HookCall::SnapshotNow),
        purge_now: plain(HookKind::PurgeNow, HookCall::PurgeNow),
        campaign: plain(HookKind::Campaign, HookCall::Campaign),
    }
}

fn hook<A: 'static>(
    pipe: &Arc<Pipe>,
    call: impl Fn(A) -> HookCall + Send + Sync + 'static,
) -> Hook<A> {
    let pipe = Arc::clone(pipe);
    Arc::new(move |argument| invoke(Arc::clone(&pipe), call(argument)).boxed())
}

async fn invoke(pipe: Arc<Pipe>, call: HookCall) -> Result<(), ConsensusError> {
    match pipe.ask(NodeRequest::Hook(call)).await {
        Ok(Answer::Done) => Ok(()),
        Ok(other) => Err(other.into_error().into_consensus()),
        Err(error) => Err(error.into_consensus()),
    }
}
