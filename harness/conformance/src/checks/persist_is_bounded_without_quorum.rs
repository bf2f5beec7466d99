//! P8: with no quorum within reach, first cut off and then ended, every persist and every load
//! returns by the deadline, `Transient` or, on a node that does not lead, `NotLeader`; once the
//! quorum is back, the cluster serves.

use futures_util::FutureExt;
use futures_util::future::join_all;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::mend;
use crate::ledger::Ledger;
use crate::service::{load, persist};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

/// At once, on every node.
const CALLS: u64 = 40;

pub(super) const CHECK: Check = Check {
    name: "persist_is_bounded_without_quorum",
    clause: "P8",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut ledger = Ledger::default();
    let leader = serves(case, &cluster, &mut ledger).await?;
    for index in 0..case.nodes() {
        cluster.isolate(index).await?;
    }
    call_all(case, &cluster, &mut ledger, &leader, "cut off").await?;
    case.wait_for_lapse(&leader).await?;
    call_all(case, &cluster, &mut ledger, &leader, "cut off").await?;
    let lost = cluster.disturbed_around(leader.index).await?;
    guard!(lost > 0, "no frame of the leader was lost");
    mend(case, &mut cluster).await?;

    let leader = serves(case, &cluster, &mut ledger).await?;
    let ended = case.others(leader.index).split_off(case.minority() - 1);
    for index in &ended {
        cluster.node_mut(*index)?.crash()?;
    }
    call_all(case, &cluster, &mut ledger, &leader, "ended").await?;
    case.wait_for_lapse(&leader).await?;
    call_all(case, &cluster, &mut ledger, &leader, "ended").await?;
    mend(case, &mut cluster).await?;
    serves(case, &cluster, &mut ledger).await?;
    Ok(())
}

async fn serves(case: &Case, cluster: &Cluster, ledger: &mut Ledger) -> Result<Leader, Stop> {
    let (_, loaded) = load(case, cluster).await?;
    ledger.check(loaded)?;
    let (leader, value) = persist(case, cluster, ledger.propose()).await?;
    ledger.note(&Ok(value));
    Ok(leader)
}

async fn call_all(
    case: &mut Case,
    cluster: &Cluster,
    ledger: &mut Ledger,
    leader: &Leader,
    quorum: &str,
) -> Result<(), Stop> {
    let running = cluster.nodes().iter().filter(|node| node.is_running());
    let drivers = running.map(|node| Ok(node.driver()?));
    let drivers = drivers.collect::<Result<Vec<_>, Stop>>()?;
    let persists = drivers.iter().flat_map(|driver| {
        let offered = (0..CALLS).map(|_| ledger.propose());
        let offered: Vec<u64> = offered.collect();
        let calls = offered.into_iter();
        calls.map(|at_least| driver.persist_high_water(at_least, leader.epoch))
    });
    let persists: Vec<_> = persists.collect();
    let loads = drivers.iter().map(|driver| driver.load_high_water());
    let loads: Vec<_> = loads.collect();
    let calls = async { tokio::join!(join_all(persists), join_all(loads)) };
    let patience = case.call_patience();
    let what = format!("an answer to every call while the quorum is {quorum}");
    let (persists, loads) = patience.wait_for(&what, calls).await?;
    for answer in &persists {
        ensure!(
            matches!(
                answer,
                Err(ConsensusError::Transient(_) | ConsensusError::NotLeader { .. })
            ),
            "the quorum is {quorum}, and a persist under epoch {} ended with {answer:?}",
            leader.epoch
        );
    }
    for answer in &loads {
        match answer {
            // Under the rest of a lease.
            Ok(loaded) => ledger.check(*loaded)?,
            Err(ConsensusError::Transient(_) | ConsensusError::NotLeader { .. }) => {}
            Err(other) => ensure!(
                false,
                "the quorum is {quorum}, and a load ended with {other:?}"
            ),
        }
    }
    case.count(
        format!("persists while the quorum is {quorum}"),
        persists.len() as u64,
    );
    case.count(
        format!("loads while the quorum is {quorum}"),
        loads.len() as u64,
    );
    Ok(())
}
