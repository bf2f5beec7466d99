//! P4: once a node leads again under a new epoch, a persist under any epoch that it had before is
//! fenced, and has no effect, not even later.

use futures_util::FutureExt;
use tsoracle_consensus::{ConsensusError, Epoch};
use tsoracle_testbed::Leader;

use crate::case::Case;
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
    let mut leader = case.leader(&cluster).await?;
    let mut earlier = Vec::new();
    let mut value = 0;
    for _ in 0..RESTARTS {
        value = case.persist(&leader, value + 10).await?;
        earlier.push(leader.epoch);
        leader = case.restart(&mut cluster).await?;
        for &epoch in &earlier {
            ensure_fenced(case, &leader, value + 1_000, epoch).await?;
            ensure_loads(case, &leader, value).await?;
        }
    }
    leader = case.restart(&mut cluster).await?;
    ensure_loads(case, &leader, value).await?;
    case.count(
        "persists under an earlier epoch",
        RESTARTS * (RESTARTS + 1) / 2,
    );
    Ok(())
}

async fn ensure_fenced(
    case: &Case,
    leader: &Leader,
    at_least: u64,
    epoch: Epoch,
) -> Result<(), Stop> {
    let driver = leader.driver.as_ref();
    let refusal = case.refusal(driver, at_least, epoch).await?;
    let fenced = matches!(refusal, ConsensusError::Fenced { .. });
    ensure!(
        fenced,
        "in epoch {}, a persist under {epoch} was refused with {refusal:?}",
        leader.epoch
    );
    Ok(())
}

async fn ensure_loads(case: &Case, leader: &Leader, value: u64) -> Result<(), Stop> {
    let loaded = case.load(leader).await?;
    ensure!(
        loaded == value,
        "{value} was stored, fenced persists followed, and {loaded} was loaded"
    );
    Ok(())
}
