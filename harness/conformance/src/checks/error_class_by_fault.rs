//! P9: each fault has its class. On a disk that fails every call, a persist is `Permanent`; what
//! is out of range is so whatever the disk does. On a cluster a follower answers `NotLeader`, a
//! leader that is cut off `Transient`, and the dead disk of a follower is no error of the others.

use futures_util::FutureExt;
use tsoracle_consensus::{ConsensusError, PHYSICAL_MS_MAX};
use tsoracle_testbed::faultfs::{Action, Errno, Op, Rule};
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{has_links, mend, wait_for_lapse};
use crate::service::{load, persist, shows};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const OUT_OF_RANGE: u64 = PHYSICAL_MS_MAX + 1;
const FEW: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "error_class_by_fault",
    clause: "P9",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    if case.minority() > 0 {
        on_a_cluster(case, &mut cluster).await?;
    }
    let (leader, _) = load(case, &cluster).await?;
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

async fn on_a_cluster(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let (leader, _) = persist(case, cluster, 1).await?;
    let follower = (leader.index + 1) % case.nodes();
    let driver = cluster.nodes()[follower].driver()?;
    let refusal = case.refusal(&*driver, 2, leader.epoch).await?;
    ensure!(
        matches!(refusal, ConsensusError::NotLeader { .. }) || !shows(cluster, &leader),
        "a persist on a follower is NotLeader, and was {}: {refusal}",
        refusal.class()
    );
    if has_links(case) {
        cluster.isolate(leader.index).await?;
        wait_for_lapse(case, cluster, &leader).await?;
        let refusal = case.refusal(&*leader.driver, 2, leader.epoch).await?;
        ensure!(
            matches!(refusal, ConsensusError::Transient(_)) || !shows(cluster, &leader),
            "a persist on a leader that is cut off is Transient, and was {}: {refusal}",
            refusal.class()
        );
        mend(case, cluster).await?;
        case.count("persists on a leader that is cut off", 1);
    }
    let (leader, _) = persist(case, cluster, 3).await?;
    let follower = (leader.index + 1) % case.nodes();
    let node = &cluster.nodes()[follower];
    let rule = Rule::new(node.dir(), Action::Fail(Errno::Eio)).ops(Op::MUTATING);
    let rule = node.disk()?.install(rule).await?;
    for at_least in 4..FEW {
        persist(case, cluster, at_least).await?;
    }
    let left = case.call_patience().left();
    let hits = node.disk()?.wait_for_hits(rule, 1, left).await?;
    guard!(hits > 0, "the follower did not touch its disk");
    case.count("persists beside a follower on a dead disk", FEW - 4);
    node.disk()?.remove(rule).await?;
    let node = cluster.node_mut(follower)?;
    node.kill()?;
    mend(case, cluster).await
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
