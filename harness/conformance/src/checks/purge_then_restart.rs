//! N1: a purge takes away nothing but what the snapshot stands for: after it and a restart, in
//! order or by a kill of all, the value is there and the epochs that are over stay fenced.

use futures_util::FutureExt;
use tsoracle_testbed::{Durability, HookKind};

use crate::case::Case;
use crate::crash::kill_all;
use crate::kept::{Kept, purge, snapshot};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "purge_then_restart",
    clause: "N1",
    level: Level::Cluster,
    needs: &[
        Need::Hook(HookKind::SnapshotNow),
        Need::Hook(HookKind::PurgeNow),
    ],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let has_disk = case.capabilities().durability == Durability::Disk;
    let mut cluster = match has_disk {
        true => case.processes().await?,
        false => case.cluster().await?,
    };
    let all: Vec<usize> = (0..case.nodes()).collect();
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    for behind in [0, 1, 5] {
        kept.end_epoch(case, &mut cluster).await?;
        snapshot(case, &cluster, &all).await?;
        for _ in 0..behind {
            // Not in the snapshot, so not to be purged.
            kept.raise(case, &cluster).await?;
        }
        purge(case, &cluster, &all).await?;
        let leader = service::serving_leader(case, &cluster).await?;
        for index in case.others(leader.index) {
            service::stop(case, &mut cluster, index).await?;
            service::start(case, &mut cluster, index).await?;
        }
        kept.inject_late(case, &cluster).await?;
        for index in &all {
            service::make_lead(case, &mut cluster, *index).await?;
            let when = format!("after a purge and a restart of node {}", index + 1);
            kept.ensure_kept(case, &cluster, &when).await?;
        }
        purge(case, &cluster, &all).await?;
        if has_disk {
            kill_all(&mut cluster)?;
        } else {
            case.shut_down(&mut cluster).await?;
        }
        case.start_again(&mut cluster).await?;
        let when = "after a purge and the end of all";
        kept.ensure_kept(case, &cluster, when).await?;
    }
    kept.count(case);
    case.count("purges", 6 * all.len() as u64);
    Ok(())
}
