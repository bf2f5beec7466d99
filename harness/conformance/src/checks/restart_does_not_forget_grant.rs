//! L7: nodes that have granted a lease and start again at once, after a shutdown or a kill, do not
//! help anybody to lead before that lease has ended: the leader is cut off, and all others start
//! again and campaign.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{BootInstant, ConsensusDriver};
use tsoracle_testbed::{Cluster, Durability, Leader};

use crate::case::Case;
use crate::elections::campaign_on_all_but;
use crate::leases::{Sampler, deadline, leader_with_lease};
use crate::verdict::{ensure, guard};
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

const TURNS: u64 = 8;
/// A busy machine may need longer for a restart than a lease lasts.
const MOST_TURNS: u64 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "restart_does_not_forget_grant",
    clause: "L7",
    level: Level::Cluster,
    needs: &[Need::Links, Need::Leases],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let has_processes = case.capabilities().durability == Durability::Disk;
    let mut restarted_in_time = 0;
    let mut cluster = match has_processes {
        true => case.processes().await?,
        false => case.cluster().await?,
    };
    let mut views = Views::of(&cluster)?;
    let mut sampler = Sampler::default();
    for turn in 0..MOST_TURNS {
        if turn >= TURNS && restarted_in_time > 0 {
            break;
        }
        let is_killed = has_processes && turn.is_multiple_of(2);
        let old = leader_with_lease(case, &cluster).await?;
        // Right after a round that all have granted.
        case.try_persist(&old, 10).await?.ok();
        cluster.isolate(old.index).await?;
        start_others_again(case, &mut cluster, &mut views, old.index, is_killed).await?;
        campaign_on_all_but(&cluster, old.index).await?;
        let looks = watch(case, &cluster, &views, &mut sampler, &old).await?;
        restarted_in_time += u64::from(looks > 0);
        case.count("looks at the others under the old lease", looks);
        let lost = cluster.disturbed_around(old.index).await?;
        case.count("frames lost around a leader", lost);
        // A successor has to come all the same.
        wait_for_successor(case, &cluster, &old).await?;
        cluster.heal().await?;
    }
    guard!(
        restarted_in_time > 0,
        "the lease was always over before the others had started again"
    );
    case.count("restarts of all others under a lease", restarted_in_time);
    Ok(())
}

async fn start_others_again(
    case: &Case,
    cluster: &mut Cluster,
    views: &mut Views,
    leader: usize,
    is_killed: bool,
) -> Result<(), Stop> {
    let others = case.others(leader);
    for index in &others {
        let node = cluster.node_mut(*index)?;
        if is_killed {
            node.kill()?;
        } else {
            let patience = case.call_patience();
            let shutdown = patience.wait_for("the end of a shutdown", node.shutdown());
            shutdown.await??;
        }
    }
    // At the same time, since all of it has to fit into one lease.
    let patience = case.election_patience();
    let start = cluster.start_all_at_once();
    patience
        .wait_for("the start of all others", start)
        .await??;
    for index in others {
        views.follow(cluster, index)?;
    }
    Ok(())
}

/// While the old lease is valid, nobody else has one, and nobody else serves. Returns how often that
/// was seen.
async fn watch(
    case: &Case,
    cluster: &Cluster,
    views: &Views,
    sampler: &mut Sampler,
    old: &Leader,
) -> Result<u64, Stop> {
    let mut looks = 0;
    loop {
        sampler.sample(cluster, views).await?;
        for index in case.others(old.index) {
            let driver = cluster.nodes()[index].driver()?;
            let served = serves(case, cluster, &*driver, index).await?;
            if deadline(cluster, old).await? <= Some(BootInstant::now()) {
                return Ok(looks);
            }
            ensure!(
                !served,
                "node {} had forgotten its grant: it served under the lease of {old:?}",
                index + 1
            );
            looks += 1;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether a load, or a persist under the epoch that the node shows, is answered with a value.
async fn serves(
    case: &Case,
    cluster: &Cluster,
    driver: &dyn ConsensusDriver,
    index: usize,
) -> Result<bool, Stop> {
    let patience = case.call_patience();
    let load = patience.wait_for("the answer to a load", driver.load_high_water());
    if load.await?.is_ok() {
        return Ok(true);
    }
    let mut leaders = cluster.leaders().into_iter();
    let Some(shown) = leaders.find(|leader| leader.index == index) else {
        return Ok(false);
    };
    Ok(case.try_persist(&shown, 10).await?.is_ok())
}

async fn wait_for_successor(case: &Case, cluster: &Cluster, old: &Leader) -> Result<(), Stop> {
    let patience = case.election_patience();
    let what = format!("a leader after {old:?}, which is cut off");
    let later = cluster.leader_where(patience, &what, |leader| leader.epoch > old.epoch);
    later.await?;
    Ok(())
}
