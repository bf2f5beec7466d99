//! R1: after a restart with calls in flight, the very first calls on the new leader are loads, and
//! none of them is stale.

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::traffic::{Mix, Traffic};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 8;
const FIRST_LOADS: u64 = 8;

pub(super) const CHECK: Check = Check {
    name: "load_after_restart_is_not_stale",
    clause: "R1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leader = case.leader(&cluster).await?;
    let (mut value, mut refused) = (0, 0);
    for round in 0..RESTARTS {
        let mix = Mix {
            clients: 16,
            from: value + 1,
            loads: 0,
            drops: 0,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + round);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(60, patience).await?;
        case.shut_down(&mut cluster).await?;
        let tally = traffic.wait_for_refusals(case.call_patience()).await?;
        refused += tally.refused;
        leader = case.start_again(&mut cluster).await?;
        let loaded = first_loads(case, &leader).await?;
        let legal = tally.highest_returned..=tally.highest_proposed.max(tally.highest_returned);
        ensure!(
            loaded.iter().all(|loaded| legal.contains(loaded)),
            "between {legal:?} was legal, and the new leader's first loads returned {loaded:?}"
        );
        value = case.persist(&leader, tally.highest_proposed).await?;
    }
    guard!(refused > 0, "no call was in flight at any shutdown");
    case.count("restarts with calls in flight", RESTARTS);
    case.count("first loads", RESTARTS * FIRST_LOADS);
    Ok(())
}

async fn first_loads(case: &Case, leader: &Leader) -> Result<Vec<u64>, Stop> {
    try_join_all((0..FIRST_LOADS).map(|_| case.load(leader))).await
}
