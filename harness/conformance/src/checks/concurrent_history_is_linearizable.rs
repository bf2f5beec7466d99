//! P2: everything that 64 tasks of loads and persists are told, some of them giving up early, and
//! through restarts, fits one register that only rises.

use futures_util::FutureExt;

use crate::case::Case;
use crate::traffic::{Mix, Tally, Traffic};
use crate::verdict::guard;
use crate::{Check, Level, Stop, check_history};

const RESTARTS: u64 = 3;
const CLIENTS: u64 = 64;
const ACKNOWLEDGED_PER_TERM: u64 = 200;

pub(super) const CHECK: Check = Check {
    name: "concurrent_history_is_linearizable",
    clause: "P2",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut total = Tally::default();
    for term in 0..=RESTARTS {
        let leader = case.start_again(&mut cluster).await?;
        case.load(&leader).await?;
        let mix = Mix {
            clients: CLIENTS,
            from: total.highest_proposed + 1,
            loads: 40,
            drops: 10,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + term);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(ACKNOWLEDGED_PER_TERM, patience).await?;
        case.shut_down(&mut cluster).await?;
        total.add(traffic.wait_for_refusals(case.call_patience()).await?);
    }
    let leader = case.start_again(&mut cluster).await?;
    case.load(&leader).await?;

    let calls = case.recording().calls();
    check_history(0, &calls).map_err(|contradiction| {
        Stop::Failed(format!("the history is not linearizable: {contradiction}"))
    })?;
    guard!(total.refused > 0, "no restart met a call in flight");
    case.count("calls", calls.len() as u64);
    case.count("acknowledged persists", total.acknowledged);
    case.count("persists dropped before their end", total.dropped);
    case.count("restarts", RESTARTS);
    Ok(())
}
