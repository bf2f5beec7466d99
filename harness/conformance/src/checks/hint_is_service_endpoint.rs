//! L6: a hint, of a stream as of a `NotLeader` answer, is the leader's service `host:port` with its
//! epoch, or `None`; and within a bound after an election every follower has one.

use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{ConsensusError, LeaderHint, LeaderState};
use tsoracle_testbed::{Cluster, Placement};

use crate::case::Case;
use crate::elections::{Elections, Fall};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const FALLS: u64 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "hint_is_service_endpoint",
    clause: "L6",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut elections = Elections::begin(case, Placement::InProcess).await?;
    let mut hints = all_know(case, &elections.cluster).await?;
    elections.fall(case, Fall::Cut).await?;
    while elections.fallen() < FALLS {
        hints += all_know(case, &elections.cluster).await?;
        elections.next(case).await?;
    }
    hints += all_know(case, &elections.cluster).await?;
    let seen = elections.views.hints();
    for (index, hint) in &seen {
        ensure_names_a_service(&elections.cluster, *index, hint)?;
        ensure_fits_its_epoch(&elections, hint)?;
    }
    guard!(hints > 0, "no follower had a hint");
    case.count("hints of answers", hints);
    case.count("hints of streams", seen.len() as u64);
    elections.note(case)
}

/// Waits until every follower hints at the one leader, in its stream, to a load and to a persist.
/// Returns how many answers hinted at somebody.
async fn all_know(case: &Case, cluster: &Cluster) -> Result<u64, Stop> {
    let patience = case.election_patience();
    let mut hints = 0;
    loop {
        let mut why = None;
        for (index, state) in cluster.states() {
            let LeaderState::Follower { leader } = state else {
                continue;
            };
            let mut answers = vec![("its stream", leader)];
            let driver = cluster.nodes()[index].driver()?;
            let call = case.call_patience();
            let load = call.wait_for("the answer to a load", driver.load_high_water());
            answers.extend(hint_of(&load.await?).map(|hint| ("a load", hint)));
            let epoch = cluster.leaders().first().map(|leader| leader.epoch);
            let persist = driver.persist_high_water(10, epoch.unwrap_or_default());
            let persist = call.wait_for("the answer to a persist", persist);
            answers.extend(hint_of(&persist.await?).map(|hint| ("a persist", hint)));
            for (place, hint) in answers {
                if let Some(hint) = &hint {
                    ensure_names_a_service(cluster, index, hint)?;
                    hints += 1;
                }
                why = why.or(doubt(cluster, index, place, hint.as_ref())?);
            }
        }
        let followers = cluster.nodes().len() - cluster.leaders().len();
        match why {
            None if followers + 1 == case.nodes() => return Ok(hints),
            None => {}
            Some(why) => ensure!(!patience.left().is_zero(), "long after an election, {why}"),
        }
        ensure!(!patience.left().is_zero(), "there is not one leader");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn hint_of(answer: &Result<u64, ConsensusError>) -> Option<Option<LeaderHint>> {
    match answer {
        Err(ConsensusError::NotLeader { leader }) => Some(leader.clone()),
        _ => None,
    }
}

/// What is wrong, or late, with the hint of one node.
fn doubt(
    cluster: &Cluster,
    index: usize,
    place: &str,
    hint: Option<&LeaderHint>,
) -> Result<Option<String>, Stop> {
    for leader in cluster.leaders() {
        let endpoint = cluster.nodes()[leader.index].service_endpoint()?;
        let epoch = leader.epoch;
        if hint == Some(&LeaderHint { endpoint, epoch }) {
            return Ok(None);
        }
    }
    let (node, leaders) = (index + 1, cluster.leaders());
    Ok(Some(format!(
        "{leaders:?} lead, and node {node} hints at {hint:?} in {place}"
    )))
}

fn ensure_names_a_service(cluster: &Cluster, index: usize, hint: &LeaderHint) -> Result<(), Stop> {
    let mut services = Vec::new();
    for member in &cluster.nodes()[index].spec().members {
        services.push(member.service_endpoint.as_str());
    }
    ensure!(
        services.contains(&hint.endpoint.as_str()),
        "node {} hints at {:?}, and the services are at {services:?}",
        index + 1,
        hint.endpoint
    );
    Ok(())
}

/// A hint with the epoch of a term that was shown names the node that showed it.
fn ensure_fits_its_epoch(elections: &Elections, hint: &LeaderHint) -> Result<(), Stop> {
    for term in elections.views.terms() {
        let node = &elections.cluster.nodes()[term.index];
        let service = node.service_endpoint()?;
        ensure!(
            term.epoch != hint.epoch || service == hint.endpoint,
            "epoch {} was that of {service}, and a hint named {:?}",
            hint.epoch,
            hint.endpoint
        );
    }
    Ok(())
}
