//! L8: as long as a leader whose lease has lapsed shows `Leader`, its answer to a load and to a
//! persist is `Transient`, by the deadline; once the cut is healed service returns: under the same
//! epoch only if nobody led in between, else under a greater one.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader, LinkFault};

use crate::case::Case;
use crate::leases::leader_with_lease;
use crate::verdict::{ensure, guard};
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

const TURNS: u64 = 3;
const CALLS: u64 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "lapsed_lease_answers_transient",
    clause: "L8",
    level: Level::Cluster,
    needs: &[Need::Links, Need::Leases],
    run: |case| run(case).boxed(),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The others hear their leader and are not heard: they have no reason to elect another.
    In,
    /// Every link: nobody can be elected.
    All,
    /// The leader alone: another one is elected.
    Leader,
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let views = Views::of(&cluster)?;
    let (mut asked, mut again) = (0, 0);
    for _ in 0..TURNS {
        for cut in [Cut::In, Cut::All, Cut::Leader] {
            let old = leader_with_lease(case, &cluster).await?;
            make(case, &mut cluster, &old, cut).await?;
            case.wait_for_lapse(&old).await?;
            if cut == Cut::Leader {
                case.successor(&cluster, &old).await?;
            }
            let calls = (1..=CALLS).map(|call| ensure_transient(case, &cluster, &old, 100 * call));
            let shown = try_join_all(calls).await?;
            asked += shown.into_iter().map(u64::from).sum::<u64>();
            let lost = cluster.disturbed_around(old.index).await?;
            guard!(lost > 0, "no frame of the leader was lost");
            case.count("frames lost around a leader", lost);
            cluster.heal().await?;
            let new = serving_leader(case, &cluster).await?;
            again += u64::from(ensure_right_epoch(&views, &old, &new)?);
        }
    }
    guard!(asked > 0, "no leader with a lapsed lease showed Leader");
    case.count("calls under a lapsed lease", asked);
    case.count("leases that came back under their epoch", again);
    Ok(())
}

async fn make(case: &Case, cluster: &mut Cluster, old: &Leader, cut: Cut) -> Result<(), Stop> {
    match cut {
        Cut::In => {
            for other in case.others(old.index) {
                cluster.set_link(other, old.index, LinkFault::Drop).await?;
            }
        }
        Cut::All => {
            for index in 0..case.nodes() {
                cluster.isolate(index).await?;
            }
        }
        Cut::Leader => cluster.isolate(old.index).await?,
    }
    Ok(())
}

/// Whether the node showed `Leader`, of that epoch, before and after a load and a persist.
async fn ensure_transient(
    case: &Case,
    cluster: &Cluster,
    old: &Leader,
    at_least: u64,
) -> Result<bool, Stop> {
    if !shows(cluster, old) {
        return Ok(false);
    }
    let persist = case.try_persist(old, at_least).await?;
    let persist = (shows(cluster, old), "persist", persist);
    let patience = case.call_patience();
    let load = patience.wait_for("the answer to a load", old.driver.load_high_water());
    let load = load.await?;
    let load = (shows(cluster, old), "load", load);
    let mut asked = false;
    for (shown, call, answer) in [persist, load] {
        ensure!(
            answer.is_err(),
            "{old:?} had no lease and no quorum, and a {call} returned {answer:?}"
        );
        let is_transient = matches!(answer, Err(ConsensusError::Transient(_)));
        ensure!(
            is_transient || !shown,
            "{old:?} with a lapsed lease, which shows Leader, answered a {call} with {answer:?}"
        );
        asked |= shown;
    }
    Ok(asked)
}

fn shows(cluster: &Cluster, leader: &Leader) -> bool {
    let mut leaders = cluster.leaders().into_iter();
    leaders.any(|now| (now.index, now.epoch) == (leader.index, leader.epoch))
}

/// A leader with a valid lease that answers both kinds of call.
async fn serving_leader(case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
    let patience = case.election_patience();
    loop {
        let leader = leader_with_lease(case, cluster).await?;
        let persisted = case.try_persist(&leader, 10).await?;
        let loaded = leader.driver.load_high_water();
        let loaded = case
            .call_patience()
            .wait_for("the answer to a load", loaded);
        if persisted.is_ok() && loaded.await?.is_ok() {
            return Ok(leader);
        }
        ensure!(
            !patience.left().is_zero(),
            "long after the cut was healed, {leader:?} answered {persisted:?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the old leader serves again under its epoch.
fn ensure_right_epoch(views: &Views, old: &Leader, new: &Leader) -> Result<bool, Stop> {
    if (new.index, new.epoch) != (old.index, old.epoch) {
        ensure!(
            new.epoch > old.epoch,
            "{old:?} was cut off, and then {new:?} served"
        );
        return Ok(false);
    }
    let later = views
        .terms()
        .into_iter()
        .find(|term| term.epoch > old.epoch);
    ensure!(
        later.is_none(),
        "{old:?} served again, and {later:?} had led in between"
    );
    Ok(true)
}
