//! M1: a member that is added has the value and the fence, is needed where a quorum needs it, and
//! enlarges the quorum.

use futures_util::FutureExt;

use crate::case::Case;
use crate::kept::Kept;
use crate::members::{
    Change, carry_out, ensure_mute_with, ensure_serves_with, quorum, start_joiner,
};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "added_member_counts",
    clause: "M1",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    kept.end_epoch(case, &mut cluster).await?;
    let old: Vec<usize> = (0..case.nodes()).collect();
    let (joiner, member) = start_joiner(case, &mut cluster).await?;
    carry_out(case, &cluster, &Change::Add(member)).await?;
    kept.ensure_kept(case, &cluster, "after an addition")
        .await?;
    kept.inject_late(case, &cluster).await?;

    let all: Vec<usize> = old.iter().copied().chain([joiner]).collect();
    let leader = service::serving_leader(case, &cluster).await?;
    let needed = quorum(all.len());
    // The one who added it is not among them.
    let others = old.iter().copied().filter(|index| *index != leader.index);
    let with: Vec<usize> = others.take(needed - 1).chain([joiner]).collect();
    let when = "in a quorum with the new member";
    ensure_serves_with(case, &mut cluster, &mut kept, &all, &with, when).await?;
    let mute: Vec<usize> = old.iter().copied().take(needed - 1).collect();
    let why = format!("{} of {} voters", mute.len(), all.len());
    ensure_mute_with(case, &mut cluster, &mut kept, &all, &mute, &why).await?;
    service::make_lead(case, &mut cluster, joiner).await?;
    kept.ensure_kept(case, &cluster, "with the new member as leader")
        .await?;
    kept.raise(case, &cluster).await?;
    kept.count(case);
    Ok(())
}
