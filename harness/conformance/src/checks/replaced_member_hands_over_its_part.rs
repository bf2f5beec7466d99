//! M1: a member that takes the place of a living one has value and fence and counts from then on;
//! the one that it replaces, which runs on, does not.

use futures_util::FutureExt;

use crate::case::Case;
use crate::kept::Kept;
use crate::members::{
    Change, carry_out, ensure_mute_with, ensure_serves_with, quorum, start_joiner,
};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "replaced_member_hands_over_its_part",
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
    let others = case.others(leader.index);
    let old = others[usize::try_from(case.seed()).unwrap_or(0) % others.len()];
    let old_node = cluster.nodes()[old].spec().node;
    let (new, member) = start_joiner(case, &mut cluster).await?;
    carry_out(case, &cluster, &Change::Replace(old_node, member)).await?;
    kept.inject_late(case, &cluster).await?;
    kept.ensure_kept(case, &cluster, "after a replacement")
        .await?;

    let all: Vec<usize> = (0..cluster.nodes().len()).collect();
    let leader = service::serving_leader(case, &cluster).await?;
    let mut stay: Vec<usize> = case.others(old);
    stay.sort_by_key(|index| *index == leader.index);
    let needed = quorum(case.nodes());
    let few: Vec<usize> = stay.iter().copied().take(needed - 1).collect();
    let with: Vec<usize> = few.iter().copied().chain([old]).collect();
    let why = "a majority with the member that was replaced, and none without";
    ensure_mute_with(case, &mut cluster, &mut kept, &all, &with, why).await?;

    let with: Vec<usize> = few.iter().copied().chain([new]).collect();
    let when = "in a quorum with the member that replaced another";
    ensure_serves_with(case, &mut cluster, &mut kept, &all, &with, when).await?;
    service::stop(case, &mut cluster, old).await?;
    service::make_lead(case, &mut cluster, new).await?;
    kept.ensure_kept(
        case,
        &cluster,
        "with the member that replaced another as leader",
    )
    .await?;
    kept.count(case);
    Ok(())
}
