//! P9: each fault has its class. On a disk that fails every call, a persist is `Permanent`; what
//! is out of range is so whatever the disk does.

use futures_util::FutureExt;
use tsoracle_consensus::PHYSICAL_MS_MAX;
use tsoracle_testbed::Leader;
use tsoracle_testbed::faultfs::{Action, Errno, Op, Rule};

use crate::case::Case;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const OUT_OF_RANGE: u64 = PHYSICAL_MS_MAX + 1;

pub(super) const CHECK: Check = Check {
    name: "error_class_by_fault",
    clause: "P9",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let cluster = case.processes().await?;
    let leader = case.leader(&cluster).await?;
    let node = &cluster.nodes()[leader.index];
    let rule = Rule::new(node.dir(), Action::Fail(Errno::Eio)).ops(Op::MUTATING);
    let rule = node.disk()?.install(rule).await?;

    expect(case, &leader, OUT_OF_RANGE, "AdvanceOutOfRange").await?;
    expect(case, &leader, 10, "Permanent").await?;
    expect(case, &leader, OUT_OF_RANGE, "AdvanceOutOfRange").await?;
    let hits = node
        .disk()?
        .wait_for_hits(rule, 1, case.call_patience().left())
        .await?;
    guard!(hits > 0, "the persist did not touch the disk");
    case.count("persists on a dead disk", 1);
    case.count("file calls that failed", hits);
    Ok(())
}

async fn expect(case: &Case, leader: &Leader, at_least: u64, class: &str) -> Result<(), Stop> {
    let refusal = case
        .refusal(&*leader.driver, at_least, leader.epoch)
        .await?;
    ensure!(
        refusal.class() == class,
        "on a dead disk a persist of {at_least} is {class}, and was {}: {refusal}",
        refusal.class()
    );
    Ok(())
}
