//! M1: a leader that is removed steps down: no lease of its own overlaps with its successor's,
//! which is elected among those who stay, under a greater epoch, and lacks nothing.

use futures_util::FutureExt;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::held::Leases;
use crate::kept::Kept;
use crate::members::{Change, change, quorum, voters};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop, service};

const LATE: u64 = 2_000_000_000;

pub(super) const CHECK: Check = Check {
    name: "removed_leader_makes_way",
    clause: "M1",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let mut leases = Leases::default();
    let mut removed: Vec<Leader> = Vec::new();
    // Two voters are the fewest that can lose one.
    for _ in 0..quorum(case.nodes()) {
        let leader = kept.raise(case, &cluster).await?;
        leases.sample(&cluster)?;
        let node = cluster.nodes()[leader.index].spec().node;
        let wanted = Change::Remove(node);
        let carried_out = change(case, &cluster, &wanted);
        let carried_out = leases.sample_during(&cluster, carried_out).await?;
        ensure!(
            carried_out.is_ok(),
            "{wanted}, which leads, was refused: {carried_out:?}"
        );
        let next = leases.sample_during(&cluster, service::serving_leader(case, &cluster));
        let next = next.await?;
        let voters = voters(case, &cluster).await?;
        ensure!(
            next.index != leader.index && next.epoch > leader.epoch && !voters.contains(&node),
            "{leader:?} was removed, and then {next:?} serves with the voters {voters:?}"
        );
        removed.push(leader);
        for old in &removed {
            case.refusal(&*old.driver, LATE, old.epoch).await?;
        }
        kept.ensure_kept(case, &cluster, "after the leader was removed")
            .await?;
    }
    kept.raise(case, &cluster).await?;
    service::stop(case, &mut cluster, removed[0].index).await?;
    kept.ensure_kept(case, &cluster, "without a leader that was removed")
        .await?;
    case.count("leaders that were removed", removed.len() as u64);
    case.count("looks at all leases", leases.samples());
    Ok(())
}
