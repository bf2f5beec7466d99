//! L6: while nodes campaign and none of them can win, no hint names one of them: neither a stream
//! nor the `NotLeader` answer of a load or a persist.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{BootInstant, ConsensusError, Epoch, LeaderHint, LeaderState};
use tsoracle_testbed::{Cluster, Leader, LinkFault};

use crate::case::Case;
use crate::elections::campaign_on_all_but;
use crate::verdict::guard;
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

/// So many election timeouts without anyone who can win.
const TIMEOUTS: u32 = 6;
/// Requests for votes, or answers to them, that have to be lost.
const LEAST_LOST: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "hint_is_never_a_candidate",
    clause: "L6",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = settled_leader(case, &cluster).await?;
    let views = Views::of(&cluster)?;
    cut_every_way_back(case, &mut cluster, leader.index).await?;

    let end = BootInstant::now().saturating_add(case.timing().election_timeout * TIMEOUTS);
    let mut answers = 0;
    while BootInstant::now() < end {
        campaign_on_all_but(&cluster, leader.index).await?;
        for index in case.others(leader.index) {
            for hint in ask(case, &cluster, index, leader.epoch).await? {
                ensure_has_led(&cluster, &leader, &views, index, hint)?;
                answers += 1;
            }
        }
        tokio::time::sleep(case.timing().election_timeout / 20).await;
    }
    for (index, hint) in views.hints() {
        ensure_has_led(&cluster, &leader, &views, index, Some(hint))?;
    }
    let mut lost = 0;
    for from in case.others(leader.index) {
        for to in case
            .others(leader.index)
            .into_iter()
            .filter(|to| *to != from)
        {
            lost += cluster.disturbed(from, to).await?;
        }
    }
    guard!(
        lost >= LEAST_LOST,
        "only {lost} frames of candidates were lost"
    );
    guard!(answers > 0, "no node answered NotLeader");
    case.count("frames lost between those who cannot win", lost);
    case.count("NotLeader answers", answers);
    cluster.heal().await?;
    case.leader(&cluster).await?;
    Ok(())
}

/// A leader at whom every other node hints, if it hints at all.
async fn settled_leader(case: &Case, cluster: &Cluster) -> Result<Leader, Stop> {
    let settled = async {
        loop {
            let leader = case.leader(cluster).await?;
            let is_settled = |(index, state): &(usize, LeaderState)| match state {
                LeaderState::Follower { leader: Some(hint) } => hint.epoch == leader.epoch,
                LeaderState::Follower { leader: None } => true,
                _ => *index == leader.index,
            };
            if cluster.states().iter().all(is_settled) {
                return Ok(leader);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let patience = case.election_patience();
    patience
        .wait_for("one leader whom all follow", settled)
        .await?
}

/// The leader is alone, and of any two others one hears the other and is not heard: whoever asks
/// for votes is heard or gets answers, never both.
async fn cut_every_way_back(case: &Case, cluster: &mut Cluster, leader: usize) -> Result<(), Stop> {
    let others = case.others(leader);
    for from in &others {
        for to in others.iter().filter(|to| *to < from) {
            cluster.set_link(*from, *to, LinkFault::Drop).await?;
        }
    }
    Ok(cluster.isolate(leader).await?)
}

/// The hints with which a node refuses.
async fn ask(
    case: &Case,
    cluster: &Cluster,
    index: usize,
    epoch: Epoch,
) -> Result<Vec<Option<LeaderHint>>, Stop> {
    let driver = cluster.nodes()[index].driver()?;
    let patience = case.call_patience();
    let load = patience.wait_for("the answer to a load", driver.load_high_water());
    let load = load.await?;
    let persist = driver.persist_high_water(10, epoch);
    let persist = patience
        .wait_for("the answer to a persist", persist)
        .await?;
    let hint = |answer| match answer {
        Err(ConsensusError::NotLeader { leader }) => Some(leader),
        _ => None,
    };
    Ok([load, persist].into_iter().filter_map(hint).collect())
}

/// Only the leader before the cut has led, and whoever has been shown as one.
fn ensure_has_led(
    cluster: &Cluster,
    leader: &Leader,
    views: &Views,
    index: usize,
    hint: Option<LeaderHint>,
) -> Result<(), Stop> {
    let Some(hint) = hint else { return Ok(()) };
    let mut have_led = vec![(leader.index, leader.epoch)];
    have_led.extend(views.terms().iter().map(|term| (term.index, term.epoch)));
    for (node, epoch) in have_led {
        let endpoint = cluster.nodes()[node].service_endpoint()?;
        if (LeaderHint { endpoint, epoch }) == hint {
            return Ok(());
        }
    }
    Err(Stop::Failed(format!(
        "node {} hints at {hint:?}, which has not led",
        index + 1
    )))
}
