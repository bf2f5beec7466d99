//! From the engine's roles, the lease and the opening command to the contract's states.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tsoracle_consensus::replicated::{DriverStatus, Opening};
use tsoracle_consensus::{AdvancePayload, ConsensusError, LeaderHint, LeaderState, Lease};
use tsoracle_core::Epoch;
use tsoracle_paxos_toolkit::{Leadership, PaxosBallot};

use crate::driver::append;
use crate::{PaxosHighWaterHost, encode_epoch};

/// How long an opening command may wait for its decision.
const OPENING_LIMIT: Duration = Duration::from_secs(1);

/// Publishes this node's state until the engine ends.
pub(crate) async fn follow<H: PaxosHighWaterHost>(host: Arc<H>, status: Arc<DriverStatus>) {
    let handle = host.handle().clone();
    let mut roles = handle.leadership();
    let mut granted_to = handle.granted_to();
    let mut leases = host.leases().map(|leases| leases.0.changes());
    let mut applied = host.high_water().epoch();
    let mut opening = Opening::<PaxosBallot>::default();
    let ended = handle.ended_with();
    tokio::pin!(ended);
    let failure = loop {
        let role = *roles.borrow_and_update();
        if let Some(leases) = &mut leases {
            leases.mark_unchanged();
        }
        let seen = Seen {
            granted_to: *granted_to.borrow_and_update(),
            applied: *applied.borrow_and_update(),
            opened: opening.opened(),
            shown: status.current().leading_epoch(),
        };
        opening.attend(role.leads(), |ballot| open(Arc::clone(&host), ballot));
        status.publish(state(&*host, role, seen));
        tokio::select! {
            biased;
            failure = &mut ended => break failure,
            changed = roles.changed() => if changed.is_err() {
                break ended.await;
            },
            () = changed(Some(&mut granted_to)) => {}
            () = changed(leases.as_mut()) => {}
            // Only a group without leases shows hints by what it has applied.
            () = changed(Some(&mut applied)), if host.leases().is_none() => {}
            outcome = opening.attempt() => match outcome {
                Ok(()) => tracing::debug!("the epoch is open"),
                Err(error) => tracing::debug!(%error, "the epoch is not open yet"),
            },
        }
    };
    if let Some(leases) = host.leases() {
        leases.0.end();
    }
    match failure {
        Some(failure) => {
            tracing::error!(%failure, "the engine failed; this node has stopped");
            status.fail(ConsensusError::permanent(failure));
        }
        None => status.stop(),
    }
}

/// Waits for the next change; for ever, if nobody makes any.
async fn changed<V>(watched: Option<&mut watch::Receiver<V>>) {
    let gone = match watched {
        Some(watched) => watched.changed().await.is_err(),
        None => true,
    };
    if gone {
        std::future::pending::<()>().await;
    }
}

async fn open<H: PaxosHighWaterHost>(
    host: Arc<H>,
    ballot: PaxosBallot,
) -> Result<u64, ConsensusError> {
    let opening = AdvancePayload::opening(encode_epoch(ballot));
    append(&*host, opening, ballot, OPENING_LIMIT).await
}

/// What this node knows beside its role.
#[derive(Clone, Copy, Debug)]
struct Seen {
    granted_to: Option<PaxosBallot>,
    applied: Epoch,
    opened: Option<PaxosBallot>,
    shown: Option<Epoch>,
}

/// `Leader` once the epoch is open and its lease is valid (L7), and from then on until the engine
/// steps down (L8); hints only at a leader that has led (L6).
fn state<H: PaxosHighWaterHost>(host: &H, role: Leadership, seen: Seen) -> LeaderState {
    match role {
        Leadership::Leader { ballot } => {
            let epoch = encode_epoch(ballot);
            let lease = match host.leases() {
                Some(leases) => leases.0.lease(ballot),
                None => Some(Lease::absent()),
            };
            let is_open = seen.opened == Some(ballot);
            let may_show = |lease: &Lease| {
                seen.shown == Some(epoch) || is_open && (lease.is_absent() || lease.is_valid())
            };
            match lease.filter(may_show) {
                Some(lease) => LeaderState::Leader { epoch, lease },
                None => LeaderState::Candidate,
            }
        }
        Leadership::Candidate { .. } => LeaderState::Candidate,
        Leadership::Follower { promise, has_led } => {
            let epoch = encode_epoch(promise);
            let has_served = match host.leases() {
                Some(_) => seen.granted_to == Some(promise),
                None => has_led && seen.applied == epoch,
            };
            let endpoint = host.service_endpoint(promise.pid).filter(|_| has_served);
            match endpoint.map(|endpoint| LeaderHint { endpoint, epoch }) {
                Some(hint) => LeaderState::Follower { leader: Some(hint) },
                None if has_led => LeaderState::Follower { leader: None },
                None => LeaderState::NoLeader,
            }
        }
        Leadership::NoLeader => LeaderState::NoLeader,
    }
}
