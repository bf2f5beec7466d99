//! Calls on whoever leads, for clusters in which leadership may change at any time.

use std::time::Duration;

use tsoracle_consensus::{ConsensusError, Epoch};
use tsoracle_testbed::{Cluster, Leader};

use crate::Stop;
use crate::case::Case;
use crate::verdict::ensure;

/// A pause between two tries.
const RETRY: Duration = Duration::from_millis(1);

/// Persists, on whoever leads, until it is acknowledged. Every try has the same value, which P1 and
/// P2 make safe.
pub(crate) async fn persist(
    case: &Case,
    cluster: &Cluster,
    at_least: u64,
) -> Result<(Leader, u64), Stop> {
    let served = async {
        loop {
            if let Some(leader) = find_leader(case, cluster).await? {
                let answer = case.try_persist(&leader, at_least).await?;
                if let Some(value) = unless_it_moved(case, answer)? {
                    return Ok((leader, value));
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    let what = format!("a persist of {at_least} that is acknowledged");
    case.election_patience().wait_for(&what, served).await?
}

/// Loads, from whoever leads, until there is a value.
pub(crate) async fn load(case: &Case, cluster: &Cluster) -> Result<(Leader, u64), Stop> {
    let served = async {
        loop {
            if let Some(leader) = find_leader(case, cluster).await? {
                let answer = try_load(case, &leader).await?;
                if let Some(value) = unless_it_moved(case, answer)? {
                    return Ok((leader, value));
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    let patience = case.election_patience();
    patience.wait_for("a load that is answered", served).await?
}

/// Loads; the answer may be an error, but it must come.
pub(crate) async fn try_load(
    case: &Case,
    leader: &Leader,
) -> Result<Result<u64, ConsensusError>, Stop> {
    let load = leader.driver.load_high_water();
    let patience = case.call_patience();
    Ok(patience.wait_for("the answer to a load", load).await?)
}

/// Persists under an epoch that somebody else had, on whoever leads; the answer must be `Fenced`,
/// unless leadership moves meanwhile.
pub(crate) async fn ensure_fenced(
    case: &Case,
    cluster: &Cluster,
    at_least: u64,
    epoch: Epoch,
) -> Result<Leader, Stop> {
    let refused = async {
        loop {
            if let Some(leader) = find_leader(case, cluster).await? {
                let refusal = case.refusal(&*leader.driver, at_least, epoch).await?;
                if matches!(refusal, ConsensusError::Fenced { .. }) {
                    return Ok(leader);
                }
                ensure!(
                    !shows(cluster, &leader),
                    "in epoch {}, a persist under {epoch} was refused with {refusal:?}",
                    leader.epoch
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    let patience = case.election_patience();
    patience.wait_for("a leader that fences", refused).await?
}

/// Whether a node still shows the leadership that was found.
pub(crate) fn shows(cluster: &Cluster, leader: &Leader) -> bool {
    let mut shown = cluster.leaders().into_iter();
    shown.any(|shown| (shown.index, shown.epoch) == (leader.index, leader.epoch))
}

/// A node that is alone is waited for; of several, whoever shows that it leads.
async fn find_leader(case: &Case, cluster: &Cluster) -> Result<Option<Leader>, Stop> {
    if case.nodes() == 1 {
        return case.leader(cluster).await.map(Some);
    }
    Ok(newest_leader(cluster))
}

/// The leader of the latest epoch; one that was cut off may show its own beside it.
pub(crate) fn newest_leader(cluster: &Cluster) -> Option<Leader> {
    let leaders = cluster.leaders().into_iter();
    leaders.max_by_key(|leader| leader.epoch)
}

/// The value, or nothing where the caller has to look for the leader again. A node that is alone
/// has nobody to lose its leadership to.
fn unless_it_moved(case: &Case, answer: Result<u64, ConsensusError>) -> Result<Option<u64>, Stop> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if case.nodes() == 1 => Err(error.into()),
        Err(
            ConsensusError::NotLeader { .. }
            | ConsensusError::Fenced { .. }
            | ConsensusError::Transient(_),
        ) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
