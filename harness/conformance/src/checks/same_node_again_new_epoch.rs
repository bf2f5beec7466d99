//! L2: a node that restarts as leader shows a strictly greater epoch, whether or not it persisted
//! anything meanwhile, and however it went; and so does one that loses leadership to others and
//! regains it.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, Durability, Leader, Links};

use crate::case::Case;
use crate::elections::{Elections, Fall};
use crate::verdict::{ensure, guard};
use crate::views::Views;
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
    if case.nodes() > 1 && case.capabilities().links != Links::None {
        lose_and_regain(case).await?;
    }
    Ok(())
}

/// With one leader more than there are nodes, one of them has led twice. Every other leader is not
/// cut off but started again at once, with its lease hardly over.
async fn lose_and_regain(case: &mut Case) -> Result<(), Stop> {
    let mut elections = Elections::anywhere(case).await?;
    let mut stopped = Ok(());
    while elections.fallen() < 2 * case.nodes() as u64 && stopped.is_ok() {
        let fall = match elections.fallen().is_multiple_of(2) {
            true => Fall::Cut,
            false => Fall::Restart,
        };
        stopped = elections.fall(case, fall).await;
    }
    let again = ensure_always_greater(&elections.views, case.nodes())?;
    stopped?;
    guard!(again > 0, "no node led twice");
    case.count("terms of a node that had led before", again);
    elections.note(case)
}

/// Returns how many terms followed another one of the same node.
fn ensure_always_greater(views: &Views, nodes: usize) -> Result<u64, Stop> {
    let mut last = vec![None; nodes];
    let mut again = 0;
    for term in views.terms() {
        if let Some(earlier) = last[term.index].replace(term.epoch) {
            ensure!(
                term.epoch > earlier,
                "node {} had led in epoch {earlier}, and led again in epoch {}",
                term.index + 1,
                term.epoch
            );
            again += 1;
        }
    }
    Ok(again)
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
