//! L1: a new subscription yields an item on its first poll, also before any election.

use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

pub(super) const CHECK: Check = Check {
    name: "first_item_is_ready",
    clause: "L1",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let cluster = case.cluster().await?;
    subscribe_to_all(case, &cluster, "right after the start")?;
    case.leader(&cluster).await?;
    subscribe_to_all(case, &cluster, "with a leader")
}

fn subscribe_to_all(case: &mut Case, cluster: &Cluster, when: &str) -> Result<(), Stop> {
    for node in cluster.nodes() {
        let mut states = node.driver()?.leadership_events();
        // A task that has done much without a pause is refused by the runtime, not by the driver.
        let first = unconstrained(states.next()).now_or_never().flatten();
        ensure!(
            first.is_some(),
            "{node:?} {when}: the first poll yielded nothing"
        );
    }
    case.count(
        format!("subscriptions {when}"),
        cluster.nodes().len() as u64,
    );
    Ok(())
}
