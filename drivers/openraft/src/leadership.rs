//! From the engine's roles, the keeper's lease and the opening command to the contract's states.

use std::sync::Arc;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftServerMetrics;
use tsoracle_consensus::replicated::{DriverStatus, Opening};
use tsoracle_consensus::{AdvancePayload, ConsensusError, LeaderHint, LeaderState, Lease};
use tsoracle_core::Epoch;
use tsoracle_openraft_toolkit::RaftBallot;

use crate::driver::{propose, why_it_ended};
use crate::{OpenraftHighWaterHost, encode_epoch};

/// Publishes this node's state until the engine ends.
pub(crate) async fn follow<H: OpenraftHighWaterHost>(host: Arc<H>, shared: Arc<DriverStatus>) {
    let mut roles = host.lifecycle().raft().server_metrics();
    let mut leases = host.leases().0.changes();
    let mut granted_to = host.lifecycle().keeper().granted_to();
    let mut opening = Opening::<RaftBallot>::default();
    let mut failed = host.failed();
    loop {
        let role = roles.borrow_and_update().clone();
        leases.mark_unchanged();
        let last_granted = *granted_to.borrow_and_update();
        opening.attend(leads(&role), |ballot| open(Arc::clone(&host), ballot));
        let shown = shared.current().leading_epoch();
        let state = state(&*host, &role, last_granted, opening.opened(), shown);
        shared.publish(state);
        let goes_on = tokio::select! {
            biased;
            changed = roles.changed() => changed.is_ok(),
            changed = granted_to.changed() => changed.is_ok(),
            changed = leases.changed() => changed.is_ok(),
            outcome = opening.attempt() => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "the epoch is not open yet");
                }
                true
            }
            failure = &mut failed => {
                host.lifecycle().keeper().end();
                host.leases().0.end();
                return fail(&shared, failure);
            }
        };
        if !goes_on {
            break;
        }
    }
    host.leases().0.end();
    match why_it_ended(&*host).await {
        Some(failure) => fail(&shared, failure),
        None => shared.stop(),
    }
}

fn fail(shared: &DriverStatus, failure: ConsensusError) {
    tracing::error!(%failure, "the engine failed; this node has stopped");
    shared.fail(failure);
}

async fn open<H: OpenraftHighWaterHost>(
    host: Arc<H>,
    ballot: RaftBallot,
) -> Result<u64, ConsensusError> {
    let epoch = encode_epoch(ballot.term, ballot.node);
    propose(&*host, AdvancePayload::opening(epoch)).await
}

/// The ballot that this node leads under, as the engine sees it.
fn leads<C>(role: &RaftServerMetrics<C>) -> Option<RaftBallot>
where
    C: tsoracle_openraft_toolkit::RaftTypes,
{
    let ballot = RaftBallot::from(&role.vote);
    let leads = role.state == ServerState::Leader && role.vote.committed && ballot.node == role.id;
    leads.then_some(ballot)
}

/// `Leader` once the epoch is open and its lease is valid (L7), and from then on until the engine
/// steps down (L8); hints only at a leader whose round this node granted (L6).
fn state<H: OpenraftHighWaterHost>(
    host: &H,
    role: &RaftServerMetrics<H::Types>,
    granted_to: Option<RaftBallot>,
    opened: Option<RaftBallot>,
    shown: Option<Epoch>,
) -> LeaderState {
    if let Some(ballot) = leads(role) {
        let epoch = encode_epoch(ballot.term, ballot.node);
        let lease = host.leases().0.lease(ballot);
        let may_show =
            |lease: &Lease| shown == Some(epoch) || (opened == Some(ballot) && lease.is_valid());
        return match lease.filter(may_show) {
            Some(lease) => LeaderState::Leader { epoch, lease },
            None => LeaderState::Candidate,
        };
    }
    match role.state {
        ServerState::Candidate | ServerState::Leader => LeaderState::Candidate,
        _ => {
            let followed = RaftBallot::from(&role.vote);
            let leader = granted_to.filter(|granted| role.vote.committed && *granted == followed);
            match leader.and_then(|leader| hint(host, role, leader)) {
                Some(hint) => LeaderState::Follower { leader: Some(hint) },
                None if role.current_leader.is_some() => LeaderState::Follower { leader: None },
                None => LeaderState::NoLeader,
            }
        }
    }
}

fn hint<H: OpenraftHighWaterHost>(
    host: &H,
    role: &RaftServerMetrics<H::Types>,
    leader: RaftBallot,
) -> Option<LeaderHint> {
    let node = role.membership_config.membership().get_node(&leader.node)?;
    Some(LeaderHint {
        endpoint: host.member(leader.node, node).service_endpoint,
        epoch: encode_epoch(leader.term, leader.node),
    })
}
