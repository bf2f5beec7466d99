//! Members that are added, removed and replaced, and whether they count.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tsoracle_consensus::{Member, MembershipError, NodeId};
use tsoracle_testbed::Cluster;

use crate::Stop;
use crate::case::Case;
use crate::crash::at;
use crate::kept::Kept;
use crate::service::{self, asks_to_retry};
use crate::verdict::ensure;

const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How many of so many voters decide.
pub(crate) fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// A change that an operator asks for.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add(Member),
    Remove(NodeId),
    Replace(NodeId, Member),
}

impl Change {
    /// Whether these voters are what it leads to.
    fn is_done(&self, voters: &BTreeSet<NodeId>) -> bool {
        match self {
            Self::Add(new) => voters.contains(&new.node),
            Self::Remove(old) => !voters.contains(old),
            Self::Replace(old, new) => voters.contains(&new.node) && !voters.contains(old),
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Add(new) => write!(f, "the addition of node {}", new.node),
            Self::Remove(old) => write!(f, "the removal of node {old}"),
            Self::Replace(old, new) => write!(f, "node {} in the place of node {old}", new.node),
        }
    }
}

/// Why a change was refused.
pub(crate) type Reason = String;

/// Lays out one more node and starts it; it waits to be added.
pub(crate) async fn start_joiner(
    case: &Case,
    cluster: &mut Cluster,
) -> Result<(usize, Member), Stop> {
    let (index, member) = cluster.lay_out_joiner()?;
    service::start(case, cluster, index).await?;
    Ok((index, member))
}

/// Asks whoever leads for a change, again if leadership moved meanwhile. A refusal is returned.
pub(crate) async fn change(
    case: &Case,
    cluster: &Cluster,
    change: &Change,
) -> Result<Result<(), Reason>, Stop> {
    let done = async {
        let mut is_unknown = false;
        loop {
            let leader = service::serving_leader(case, cluster).await?;
            if is_unknown && change.is_done(&voters_at(case, cluster, leader.index).await?) {
                return Ok(Ok(()));
            }
            let membership = cluster.nodes()[leader.index].membership()?;
            let answer = match change.clone() {
                Change::Add(new) => membership.add(new).await,
                Change::Remove(old) => membership.remove(old).await,
                Change::Replace(old, new) => membership.replace(old, new).await,
            };
            match answer {
                Ok(()) => return Ok(Ok(())),
                // An earlier try may still be under way.
                Err(MembershipError::Refused { reason }) if !is_unknown => {
                    return Ok(Err(reason));
                }
                Err(MembershipError::Refused { .. }) => {}
                Err(MembershipError::Consensus(refusal)) if asks_to_retry(&refusal) => {
                    is_unknown = true;
                }
                Err(MembershipError::Consensus(other)) => return Err(other.into()),
            }
            sleep(LOOK_EVERY).await;
        }
    };
    let what = format!("an answer to {change}");
    case.election_patience().wait_for(&what, done).await?
}

/// A change that must be carried out, and must then be what whoever leads says.
pub(crate) async fn carry_out(case: &Case, cluster: &Cluster, wanted: &Change) -> Result<(), Stop> {
    if let Err(reason) = change(case, cluster, wanted).await? {
        return Err(Stop::Failed(format!("{wanted} was refused: {reason}")));
    }
    let leader = service::serving_leader(case, cluster).await?;
    let voters = voters_at(case, cluster, leader.index).await?;
    ensure!(
        wanted.is_done(&voters),
        "after {wanted}, {leader:?} names the voters {voters:?}"
    );
    Ok(())
}

/// The voters, as whoever leads knows them.
pub(crate) async fn voters(case: &Case, cluster: &Cluster) -> Result<BTreeSet<NodeId>, Stop> {
    let leader = service::serving_leader(case, cluster).await?;
    voters_at(case, cluster, leader.index).await
}

async fn voters_at(case: &Case, cluster: &Cluster, index: usize) -> Result<BTreeSet<NodeId>, Stop> {
    let membership = cluster.nodes()[index].membership()?;
    let members = case
        .call_patience()
        .wait_for("the members", membership.members())
        .await?;
    match members {
        Ok(members) => Ok(members.into_iter().map(|member| member.node).collect()),
        Err(MembershipError::Consensus(refusal)) => Err(refusal.into()),
        Err(refused) => Err(Stop::Failed(refused.to_string())),
    }
}

/// Stops every node of `all` but those of `with`, which are a quorum: they persist, and have what
/// is to be kept. The others are started again.
pub(crate) async fn ensure_serves_with(
    case: &Case,
    cluster: &mut Cluster,
    kept: &mut Kept,
    all: &[usize],
    with: &[usize],
    when: &str,
) -> Result<(), Stop> {
    let stopped = stop_all_but(case, cluster, all, with).await?;
    kept.ensure_kept(case, cluster, when).await?;
    kept.raise(case, cluster).await?;
    kept.ensure_kept(case, cluster, when).await?;
    start_all(case, cluster, &stopped).await
}

/// Stops every node of `all` but those of `with`, which are no quorum: for as long as an election
/// may take they give out no value. The others are started again, and nothing is lost.
pub(crate) async fn ensure_mute_with(
    case: &mut Case,
    cluster: &mut Cluster,
    kept: &mut Kept,
    all: &[usize],
    with: &[usize],
    why: &str,
) -> Result<(), Stop> {
    let stopped = stop_all_but(case, cluster, all, with).await?;
    wait_for_lapses(case, cluster, why).await?;
    let calls = service::watch(case, cluster, |node, value| {
        Err(Stop::Failed(format!("{why}: node {node} returned {value}")))
    });
    let calls = calls.await?;
    case.count("calls without a quorum", calls);
    start_all(case, cluster, &stopped).await?;
    kept.ensure_kept(case, cluster, "once there is a quorum again")
        .await?;
    Ok(())
}

async fn stop_all_but(
    case: &Case,
    cluster: &mut Cluster,
    all: &[usize],
    with: &[usize],
) -> Result<Vec<usize>, Stop> {
    let stopped: Vec<usize> = all
        .iter()
        .copied()
        .filter(|index| !with.contains(index))
        .collect();
    for index in &stopped {
        service::stop(case, cluster, *index).await?;
    }
    Ok(stopped)
}

async fn start_all(case: &Case, cluster: &mut Cluster, stopped: &[usize]) -> Result<(), Stop> {
    for index in stopped {
        service::start(case, cluster, *index).await?;
    }
    Ok(())
}

/// A leader that has lost its quorum may still load until its lease ends.
pub(crate) async fn wait_for_lapses(case: &Case, cluster: &Cluster, why: &str) -> Result<(), Stop> {
    for leader in cluster.leaders() {
        case.wait_for_lapse(&leader).await.map_err(at(&why))?;
    }
    Ok(())
}

/// Whether a change was refused in good time; what an operator sees otherwise.
pub(crate) async fn ensure_refused(
    case: &Case,
    cluster: &Cluster,
    wanted: &Change,
) -> Result<(), Stop> {
    let before = voters(case, cluster).await?;
    let reason = match change(case, cluster, wanted).await? {
        Ok(()) => return Err(Stop::Failed(format!("{wanted} was carried out"))),
        Err(reason) => reason,
    };
    ensure!(
        !reason.trim().is_empty(),
        "{wanted} was refused without a reason"
    );
    let limit = case.timing().deadline * 2;
    let after = timeout(limit, voters(case, cluster)).await;
    let after = after.map_err(|_| {
        Stop::Failed(format!(
            "{wanted} was refused ({reason}), and nobody serves after it"
        ))
    })??;
    ensure!(
        before == after,
        "{wanted} was refused ({reason}), and the voters {before:?} became {after:?}"
    );
    Ok(())
}
