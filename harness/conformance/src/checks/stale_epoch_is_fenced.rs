//! P4: after a failover, a persist under a predecessor's epoch is `Fenced` on the new leader, and
//! on the old one, back among the others, `NotLeader` or `Fenced`; no later load shows an effect.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{ConsensusError, Epoch};
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::service::{ensure_fenced, load, persist};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const ROUNDS: usize = 2;
/// What stale persists ask for lies this far above everything else.
const FAR: u64 = 1_000_000;

pub(super) const CHECK: Check = Check {
    name: "stale_epoch_is_fenced",
    clause: "P4",
    level: Level::Cluster,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let (mut value, mut earlier) = (0, Vec::new());
    for strike in Strike::all(case).repeat(ROUNDS) {
        value += 10;
        let (old, _) = persist(case, &cluster, value).await?;
        earlier.push(old.epoch);
        depose(case, &mut cluster, &old, strike).await?;
        for (&epoch, far) in earlier.iter().rev().zip(FAR..) {
            ensure_fenced(case, &cluster, far, epoch).await?;
            ensure_loads(case, &cluster, value).await?;
        }
        if strike == Strike::Isolate {
            refuses_while_cut_off(case, &old).await?;
        }
        mend(case, &mut cluster).await?;
        refuses_once_back(case, &cluster, &old).await?;
        ensure_loads(case, &cluster, value).await?;
        case.count("persists under an earlier epoch", earlier.len() as u64);
    }
    let (leader, _) = load(case, &cluster).await?;
    depose(case, &mut cluster, &leader, Strike::Crash).await?;
    ensure_loads(case, &cluster, value).await
}

/// Whatever the reason that it gives.
async fn refuses_while_cut_off(case: &Case, old: &Leader) -> Result<(), Stop> {
    let refusal = case.refusal(&*old.driver, FAR, old.epoch).await?;
    ensure!(
        !matches!(refusal, ConsensusError::Permanent(_)),
        "a leader that is cut off refused with {refusal:?}"
    );
    Ok(())
}

/// As soon as the node has heard of another term.
async fn refuses_once_back(case: &Case, cluster: &Cluster, old: &Leader) -> Result<(), Stop> {
    let back = async {
        while shown_epoch(cluster, old.index) == Some(old.epoch) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let patience = case.election_patience();
    patience
        .wait_for("the old leader to learn of another term", back)
        .await?;
    let driver = cluster.nodes()[old.index].driver()?;
    let refusal = case.refusal(&*driver, FAR, old.epoch).await?;
    ensure!(
        matches!(
            refusal,
            ConsensusError::NotLeader { .. } | ConsensusError::Fenced { .. }
        ),
        "node {} led in epoch {} and does no more; a persist under it was refused with {refusal:?}",
        old.index + 1,
        old.epoch
    );
    Ok(())
}

fn shown_epoch(cluster: &Cluster, index: usize) -> Option<Epoch> {
    let mut states = cluster.states().into_iter();
    let (_, state) = states.find(|(at, _)| *at == index)?;
    state.leading_epoch()
}

async fn ensure_loads(case: &Case, cluster: &Cluster, value: u64) -> Result<(), Stop> {
    let (_, loaded) = load(case, cluster).await?;
    ensure!(
        loaded == value,
        "{value} was stored, persists under earlier epochs followed, and {loaded} was loaded"
    );
    Ok(())
}
