//! Service of a whole cluster: calls that go on with the next leader, and leadership that is moved
//! to a chosen node.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tsoracle_consensus::{ConsensusError, Epoch, NodeId};
use tsoracle_testbed::{Cluster, HookKind, Leader, Patience};

use crate::Stop;
use crate::case::Case;
use crate::verdict::{ensure, guard};

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often leadership is moved, for each node of the cluster, until the chosen one has it.
const TRIES_PER_NODE: usize = 8;

/// The running node that shows `Leader` with the greatest epoch, if its lease is valid where there
/// are leases to be seen.
pub(crate) fn present_leader(cluster: &Cluster) -> Option<Leader> {
    let newest = newest_leader(cluster)?;
    let may_serve = newest.lease.is_absent() || newest.lease.is_valid();
    may_serve.then_some(newest)
}

/// Loads from whoever leads, as often as it takes for an answer.
pub(crate) async fn load(case: &Case, cluster: &Cluster) -> Result<(Leader, u64), Stop> {
    serve(case, cluster, case.election_patience(), None).await
}

/// Persists through whoever leads, as often as it takes for an acknowledgement.
pub(crate) async fn persist(
    case: &Case,
    cluster: &Cluster,
    at_least: u64,
) -> Result<(Leader, u64), Stop> {
    serve(case, cluster, case.election_patience(), Some(at_least)).await
}

/// A load, or a persist of a value, by whoever leads. Refusals that tell the caller to try again
/// are no failures; none but they may come.
async fn serve(
    case: &Case,
    cluster: &Cluster,
    patience: Patience,
    at_least: Option<u64>,
) -> Result<(Leader, u64), Stop> {
    let limit = case.timing().deadline * 2;
    // It has nobody to lose its leadership to.
    let is_alone = case.nodes() == 1;
    let served = async {
        loop {
            let leader = match is_alone {
                true => Some(case.leader(cluster).await?),
                false => present_leader(cluster),
            };
            if let Some(leader) = leader {
                let call = async {
                    match at_least {
                        Some(value) => leader.driver.persist_high_water(value, leader.epoch).await,
                        None => leader.driver.load_high_water().await,
                    }
                };
                // A node that stands still does not answer.
                match timeout(limit, call).await {
                    Ok(Ok(value)) => return Ok((leader, value)),
                    Ok(Err(refusal)) if is_alone || !asks_to_retry(&refusal) => {
                        return Err(refusal.into());
                    }
                    _ => {}
                }
            }
            sleep(LOOK_EVERY).await;
        }
    };
    let what = match at_least {
        Some(value) => format!("a persist of {value} by whoever leads"),
        None => "a load by whoever leads".to_owned(),
    };
    patience.wait_for(&what, served).await?
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
            sleep(LOOK_EVERY).await;
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

/// Whether a caller that is refused so may come again, here or elsewhere.
pub(crate) fn asks_to_retry(refusal: &ConsensusError) -> bool {
    matches!(
        refusal,
        ConsensusError::Transient(_)
            | ConsensusError::NotLeader { .. }
            | ConsensusError::Fenced { .. }
    )
}

/// Waits for a leader that serves.
pub(crate) async fn serving_leader(case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
    Ok(load(case, cluster).await?.0)
}

/// Moves leadership until the node at a place has it and serves: by handoff where there is one,
/// otherwise by stopping whoever leads instead. All nodes run before and after.
pub(crate) async fn make_lead(
    case: &Case,
    cluster: &mut Cluster,
    index: usize,
) -> Result<Leader, Stop> {
    let tries = TRIES_PER_NODE * cluster.nodes().len();
    for number in 0..tries {
        let leader = serving_leader(case, cluster).await?;
        if leader.index == index {
            return Ok(leader);
        }
        let hands_off = case.capabilities().handoff && number % 2 == 0;
        if hands_off {
            let to = cluster.nodes()[index].spec().node;
            let handoff = cluster.nodes()[leader.index].handoff()?;
            let patience = case.election_patience();
            // One that does not happen is tried again.
            let _ = patience
                .wait_for("the end of a handoff", handoff.hand_off(to))
                .await?;
        } else {
            depose(case, cluster, &leader, index).await?;
        }
    }
    guard!(false, "node {} was never elected", index + 1);
    serving_leader(case, cluster).await
}

/// Stops a leader, asks the node at `index` to campaign if it can be asked, and starts the old
/// leader again once there is another.
async fn depose(
    case: &Case,
    cluster: &mut Cluster,
    leader: &Leader,
    index: usize,
) -> Result<(), Stop> {
    stop(case, cluster, leader.index).await?;
    if case.capabilities().hooks.contains(&HookKind::Campaign)
        && let Some(campaign) = cluster.nodes()[index].hooks()?.campaign
    {
        campaign(()).await?;
    }
    serving_leader(case, cluster).await?;
    start(case, cluster, leader.index).await
}

/// Shuts one node down.
pub(crate) async fn stop(case: &Case, cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    let shutdown = cluster.node_mut(index)?.shutdown();
    let patience = case.call_patience();
    patience
        .wait_for("the end of a shutdown", shutdown)
        .await??;
    Ok(())
}

/// Starts one node.
pub(crate) async fn start(case: &Case, cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    let start = cluster.node_mut(index)?.start();
    let patience = case.election_patience();
    patience.wait_for("the start of a node", start).await??;
    Ok(())
}

/// Looks for values where there should be none, or none but some: for the time in which a healthy
/// cluster elects, every running node is asked to load, and to persist what changes nothing. Each
/// value that comes back is judged. Returns how many calls were made.
pub(crate) async fn watch(
    case: &Case,
    cluster: &Cluster,
    judge: impl Fn(NodeId, u64) -> Result<(), Stop>,
) -> Result<u64, Stop> {
    let timing = case.timing();
    let window = timing.election_timeout * 10 + timing.lease.unwrap_or_default();
    let pause = (timing.election_timeout / 10).max(LOOK_EVERY);
    let limit = timing.deadline * 2;
    let end = tokio::time::Instant::now() + window;
    let mut calls = 0;
    while tokio::time::Instant::now() < end {
        for (index, node) in cluster.nodes().iter().enumerate() {
            if !node.is_running() {
                continue;
            }
            let node_id = node.spec().node;
            let driver = node.driver()?;
            let mut shown = cluster.leaders().into_iter();
            let epoch = shown
                .find(|leader| leader.index == index)
                .map(|leader| leader.epoch);
            let loaded = timeout(limit, driver.load_high_water());
            if let Ok(Ok(value)) = loaded.await {
                judge(node_id, value)?;
            }
            let persist = driver.persist_high_water(1, epoch.unwrap_or_default());
            if let Ok(Ok(value)) = timeout(limit, persist).await {
                judge(node_id, value)?;
            }
            calls += 2;
        }
        sleep(pause).await;
    }
    Ok(calls)
}
