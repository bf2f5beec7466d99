//! What a node process answers to requests of its node.

use futures_util::StreamExt;
use tsoracle_consensus::{ConsensusError, LeaderState, Membership, NodeId};

use super::protocol::{Answer, Capability, HookCall, MembershipCall, NodeRequest};
use crate::{Hook, HookKind, LinkFaults, Node};

pub(super) async fn answer(node: &dyn Node, request: NodeRequest) -> Answer {
    match request {
        NodeRequest::Load => value(node.driver().load_high_water().await),
        NodeRequest::Persist { at_least, epoch } => {
            value(node.driver().persist_high_water(at_least, epoch).await)
        }
        NodeRequest::LeaseDeadline => deadline(node).await,
        NodeRequest::Shutdown => done(node.shutdown().await),
        NodeRequest::Hook(call) => call_hook(node, call).await,
        NodeRequest::HandOff(to) => hand_off(node, to).await,
        NodeRequest::Membership(call) => match node.membership() {
            Some(membership) => change_members(membership.as_ref(), call).await,
            None => Answer::Lacks(Capability::Membership),
        },
        NodeRequest::SetLink { to, fault } => with_links(node, |links| {
            links.set(to, fault);
            Answer::Done
        }),
        NodeRequest::Disturbed(to) => with_links(node, |links| Answer::Value(links.disturbed(to))),
    }
}

async fn deadline(node: &dyn Node) -> Answer {
    match node.driver().leadership_events().next().await {
        Some(LeaderState::Leader { lease, .. }) => Answer::Deadline(lease.deadline()),
        _ => Answer::Deadline(None),
    }
}

async fn call_hook(node: &dyn Node, call: HookCall) -> Answer {
    let (hooks, kind) = (node.hooks(), call.kind());
    match call {
        HookCall::HoldApply(hold) => run(hooks.hold_apply, hold, kind).await,
        HookCall::Inject(payload) => run(hooks.inject, payload, kind).await,
        HookCall::SnapshotNow => run(hooks.snapshot_now, (), kind).await,
        HookCall::PurgeNow => run(hooks.purge_now, (), kind).await,
        HookCall::Campaign => run(hooks.campaign, (), kind).await,
    }
}

async fn run<A>(hook: Option<Hook<A>>, argument: A, kind: HookKind) -> Answer {
    match hook {
        Some(hook) => done(hook(argument).await),
        None => Answer::Lacks(Capability::Hook(kind)),
    }
}

async fn hand_off(node: &dyn Node, to: NodeId) -> Answer {
    match node.handoff() {
        Some(handoff) => Answer::HandedOff(handoff.hand_off(to).await),
        None => Answer::Lacks(Capability::Handoff),
    }
}

async fn change_members(membership: &dyn Membership, call: MembershipCall) -> Answer {
    match call {
        MembershipCall::Members => Answer::Members(membership.members().await),
        MembershipCall::Add(member) => Answer::Changed(membership.add(member).await),
        MembershipCall::Remove(node) => Answer::Changed(membership.remove(node).await),
        MembershipCall::Replace { old, new } => Answer::Changed(membership.replace(old, new).await),
    }
}

fn with_links(node: &dyn Node, act: impl FnOnce(&dyn LinkFaults) -> Answer) -> Answer {
    match node.links() {
        Some(links) => act(links.as_ref()),
        None => Answer::Lacks(Capability::Links),
    }
}

fn value(outcome: Result<u64, ConsensusError>) -> Answer {
    outcome.map_or_else(Answer::Driver, Answer::Value)
}

fn done(outcome: Result<(), ConsensusError>) -> Answer {
    outcome.map_or_else(Answer::Driver, |()| Answer::Done)
}
