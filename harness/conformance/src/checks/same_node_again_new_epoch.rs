//! L2: a node that restarts as leader shows a strictly greater epoch, whether or not it persisted
//! anything meanwhile, and however it went.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, Durability, Leader};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 6;

pub(super) const CHECK: Check = Check {
    name: "same_node_again_new_epoch",
    clause: "L2",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut last = case.leader(&cluster).await?;
    for round in 1..=RESTARTS {
        persist_every_other_time(case, &last, round).await?;
        let next = case.restart(&mut cluster).await?;
        ensure_greater(&last, &next)?;
        last = next;
    }
    case.count("restarts", RESTARTS);

    if case.capabilities().durability == Durability::Disk {
        let mut cluster = case.processes().await?;
        let mut last = case.leader(&cluster).await?;
        for round in 1..=RESTARTS {
            persist_every_other_time(case, &last, round).await?;
            kill_all(&mut cluster)?;
            let next = case.start_again(&mut cluster).await?;
            ensure_greater(&last, &next)?;
            last = next;
        }
        case.count("restarts after a kill", RESTARTS);
    }
    Ok(())
}

async fn persist_every_other_time(case: &Case, leader: &Leader, round: u64) -> Result<(), Stop> {
    if round.is_multiple_of(2) {
        case.persist(leader, round).await?;
    }
    Ok(())
}

fn kill_all(cluster: &mut Cluster) -> Result<(), Stop> {
    for index in 0..cluster.nodes().len() {
        cluster.node_mut(index)?.kill()?;
    }
    Ok(())
}

fn ensure_greater(earlier: &Leader, later: &Leader) -> Result<(), Stop> {
    ensure!(
        later.epoch > earlier.epoch,
        "a term of epoch {} was followed by one of epoch {}",
        earlier.epoch,
        later.epoch
    );
    Ok(())
}
