//! From the engine's roles, the keeper's lease and the opening command to the contract's states.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftServerMetrics;
use tokio::time::{sleep, timeout};
use tsoracle_consensus::{
    AdvancePayload, ConsensusError, LeaderHint, LeaderState, LeadershipPublisher, Lease,
};
use tsoracle_core::Epoch;
use tsoracle_openraft_toolkit::RaftBallot;

use crate::driver::{propose, why_it_ended};
use crate::{OpenraftHighWaterHost, encode_epoch};

/// How long an attempt to open an epoch may take before it is made again.
const OPENING_LIMIT: Duration = Duration::from_secs(1);

/// The pause after an attempt that failed at once.
const OPENING_PAUSE: Duration = Duration::from_millis(5);

/// What the driver and the task that follows the engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) leadership: LeadershipPublisher,
    stopped: AtomicBool,
    failure: OnceLock<Arc<ConsensusError>>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            leadership: LeadershipPublisher::new(LeaderState::NoLeader),
            stopped: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    /// Ends every stream; calls are refused from here on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.leadership.end(LeaderState::NoLeader);
    }

    /// The first failure counts.
    fn fail(&self, failure: ConsensusError) {
        tracing::error!(%failure, "the engine failed; this node has stopped");
        // A later failure follows from the first.
        let _ = self.failure.set(Arc::new(failure));
        self.stop();
    }

    /// Once the node has failed or was stopped, every call gets the same answer.
    pub(crate) fn refusal_of_all(&self) -> Result<(), ConsensusError> {
        if let Some(failure) = self.failure.get() {
            return Err(ConsensusError::permanent(Arc::clone(failure)));
        }
        if self.stopped.load(Ordering::SeqCst) {
            return Err(ConsensusError::NotLeader { leader: None });
        }
        Ok(())
    }
}

/// Publishes this node's state until the engine ends.
pub(crate) async fn follow<H: OpenraftHighWaterHost>(host: Arc<H>, shared: Arc<Shared>) {
    let mut roles = host.lifecycle().raft().server_metrics();
    let mut leases = host.leases().changes();
    let mut granted_to = host.lifecycle().keeper().granted_to();
    let mut opening = Opening::default();
    let mut failed = host.failed();
    loop {
        let role = roles.borrow_and_update().clone();
        leases.mark_unchanged();
        let last_granted = *granted_to.borrow_and_update();
        opening.attend(&host, leads(&role));
        let shown = shared.leadership.current().leading_epoch();
        let state = state(&*host, &role, last_granted, opening.done, shown);
        shared.leadership.publish(state);
        let goes_on = tokio::select! {
            biased;
            changed = roles.changed() => changed.is_ok(),
            changed = granted_to.changed() => changed.is_ok(),
            changed = leases.changed() => changed.is_ok(),
            () = opening.attempt() => true,
            failure = &mut failed => {
                host.lifecycle().keeper().end();
                host.leases().end();
                return shared.fail(failure);
            }
        };
        if !goes_on {
            break;
        }
    }
    host.leases().end();
    match why_it_ended(&*host).await {
        Some(failure) => shared.fail(failure),
        None => shared.stop(),
    }
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
        let lease = host.leases().lease(ballot);
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

type Attempt = Pin<Box<dyn Future<Output = Result<u64, ConsensusError>> + Send>>;

/// A leader's first command, tried until it is applied or the leadership is over (P4).
#[derive(Default)]
struct Opening {
    of: Option<RaftBallot>,
    attempt: Option<Attempt>,
    /// The ballot whose epoch is open on this node.
    done: Option<RaftBallot>,
}

impl Opening {
    fn attend<H: OpenraftHighWaterHost>(&mut self, host: &Arc<H>, leads: Option<RaftBallot>) {
        if self.of != leads {
            self.of = leads;
            self.attempt = None;
        }
        let Some(ballot) = leads.filter(|ballot| self.done != Some(*ballot)) else {
            return;
        };
        if self.attempt.is_none() {
            let host = Arc::clone(host);
            let opening = AdvancePayload::opening(encode_epoch(ballot.term, ballot.node));
            self.attempt = Some(Box::pin(async move {
                let proposed = timeout(OPENING_LIMIT, propose(&*host, opening)).await;
                let late = |_| Err(ConsensusError::transient("no quorum opened the epoch yet"));
                let outcome = proposed.unwrap_or_else(late);
                if outcome.is_err() {
                    sleep(OPENING_PAUSE).await;
                }
                outcome
            }));
        }
    }

    /// Returns when the attempt that is under way has ended; waits for ever if there is none.
    async fn attempt(&mut self) {
        let Some(attempt) = &mut self.attempt else {
            return std::future::pending().await;
        };
        let outcome = attempt.await;
        self.attempt = None;
        match outcome {
            Ok(_) => self.done = self.of,
            Err(error) => tracing::debug!(%error, "the epoch is not open yet"),
        }
    }
}
