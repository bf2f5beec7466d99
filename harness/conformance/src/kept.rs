//! What a cluster has to keep through snapshots, purges, restarts and new members: its value, and
//! that the epochs of earlier leaders are over.

use std::time::Duration;

use tokio::time::sleep;
use tsoracle_consensus::{AdvancePayload, ConsensusError, Epoch};
use tsoracle_testbed::{Cluster, HookKind, Leader};

use crate::Stop;
use crate::case::Case;
use crate::service;
use crate::verdict::ensure;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What the leaders of epochs that are over still try to persist: far above every value.
const TOO_LATE: u64 = 1_000_000_000;

/// The value that was acknowledged last, and the epochs that were fenced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    value: u64,
    over: Vec<Epoch>,
    refused: u64,
    injected: u64,
}

impl Kept {
    /// The value that was acknowledged last.
    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// Persists a value above everything so far, through whoever leads.
    pub(crate) async fn raise(&mut self, case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
        let (leader, value) = service::persist(case, cluster, self.value + 10).await?;
        ensure!(
            value == self.value + 10,
            "a persist of {} returned {value}",
            self.value + 10
        );
        self.value = value;
        Ok(leader)
    }

    /// Restarts the leader, so that its epoch ends; persists under the next one.
    pub(crate) async fn end_epoch(
        &mut self,
        case: &Case,
        cluster: &mut Cluster,
    ) -> Result<Leader, Stop> {
        let old = service::serving_leader(case, cluster).await?;
        service::stop(case, cluster, old.index).await?;
        service::start(case, cluster, old.index).await?;
        self.over.push(old.epoch);
        case.successor(cluster, &old).await?;
        self.raise(case, cluster).await
    }

    /// What old leaders had under way arrives: it must have no effect. Needs the hook `Inject`;
    /// without it nothing happens.
    pub(crate) async fn inject_late(&mut self, case: &Case, cluster: &Cluster) -> Result<(), Stop> {
        if !case.capabilities().hooks.contains(&HookKind::Inject) {
            return Ok(());
        }
        let patience = case.election_patience();
        for epoch in &self.over {
            let at_least = TOO_LATE;
            let payload = AdvancePayload {
                at_least,
                epoch: *epoch,
            };
            let injected = inject(case, cluster, payload);
            let what = format!("a late command of epoch {epoch} to be applied");
            patience.wait_for(&what, injected).await??;
            self.injected += 1;
        }
        Ok(())
    }

    /// The leader has the value and nothing else, and refuses every epoch that is over. Should it
    /// be deposed meanwhile, the next one is asked.
    pub(crate) async fn ensure_kept(
        &mut self,
        case: &Case,
        cluster: &Cluster,
        when: &str,
    ) -> Result<Leader, Stop> {
        let (leader, loaded) = service::load(case, cluster).await?;
        self.judge(&leader, loaded, when)?;
        for epoch in self.over.clone() {
            self.ensure_refused(case, cluster, epoch, when).await?;
        }
        let (leader, loaded) = service::load(case, cluster).await?;
        self.judge(&leader, loaded, when)?;
        Ok(leader)
    }

    /// Notes what was tried.
    pub(crate) fn count(&self, case: &mut Case) {
        case.count("persists in epochs that were over", self.refused);
        case.count("late commands put into the log", self.injected);
    }

    fn judge(&self, leader: &Leader, loaded: u64, when: &str) -> Result<(), Stop> {
        let Self { value, .. } = self;
        ensure!(
            loaded < TOO_LATE,
            "{when}, {leader:?} loads {loaded}, which was asked for in an epoch that is over"
        );
        ensure!(
            loaded == *value,
            "{when}, {leader:?} loads {loaded}, and {value} was acknowledged last"
        );
        Ok(())
    }

    async fn ensure_refused(
        &mut self,
        case: &Case,
        cluster: &Cluster,
        epoch: Epoch,
        when: &str,
    ) -> Result<(), Stop> {
        let refused = async {
            loop {
                let leader = service::serving_leader(case, cluster).await?;
                let refusal = case.refusal(&*leader.driver, TOO_LATE, epoch).await?;
                match refusal {
                    ConsensusError::Fenced { .. } => return Ok::<(), Stop>(()),
                    again if service::asks_to_retry(&again) => sleep(LOOK_EVERY).await,
                    other => return Err(other.into()),
                }
            }
        };
        let what = format!("{when}, the fencing of epoch {epoch}");
        case.election_patience().wait_for(&what, refused).await??;
        self.refused += 1;
        Ok(())
    }
}

/// Puts a command into the log of whoever leads, until it is applied.
async fn inject(case: &Case, cluster: &Cluster, payload: AdvancePayload) -> Result<(), Stop> {
    loop {
        let leader = service::serving_leader(case, cluster).await?;
        let hooks = cluster.nodes()[leader.index].hooks()?;
        let Some(inject) = hooks.inject else {
            return Err(Stop::Invalid(
                "the hook Inject is declared and missing".into(),
            ));
        };
        match inject(payload).await {
            Ok(()) => return Ok(()),
            Err(refusal) if service::asks_to_retry(&refusal) => sleep(LOOK_EVERY).await,
            Err(other) => return Err(other.into()),
        }
    }
}

/// Takes a snapshot on the nodes at these places.
pub(crate) async fn snapshot(case: &Case, cluster: &Cluster, on: &[usize]) -> Result<(), Stop> {
    for index in on {
        let Some(hook) = cluster.nodes()[*index].hooks()?.snapshot_now else {
            return Err(Stop::Invalid(
                "the hook SnapshotNow is declared and missing".into(),
            ));
        };
        case.election_patience()
            .wait_for("a snapshot", hook(()))
            .await??;
    }
    Ok(())
}

/// Purges the logs of the nodes at these places up to their snapshots.
pub(crate) async fn purge(case: &Case, cluster: &Cluster, on: &[usize]) -> Result<(), Stop> {
    for index in on {
        let Some(hook) = cluster.nodes()[*index].hooks()?.purge_now else {
            return Err(Stop::Invalid(
                "the hook PurgeNow is declared and missing".into(),
            ));
        };
        case.election_patience()
            .wait_for("a purge", hook(()))
            .await??;
    }
    Ok(())
}
