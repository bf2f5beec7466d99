//! S4: a member that comes back with an erased store under its old number is not counted: where it
//! would make a majority, nobody is elected and nothing acknowledged. An operator puts a new
//! member in its place, and that one counts.

use futures_util::FutureExt;

use super::wiped_member_cannot_lose_values::{meet, try_start};
use crate::case::Case;
use crate::kept::Kept;
use crate::members::{
    Change, carry_out, ensure_serves_with, quorum, start_joiner, wait_for_lapses,
};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "fresh_store_under_known_identity_is_refused",
    clause: "S4",
    level: Level::Cluster,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    meet(case, &mut cluster, &mut kept).await?;
    let leader = kept.raise(case, &cluster).await?;
    let others = case.others(leader.index);
    let wiped = others[usize::try_from(case.seed()).unwrap_or(0) % others.len()];
    service::stop(case, &mut cluster, wiped).await?;
    cluster.node_mut(wiped)?.wipe()?;
    try_start(case, &mut cluster, wiped).await?;
    kept.raise(case, &cluster).await?;

    let mut well: Vec<usize> = case.others(wiped);
    well.sort_by_key(|index| *index != leader.index);
    let needed = quorum(case.nodes());
    // Both with the leader that saw it go, and among those who are left behind.
    for from_the_front in [true, false] {
        let (few, stopped) = match from_the_front {
            true => well.split_at(needed - 1),
            false => {
                let (stopped, few) = well.split_at(well.len() + 1 - needed);
                (few, stopped)
            }
        };
        for index in stopped {
            service::stop(case, &mut cluster, *index).await?;
        }
        let why = format!(
            "with {} of {} stores, and one that was erased",
            few.len(),
            case.nodes()
        );
        wait_for_lapses(case, &cluster, &why).await?;
        let calls = service::watch(case, &cluster, |node, value| {
            Err(Stop::Failed(format!("{why}, node {node} returned {value}")))
        });
        let calls = calls.await?;
        for index in stopped {
            service::start(case, &mut cluster, *index).await?;
        }
        kept.raise(case, &cluster).await?;
        case.count("calls where the erased member would make a majority", calls);
    }
    if case.capabilities().membership {
        readmit(case, &mut cluster, &mut kept, wiped, &well).await?;
    }
    Ok(())
}

async fn readmit(
    case: &mut Case,
    cluster: &mut tsoracle_testbed::Cluster,
    kept: &mut Kept,
    wiped: usize,
    well: &[usize],
) -> Result<(), Stop> {
    let old = cluster.nodes()[wiped].spec().node;
    let (new, member) = start_joiner(case, cluster).await?;
    carry_out(case, cluster, &Change::Replace(old, member)).await?;
    let all: Vec<usize> = well.iter().copied().chain([new]).collect();
    let few = well.iter().copied().take(quorum(all.len()) - 1);
    let with: Vec<usize> = few.chain([new]).collect();
    let when = "in a quorum with the successor of an erased member";
    ensure_serves_with(case, cluster, kept, &all, &with, when).await?;
    case.count("members that were readmitted", 1);
    Ok(())
}
