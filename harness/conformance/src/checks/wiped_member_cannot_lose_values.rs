//! C4: a member of the quorum that acknowledged a value is erased and comes back, and of the
//! others only those remain that lack the value: whatever they do, nothing lower is loaded, and
//! nothing is acknowledged that forgets it.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, TestbedError};

use crate::case::Case;
use crate::kept::Kept;
use crate::members::quorum;
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "wiped_member_cannot_lose_values",
    clause: "C4",
    level: Level::Cluster,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

/// When the erased member comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    BesideTheOthers,
    OnceTheyAreGone,
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    for returns in [Returns::BesideTheOthers, Returns::OnceTheyAreGone] {
        for leader_is_wiped in [false, true] {
            let mut cluster = case.cluster().await?;
            lose_a_store(case, &mut cluster, returns, leader_is_wiped).await?;
            case.shut_down(&mut cluster).await?;
        }
    }
    Ok(())
}

async fn lose_a_store(
    case: &mut Case,
    cluster: &mut Cluster,
    returns: Returns,
    leader_is_wiped: bool,
) -> Result<(), Stop> {
    let mut kept = Kept::default();
    meet(case, cluster, &mut kept).await?;
    let leader = kept.raise(case, cluster).await?;
    let others = case.others(leader.index);
    let (laggards, with_it) = others.split_at(case.nodes() - quorum(case.nodes()));
    for laggard in laggards {
        service::stop(case, cluster, *laggard).await?;
    }
    let leader = kept.raise(case, cluster).await?;
    let mut had_it: Vec<usize> = with_it.iter().copied().chain([leader.index]).collect();
    had_it.sort_unstable();
    had_it.dedup();
    let is_wiped = |index: &usize| (*index == leader.index) == leader_is_wiped;
    let wiped = had_it
        .iter()
        .copied()
        .find(is_wiped)
        .unwrap_or(leader.index);
    had_it.retain(|index| *index != wiped);

    service::stop(case, cluster, wiped).await?;
    cluster.node_mut(wiped)?.wipe()?;
    if returns == Returns::BesideTheOthers {
        try_start(case, cluster, wiped).await?;
    }
    for index in &had_it {
        service::stop(case, cluster, *index).await?;
    }
    for laggard in laggards {
        service::start(case, cluster, *laggard).await?;
    }
    if !cluster.nodes()[wiped].is_running() {
        try_start(case, cluster, wiped).await?;
    }
    let value = kept.value();
    let calls = service::watch(case, cluster, |node, returned| {
        ensure!(
            returned >= value,
            "{value} was acknowledged, and with a member erased node {node} returned {returned}"
        );
        Ok(())
    });
    let calls = calls.await?;
    case.count("calls to those who lack the value", calls);

    // Without the one who forgot, nothing is forgotten.
    if cluster.nodes()[wiped].is_running() {
        service::stop(case, cluster, wiped).await?;
    }
    for index in had_it {
        service::start(case, cluster, index).await?;
    }
    kept.ensure_kept(case, cluster, "once those who had the value are back")
        .await?;
    Ok(())
}

/// Every node leads once, so that each has heard of each.
pub(super) async fn meet(case: &Case, cluster: &mut Cluster, kept: &mut Kept) -> Result<(), Stop> {
    for index in 0..case.nodes() {
        service::make_lead(case, cluster, index).await?;
        kept.raise(case, cluster).await?;
    }
    Ok(())
}

/// A start on an erased store may be refused.
pub(super) async fn try_start(
    case: &Case,
    cluster: &mut Cluster,
    index: usize,
) -> Result<(), Stop> {
    let start = cluster.node_mut(index)?.start();
    let started = case
        .election_patience()
        .wait_for("the answer to a start", start);
    match started.await? {
        Ok(()) => Ok(()),
        Err(TestbedError::Driver(tsoracle_consensus::ConsensusError::Permanent(_))) => Ok(()),
        Err(other) => Err(other.into()),
    }
}
