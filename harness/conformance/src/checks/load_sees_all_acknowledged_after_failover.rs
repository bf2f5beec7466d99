//! R1: the next leader loads every value that was acknowledged, and nothing that nobody asked for.

use futures_util::FutureExt;

use crate::case::Case;
use crate::traffic::{Mix, Traffic};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 4;
const ACKNOWLEDGED: u64 = 150;

pub(super) const CHECK: Check = Check {
    name: "load_sees_all_acknowledged_after_failover",
    clause: "R1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut leader = case.leader(&cluster).await?;
    let (mut highest, mut acknowledged) = (0, 0);
    for round in 0..RESTARTS {
        let mix = Mix {
            clients: 32,
            from: highest + 1,
            loads: 0,
            drops: 0,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + round);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(ACKNOWLEDGED, patience).await?;
        let tally = traffic.finish(case.call_patience()).await?;
        guard!(tally.refused == 0, "{} clients were refused", tally.refused);
        acknowledged += tally.acknowledged;
        // The last to be acknowledged is not the highest.
        case.persist(&leader, 0).await?;
        let legal = tally.highest_returned..=tally.highest_proposed.max(tally.highest_returned);
        leader = case.restart(&mut cluster).await?;
        highest = case.load(&leader).await?;
        ensure!(
            legal.contains(&highest),
            "from {legal:?} was acknowledged and asked for, and the next leader loaded {highest}"
        );
    }
    case.count("restarts", RESTARTS);
    case.count("acknowledged persists", acknowledged);
    Ok(())
}
