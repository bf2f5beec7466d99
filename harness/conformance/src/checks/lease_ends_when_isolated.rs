//! L7: the lease of a leader that is cut off from its quorum, both ways or one way, awake or frozen,
//! ends at most the lease time after the cut.

use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use tsoracle_consensus::BootInstant;
use tsoracle_testbed::{Cluster, Durability, Leader, LinkFault};

use crate::case::Case;
use crate::leases::{deadline, leader_with_lease};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

/// How often each way is tried.
const TURNS: u64 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "lease_ends_when_isolated",
    clause: "L7",
    level: Level::Cluster,
    needs: &[Need::Links, Need::Leases],
    run: |case| run(case).boxed(),
};

#[derive(Clone, Copy)]
enum Way {
    Both,
    /// It hears nobody.
    In,
    /// Nobody hears it.
    Out,
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let may_freeze = case.capabilities().durability == Durability::Disk;
    let mut cluster = match may_freeze {
        true => case.processes().await?,
        false => case.cluster().await?,
    };
    let mut lapses = 0;
    for turn in 0..TURNS {
        for way in [Way::Both, Way::In, Way::Out] {
            lapses += u64::from(cut_off(case, &mut cluster, turn, way, false).await?);
            if may_freeze {
                lapses += u64::from(cut_off(case, &mut cluster, turn, way, true).await?);
            }
        }
    }
    guard!(lapses > 0, "no leader had a lease when it was cut off");
    case.count("leases that ended in isolation", lapses);
    Ok(())
}

/// Whether there was a lease at the moment of the cut.
async fn cut_off(
    case: &mut Case,
    cluster: &mut Cluster,
    turn: u64,
    way: Way,
    frozen: bool,
) -> Result<bool, Stop> {
    let lease = case.timing().lease.unwrap_or_default();
    let leader = leader_with_lease(case, cluster).await?;
    let mut latest = deadline(cluster, &leader).await?;
    let busy = tokio::spawn({
        let leader = leader.clone();
        async move { leader.driver.persist_high_water(10, leader.epoch).await }
    });
    // The answers of the others lie there, unread, while it stands still.
    let before_answers = case.rng().random_range(0..=4) + turn;
    if frozen {
        tokio::time::sleep(Duration::from_millis(before_answers)).await;
    }
    cut_out(case, cluster, &leader, way).await?;
    if frozen {
        cluster.nodes()[leader.index].freeze()?;
        tokio::time::sleep(lease / 8).await;
    }
    cut_in(case, cluster, &leader, way).await?;
    let at = BootInstant::now();
    let had_one = latest.is_some_and(|deadline| at < deadline);
    let legal = at.saturating_add(lease);
    if frozen {
        tokio::time::sleep(lease / 2).await;
        cluster.nodes()[leader.index].thaw()?;
    }
    // As long again, for a lease that was renewed in isolation.
    let end = legal.saturating_add(lease);
    while BootInstant::now() < end {
        if leads_still(cluster, &leader) {
            latest = latest.max(deadline(cluster, &leader).await?);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let late = latest.map_or(Duration::ZERO, |latest| latest.saturating_since(legal));
    ensure!(
        late.is_zero(),
        "the lease of {leader:?}, frozen: {frozen}, was to end {lease:?} after the cut at most, and \
         ended {late:?} later"
    );
    let lost = cluster.disturbed_around(leader.index).await?;
    guard!(lost > 0, "no frame of the leader was lost");
    case.count("frames lost around a leader", lost);
    cluster.heal().await?;
    let patience = case.call_patience();
    patience
        .wait_for("the answer to a persist", busy)
        .await??
        .ok();
    Ok(had_one)
}

/// The leader's own links: before it stands still, since it has to cut them itself.
async fn cut_out(case: &Case, cluster: &mut Cluster, from: &Leader, way: Way) -> Result<(), Stop> {
    if !matches!(way, Way::In) {
        for other in case.others(from.index) {
            cluster.set_link(from.index, other, LinkFault::Drop).await?;
        }
    }
    Ok(())
}

async fn cut_in(case: &Case, cluster: &mut Cluster, to: &Leader, way: Way) -> Result<(), Stop> {
    if !matches!(way, Way::Out) {
        for other in case.others(to.index) {
            cluster.set_link(other, to.index, LinkFault::Drop).await?;
        }
    }
    Ok(())
}

/// What another epoch of the same node has is not asked about.
fn leads_still(cluster: &Cluster, leader: &Leader) -> bool {
    let mut leaders = cluster.leaders().into_iter();
    leaders.any(|now| (now.index, now.epoch) == (leader.index, leader.epoch))
}
