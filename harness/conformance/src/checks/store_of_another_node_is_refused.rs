//! S4: a store that belongs to another member, or to the same member of another cluster, is refused
//! at the start with `Permanent`, which says whose it is; its owner opens it unharmed.

use std::fs;

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, NodeSpec};

use crate::case::Case;
use crate::kept::Kept;
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

pub(super) const CHECK: Check = Check {
    name: "store_of_another_node_is_refused",
    clause: "S4",
    level: Level::Cluster,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut kept = Kept::default();
    kept.raise(case, &cluster).await?;
    case.shut_down(&mut cluster).await?;

    let [one, other] = [0, 1].map(|index| cluster.nodes()[index].spec().clone());
    swap(&cluster)?;
    for (taker, owner) in [(&one, &other), (&other, &one)] {
        refuses(case, taker, &owner.node.to_string()).await?;
    }
    swap(&cluster)?;
    let of_another_cluster = NodeSpec {
        cluster: one.cluster.wrapping_add(1),
        ..one.clone()
    };
    refuses(case, &of_another_cluster, &one.cluster.to_string()).await?;
    case.count("stores of others", 3);

    case.start_again(&mut cluster).await?;
    kept.ensure_kept(case, &cluster, "after others had tried to open its stores")
        .await?;
    Ok(())
}

/// Each of two nodes gets the folder of the other.
fn swap(cluster: &Cluster) -> Result<(), Stop> {
    let [one, other] = [0, 1].map(|index| cluster.nodes()[index].dir());
    let aside = one.with_extension("aside");
    let failed = |error| Stop::Invalid(format!("folders cannot be swapped: {error}"));
    fs::rename(one, &aside).map_err(failed)?;
    fs::rename(other, one).map_err(failed)?;
    fs::rename(&aside, other).map_err(failed)
}

async fn refuses(case: &Case, spec: &NodeSpec, owner: &str) -> Result<(), Stop> {
    let started = case.backend().start(spec.clone());
    let patience = case.election_patience();
    match patience.wait_for("the answer to a start", started).await? {
        Ok(_) => Err(Stop::Failed(format!(
            "node {} of cluster {} was started on the store of {owner}",
            spec.node, spec.cluster
        ))),
        Err(ConsensusError::Permanent(refusal)) => {
            let refusal = refusal.to_string();
            ensure!(
                refusal.contains(owner),
                "the refusal does not name {owner}: {refusal}"
            );
            Ok(())
        }
        Err(other) => Err(other.into()),
    }
}
