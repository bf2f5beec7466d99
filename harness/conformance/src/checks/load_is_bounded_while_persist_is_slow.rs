//! R4: a load returns by the deadline while the sync of a persist hangs.

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::ledger::Ledger;
use crate::stall::{Stall, persist_until_it_works};
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

const LOADS: u64 = 20;

pub(super) const CHECK: Check = Check {
    name: "load_is_bounded_while_persist_is_slow",
    clause: "R4",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let cluster = case.processes().await?;
    let leader = case.leader(&cluster).await?;
    let mut ledger = Ledger::default();
    let answer = case.persist(&leader, ledger.propose()).await;
    ledger.note(&Ok(answer?));

    let stall = Stall::everywhere(&cluster).await?;
    let persist = tokio::spawn({
        let (leader, at_least) = (leader.clone(), ledger.propose());
        async move {
            leader
                .driver
                .persist_high_water(at_least, leader.epoch)
                .await
        }
    });
    stall
        .wait_until_it_hangs(case, &cluster, leader.index)
        .await?;
    let values = load_repeatedly(case, &leader, &mut ledger).await?;
    stall.lift(&cluster).await?;
    persist.abort();

    let leader = persist_until_it_works(case, &cluster, &mut ledger).await?;
    ledger.check(case.load(&leader).await?)?;
    case.count("loads while a sync hung", LOADS);
    case.count("of them answered with a value", values);
    Ok(())
}

async fn load_repeatedly(case: &Case, leader: &Leader, ledger: &mut Ledger) -> Result<u64, Stop> {
    let mut values = 0;
    for _ in 0..LOADS {
        let load = leader.driver.load_high_water();
        let answer = case
            .call_patience()
            .wait_for("the answer to a load while a sync hung", load)
            .await?;
        match answer {
            Ok(loaded) => {
                ledger.check(loaded)?;
                values += 1;
            }
            Err(ConsensusError::Transient(_) | ConsensusError::NotLeader { .. }) => {}
            Err(other) => ensure!(false, "a load while a sync hung: {other}"),
        }
    }
    Ok(values)
}
