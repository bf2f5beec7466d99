//! Drivers that are unusual and keep every clause: no check may fail on them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tsoracle_consensus::{
    ConsensusDriver, ConsensusError, Epoch, LeaderState, LeadershipPublisher, LeadershipStream,
    Lease,
};
use tsoracle_testbed::Capabilities;

use super::overlay;
use super::spoiled::{Defect, Life, exhibit, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<Yields>(),
        exhibit::<AppliesLate>(),
        exhibit::<NoLeases>(),
        exhibit::<CandidateFirst>(),
    ]
}

/// Every call takes its time, a shutdown included.
#[derive(Default)]
struct Yields;

#[async_trait]
impl Defect for Yields {
    const NAME: &'static str = "honest_and_slow";
    const FAILS: &'static [&'static str] = &[];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        yield_times(3).await;
        let loaded = life.honest.load_high_water().await?;
        yield_times(3).await;
        Ok(loaded)
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        yield_times(3).await;
        let answer = life.honest.persist_high_water(at_least, epoch).await;
        yield_times(3).await;
        answer
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        life.node.shutdown().await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(())
    }
}

/// What was proposed goes on without whoever waited for it.
#[derive(Default)]
struct AppliesLate;

#[async_trait]
impl Defect for AppliesLate {
    const NAME: &'static str = "honest_and_late";
    const FAILS: &'static [&'static str] = &[];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        overlay::refuse(life, at_least, epoch).await?;
        let honest: Arc<dyn ConsensusDriver> = Arc::clone(&life.honest);
        let proposal = tokio::spawn(async move {
            yield_times(5).await;
            honest.persist_high_water(at_least, epoch).await
        });
        proposal.await.map_err(ConsensusError::transient)?
    }
}

/// A driver without leases says so.
#[derive(Default)]
struct NoLeases;

#[async_trait]
impl Defect for NoLeases {
    const NAME: &'static str = "honest_without_leases";
    const FAILS: &'static [&'static str] = &[];
    type Store = ();

    fn capabilities(honest: Capabilities) -> Capabilities {
        Capabilities {
            leases: false,
            ..honest
        }
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let absent = |state| match state {
            LeaderState::Leader { epoch, .. } => LeaderState::Leader {
                epoch,
                lease: Lease::absent(),
            },
            other => other,
        };
        life.honest.leadership_events().map(absent).boxed()
    }
}

/// A start returns before there is a leader.
struct CandidateFirst(LeadershipPublisher);

impl Default for CandidateFirst {
    fn default() -> Self {
        Self(LeadershipPublisher::new(LeaderState::NoLeader))
    }
}

impl CandidateFirst {
    fn leads(&self) -> Result<(), ConsensusError> {
        match self.0.current() {
            LeaderState::Leader { .. } => Ok(()),
            _ => Err(ConsensusError::NotLeader { leader: None }),
        }
    }
}

#[async_trait]
impl Defect for CandidateFirst {
    const NAME: &'static str = "honest_and_elected_later";
    const FAILS: &'static [&'static str] = &[];
    type Store = ();

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let life = Arc::clone(life);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            life.defect.0.publish(LeaderState::Candidate);
            tokio::time::sleep(Duration::from_millis(2)).await;
            if let Some(state) = life.state() {
                life.defect.0.publish(state);
            }
        });
        Ok(())
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        life.defect.0.subscribe()
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        life.defect.leads()?;
        life.honest.load_high_water().await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        tsoracle_consensus::reject_out_of_range_advance(at_least)?;
        life.defect.leads()?;
        life.honest.persist_high_water(at_least, epoch).await
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.defect.0.end(LeaderState::NoLeader);
        life.node.shutdown().await
    }
}
