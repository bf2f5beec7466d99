//! P3: an acknowledged value survives kill -9 of every node and the loss of every byte that was
//! never synced.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, DiskFaults, Placement};

use crate::case::Case;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const ROUNDS: u64 = 4;
const PERSISTS: u64 = 5;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_power_loss",
    clause: "P3",
    level: Level::Single,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let plan = case.plan(Placement::Processes);
    let mut cluster = Cluster::prepare(&plan)?;
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        start_recorded(&mut cluster).await?;
        let leader = case.leader(&cluster).await?;
        let loaded = case.load(&leader).await?;
        ensure!(
            loaded >= acknowledged,
            "{acknowledged} was acknowledged, and {loaded} came back"
        );
        for _ in 0..PERSISTS {
            acknowledged = case.persist(&leader, acknowledged + 10).await?;
        }
        lose_power(&mut cluster)?;
    }
    guard!(
        acknowledged == ROUNDS * PERSISTS * 10,
        "only {acknowledged} was acknowledged"
    );
    cluster.start_all().await?;
    let leader = case.leader(&cluster).await?;
    let loaded = case.load(&leader).await?;
    ensure!(
        loaded >= acknowledged,
        "{acknowledged} was acknowledged, and {loaded} came back"
    );
    case.count("power losses", ROUNDS);
    case.count("acknowledged persists", ROUNDS * PERSISTS);
    Ok(())
}

async fn start_recorded(cluster: &mut Cluster) -> Result<(), Stop> {
    for index in 0..cluster.nodes().len() {
        let node = cluster.node_mut(index)?;
        node.spawn()?;
        let dir = node.dir().to_owned();
        node.disk()?.record_unsynced(&dir).await?;
    }
    Ok(cluster.start_all().await?)
}

fn lose_power(cluster: &mut Cluster) -> Result<(), Stop> {
    for index in 0..cluster.nodes().len() {
        cluster.node_mut(index)?.kill()?;
    }
    for node in cluster.nodes() {
        node.lose_unsynced()?;
    }
    Ok(())
}
