//! N1: snapshots carry the value and the highest applied epoch: nodes that come back on nothing but
//! theirs let no command of an earlier epoch have an effect, and load what was acknowledged.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, HookKind};

use crate::case::Case;
use crate::kept::{Kept, snapshot};
use crate::{Check, Level, Need, Stop, service};

const ROUNDS: u64 = 2;

pub(super) const CHECK: Check = Check {
    name: "snapshot_keeps_value_and_fence",
    clause: "N1",
    level: Level::Cluster,
    needs: &[Need::Hook(HookKind::SnapshotNow)],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let all: Vec<usize> = (0..case.nodes()).collect();
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    for _ in 0..ROUNDS {
        kept.end_epoch(case, &mut cluster).await?;
        snapshot(case, &cluster, &all).await?;
        restart_followers(case, &mut cluster).await?;
        kept.inject_late(case, &cluster).await?;
        for index in &all {
            service::make_lead(case, &mut cluster, *index).await?;
            let when = format!("after a snapshot and a restart of node {}", index + 1);
            kept.ensure_kept(case, &cluster, &when).await?;
        }
        snapshot(case, &cluster, &all).await?;
        case.restart(&mut cluster).await?;
        let when = "after a snapshot and a restart of all";
        kept.ensure_kept(case, &cluster, when).await?;
    }
    kept.count(case);
    case.count("snapshots", 2 * ROUNDS * all.len() as u64);
    Ok(())
}

/// One after the other, so that the leader may stay.
async fn restart_followers(case: &Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let leader = service::serving_leader(case, cluster).await?;
    for index in case.others(leader.index) {
        service::stop(case, cluster, index).await?;
        service::start(case, cluster, index).await?;
    }
    Ok(())
}
