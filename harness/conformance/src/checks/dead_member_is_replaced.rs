//! M1: a member that is dead, its store gone with it, is replaced while the others serve; the new
//! one counts, and the cluster survives the loss of a minority again.

use futures_util::FutureExt;

use crate::case::Case;
use crate::kept::Kept;
use crate::members::{Change, carry_out, ensure_serves_with, quorum, start_joiner};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "dead_member_is_replaced",
    clause: "M1",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    // The first that dies leads, the second does not.
    let dead = service::serving_leader(case, &cluster).await?.index;
    let mut living: Vec<usize> = case.others(dead);
    bury_and_replace(case, &mut cluster, &mut kept, dead, &mut living).await?;
    let leader = service::serving_leader(case, &cluster).await?.index;
    let others: Vec<usize> = living
        .iter()
        .copied()
        .filter(|index| *index != leader)
        .collect();
    let dead = others[usize::try_from(case.seed()).unwrap_or(0) % others.len()];
    living.retain(|index| *index != dead);
    bury_and_replace(case, &mut cluster, &mut kept, dead, &mut living).await?;
    kept.count(case);
    case.count("dead members that were replaced", 2);
    Ok(())
}

/// Stops a node and erases it, puts a new one in its place, and lets that one count.
async fn bury_and_replace(
    case: &Case,
    cluster: &mut tsoracle_testbed::Cluster,
    kept: &mut Kept,
    dead: usize,
    living: &mut Vec<usize>,
) -> Result<(), Stop> {
    let node = cluster.nodes()[dead].spec().node;
    service::stop(case, cluster, dead).await?;
    cluster.node_mut(dead)?.wipe()?;
    kept.raise(case, cluster).await?;
    let (new, member) = start_joiner(case, cluster).await?;
    carry_out(case, cluster, &Change::Replace(node, member)).await?;
    kept.ensure_kept(case, cluster, "after a dead member was replaced")
        .await?;

    let needed = quorum(case.nodes());
    let with: Vec<usize> = living
        .iter()
        .copied()
        .take(needed - 1)
        .chain([new])
        .collect();
    living.push(new);
    let when = "in a quorum with the replacement of a dead member";
    ensure_serves_with(case, cluster, kept, living, &with, when).await
}
