//! R4: a load returns by the deadline while the sync of a persist hangs: on every node, on the
//! leader alone; while one hangs on a follower, service goes on.

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::ledger::Ledger;
use crate::service::{load, persist};
use crate::stall::{Stall, persist_until_it_works};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

const LOADS: u64 = 20;
/// Each may take as long as a call may.
const REFUSED_LOADS: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "load_is_bounded_while_persist_is_slow",
    clause: "R4",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let cluster = case.processes().await?;
    let mut ledger = Ledger::default();
    let (leader, value) = persist(case, &cluster, ledger.propose()).await?;
    ledger.note(&Ok(value));
    let stall = Stall::everywhere(&cluster).await?;
    let leader = load_while_it_hangs(case, &cluster, &leader, stall, &mut ledger).await?;
    if case.nodes() > 1 {
        let stall = Stall::on(&cluster, leader.index).await?;
        load_while_it_hangs(case, &cluster, &leader, stall, &mut ledger).await?;
        serve_while_a_follower_hangs(case, &cluster, &mut ledger).await?;
    }
    Ok(())
}

/// Returns the leader once no sync hangs any more.
async fn load_while_it_hangs(
    case: &mut Case,
    cluster: &Cluster,
    leader: &Leader,
    stall: Stall,
    ledger: &mut Ledger,
) -> Result<Leader, Stop> {
    let persist = tokio::spawn({
        let (leader, at_least) = (leader.clone(), ledger.propose());
        async move {
            leader
                .driver
                .persist_high_water(at_least, leader.epoch)
                .await
        }
    });
    stall
        .wait_until_it_hangs(case, cluster, leader.index)
        .await?;
    let (values, refusals) = load_repeatedly(case, leader, ledger).await?;
    stall.lift(cluster).await?;
    persist.abort();

    persist_until_it_works(case, cluster, ledger).await?;
    let (leader, loaded) = load(case, cluster).await?;
    ledger.check(loaded)?;
    case.count("loads while a sync hung", values + refusals);
    case.count("of them answered with a value", values);
    Ok(leader)
}

async fn serve_while_a_follower_hangs(
    case: &mut Case,
    cluster: &Cluster,
    ledger: &mut Ledger,
) -> Result<(), Stop> {
    let (leader, _) = load(case, cluster).await?;
    let follower = (leader.index + 1) % case.nodes();
    let stall = Stall::on(cluster, follower).await?;
    for _ in 0..LOADS {
        let (_, value) = persist(case, cluster, ledger.propose()).await?;
        ledger.note(&Ok(value));
        let (_, loaded) = load(case, cluster).await?;
        ledger.check(loaded)?;
    }
    stall.wait_until_it_hangs(case, cluster, follower).await?;
    stall.lift(cluster).await?;
    case.count("loads while a follower's sync hung", LOADS);
    Ok(())
}

/// Returns how many were answered with a value, and how many were refused.
async fn load_repeatedly(
    case: &Case,
    leader: &Leader,
    ledger: &mut Ledger,
) -> Result<(u64, u64), Stop> {
    let (mut values, mut refusals) = (0, 0);
    while values + refusals < LOADS && refusals < REFUSED_LOADS {
        let load = leader.driver.load_high_water();
        let answer = case
            .call_patience()
            .wait_for("the answer to a load while a sync hung", load)
            .await?;
        match answer {
            Ok(loaded) => {
                ledger.check(loaded)?;
                values += 1;
            }
            Err(ConsensusError::Transient(_) | ConsensusError::NotLeader { .. }) => refusals += 1,
            Err(other) => ensure!(false, "a load while a sync hung: {other}"),
        }
    }
    Ok((values, refusals))
}
