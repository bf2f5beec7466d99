//! N1: a follower that was cut off while the log was purged catches up by a snapshot, with value
//! and fence, and then carries both as the leader and as part of a quorum that needs it.

use futures_util::FutureExt;
use tsoracle_testbed::HookKind;

use crate::case::Case;
use crate::kept::{Kept, purge, snapshot};
use crate::members::{ensure_serves_with, quorum};
use crate::verdict::guard;
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "laggard_catches_up_by_snapshot",
    clause: "N1",
    level: Level::Cluster,
    needs: &[
        Need::Links,
        Need::Hook(HookKind::SnapshotNow),
        Need::Hook(HookKind::PurgeNow),
    ],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let all: Vec<usize> = (0..case.nodes()).collect();
    for after_the_snapshot in [0, 1] {
        let leader = kept.raise(case, &cluster).await?;
        let others = case.others(leader.index);
        let laggard = others[usize::try_from(case.seed()).unwrap_or(0) % others.len()];
        cluster.isolate(laggard).await?;
        // The laggard has not even heard of the epoch that fences the one before.
        kept.end_epoch(case, &mut cluster).await?;
        kept.raise(case, &cluster).await?;
        let rest = case.others(laggard);
        snapshot(case, &cluster, &rest).await?;
        purge(case, &cluster, &rest).await?;
        for _ in 0..after_the_snapshot {
            kept.raise(case, &cluster).await?;
        }
        let lost = cluster.disturbed_around(laggard).await?;
        guard!(lost > 0, "no frame of the laggard was lost");
        case.count("frames lost around the laggard", lost);
        cluster.heal().await?;

        kept.inject_late(case, &cluster).await?;
        service::make_lead(case, &mut cluster, laggard).await?;
        kept.ensure_kept(case, &cluster, "with the former laggard as leader")
            .await?;
        let needed = quorum(case.nodes()) - 1;
        let with: Vec<usize> = rest.iter().copied().take(needed).chain([laggard]).collect();
        let when = "in a quorum with the former laggard";
        ensure_serves_with(case, &mut cluster, &mut kept, &all, &with, when).await?;
    }
    kept.count(case);
    Ok(())
}
