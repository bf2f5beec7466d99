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

/// What the laggard does first, once it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Leads,
    IsNeeded,
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let all: Vec<usize> = (0..case.nodes()).collect();
    for next in [Next::Leads, Next::IsNeeded] {
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
        let lost = cluster.disturbed_around(laggard).await?;
        guard!(lost > 0, "no frame of the laggard was lost");
        case.count("frames lost around the laggard", lost);
        cluster.heal().await?;

        kept.inject_late(case, &cluster).await?;
        if next == Next::IsNeeded {
            let leader = service::serving_leader(case, &cluster).await?;
            let mut with = case.others(laggard);
            // The leader stays, and sends what the laggard has missed.
            with.sort_by_key(|index| *index != leader.index);
            with.truncate(quorum(case.nodes()) - 1);
            with.push(laggard);
            let when = "in a quorum with the former laggard";
            ensure_serves_with(case, &mut cluster, &mut kept, &all, &with, when).await?;
        }
        service::make_lead(case, &mut cluster, laggard).await?;
        let when = "with the former laggard as leader";
        kept.ensure_kept(case, &cluster, when).await?;
    }
    kept.count(case);
    Ok(())
}
