//! R2: a leader that is cut off answers no load with a value once its lease has ended (without
//! leases: once it is cut off), also while its successor persists more; before that, what it
//! answers is still true.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::mend;
use crate::service::{persist, try_load};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop, check_history};

const ROUNDS: u64 = 3;
const LOADS: u64 = 8;

pub(super) const CHECK: Check = Check {
    name: "isolated_leader_load_refuses",
    clause: "R2",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut value = 0;
    for _ in 0..ROUNDS {
        value += 10;
        let (old, _) = persist(case, &cluster, value).await?;
        cluster.isolate(old.index).await?;
        let answered = load_under_the_lease(case, &old).await?;
        case.count("loads answered under the rest of a lease", answered);
        refuses(case, &cluster, &old, "once its lease had ended").await?;
        case.successor(&cluster, &old).await?;
        refuses(case, &cluster, &old, "beside its successor").await?;
        value += 10;
        persist(case, &cluster, value).await?;
        refuses(case, &cluster, &old, "after its successor had persisted").await?;
        let lost = cluster.disturbed_around(old.index).await?;
        guard!(lost > 0, "no frame of the old leader was lost");
        mend(case, &mut cluster).await?;
    }
    check_history(0, &case.recording().calls()).map_err(|contradiction| {
        Stop::Failed(format!("the history is not linearizable: {contradiction}"))
    })
}

/// Loads until the lease has ended; what is returned is judged by the history.
async fn load_under_the_lease(case: &Case, old: &Leader) -> Result<u64, Stop> {
    let mut answered = 0;
    let patience = case.patience(case.timing().lease.unwrap_or_default());
    while old.lease.is_valid() && !patience.left().is_zero() {
        answered += u64::from(try_load(case, old).await?.is_ok());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    case.wait_for_lapse(old).await?;
    Ok(answered)
}

async fn refuses(case: &mut Case, cluster: &Cluster, old: &Leader, when: &str) -> Result<(), Stop> {
    let answers = join_all((0..LOADS).map(|_| try_load(case, old))).await;
    let leads = cluster
        .leaders()
        .into_iter()
        .any(|leader| leader.index == old.index);
    for answer in answers {
        match answer? {
            Err(ConsensusError::NotLeader { .. }) => {}
            Err(ConsensusError::Transient(_)) => {}
            other => ensure!(
                false,
                "{when}, a load on the isolated leader (which shows {}) ended with {other:?}",
                if leads {
                    "that it leads"
                } else {
                    "that it does not lead"
                }
            ),
        }
    }
    case.count(format!("loads refused {when}"), LOADS);
    Ok(())
}
