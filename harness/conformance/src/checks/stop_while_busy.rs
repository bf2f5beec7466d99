//! S3: a shutdown with calls in flight is bounded, every call gets an answer, and once a successor
//! leads, what was in flight has no effect any more: on the same store, or in the same cluster.

use futures_util::FutureExt;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::traffic::{Mix, Traffic};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop, check_history, service};

const ROUNDS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "stop_while_busy",
    clause: "S3",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leader = case.leader(&cluster).await?;
    let (mut value, mut refused) = (case.load(&leader).await?, 0);
    for round in 0..ROUNDS {
        let mix = Mix {
            clients: 32,
            from: value + 1,
            loads: 30,
            drops: 10,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + round);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(80, patience).await?;
        case.shut_down(&mut cluster).await?;
        leader = case.start_again(&mut cluster).await?;
        let early = case.load(&leader).await?;
        let tally = traffic.wait_for_refusals(case.call_patience()).await?;
        let late = case.load(&leader).await?;
        ensure!(
            late == early && late >= tally.highest_returned,
            "the successor loaded {early}, calls of the old node then returned up to {}, and the \
             successor loaded {late}",
            tally.highest_returned
        );
        refused += tally.refused;
        value = case.persist(&leader, tally.highest_proposed).await?;
    }
    if case.nodes() > 1 {
        refused += stop_leaders(case, &mut cluster, value).await?;
    }
    check_history(0, &case.recording().calls())
        .map_err(|contradiction| Stop::Failed(contradiction.to_string()))?;
    guard!(refused > 0, "no shutdown met a call in flight");
    case.count("shutdowns with calls in flight", ROUNDS);
    Ok(())
}

/// Stops one busy leader after the other, while the rest of the cluster goes on.
async fn stop_leaders(case: &mut Case, cluster: &mut Cluster, value: u64) -> Result<u64, Stop> {
    let (mut value, mut refused) = (value, 0);
    for round in 0..ROUNDS {
        let (leader, _) = service::persist(case, cluster, value).await?;
        let mix = Mix {
            clients: 32,
            from: value + 1,
            loads: 30,
            drops: 10,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + ROUNDS + round);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(80, patience).await?;
        service::stop(case, cluster, leader.index).await?;
        let (next, early) = service::load(case, cluster).await?;
        let tally = traffic.wait_for_refusals(case.call_patience()).await?;
        let (_, late) = service::load(case, cluster).await?;
        ensure!(
            late == early && late >= tally.highest_returned,
            "{next:?} loaded {early}, calls of the leader that was stopped then returned up to {}, \
             and the cluster loaded {late}",
            tally.highest_returned
        );
        refused += tally.refused;
        value = tally.highest_proposed + 1;
        service::start(case, cluster, leader.index).await?;
    }
    case.count("shutdowns of a busy leader", ROUNDS);
    Ok(refused)
}
