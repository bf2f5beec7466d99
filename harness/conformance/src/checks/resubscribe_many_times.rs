//! L5: subscriptions come and go 200 times, each tells the truth, and those that stay are not
//! disturbed.

use futures_util::{FutureExt, StreamExt};
use tsoracle_consensus::{Epoch, LeadershipStream};
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const SUBSCRIPTIONS: u64 = 200;
/// Subscriptions that live at once.
const CROWD: usize = 50;

pub(super) const CHECK: Check = Check {
    name: "resubscribe_many_times",
    clause: "L5",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut stay = [
        subscribe(case, &leader).await?,
        subscribe(case, &leader).await?,
    ];
    for _ in 0..SUBSCRIPTIONS {
        drop(subscribe(case, &leader).await?);
    }
    let mut crowd = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        crowd.push(subscribe(case, &leader).await?);
    }
    crowd.truncate(1);
    case.shut_down(&mut cluster).await?;
    let mut last = Vec::new();
    for states in stay.iter_mut().chain(&mut crowd) {
        let state = next_epoch(case, states, "the state after a shutdown").await?;
        last.push(state);
    }
    ensure!(
        last.iter().all(|state| *state == Some(None)),
        "streams that had stayed showed the epochs {last:?} after the shutdown"
    );
    case.count("subscriptions", SUBSCRIPTIONS + CROWD as u64 + 2);
    Ok(())
}

async fn subscribe(case: &Case, leader: &Leader) -> Result<LeadershipStream, Stop> {
    let mut states = leader.driver.leadership_events();
    let epoch = next_epoch(case, &mut states, "the first item of a subscription").await?;
    ensure!(
        epoch == Some(Some(leader.epoch)),
        "the leader of epoch {} showed the epoch {epoch:?}",
        leader.epoch
    );
    Ok(states)
}

/// The epoch of the next state, if there is a state, and it has one.
async fn next_epoch(
    case: &Case,
    states: &mut LeadershipStream,
    what: &str,
) -> Result<Option<Option<Epoch>>, Stop> {
    let patience = case.brief_patience();
    let state = patience.wait_for(what, states.next()).await?;
    Ok(state.map(|state| state.leading_epoch()))
}
