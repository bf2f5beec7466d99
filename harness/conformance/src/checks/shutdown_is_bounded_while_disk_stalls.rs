//! S3: while a sync hangs, a shutdown returns `Permanent` by the deadline and ends the stream; the
//! store stays locked until the sync ends, and not longer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader, Node, NodeSpec, TestbedError};

use crate::case::Case;
use crate::crash::start_and_check;
use crate::ledger::Ledger;
use crate::stall::Stall;
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

/// How often somebody else asks whether the lock has gone.
const ASK_EVERY: Duration = Duration::from_millis(2);

pub(super) const CHECK: Check = Check {
    name: "shutdown_is_bounded_while_disk_stalls",
    clause: "S3",
    level: Level::Single,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    let leader = case.leader(&cluster).await?;
    let mut ledger = Ledger::default();
    let answer = case.try_persist(&leader, ledger.propose()).await?;
    ledger.note(&answer);

    let stall = Stall::on(&cluster, leader.index).await?;
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
        .wait_until_it_hangs(case, &cluster, leader.index)
        .await?;
    shut_down_while_it_hangs(case, &cluster, &leader).await?;
    let spec = cluster.nodes()[leader.index].spec().clone();
    refuse_while_it_hangs(case, &spec).await?;

    stall.lift(&cluster).await?;
    let successor = case
        .call_patience()
        .wait_for("the end of the lock after the sync", start(case, &spec))
        .await?;
    successor.shutdown().await?;
    if let Ok(answer) = persist.await {
        ledger.note(&answer);
    }
    cluster.node_mut(leader.index)?.kill()?;
    start_and_check(case, &mut cluster, &mut ledger).await?;
    case.count("shutdowns while a sync hung", 1);
    Ok(())
}

async fn shut_down_while_it_hangs(
    case: &Case,
    cluster: &Cluster,
    leader: &Leader,
) -> Result<(), Stop> {
    let mut states = leader.driver.leadership_events();
    let answer = case
        .call_patience()
        .wait_for(
            "the end of a shutdown while a sync hung",
            cluster.nodes()[leader.index].request_shutdown(),
        )
        .await?;
    match answer {
        Err(TestbedError::Driver(ConsensusError::Permanent(_))) => {}
        Ok(()) => ensure!(false, "a shutdown reported success while a sync hung"),
        Err(other) => return Err(other.into()),
    }
    let ended = async { while states.next().await.is_some() {} };
    case.brief_patience()
        .wait_for("the end of the stream after a shutdown", ended)
        .await?;
    Ok(())
}

/// The sync that hangs may still write.
async fn refuse_while_it_hangs(case: &Case, spec: &NodeSpec) -> Result<(), Stop> {
    let second = case.backend().start(spec.clone());
    let second = case
        .brief_patience()
        .wait_for("the refusal of a store whose sync hangs", second)
        .await?;
    match second {
        Err(ConsensusError::Permanent(_)) => Ok(()),
        Err(other) => Err(other.into()),
        Ok(_) => Err(Stop::Failed(
            "the store was opened again while a sync of its last owner hung".into(),
        )),
    }
}

async fn start(case: &Case, spec: &NodeSpec) -> Arc<dyn Node> {
    loop {
        match case.backend().start(spec.clone()).await {
            Ok(node) => return node,
            Err(_) => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}
