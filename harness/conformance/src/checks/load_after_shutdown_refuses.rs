//! R2: a node that was shut down answers `NotLeader` to a load, never a value, also once another
//! node leads on its store, and while the rest of its cluster goes on.

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop, service};

const LOADS: u64 = 20;

pub(super) const CHECK: Check = Check {
    name: "load_after_shutdown_refuses",
    clause: "R2",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let old = case.leader(&cluster).await?;
    let value = case.persist(&old, 1_000).await?;
    case.shut_down(&mut cluster).await?;
    refuses(case, &old, "after the shutdown").await?;
    let leader = case.start_again(&mut cluster).await?;
    refuses(case, &old, "beside its successor").await?;
    case.persist(&leader, value + 1).await?;
    refuses(case, &old, "after its successor persisted").await?;
    case.count("refused loads", 3 * LOADS);

    if case.nodes() > 1 {
        let old = service::serving_leader(case, &cluster).await?;
        service::stop(case, &mut cluster, old.index).await?;
        refuses(case, &old, "after the shutdown of the leader").await?;
        service::persist(case, &cluster, value + 2).await?;
        refuses(case, &old, "beside the leader that was elected next").await?;
        case.count("refused loads", 2 * LOADS);
    }
    Ok(())
}

async fn refuses(case: &Case, old: &Leader, when: &str) -> Result<(), Stop> {
    for _ in 0..LOADS {
        let load = old.driver.load_high_water();
        let answer = case
            .call_patience()
            .wait_for("the answer to a load", load)
            .await?;
        ensure!(
            matches!(answer, Err(ConsensusError::NotLeader { .. })),
            "{when}, a load on the old node ended with {answer:?}"
        );
    }
    Ok(())
}
