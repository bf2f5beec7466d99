//! How clusters are started, and how long it takes until they serve.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Backend, Cluster, ClusterPlan, Patience, Placement, Timing, allowance};

use crate::distribution::rounded;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::time::Time;
use crate::{LatencyError, Options, Starts};

const WHAT: &str = "starts";
const DURING: &str = "the first persist after a start";
/// A leader that was found may be deposed before it is asked; then the next one is looked for.
const AGAIN_AFTER: Duration = Duration::from_millis(1);
const NS_PER_MS: f64 = 1e6;

/// The cluster to measure, its nodes in this process.
pub(crate) fn plan(backend: &Arc<dyn Backend>, options: &Options, dir: &Path) -> ClusterPlan {
    ClusterPlan {
        backend: Arc::clone(backend),
        size: options.cluster_size(&backend.capabilities()),
        dir: dir.to_owned(),
        placement: Placement::InProcess,
        seed: options.seed,
        decorate: Arc::new(|_, driver| driver),
    }
}

/// How long a cluster may take until it serves.
pub(crate) fn patience(timing: Timing) -> Patience {
    let electing = timing.election_timeout * 10 + timing.lease.unwrap_or_default();
    Patience::new(allowance(electing))
}

/// Starts clusters on empty folders below `dir`, and each again on its stores.
pub(crate) fn measure_starts(
    backend: &Arc<dyn Backend>,
    options: &Options,
    dir: &Path,
    runtime: &Runtime,
    time: &dyn Time,
    progress: &Progress,
) -> Result<Starts, LatencyError> {
    let _spinning = Spinning::start();
    let mut starts = Starts::default();
    let rounds = options.profile.starts();
    for round in 0..rounds {
        progress.step(WHAT, u64::from(round), u64::from(rounds));
        let plan = plan(backend, options, &dir.join(format!("start-{round}")));
        let refused = |source| LatencyError::testbed(backend.name(), source);
        let mut cluster = Cluster::prepare(&plan).map_err(refused)?;
        for (value, times_ms) in [(1, &mut starts.cold_ms), (2, &mut starts.warm_ms)] {
            let began_ns = time.now_ns();
            let served = runtime.block_on(first_persist(&mut cluster, &plan, value));
            let took_ns = time.now_ns() - began_ns;
            let stopped = runtime.block_on(cluster.shutdown_all());
            served?;
            stopped.map_err(refused)?;
            times_ms.push(rounded(took_ns as f64 / NS_PER_MS, 4));
        }
    }
    progress.step(WHAT, u64::from(rounds), u64::from(rounds));
    Ok(starts)
}

/// Starts all nodes and persists with the first leader that takes it.
async fn first_persist(
    cluster: &mut Cluster,
    plan: &ClusterPlan,
    value: u64,
) -> Result<(), LatencyError> {
    let name = plan.backend.name();
    let patience = patience(plan.backend.timing());
    let timed_out = |source| LatencyError::timed_out(name, source);
    let served = async {
        let started = cluster.start_all_at_once().await;
        started.map_err(|source| LatencyError::testbed(name, source))?;
        loop {
            let leader = cluster.leader(patience).await.map_err(timed_out)?;
            let answer = leader.driver.persist_high_water(value, leader.epoch).await;
            match answer {
                Ok(got) if got >= value => return Ok(()),
                Ok(got) => {
                    return Err(LatencyError::WrongValue {
                        driver: name.to_owned(),
                        asked: value,
                        got,
                    });
                }
                Err(
                    ConsensusError::NotLeader { .. }
                    | ConsensusError::Fenced { .. }
                    | ConsensusError::Transient(_),
                ) => tokio::time::sleep(AGAIN_AFTER).await,
                Err(source) => {
                    return Err(LatencyError::Driver {
                        driver: name.to_owned(),
                        during: DURING,
                        source,
                    });
                }
            }
        }
    };
    let served = patience.wait_for(DURING, served).await;
    served.map_err(timed_out).flatten()
}
