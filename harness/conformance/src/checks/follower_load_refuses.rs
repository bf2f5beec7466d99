//! R2: a load on a node that does not lead, follower or candidate, is answered `NotLeader`, before
//! a failover, during it and after it; never with a value.

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tsoracle_consensus::{ConsensusError, LeaderState};
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::failover::{Strike, a_few_elections, depose, has_links, mend};
use crate::service::persist;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const LOADS: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "follower_load_refuses",
    clause: "R2",
    level: Level::Cluster,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let (mut value, mut refused) = (0, 0);
    for strike in Strike::all(case) {
        value += 10;
        let (leader, _) = persist(case, &cluster, value).await?;
        for _ in 0..LOADS {
            refused += load_on_all(case, &cluster).await?;
        }
        depose(case, &mut cluster, &leader, strike).await?;
        for _ in 0..LOADS {
            refused += load_on_all(case, &cluster).await?;
        }
        mend(case, &mut cluster).await?;
    }
    if has_links(case) {
        value += 10;
        let (leader, _) = persist(case, &cluster, value).await?;
        nobody_can_be_elected(case, &mut cluster, leader.index).await?;
    }
    guard!(
        refused > LOADS,
        "{refused} loads met a node that did not lead"
    );
    case.count("loads on nodes that do not lead", refused);
    Ok(())
}

/// Every node by itself, with the leader gone: who is not a candidate now is one soon.
async fn nobody_can_be_elected(
    case: &mut Case,
    cluster: &mut Cluster,
    leader: usize,
) -> Result<(), Stop> {
    for index in 0..case.nodes() {
        cluster.isolate(index).await?;
    }
    cluster.node_mut(leader)?.crash()?;
    let patience = a_few_elections(case);
    let mut candidates = 0;
    while !patience.left().is_zero() {
        load_on_all(case, cluster).await?;
        let states = cluster.states();
        let is_candidate = |state: &LeaderState| matches!(state, LeaderState::Candidate);
        candidates += states
            .iter()
            .filter(|(_, state)| is_candidate(state))
            .count();
        tokio::time::sleep(case.timing().election_timeout / 10).await;
    }
    case.count("candidates that were asked", candidates as u64);
    Ok(())
}

/// Loads on all at once; returns how many refusals were judged.
async fn load_on_all(case: &Case, cluster: &Cluster) -> Result<u64, Stop> {
    let states = cluster.states().into_iter();
    let loads = states.map(|(index, before)| load_on(case, cluster, index, before));
    Ok(try_join_all(loads).await?.into_iter().sum())
}

/// Only a node that led neither before the call nor after it is judged.
async fn load_on(
    case: &Case,
    cluster: &Cluster,
    index: usize,
    before: LeaderState,
) -> Result<u64, Stop> {
    let driver = cluster.nodes()[index].driver()?;
    let load = driver.load_high_water();
    let patience = case.call_patience();
    let answer = patience.wait_for("the answer to a load", load).await?;
    let mut after = cluster.states().into_iter();
    let leads = after.any(|(at, state)| at == index && state.leading_epoch().is_some());
    if leads || before.leading_epoch().is_some() {
        return Ok(0);
    }
    ensure!(
        matches!(answer, Err(ConsensusError::NotLeader { .. })),
        "node {} shows {before:?}, and a load ended with {answer:?}",
        index + 1
    );
    Ok(1)
}
