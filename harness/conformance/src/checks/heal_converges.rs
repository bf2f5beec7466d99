//! C3: after any mix of cuts, splits, delays, losses, crashes and pauses, once the last fault is
//! removed, the nodes converge within a bound: one leader with the only lease, which all others
//! follow, and one value, which each of them loads when it leads.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use tsoracle_consensus::{BootInstant, LeaderState};
use tsoracle_testbed::{Cluster, Durability};

use crate::case::Case;
use crate::crowd::{Crowd, Told};
use crate::verdict::{ensure, guard};
use crate::weather::Weather;
use crate::{Check, Level, Need, Stop, check_history, service};

const ROUNDS: u64 = 2;
const FAULTS: u64 = 12;
const CLIENTS: u64 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "heal_converges",
    clause: "C3",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let rough = case.capabilities().durability == Durability::Disk;
    let mut cluster = match rough {
        true => case.processes().await?,
        false => case.cluster().await?,
    };
    let mut weather = Weather::new(case.rng(), rough);
    let (mut above, mut acknowledged) = (0, 0);
    for _ in 0..ROUNDS {
        service::persist(case, &cluster, above + 1).await?;
        let crowd = Crowd::start(case, &cluster, CLIENTS, above + 1);
        for _ in 0..FAULTS {
            weather.worsen(case, &mut cluster, &crowd).await?;
        }
        weather.clear(case, &mut cluster, &crowd).await?;
        converge(case, &cluster).await?;
        weather.let_leases_lapse(case, &mut cluster).await?;
        converge(case, &cluster).await?;
        crowd.wait_for(CLIENTS, case.election_patience()).await?;
        let told = crowd.finish(case.election_patience()).await?;
        ensure!(
            told.unexpected.is_empty(),
            "clients were told {:?}",
            told.unexpected
        );
        above = agree(case, &mut cluster, &told).await?;
        acknowledged += told.acknowledged;
    }
    check_history(0, &case.recording().calls())
        .map_err(|contradiction| Stop::Failed(contradiction.to_string()))?;
    guard!(weather.frames > 0, "no frame went astray");
    case.count("faults", ROUNDS * FAULTS);
    case.count("frames that went astray", weather.frames);
    case.count("crashes", weather.crashes);
    case.count("pauses", weather.freezes);
    case.count("acknowledged persists", acknowledged);
    Ok(())
}

/// Waits until there is one leader, with the only valid lease, and all others follow it.
async fn converge(case: &Case, cluster: &Cluster) -> Result<(), Stop> {
    let mut apart = String::new();
    let converged = async {
        while let Some(why) = what_is_apart(case, cluster).await? {
            apart = why;
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    let what = "one leader that all others follow";
    let end = case.election_patience().wait_for(what, converged).await;
    end.map_err(|timed_out| Stop::Failed(format!("{timed_out}: {apart}")))?
}

async fn what_is_apart(case: &Case, cluster: &Cluster) -> Result<Option<String>, Stop> {
    let states = cluster.states();
    let leads = |(_, state): &&(usize, LeaderState)| state.leading_epoch().is_some();
    let leaders: Vec<usize> = states
        .iter()
        .filter(leads)
        .map(|(index, _)| *index)
        .collect();
    let &[leader] = &leaders[..] else {
        return Ok(Some(format!("{} nodes show Leader", leaders.len())));
    };
    if case.capabilities().leases {
        let mut held = Vec::new();
        for (index, node) in cluster.nodes().iter().enumerate() {
            let deadline = node.lease_deadline().await?;
            if deadline.is_some_and(|deadline| deadline > BootInstant::now()) {
                held.push(index);
            }
        }
        if held != [leader] {
            return Ok(Some(format!(
                "node {} leads, and {held:?} hold leases",
                leader + 1
            )));
        }
    }
    let endpoint = cluster.nodes()[leader].service_endpoint()?;
    let follows = |state: &LeaderState| match state {
        LeaderState::Follower { leader: Some(hint) } => hint.endpoint == endpoint,
        state => state.leading_epoch().is_some(),
    };
    let stray = states.iter().find(|(_, state)| !follows(state));
    Ok(stray.map(|(index, state)| format!("node {} shows {state:?}", index + 1)))
}

/// A value above everything is persisted, and each node in turn leads and loads just that.
async fn agree(case: &mut Case, cluster: &mut Cluster, told: &Told) -> Result<u64, Stop> {
    let (_, loaded) = service::load(case, cluster).await?;
    ensure!(
        (told.highest_returned..=told.highest_proposed).contains(&loaded),
        "{loaded} was loaded, when {} was the highest returned and {} the highest asked for",
        told.highest_returned,
        told.highest_proposed
    );
    let last = told.highest_proposed + 1;
    service::persist(case, cluster, last).await?;
    for index in 0..cluster.nodes().len() {
        service::make_lead(case, cluster, index).await?;
        let (leader, loaded) = service::load(case, cluster).await?;
        ensure!(
            loaded == last,
            "{last} was acknowledged last, and {leader:?} loads {loaded}"
        );
    }
    case.count("nodes that agreed", cluster.nodes().len() as u64);
    Ok(last)
}
