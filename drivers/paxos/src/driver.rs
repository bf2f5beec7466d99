//! The driver: calls on the leader, refusals everywhere else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tsoracle_consensus::replicated::DriverStatus;
use tsoracle_consensus::{
    AdvancePayload, ConsensusDriver, ConsensusError, LeadershipStream, Lease,
    reject_out_of_range_advance,
};
use tsoracle_core::Epoch;
use tsoracle_paxos_toolkit::{AppendError, PaxosBallot};

use crate::leadership::follow;
use crate::{DriverSettings, HighWaterCommand, PaxosHighWaterHost, Reads, encode_epoch};

/// A [`ConsensusDriver`] on an OmniPaxos group of its host.
///
/// Needs a Tokio runtime with time enabled. Dropping it ends the lease as it sees it and every
/// stream; the group belongs to the host. The crate's front page says how each clause is kept.
#[derive(Debug)]
pub struct PaxosDriver<H> {
    pub(crate) host: Arc<H>,
    pub(crate) settings: DriverSettings,
    pub(crate) status: Arc<DriverStatus>,
    follower: JoinHandle<()>,
}

impl<H: PaxosHighWaterHost> PaxosDriver<H> {
    /// A driver on a running group.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(host: Arc<H>, settings: DriverSettings) -> Self {
        let status = Arc::new(DriverStatus::default());
        let follower = tokio::spawn(follow(Arc::clone(&host), Arc::clone(&status)));
        Self {
            host,
            settings,
            status,
            follower,
        }
    }

    /// Ends the lease and every stream; later calls are refused. The group goes on without this
    /// node's service; hand leadership off before, if others are to serve. Stopping again changes
    /// nothing.
    pub fn stop(&self) {
        if let Some(leases) = self.host.leases() {
            leases.0.end();
        }
        self.status.stop();
        self.follower.abort();
    }

    /// The leadership that calls may use now, or the refusal.
    pub(crate) fn leading(&self) -> Result<(Epoch, Lease), ConsensusError> {
        self.status.refusal_of_all()?;
        // Before the state, which follows a failure a moment later.
        if let Some(failure) = self.host.handle().failure() {
            return Err(ConsensusError::permanent(failure));
        }
        self.status.leading()
    }

    /// The refusal of a node whose engine says that it does not lead.
    pub(crate) fn not_leading(&self) -> ConsensusError {
        let refusal = self.leading().map(drop).err();
        refusal.unwrap_or_else(|| ConsensusError::transient("leadership is moving; try again"))
    }

    async fn propose(&self, payload: AdvancePayload) -> Result<u64, ConsensusError> {
        let proposed = propose(&*self.host, payload, self.settings.deadline).await;
        match proposed {
            Err(error @ ConsensusError::Permanent(_)) => {
                self.status.refusal_of_all()?;
                Err(error)
            }
            outcome => outcome,
        }
    }

    /// Under the lease: whatever this node had accepted when the load began is decided and applied,
    /// then the value, then the lease. `None` if the lease has lapsed.
    async fn load_by_lease(&self, lease: &Lease) -> Result<Option<u64>, ConsensusError> {
        let barrier = self.host.handle().barrier();
        if !barrier.is_passed() {
            let grace = self.settings.grace.min(self.settings.deadline);
            let passed = barrier.passed(grace).await;
            if let Err(late) = passed {
                self.leading()?;
                return Err(ConsensusError::transient(late));
            }
        }
        let value = self.host.high_water().applied().get();
        Ok(lease.is_valid().then_some(value))
    }

    /// Without a valid lease: a command that changes nothing. That it is decided under this epoch
    /// shows that nobody led after it when the load began (R2).
    async fn load_through_log(&self, epoch: Epoch) -> Result<u64, ConsensusError> {
        match self.propose(AdvancePayload::opening(epoch)).await {
            Err(fenced @ ConsensusError::Fenced { .. }) => Err(ConsensusError::transient(fenced)),
            outcome => outcome,
        }
    }
}

impl<H> Drop for PaxosDriver<H> {
    fn drop(&mut self) {
        self.status.stop();
        self.follower.abort();
    }
}

#[async_trait]
impl<H: PaxosHighWaterHost> ConsensusDriver for PaxosDriver<H> {
    fn leadership_events(&self) -> LeadershipStream {
        self.status.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let limit = Instant::now() + self.settings.deadline;
        let (epoch, lease) = self.leading()?;
        if self.settings.reads == Reads::Lease
            && lease.is_valid()
            && let Some(value) = self.load_by_lease(&lease).await?
        {
            return Ok(value);
        }
        let through_log = timeout_at(limit, self.load_through_log(epoch)).await;
        through_log.unwrap_or_else(|_| Err(unanswered(self.settings.deadline)))
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        let (current, lease) = self.leading()?;
        if epoch != current {
            return Err(ConsensusError::Fenced {
                offered: epoch,
                current,
            });
        }
        if !lease.is_absent() && !lease.is_valid() {
            return Err(ConsensusError::transient("the lease has lapsed; try again"));
        }
        self.propose(AdvancePayload { at_least, epoch }).await
    }
}

/// Puts a command into the log if its epoch is still this node's leadership, and waits until it is
/// applied here.
pub(crate) async fn propose<H: PaxosHighWaterHost>(
    host: &H,
    payload: AdvancePayload,
    within: Duration,
) -> Result<u64, ConsensusError> {
    let leads = host.handle().leadership().borrow().leads();
    let leads = leads.filter(|ballot| encode_epoch(*ballot) == payload.epoch);
    let Some(ballot) = leads else {
        // Where the leader is now, the node's state tells the next call.
        return Err(ConsensusError::transient(
            "this node stopped leading before the command was taken",
        ));
    };
    append(host, payload, ballot, within).await
}

/// As [`propose`], under any epoch, if this node leads at `ballot`.
pub(crate) async fn append<H: PaxosHighWaterHost>(
    host: &H,
    payload: AdvancePayload,
    ballot: PaxosBallot,
    within: Duration,
) -> Result<u64, ConsensusError> {
    let limit = Instant::now() + within;
    let mut awaited = None;
    let command = HighWaterCommand(payload);
    let appended = host.handle().append(
        ballot,
        |request| {
            awaited = Some(host.high_water().wait_for(request));
            host.entry(command, request)
        },
        within,
    );
    appended.await.map_err(refused)?;
    let applied = async { awaited?.outcome().await };
    match timeout_at(limit, applied).await {
        Ok(Some(outcome)) => Ok(outcome?),
        Ok(None) => Err(ConsensusError::transient(
            "the engine ended before it applied the command",
        )),
        Err(_) => Err(unanswered(within)),
    }
}

fn refused(error: AppendError) -> ConsensusError {
    match error {
        AppendError::Failed(failure) => ConsensusError::permanent(failure),
        unknown_or_not_appended => ConsensusError::transient(unknown_or_not_appended),
    }
}

fn unanswered(limit: Duration) -> ConsensusError {
    ConsensusError::transient(format!("no quorum acknowledged within {limit:?}"))
}
