//! R1: a load that begins after a persist was acknowledged reflects it, through whichever handle
//! on the node, and while others persist too; on a cluster also
//! when leadership has moved in between.

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::service::{load, persist, try_load};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const ALONE: u64 = 50;
const CLIENTS: u64 = 16;
const EACH: u64 = 15;
const FAILOVERS: usize = 2;
/// Turns that others get between a persist and its load.
const GAP: usize = 3;

pub(super) const CHECK: Check = Check {
    name: "load_sees_own_persist",
    clause: "R1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let other = other_handle(&cluster, &leader)?;
    for value in 1..=ALONE {
        let persisted = case.persist(&leader, value).await?;
        let loaded = case.load(&leader).await?;
        let by_another_handle = case.load(&other).await?;
        ensure!(
            loaded == persisted && by_another_handle == persisted,
            "persist returned {persisted}; loads then {loaded} and {by_another_handle}"
        );
    }
    let clients = (0..CLIENTS)
        .map(|client| {
            let leader = other_handle(&cluster, &leader)?;
            Ok(persist_and_load(leader, ALONE + client))
        })
        .collect::<Result<JoinSet<_>, Stop>>()?;
    let patience = case.patience(case.timing().deadline * 4);
    let all = patience.wait_for("the end of all clients", clients.join_all());
    all.await?.into_iter().collect::<Result<(), Stop>>()?;
    case.count("loads after a persist", 2 * ALONE + CLIENTS * EACH);
    if case.minority() > 0 {
        after_failovers(case, &mut cluster).await?;
    }
    Ok(())
}

async fn after_failovers(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let (_, before) = load(case, cluster).await?;
    let mut value = before;
    for strike in Strike::all(case).repeat(FAILOVERS) {
        for _ in 0..EACH {
            value += 1;
            let (leader, persisted) = persist(case, cluster, value).await?;
            let (_, loaded) = load(case, cluster).await?;
            let by_another_handle = try_load(case, &other_handle(cluster, &leader)?).await?;
            ensure!(
                persisted == value
                    && loaded == value
                    && by_another_handle.unwrap_or(value) == value,
                "persist {value} returned {persisted}; a load then {loaded}"
            );
        }
        value += 1;
        let (leader, persisted) = persist(case, cluster, value).await?;
        let next = depose(case, cluster, &leader, strike).await?;
        let (_, loaded) = load(case, cluster).await?;
        ensure!(
            loaded == persisted,
            "persist returned {persisted} in epoch {}; after {strike}, a load in epoch {} {loaded}",
            leader.epoch,
            next.epoch
        );
        mend(case, cluster).await?;
    }
    case.count("loads after a persist", value - before);
    Ok(())
}

fn other_handle(cluster: &Cluster, leader: &Leader) -> Result<Leader, Stop> {
    let driver = cluster.nodes()[leader.index].driver()?;
    Ok(Leader {
        driver,
        ..leader.clone()
    })
}

async fn persist_and_load(leader: Leader, from: u64) -> Result<(), Stop> {
    let Leader { driver, epoch, .. } = leader;
    for round in 1..=EACH {
        let at_least = from + round * CLIENTS;
        let persisted = driver.persist_high_water(at_least, epoch).await?;
        // Others may do their worst in between.
        for _ in 0..GAP {
            tokio::task::yield_now().await;
        }
        let loaded = driver.load_high_water().await?;
        ensure!(
            loaded >= persisted && persisted >= at_least,
            "persist {at_least} returned {persisted}; a load then {loaded}"
        );
    }
    Ok(())
}
