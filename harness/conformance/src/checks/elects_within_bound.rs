//! C1: from a first start, after a restart of all and with a minority down, a cluster of any size
//! reaches one leader with the only valid lease, within a bound in election timeouts, and serves.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use tsoracle_consensus::BootInstant;
use tsoracle_testbed::{Cluster, Leader, Placement};

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop, service};

const RESTARTS: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "elects_within_bound",
    clause: "C1",
    level: Level::Cluster,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let offered = case.capabilities().cluster_sizes;
    let sizes = BTreeSet::from([*offered.start(), 3, 5, case.nodes()]);
    for size in sizes.into_iter().filter(|size| offered.contains(size)) {
        let plan = case.plan_of_size(Placement::InProcess, size);
        let mut cluster = Cluster::prepare(&plan)?;
        let mut elections = 0;
        for _ in 0..RESTARTS {
            let starts = cluster.start_all();
            let patience = case.election_patience();
            patience
                .wait_for("the start of a cluster", starts)
                .await??;
            let leader = elected(case, &cluster).await?;
            elections += 1 + with_a_minority_down(case, &mut cluster, &leader).await?;
            case.shut_down(&mut cluster).await?;
        }
        case.count(format!("elections among {size}"), elections);
    }
    Ok(())
}

/// The leader, once there is one with a valid lease; nobody else has one, and it serves.
async fn elected(case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
    let leases = case.capabilities().leases;
    let what = "a leader with a valid lease";
    let leader = cluster.leader_where(case.election_patience(), what, |leader| {
        !leases || leader.lease.is_valid()
    });
    let leader = leader.await?;
    let at = BootInstant::now();
    let held = cluster.leaders().into_iter();
    let held = held.filter(|leader| leader.lease.is_valid_at(at)).count();
    ensure!(held <= 1, "{held} nodes have a valid lease at once");
    service::persist(case, cluster, 1).await?;
    Ok(leader)
}

/// Takes as many down as the cluster bears, the leader first. Returns how many elections that was.
async fn with_a_minority_down(
    case: &Case,
    cluster: &mut Cluster,
    leader: &Leader,
) -> Result<u64, Stop> {
    let size = cluster.nodes().len();
    let others = (0..size).filter(|index| *index != leader.index);
    let down: Vec<usize> = [leader.index]
        .into_iter()
        .chain(others)
        .take((size - 1) / 2)
        .collect();
    for index in &down {
        service::stop(case, cluster, *index).await?;
    }
    if down.is_empty() {
        return Ok(0);
    }
    let next = elected(case, cluster).await?;
    ensure!(
        next.epoch > leader.epoch,
        "{leader:?} was stopped, and {next:?} was elected"
    );
    Ok(1)
}
