//! S3: a node that was shut down starts again at once, many times over, although handles and
//! streams of its earlier lives are still held; it has what it had. In a cluster also one node
//! after the other, while the rest serves.

use futures_util::FutureExt;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop, service};

const RESTARTS: u64 = 12;
const ROUNDS: usize = 3;

pub(super) const CHECK: Check = Check {
    name: "start_after_stop",
    clause: "S3",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut held = Vec::new();
    let mut value = 0;
    for _ in 0..RESTARTS {
        let leader = case.leader(&cluster).await?;
        value = case.persist(&leader, value + 10).await?;
        held.push((leader.driver.leadership_events(), leader));
        let leader = case.restart(&mut cluster).await?;
        let loaded = case.load(&leader).await?;
        ensure!(
            loaded == value,
            "{value} was stored, and the node started again with {loaded}"
        );
    }
    case.count("restarts", RESTARTS);
    case.count("handles held meanwhile", held.len() as u64);
    if case.nodes() > 1 {
        one_after_the_other(case, &mut cluster, value).await?;
    }
    Ok(())
}

async fn one_after_the_other(
    case: &mut Case,
    cluster: &mut Cluster,
    mut value: u64,
) -> Result<(), Stop> {
    let mut held = Vec::new();
    for index in (0..case.nodes()).cycle().take(ROUNDS * case.nodes()) {
        value += 10;
        let (leader, _) = service::persist(case, cluster, value).await?;
        held.push((leader.driver.leadership_events(), leader));
        service::stop(case, cluster, index).await?;
        service::start(case, cluster, index).await?;
        let (leader, loaded) = service::load(case, cluster).await?;
        ensure!(
            loaded == value,
            "{value} was stored, node {} was restarted, and {leader:?} loads {loaded}",
            index + 1
        );
    }
    case.count("restarts of one node", held.len() as u64);
    Ok(())
}
