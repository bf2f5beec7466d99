//! S3: a node may be shut down again: several times at once, one after the other, and when its
//! store has gone to a successor, which notices nothing.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader, Node, Placement};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const AT_ONCE: u64 = 3;
const STORED: u64 = 1_000;

pub(super) const CHECK: Check = Check {
    name: "stop_twice",
    clause: "S3",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let plan = case.plan(Placement::InProcess);
    let mut successors = Cluster::prepare(&plan)?;
    let nodes = start_beside(case, &successors).await?;
    for node in &nodes {
        try_join_all((0..AT_ONCE).map(|_| shut_down(case, node))).await?;
        shut_down(case, node).await?;
    }
    case.count("shutdowns of each node", AT_ONCE + 1);

    let leader = case.start_again(&mut successors).await?;
    case.persist(&leader, STORED).await?;
    for node in &nodes {
        shut_down(case, node).await?;
        shut_down(case, node).await?;
    }
    ensure_undisturbed(case, &successors, &leader).await?;
    case.count("shutdowns of each node beside its successor", 2);
    Ok(())
}

/// Starts a node on the store of each member, without the cluster knowing.
async fn start_beside(case: &Case, cluster: &Cluster) -> Result<Vec<Arc<dyn Node>>, Stop> {
    let starts = cluster
        .nodes()
        .iter()
        .map(|node| case.backend().start(node.spec().clone()));
    let nodes = try_join_all(starts);
    Ok(case
        .election_patience()
        .wait_for("the start of a cluster", nodes)
        .await??)
}

async fn shut_down(case: &Case, node: &Arc<dyn Node>) -> Result<(), Stop> {
    case.call_patience()
        .wait_for("the end of a shutdown", node.shutdown())
        .await??;
    Ok(())
}

/// The store is still the successor's own, and its leader still leads.
async fn ensure_undisturbed(case: &Case, cluster: &Cluster, leader: &Leader) -> Result<(), Stop> {
    for node in cluster.nodes() {
        let third = case.backend().start(node.spec().clone());
        let third = case
            .brief_patience()
            .wait_for("the refusal of a third open", third)
            .await?;
        ensure!(
            matches!(third, Err(ConsensusError::Permanent(_))),
            "a second shutdown let go of the store that belonged to a successor"
        );
    }
    let now = case.leader(cluster).await?;
    let loaded = case.load(leader).await?;
    let returned = case.persist(leader, STORED + 1).await?;
    ensure!(
        now.epoch == leader.epoch && loaded == STORED && returned == STORED + 1,
        "beside a second shutdown, {leader:?} became {now:?}, loaded {loaded} and persisted \
         {returned}"
    );
    ensure!(
        leader.lease.is_absent() || leader.lease.is_valid(),
        "a second shutdown ended the lease of the node's successor"
    );
    Ok(())
}
