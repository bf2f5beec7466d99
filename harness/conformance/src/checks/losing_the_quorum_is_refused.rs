//! M2: a change after which too few of the voters would be alive, or that makes no sense, is
//! refused with a reason; the voters stay as they are, and service goes on.

use futures_util::FutureExt;
use tokio::time::sleep;

use crate::case::Case;
use crate::kept::Kept;
use crate::members::{Change, carry_out, ensure_refused, quorum};
use crate::{Check, Level, Need, Stop, service};

pub(super) const CHECK: Check = Check {
    name: "losing_the_quorum_is_refused",
    clause: "M2",
    level: Level::Cluster,
    needs: &[Need::Membership],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    let leader = kept.raise(case, &cluster).await?;
    let (_, absent) = cluster.lay_out_joiner()?;
    let nodes = case.nodes();
    let others = case.others(leader.index);
    let node = |index: usize| index as u64 + 1;
    let stranger = absent.node + 7;

    let known = cluster.nodes()[others[0]].spec().members.iter();
    let known = known
        .clone()
        .find(|member| member.node == node(others[0]))
        .cloned();
    let nonsense = [
        Some(Change::Remove(stranger)),
        Some(Change::Replace(stranger, absent.clone())),
        known.map(Change::Add),
    ];
    for change in nonsense.into_iter().flatten() {
        ensure_refused(case, &cluster, &change).await?;
        kept.raise(case, &cluster).await?;
        case.count("changes without sense", 1);
    }

    // As many are down as the cluster bears.
    let (down, alive) = others.split_at(nodes - quorum(nodes));
    for index in down {
        service::stop(case, &mut cluster, *index).await?;
    }
    kept.raise(case, &cluster).await?;
    // A node that was heard just now may be taken for alive.
    sleep(case.timing().election_timeout * 2).await;
    let leader = kept.raise(case, &cluster).await?;
    let alive = alive.iter().copied().find(|index| *index != leader.index);
    let alive = node(alive.unwrap_or(others[0]));
    let mut ruinous = vec![
        Change::Remove(alive),
        Change::Replace(alive, absent.clone()),
    ];
    if quorum(nodes + 1) > quorum(nodes) {
        ruinous.push(Change::Add(absent));
    }
    for change in ruinous {
        ensure_refused(case, &cluster, &change).await?;
        kept.raise(case, &cluster).await?;
        kept.ensure_kept(case, &cluster, "after a refusal").await?;
        case.count("changes that would lose the quorum", 1);
    }
    // What is left serves without the one who is down already.
    carry_out(case, &cluster, &Change::Remove(node(down[0]))).await?;
    kept.raise(case, &cluster).await?;
    kept.ensure_kept(case, &cluster, "after a dead member was removed")
        .await?;
    Ok(())
}
