//! Leaders that are made to go, and others in their place.

use std::fmt;
use std::time::Duration;

use tsoracle_consensus::BootInstant;
use tsoracle_testbed::{Cluster, Leader, LinkFault, Links, Patience};

use crate::Stop;
use crate::case::Case;
use crate::service::newest_leader;
use crate::verdict::guard;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often the others are kept from leading until a chosen node does.
const TRIES: usize = 24;

/// How a leader goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// It ends without a word.
    Crash,
    /// It is cut off, and its clients still reach it.
    Isolate,
    /// It is shut down, and started again at once.
    Restart,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash => "a crash",
            Self::Isolate => "an isolation",
            Self::Restart => "a restart",
        })
    }
}

impl Strike {
    /// All that this backend's nodes can be struck with.
    pub(crate) fn all(case: &Case) -> Vec<Self> {
        match has_links(case) {
            true => vec![Self::Crash, Self::Isolate, Self::Restart],
            false => vec![Self::Crash, Self::Restart],
        }
    }

    pub(crate) async fn hit(
        self,
        case: &Case,
        cluster: &mut Cluster,
        index: usize,
    ) -> Result<(), Stop> {
        match self {
            Self::Crash => cluster.node_mut(index)?.crash()?,
            Self::Isolate => cluster.isolate(index).await?,
            Self::Restart => {
                let shutdown = cluster.node_mut(index)?.shutdown();
                let patience = case.call_patience();
                patience
                    .wait_for("the end of a shutdown", shutdown)
                    .await??;
                start_all(case, cluster).await?;
            }
        }
        Ok(())
    }
}

/// Strikes the leader and returns the next one; the fault stays.
pub(crate) async fn depose(
    case: &mut Case,
    cluster: &mut Cluster,
    leader: &Leader,
    strike: Strike,
) -> Result<Leader, Stop> {
    strike.hit(case, cluster, leader.index).await?;
    let next = case.successor(cluster, leader).await?;
    if strike == Strike::Isolate {
        let lost = cluster.disturbed_around(leader.index).await?;
        guard!(lost > 0, "no frame of the old leader was lost");
    }
    case.count(format!("leaders that went by {strike}"), 1);
    Ok(next)
}

/// Makes every link deliver and starts every node that does not run.
pub(crate) async fn mend(case: &Case, cluster: &mut Cluster) -> Result<(), Stop> {
    if has_links(case) {
        cluster.heal().await?;
    }
    start_all(case, cluster).await
}

async fn start_all(case: &Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let patience = case.election_patience();
    let started = cluster.start_all();
    Ok(patience.wait_for("the start of nodes", started).await??)
}

pub(crate) fn has_links(case: &Case) -> bool {
    case.capabilities().links != Links::None
}

/// Keeps everybody else from leading until a chosen node does, with an epoch after `after`'s; all
/// links deliver then.
pub(crate) async fn lead_by(
    case: &Case,
    cluster: &mut Cluster,
    index: usize,
    after: &Leader,
) -> Result<Leader, Stop> {
    for _ in 0..TRIES {
        let fits = |leader: &Leader| leader.index == index && leader.epoch > after.epoch;
        if let Some(leader) = newest_leader(cluster).filter(fits) {
            return Ok(leader);
        }
        favour(case, cluster, index).await?;
        let found = cluster.leader_where(a_few_elections(case), "the next leader", fits);
        let found = found.await;
        mend(case, cluster).await?;
        if let Ok(leader) = found {
            return Ok(leader);
        }
    }
    Err(Stop::Invalid(format!(
        "node {} did not lead again, whatever was cut",
        index + 1
    )))
}

/// Cuts off whoever leads, and every link among the others that does not end at the chosen node:
/// in a cluster of five or more nobody else reaches a quorum.
pub(crate) async fn favour(case: &Case, cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    let others = case.others(index);
    for (place, one) in others.iter().enumerate() {
        for other in &others[place + 1..] {
            cluster.set_both(*one, *other, LinkFault::Drop).await?;
        }
    }
    let leader = newest_leader(cluster).filter(|leader| leader.index != index);
    if let Some(leader) = leader {
        cluster.isolate(leader.index).await?;
    }
    let campaign = cluster.nodes()[index].hooks()?.campaign;
    if let Some(campaign) = campaign {
        // A node that cannot be asked may be elected all the same.
        let asked = case
            .call_patience()
            .wait_for("the end of a hook", campaign(()));
        drop(asked.await?);
    }
    Ok(())
}

/// Waits until the lease of a leader that is cut off has ended, in whichever process it is; at once
/// if there are no leases.
pub(crate) async fn wait_for_lapse(
    case: &Case,
    cluster: &Cluster,
    leader: &Leader,
) -> Result<(), Stop> {
    if !case.capabilities().leases || !leader.lease.is_absent() {
        return case.wait_for_lapse(leader).await;
    }
    let node = &cluster.nodes()[leader.index];
    let lapse = async {
        loop {
            match node.lease_deadline().await? {
                Some(deadline) if deadline > BootInstant::now() => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                _ => return Ok::<_, Stop>(()),
            }
        }
    };
    let patience = case.patience(case.timing().lease.unwrap_or_default());
    patience.wait_for("the end of a lease", lapse).await?
}

/// The time in which somebody is elected, if anybody can be.
pub(crate) fn a_few_elections(case: &Case) -> Patience {
    let timing = case.timing();
    Patience::new(timing.election_timeout * 6 + timing.lease.unwrap_or_default() * 2)
}
