//! A cluster in this process that serves, and calls to its leader.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Backend, Cluster, ClusterPlan, Leader, Patience, Placement, allowance};

use crate::BenchError;

/// The size of a cluster, where the driver can form it.
const NODES: usize = 3;
/// So many leaders in a row may be deposed under one measurement.
const TRIES: usize = 3;

/// Nodes in this process, as in `lab latency`.
pub(crate) struct Serving<'a> {
    runtime: &'a Runtime,
    cluster: Cluster,
    patience: Duration,
    /// Each persist asks for more than the last one, so that none is answered without a write.
    next: Cell<u64>,
    _dir: TempDir,
}

impl<'a> Serving<'a> {
    /// Starts the nodes with their stores in a new folder below `dir`.
    pub(crate) fn start(
        backend: &Arc<dyn Backend>,
        dir: &Path,
        runtime: &'a Runtime,
    ) -> Result<Self, BenchError> {
        let dir = folder(dir)?;
        let plan = plan(backend, dir.path(), Placement::InProcess);
        Ok(Self {
            runtime,
            cluster: runtime.block_on(Cluster::start(&plan))?,
            patience: patience(backend.as_ref()),
            next: Cell::new(1),
            _dir: dir,
        })
    }

    /// Time of `rounds` rounds of `at_once` persists. A round begins when the one before is durable.
    pub(crate) fn persist(&self, rounds: u64, at_once: u64) -> Result<Duration, BenchError> {
        self.with_leader(&async |leader| {
            let began = Instant::now();
            for _ in 0..rounds {
                let first = self.next.get();
                self.next.set(first + at_once);
                let persists = (first..first + at_once).map(|asked| persist(leader, asked));
                for outcome in join_all(persists).await {
                    outcome?;
                }
            }
            Ok(began.elapsed())
        })
    }

    /// Time of so many loads, one after the other.
    pub(crate) fn load(&self, times: u64) -> Result<Duration, BenchError> {
        self.with_leader(&async |leader| {
            let began = Instant::now();
            for _ in 0..times {
                std::hint::black_box(leader.driver.load_high_water().await?);
            }
            Ok(began.elapsed())
        })
    }

    /// Measures at the leader of the moment; what a change of leaders broke off is measured again.
    fn with_leader(
        &self,
        measure: &impl AsyncFn(&Leader) -> Result<Duration, BenchError>,
    ) -> Result<Duration, BenchError> {
        self.runtime.block_on(async {
            let mut tries = 1;
            loop {
                let leader = self.cluster.leader(Patience::new(self.patience)).await?;
                match measure(&leader).await {
                    Err(BenchError::Driver(refusal)) if tries < TRIES && passes(&refusal) => {
                        tries += 1;
                    }
                    measured => return measured,
                }
            }
        })
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        // The folder goes next, whatever a node says to its end.
        let _ = self.runtime.block_on(self.cluster.shutdown_all());
    }
}

/// One persist, held to its clause.
async fn persist(leader: &Leader, asked: u64) -> Result<(), BenchError> {
    let got = leader
        .driver
        .persist_high_water(asked, leader.epoch)
        .await?;
    if got < asked {
        return Err(BenchError::WrongValue { asked, got });
    }
    Ok(())
}

/// Whether another leader may take what this one refused.
fn passes(refusal: &ConsensusError) -> bool {
    matches!(
        refusal,
        ConsensusError::NotLeader { .. }
            | ConsensusError::Fenced { .. }
            | ConsensusError::Transient(_)
    )
}

/// A cluster of three, or the largest below that the driver can form.
pub(crate) fn plan(backend: &Arc<dyn Backend>, dir: &Path, placement: Placement) -> ClusterPlan {
    let sizes = backend.capabilities().cluster_sizes;
    ClusterPlan {
        backend: Arc::clone(backend),
        size: NODES.clamp(*sizes.start(), *sizes.end()),
        dir: dir.to_owned(),
        placement,
        seed: 1,
        decorate: Arc::new(|_, driver| driver),
    }
}

/// How long a cluster may take until it serves.
pub(crate) fn patience(backend: &dyn Backend) -> Duration {
    let timing = backend.timing();
    allowance(timing.election_timeout * 10 + timing.lease.unwrap_or_default() + timing.deadline)
}

/// A new folder for stores, gone with the handle.
pub(crate) fn folder(dir: &Path) -> Result<TempDir, BenchError> {
    tempfile::tempdir_in(dir).map_err(|source| BenchError::Folder {
        dir: dir.to_owned(),
        source,
    })
}
