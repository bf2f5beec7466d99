//! P8: while the disk stalls, every persist returns `Transient` by the deadline, however many wait;
//! afterwards the node serves, and what it acknowledges survives. On a cluster also while the leader's
//! disk alone stalls; then the others may make a value durable.

use futures_util::FutureExt;
use futures_util::future::join_all;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::crash::{kill_all, start_and_check};
use crate::ledger::Ledger;
use crate::service::load;
use crate::stall::{Stall, persist_until_it_works};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

/// More than any queue in front of one disk should hold.
const PERSISTS: u64 = 2_000;
const FEW: u64 = 50;

pub(super) const CHECK: Check = Check {
    name: "persist_is_bounded_while_disk_stalls",
    clause: "P8",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    let leader = case.leader(&cluster).await?;
    let mut ledger = Ledger::default();
    let answer = case.try_persist(&leader, ledger.propose()).await?;
    ledger.note(&answer);

    let stall = Stall::everywhere(&cluster).await?;
    persist_while_it_hangs(case, &cluster, &leader, &stall, &mut ledger).await?;
    stall.lift(&cluster).await?;
    case.count("persists while a sync hung", PERSISTS);

    persist_until_it_works(case, &cluster, &mut ledger).await?;
    if case.nodes() > 1 {
        persist_while_the_leader_hangs(case, &cluster, &mut ledger).await?;
    }
    kill_all(&mut cluster)?;
    start_and_check(case, &mut cluster, &mut ledger).await?;
    Ok(())
}

async fn persist_while_the_leader_hangs(
    case: &mut Case,
    cluster: &Cluster,
    ledger: &mut Ledger,
) -> Result<(), Stop> {
    let (leader, loaded) = load(case, cluster).await?;
    ledger.check(loaded)?;
    let stall = Stall::on(cluster, leader.index).await?;
    let answers = join_all((0..FEW).map(|_| case.try_persist(&leader, ledger.propose()))).await;
    for answer in answers {
        let answer = answer?;
        ledger.note(&answer);
        match answer {
            Ok(_) | Err(ConsensusError::Transient(_) | ConsensusError::NotLeader { .. }) => {}
            Err(other) => ensure!(false, "{} while a sync hung: {other}", other.class()),
        }
    }
    stall.lift(cluster).await?;
    persist_until_it_works(case, cluster, ledger).await?;
    case.count("persists while the leader's disk alone hung", FEW);
    Ok(())
}

async fn persist_while_it_hangs(
    case: &Case,
    cluster: &Cluster,
    leader: &Leader,
    stall: &Stall,
    ledger: &mut Ledger,
) -> Result<(), Stop> {
    let first = case.try_persist(leader, ledger.propose());
    let hangs = stall.wait_until_it_hangs(case, cluster, leader.index);
    let others = join_all((1..PERSISTS).map(|_| case.try_persist(leader, ledger.propose())));
    let rest = async {
        hangs.await?;
        Ok::<_, Stop>(others.await)
    };
    let (first, rest) = futures_util::join!(first, rest);
    for answer in rest?.into_iter().chain([first]) {
        match answer? {
            Err(ConsensusError::Transient(_)) => {}
            Err(ConsensusError::NotLeader { .. }) if cluster.nodes().len() > 1 => {}
            Ok(value) => ensure!(false, "{value} was acknowledged while its sync hung"),
            Err(other) => ensure!(false, "{} while a sync hung: {other}", other.class()),
        }
    }
    Ok(())
}
