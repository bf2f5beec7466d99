//! M1: a member that is removed, and runs on, is not missed, and helps nobody to be elected or to
//! acknowledge, itself included.

use futures_util::FutureExt;

use crate::case::Case;
use crate::kept::Kept;
use crate::members::{Change, carry_out, ensure_mute_with, ensure_serves_with, quorum};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "removed_member_does_not_count",
    clause: "M1",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    let leader = kept.end_epoch(case, &mut cluster).await?;
    let all: Vec<usize> = (0..case.nodes()).collect();
    let others = case.others(leader.index);
    let removed = others[usize::try_from(case.seed()).unwrap_or(0) % others.len()];
    let node = cluster.nodes()[removed].spec().node;
    carry_out(case, &cluster, &Change::Remove(node)).await?;
    kept.raise(case, &cluster).await?;
    kept.ensure_kept(case, &cluster, "after a removal").await?;

    let leader = service::serving_leader(case, &cluster).await?;
    let mut voters: Vec<usize> = case.others(removed);
    // The leader comes last, so that it is the first to be stopped.
    voters.sort_by_key(|index| *index == leader.index);
    let needed = quorum(voters.len());
    let few = voters.iter().copied().take(needed - 1);
    let with: Vec<usize> = few.chain([removed]).collect();
    let why = format!(
        "{} of {} voters and one that was removed",
        needed - 1,
        voters.len()
    );
    ensure_mute_with(case, &mut cluster, &mut kept, &all, &with, &why).await?;

    let with: Vec<usize> = voters.iter().copied().take(needed).collect();
    let when = "in a quorum without the member that was removed";
    ensure_serves_with(case, &mut cluster, &mut kept, &all, &with, when).await?;
    kept.count(case);
    Ok(())
}
