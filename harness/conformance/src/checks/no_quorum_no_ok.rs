//! C2: with a majority ended, with the leader or without it, nothing is acknowledged, and no load
//! returns a value once the last lease has ended; back with a quorum, everything acknowledged is
//! there.

use futures_util::FutureExt;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::failover::{a_few_elections, mend};
use crate::ledger::Ledger;
use crate::service::{load, persist};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

pub(super) const CHECK: Check = Check {
    name: "no_quorum_no_ok",
    clause: "C2",
    level: Level::Cluster,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut ledger = Ledger::default();
    for leader_ends in [true, false, true] {
        let (_, value) = persist(case, &cluster, ledger.propose()).await?;
        ledger.note(&Ok(value));
        let (leader, _) = load(case, &cluster).await?;
        let mut order = case.others(leader.index);
        order.insert(if leader_ends { 0 } else { order.len() }, leader.index);
        let survivors = order.split_off(case.nodes() - case.minority());
        for index in order {
            cluster.node_mut(index)?.crash()?;
        }
        if !leader_ends {
            no_persist(case, &cluster, &survivors, &mut ledger).await?;
            case.wait_for_lapse(&leader).await?;
        }
        let patience = a_few_elections(case);
        while !patience.left().is_zero() {
            no_persist(case, &cluster, &survivors, &mut ledger).await?;
            no_value(case, &cluster, &survivors).await?;
            tokio::time::sleep(case.timing().election_timeout / 2).await;
        }
        mend(case, &mut cluster).await?;
        let (_, loaded) = load(case, &cluster).await?;
        ledger.check(loaded)?;
        case.count("majorities that ended", 1);
    }
    Ok(())
}

/// Under the epoch that the node shows, or one that it never had.
async fn no_persist(
    case: &mut Case,
    cluster: &Cluster,
    nodes: &[usize],
    ledger: &mut Ledger,
) -> Result<(), Stop> {
    for index in nodes {
        let mut leaders = cluster.leaders().into_iter();
        let shown = leaders.find(|leader| leader.index == *index);
        let epoch = shown.map(|leader| leader.epoch).unwrap_or_default();
        let driver = cluster.nodes()[*index].driver()?;
        case.refusal(&*driver, ledger.propose(), epoch).await?;
    }
    case.count("persists without a quorum", nodes.len() as u64);
    Ok(())
}

async fn no_value(case: &mut Case, cluster: &Cluster, nodes: &[usize]) -> Result<(), Stop> {
    for index in nodes {
        let driver = cluster.nodes()[*index].driver()?;
        let load = driver.load_high_water();
        let patience = case.call_patience();
        let answer = patience.wait_for("the answer to a load", load).await?;
        ensure!(
            answer.is_err(),
            "a majority has ended, and node {} answered a load with {answer:?}",
            index + 1
        );
    }
    case.count("loads without a quorum", nodes.len() as u64);
    Ok(())
}
