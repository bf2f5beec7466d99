//! S3: a node that was shut down starts again at once, many times over, although handles and
//! streams of its earlier lives are still held; it has what it had.

use futures_util::FutureExt;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 12;

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
    Ok(())
}
