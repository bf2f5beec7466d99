//! R1: after a restart with calls in flight, the very first calls on the new leader are loads, and
//! none of them is stale; on a cluster also when nobody had applied what
//! was committed.

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tsoracle_testbed::{Cluster, HookKind, Leader};

use crate::case::Case;
use crate::roaming::Roaming;
use crate::service::{load, persist};
use crate::traffic::{Mix, Tally, Traffic};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 8;
const FIRST_LOADS: u64 = 8;
const UNAPPLIED: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "load_after_restart_is_not_stale",
    clause: "R1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leader = case.leader(&cluster).await?;
    let (mut value, mut refused) = (0, 0);
    for round in 0..RESTARTS {
        let mix = Mix {
            clients: 16,
            from: value + 1,
            loads: 0,
            drops: 0,
        };
        let tally = shut_down_under_load(case, &mut cluster, &leader, mix, round).await?;
        refused += tally.refused;
        case.start_again(&mut cluster).await?;
        let loaded = first_loads(case, &cluster).await?;
        let legal = tally.highest_returned..=tally.highest_proposed.max(tally.highest_returned);
        ensure!(
            loaded.iter().all(|loaded| legal.contains(loaded)),
            "between {legal:?} was legal, and the new leader's first loads returned {loaded:?}"
        );
        (leader, value) = persist(case, &cluster, tally.highest_proposed).await?;
    }
    guard!(refused > 0, "no call was in flight at any shutdown");
    case.count("restarts with calls in flight", RESTARTS);
    case.count("first loads", RESTARTS * FIRST_LOADS);
    if case.capabilities().hooks.contains(&HookKind::HoldApply) && case.minority() > 0 {
        restart_unapplied(case, &mut cluster, value).await?;
    }
    Ok(())
}

async fn shut_down_under_load(
    case: &Case,
    cluster: &mut Cluster,
    leader: &Leader,
    mix: Mix,
    round: u64,
) -> Result<Tally, Stop> {
    let seed = case.seed() + round;
    if case.minority() > 0 {
        let clients = Roaming::start(cluster, mix, seed)?;
        let patience = case.election_patience();
        clients.wait_for_more(60, patience).await?;
        case.shut_down(cluster).await?;
        return clients.finish(case.call_patience()).await;
    }
    let traffic = Traffic::start(leader, mix, seed);
    let patience = case.patience(case.timing().deadline * 4);
    traffic.wait_for(60, patience).await?;
    case.shut_down(cluster).await?;
    traffic.wait_for_refusals(case.call_patience()).await
}

/// What is committed is applied on the leader alone, and all crash.
async fn restart_unapplied(
    case: &mut Case,
    cluster: &mut Cluster,
    mut value: u64,
) -> Result<(), Stop> {
    let (leader, _) = load(case, cluster).await?;
    for index in case.others(leader.index) {
        if let Some(hold_apply) = cluster.nodes()[index].hooks()?.hold_apply {
            let held = hold_apply(true);
            let patience = case.call_patience();
            patience.wait_for("the end of a hook", held).await??;
        }
    }
    for _ in 0..UNAPPLIED {
        value += 1;
        // Under this leader: another one could not serve.
        case.persist(&leader, value).await?;
    }
    for index in 0..case.nodes() {
        cluster.node_mut(index)?.crash()?;
    }
    case.start_again(cluster).await?;
    let loaded = first_loads(case, cluster).await?;
    ensure!(
        loaded.iter().all(|loaded| *loaded == value),
        "{value} was acknowledged and not applied everywhere; all crashed, and the first loads \
         returned {loaded:?}"
    );
    case.count("commands that most nodes had not applied", UNAPPLIED);
    Ok(())
}

async fn first_loads(case: &Case, cluster: &Cluster) -> Result<Vec<u64>, Stop> {
    let first = try_join_all((0..FIRST_LOADS).map(|_| load(case, cluster))).await?;
    Ok(first.into_iter().map(|(_, loaded)| loaded).collect())
}
