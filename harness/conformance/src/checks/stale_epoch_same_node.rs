//! P4: once a node leads again under a new epoch, a persist under any epoch that it had before is
//! fenced, and has no effect, not even later; also when others have led in between.

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::failover::{Strike, depose, has_links, lead_by, mend};
use crate::service::{ensure_fenced, load, persist, shows};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "stale_epoch_same_node",
    clause: "P4",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut earlier = Vec::new();
    let mut value = 0;
    for _ in 0..RESTARTS {
        let (leader, persisted) = persist(case, &cluster, value + 10).await?;
        value = persisted;
        earlier.push(leader.epoch);
        case.restart(&mut cluster).await?;
        for &epoch in &earlier {
            ensure_fenced(case, &cluster, value + 1_000, epoch).await?;
            ensure_loads(case, &cluster, value).await?;
        }
    }
    if case.minority() > 0 && has_links(case) {
        value = others_in_between(case, &mut cluster, value).await?;
    }
    case.restart(&mut cluster).await?;
    ensure_loads(case, &cluster, value).await?;
    case.count(
        "persists under an earlier epoch",
        RESTARTS * (RESTARTS + 1) / 2,
    );
    Ok(())
}

/// One node leads, another, and the first one again.
async fn others_in_between(
    case: &mut Case,
    cluster: &mut Cluster,
    mut value: u64,
) -> Result<u64, Stop> {
    for strike in [Strike::Isolate, Strike::Crash] {
        value += 10;
        let (old, _) = persist(case, cluster, value).await?;
        let between = depose(case, cluster, &old, strike).await?;
        mend(case, cluster).await?;
        let again = lead_by(case, cluster, old.index, &between).await?;
        let refusal = case
            .refusal(&*again.driver, value + 1_000, old.epoch)
            .await?;
        ensure!(
            matches!(refusal, ConsensusError::Fenced { .. }) || !shows(cluster, &again),
            "node {} led in epoch {}, now leads in {}, and refused a persist under the former with \
             {refusal:?}",
            old.index + 1,
            old.epoch,
            again.epoch
        );
        ensure_loads(case, cluster, value).await?;
        case.count("nodes that led, lost it, and lead again", 1);
    }
    Ok(value)
}

async fn ensure_loads(case: &Case, cluster: &Cluster, value: u64) -> Result<(), Stop> {
    let (_, loaded) = load(case, cluster).await?;
    ensure!(
        loaded == value,
        "{value} was stored, fenced persists followed, and {loaded} was loaded"
    );
    Ok(())
}
