//! A cluster of node processes that is made to suffer, and what is known of its value.

use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader, Placement};

use crate::Stop;
use crate::case::Case;
use crate::crash::{kill_all, lose_unsynced, spawn, start_and_check};
use crate::ledger::{Ledger, STEP};
use crate::verdict::ensure;

/// A cluster between its crashes.
pub(crate) struct Subject {
    pub(crate) cluster: Cluster,
    ledger: Ledger,
}

impl Subject {
    /// Nodes that were never started.
    pub(crate) fn new(case: &mut Case) -> Result<Self, Stop> {
        Ok(Self {
            cluster: Cluster::prepare(&case.plan(Placement::Processes))?,
            ledger: Ledger::default(),
        })
    }

    /// Makes the nodes' processes; with a journal if the power is to be lost later.
    pub(crate) async fn spawn(&mut self, record: bool) -> Result<(), Stop> {
        spawn(&mut self.cluster, record).await
    }

    /// Starts the nodes; their value must be right, and one that was asked for.
    pub(crate) async fn start(&mut self, case: &Case) -> Result<Leader, Stop> {
        let leader = start_and_check(case, &mut self.cluster, &mut self.ledger).await?;
        let loaded = self.ledger.returned();
        ensure!(
            loaded.is_multiple_of(STEP),
            "{loaded} came back, and every value that was asked for is a multiple of {STEP}"
        );
        Ok(leader)
    }

    /// Persists a new value; the answer may be an error, but it must come.
    pub(crate) async fn persist(
        &mut self,
        case: &Case,
        leader: &Leader,
    ) -> Result<Result<u64, ConsensusError>, Stop> {
        let answer = case.try_persist(leader, self.ledger.propose()).await?;
        self.ledger.note(&answer);
        Ok(answer)
    }

    /// Kills every node, and loses what it had not synced if the power is lost too.
    pub(crate) fn kill(&mut self, power_lost: bool) -> Result<(), Stop> {
        kill_all(&mut self.cluster)?;
        if power_lost {
            lose_unsynced(&self.cluster)?;
        }
        Ok(())
    }

    /// A start, and a persist that must work.
    pub(crate) async fn live(&mut self, case: &Case) -> Result<(), Stop> {
        let leader = self.start(case).await?;
        self.persist(case, &leader).await??;
        Ok(())
    }

    /// A start, a persist that must work, and a kill.
    pub(crate) async fn live_and_die(&mut self, case: &Case) -> Result<(), Stop> {
        self.live(case).await?;
        self.kill(false)
    }
}
