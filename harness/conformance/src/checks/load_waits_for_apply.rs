//! R1: a node that is elected before it has applied what is committed neither shows `Leader` nor
//! loads an older value; once it applies, it loads what was acknowledged.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, HookKind, Leader};

use crate::case::Case;
use crate::elections::campaign;
use crate::failover::{a_few_elections, favour, mend};
use crate::service::{load, newest_leader, persist};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

/// How often the others are cut off until the node that holds back is the one that is elected.
const TRIES: u64 = 12;
const ELECTED: u64 = 2;

/// A campaign before the old lease has ended is in vain.
const LOOKS_PER_CAMPAIGN: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "load_waits_for_apply",
    clause: "R1",
    level: Level::Cluster,
    needs: &[Need::Hook(HookKind::HoldApply), Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let (mut value, mut elected) = (0, 0);
    for _ in 0..TRIES {
        let (leader, _) = persist(case, &cluster, value).await?;
        let held = (leader.index + 1) % case.nodes();
        hold_apply(case, &cluster, held, true).await?;
        value += 10;
        let (leader, _) = persist(case, &cluster, value).await?;
        if leader.index != held {
            elected += u64::from(elect(case, &mut cluster, held, &leader, value).await?);
        }
        hold_apply(case, &cluster, held, false).await?;
        mend(case, &mut cluster).await?;
        let (_, loaded) = load(case, &cluster).await?;
        ensure!(
            loaded == value,
            "{value} was acknowledged, and {loaded} loaded"
        );
        if elected == ELECTED {
            break;
        }
    }
    guard!(elected > 0, "the node that holds back was never elected");
    case.count("elections of a node that holds back", elected);
    Ok(())
}

/// Gives the node that holds back every chance, and watches it. Returns whether it was elected,
/// which shows once it applies again.
async fn elect(
    case: &mut Case,
    cluster: &mut Cluster,
    held: usize,
    old: &Leader,
    value: u64,
) -> Result<bool, Stop> {
    favour(case, cluster, held).await?;
    let patience = a_few_elections(case);
    let mut loads = 0_u64;
    while !patience.left().is_zero() {
        if loads.is_multiple_of(LOOKS_PER_CAMPAIGN) {
            campaign(cluster, held).await?;
        }
        load_on(case, cluster, held, value).await?;
        loads += 1;
        ensure!(
            !leads(cluster, held, old),
            "node {} shows Leader, and has not applied its opening",
            held + 1
        );
        let other = newest_leader(cluster).filter(|leader| leader.epoch > old.epoch);
        if other.is_some() {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    case.count("loads on a node that holds back", loads);
    hold_apply(case, cluster, held, false).await?;
    let patience = a_few_elections(case);
    while !patience.left().is_zero() {
        load_on(case, cluster, held, value).await?;
        if leads(cluster, held, old) {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(false)
}

async fn load_on(case: &Case, cluster: &Cluster, index: usize, value: u64) -> Result<(), Stop> {
    let driver = cluster.nodes()[index].driver()?;
    let load = driver.load_high_water();
    let patience = case.call_patience();
    if let Ok(loaded) = patience.wait_for("the answer to a load", load).await? {
        ensure!(
            loaded == value,
            "{value} was acknowledged, and node {} loaded {loaded}",
            index + 1
        );
    }
    Ok(())
}

fn leads(cluster: &Cluster, index: usize, old: &Leader) -> bool {
    let mut leaders = cluster.leaders().into_iter();
    leaders.any(|leader| leader.index == index && leader.epoch > old.epoch)
}

async fn hold_apply(case: &Case, cluster: &Cluster, index: usize, hold: bool) -> Result<(), Stop> {
    let hook = cluster.nodes()[index].hooks()?.hold_apply;
    let Some(hook) = hook else {
        return Err(Stop::Invalid("the hook hold_apply is gone".into()));
    };
    let patience = case.call_patience();
    Ok(patience.wait_for("the end of a hook", hook(hold)).await??)
}
