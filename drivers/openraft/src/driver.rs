//! The driver: calls on the leader, refusals everywhere else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use openraft::errors::{ClientWriteError, Fatal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tsoracle_consensus::replicated::DriverStatus;
use tsoracle_consensus::{
    AdvancePayload, ConsensusDriver, ConsensusError, LeadershipStream, reject_out_of_range_advance,
};
use tsoracle_core::Epoch;
use tsoracle_openraft_toolkit::{LeaderId, ProveError, RaftBallot, RaftTypes};

use crate::leadership::follow;
use crate::{DriverSettings, HighWaterCommand, OpenraftHighWaterHost, Reads, decode_epoch};

/// A [`ConsensusDriver`] on a raft group of its host.
///
/// Needs a Tokio runtime with time enabled. Dropping it ends the lease as it sees it and every
/// stream; the group belongs to the host. The crate's front page says how each clause is kept.
#[derive(Debug)]
pub struct OpenraftDriver<H> {
    pub(crate) host: Arc<H>,
    pub(crate) settings: DriverSettings,
    pub(crate) shared: Arc<DriverStatus>,
    follower: JoinHandle<()>,
}

impl<H: OpenraftHighWaterHost> OpenraftDriver<H> {
    /// A driver on a running group.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(host: Arc<H>, settings: DriverSettings) -> Self {
        let shared = Arc::new(DriverStatus::default());
        let follower = tokio::spawn(follow(Arc::clone(&host), Arc::clone(&shared)));
        Self {
            host,
            settings,
            shared,
            follower,
        }
    }

    /// Ends the lease and every stream; later calls are refused. The group goes on without this
    /// node's service. Stopping again changes nothing.
    pub fn stop(&self) {
        self.host.lifecycle().keeper().end();
        self.host.leases().0.end();
        self.shared.stop();
        self.follower.abort();
    }

    /// The leadership that calls may use now, or the refusal.
    pub(crate) fn leading(&self) -> Result<(Epoch, tsoracle_consensus::Lease), ConsensusError> {
        self.shared.refusal_of_all()?;
        // Before the state, which follows a failure a moment later.
        if let Some(failure) = self.host.failure() {
            return Err(failure);
        }
        self.shared.leading()
    }

    /// The refusal of a node whose engine says that it does not lead.
    pub(crate) fn not_leading(&self) -> ConsensusError {
        let refusal = self.leading().map(drop).err();
        refusal.unwrap_or_else(|| ConsensusError::transient("leadership is moving; try again"))
    }

    async fn propose(&self, payload: AdvancePayload) -> Result<u64, ConsensusError> {
        let proposed = propose(&*self.host, payload);
        let limit = self.settings.deadline;
        match timeout(limit, proposed).await {
            Ok(Err(error @ ConsensusError::Permanent(_))) => {
                self.shared.refusal_of_all()?;
                Err(error)
            }
            Ok(outcome) => outcome,
            Err(_) => Err(unanswered(limit)),
        }
    }

    /// Without a valid lease: a round of the quorum, sent after the load began (R2).
    async fn load_by_quorum(&self, epoch: Epoch) -> Result<u64, ConsensusError> {
        let proof = self
            .host
            .lifecycle()
            .keeper()
            .prove(self.settings.deadline)
            .await;
        let (term, node) = decode_epoch(epoch);
        match proof {
            Ok(proof) if proof.ballot == (RaftBallot { term, node }) => {
                Ok(self.host.applied().get())
            }
            Ok(_) | Err(ProveError::NotLeading) => {
                self.leading()?;
                Err(ConsensusError::transient(
                    "leadership changed while the quorum was asked; try again",
                ))
            }
            Err(no_quorum @ ProveError::NoQuorum { .. }) => {
                Err(ConsensusError::transient(no_quorum))
            }
        }
    }
}

impl<H> Drop for OpenraftDriver<H> {
    fn drop(&mut self) {
        self.shared.stop();
        self.follower.abort();
    }
}

#[async_trait]
impl<H: OpenraftHighWaterHost> ConsensusDriver for OpenraftDriver<H> {
    fn leadership_events(&self) -> LeadershipStream {
        self.shared.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let (epoch, lease) = self.leading()?;
        if self.settings.reads == Reads::Lease {
            let value = self.host.applied().get();
            if lease.is_valid() {
                return Ok(value);
            }
        }
        self.load_by_quorum(epoch).await
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
        if !lease.is_valid() {
            return Err(ConsensusError::transient("the lease has lapsed; try again"));
        }
        self.propose(AdvancePayload { at_least, epoch }).await
    }
}

/// Puts a command into the log if its epoch is still this node's leadership, and waits until it is
/// applied.
pub(crate) async fn propose<H: OpenraftHighWaterHost>(
    host: &H,
    payload: AdvancePayload,
) -> Result<u64, ConsensusError> {
    let (term, node) = decode_epoch(payload.epoch);
    let leader = LeaderId {
        term,
        node_id: node,
    };
    write(host, payload, leader).await
}

/// As [`propose`], under any epoch, if `leader` still leads.
pub(crate) async fn write<H: OpenraftHighWaterHost>(
    host: &H,
    payload: AdvancePayload,
    leader: LeaderId,
) -> Result<u64, ConsensusError> {
    let command = host.command(HighWaterCommand(payload));
    let (answer, answered) = H::Types::responder();
    let write = host
        .lifecycle()
        .raft()
        .write(command)
        .with_leader(leader)
        .responder(answer);
    write.await.map_err(|fatal| stopped(&fatal))?;
    let Ok(written) = answered.await else {
        let failure = why_it_ended(host).await;
        let unknown = || ConsensusError::transient("the engine ended without an answer");
        return Err(failure.unwrap_or_else(unknown));
    };
    match written {
        Ok(applied) => match host.outcome(applied.data) {
            Some(outcome) => Ok(outcome?),
            None => Err(ConsensusError::transient(
                "the host's state machine answered something else; its envelope is at fault",
            )),
        },
        // Nothing was appended; where the leader is now, the node's state tells the next call.
        Err(ClientWriteError::ForwardToLeader(_)) => Err(ConsensusError::transient(
            "this node stopped leading before the command was taken",
        )),
        Err(unknown) => Err(ConsensusError::transient(unknown)),
    }
}

fn unanswered(limit: Duration) -> ConsensusError {
    ConsensusError::transient(format!("no quorum acknowledged within {limit:?}"))
}

/// An engine that does not run any more does so because its storage failed, or was told to stop.
fn stopped<C: openraft::RaftTypeConfig>(fatal: &Fatal<C>) -> ConsensusError {
    match fatal {
        Fatal::StorageError(storage) => ConsensusError::permanent(storage.to_string()),
        Fatal::Panicked => ConsensusError::permanent("the engine panicked"),
        Fatal::Stopped => ConsensusError::NotLeader { leader: None },
    }
}

/// Why an engine's task has ended.
pub(crate) async fn why_it_ended<H: OpenraftHighWaterHost>(host: &H) -> Option<ConsensusError> {
    match host.lifecycle().raft().is_initialized().await {
        Ok(_) => None,
        Err(fatal @ (Fatal::StorageError(_) | Fatal::Panicked)) => Some(stopped(&fatal)),
        Err(Fatal::Stopped) => None,
    }
}
