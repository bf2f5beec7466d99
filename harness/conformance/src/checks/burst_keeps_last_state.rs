//! L4: after links have flapped and nodes have campaigned in quick succession, what each subscriber
//! got last is what a new subscription shows, whether it read at once, now and then, or not at all
//! until the end; and it is true: the leader serves, and the others follow.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use rand::RngExt;
use tokio::task::unconstrained;
use tsoracle_consensus::{BootInstant, LeaderState, LeadershipStream};
use tsoracle_testbed::{Cluster, Leader, TestNode};

use crate::case::Case;
use crate::elections::campaign_on_all_but;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Need, Stop};

const BURSTS: u32 = 3;
const FLAPS: u32 = 12;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "burst_keeps_last_state",
    clause: "L4",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    case.leader(&cluster).await?;
    let mut fast = Readers::of(&cluster)?;
    let mut slow = Readers::of(&cluster)?;
    let mut rng = case.rng();
    let mut lost = 0;
    for _ in 0..BURSTS {
        let mut late = Readers::of(&cluster)?;
        for flap in 0..FLAPS {
            let leader = cluster.leaders().first().map_or(0, |leader| leader.index);
            cluster.isolate(leader).await?;
            campaign_on_all_but(&cluster, leader).await?;
            // From no time at all to long enough for an election.
            let pause = case.timing().election_timeout * rng.random_range(0..=flap.min(3));
            read_for(pause, &mut fast).await;
            lost += cluster.disturbed_around(leader).await?;
            cluster.heal().await?;
            slow.read_one();
        }
        let mut readers = [&mut fast, &mut slow, &mut late];
        settle(case, &cluster, &mut readers).await?;
    }
    guard!(lost > 0, "no frame was lost");
    let states = fast.read + slow.read;
    let least = u64::from(BURSTS) * case.nodes() as u64;
    guard!(states > least, "in all bursts, {states} states were read");
    case.count("links flapped", u64::from(BURSTS * FLAPS));
    case.count("states read", states);
    Ok(())
}

/// Waits until the cluster serves and every reader has what is true, each on its own node.
async fn settle(
    case: &Case,
    cluster: &Cluster,
    readers: &mut [&mut Readers; 3],
) -> Result<(), Stop> {
    let patience = case.election_patience();
    loop {
        for readers in readers.iter_mut() {
            readers.read_all();
        }
        let served = serves(case, cluster).await?;
        let why = match served {
            Ok(leader) => difference(cluster, &leader, readers),
            Err(why) => Some(why),
        };
        let Some(why) = why else { return Ok(()) };
        ensure!(
            !patience.left().is_zero(),
            "long after the last flap, {why}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The one leader, if there is one and it serves; or why not.
async fn serves(case: &Case, cluster: &Cluster) -> Result<Result<Leader, String>, Stop> {
    let mut leaders = cluster.leaders();
    let Some(leader) = leaders.pop().filter(|_| leaders.is_empty()) else {
        return Ok(Err("it is not one node that shows Leader".to_owned()));
    };
    let persisted = case.try_persist(&leader, 10).await?;
    let refused = |refusal| format!("{leader:?} does not serve: {refusal}");
    Ok(match persisted {
        Ok(_) => Ok(leader),
        Err(refusal) => Err(refused(refusal)),
    })
}

/// How what was read last differs from what is shown, or that from the truth.
fn difference(cluster: &Cluster, leader: &Leader, readers: &[&mut Readers; 3]) -> Option<String> {
    for (index, state) in cluster.states() {
        let node = index + 1;
        let is_true = match &state {
            LeaderState::Leader { epoch, .. } => (index, *epoch) == (leader.index, leader.epoch),
            LeaderState::Follower { .. } => index != leader.index,
            LeaderState::Candidate | LeaderState::NoLeader => false,
        };
        if !is_true {
            return Some(format!(
                "{leader:?} serves, and node {node} shows {state:?}"
            ));
        }
        for (readers, kind) in readers.iter().zip(["at once", "now and then", "only now"]) {
            let last = &readers.views[index].1;
            if last.as_ref() != Some(&state) {
                return Some(format!(
                    "node {node} shows {state:?}, and who read {kind} got {last:?} last"
                ));
            }
        }
    }
    None
}

/// One subscription to each node, and what it yielded last.
struct Readers {
    views: Vec<(LeadershipStream, Option<LeaderState>)>,
    read: u64,
}

impl Readers {
    fn of(cluster: &Cluster) -> Result<Self, Stop> {
        let subscribe = |node: &TestNode| {
            let states = node.driver()?.leadership_events();
            Ok((states, None))
        };
        let views = cluster.nodes().iter().map(subscribe);
        let views = views.collect::<Result<_, Stop>>()?;
        Ok(Self { views, read: 0 })
    }

    /// Takes the next state of each subscription that has one ready; whether any had.
    fn read_one(&mut self) -> bool {
        let before = self.read;
        for (states, last) in &mut self.views {
            if let Some(Some(state)) = unconstrained(states.next()).now_or_never() {
                *last = Some(state);
                self.read += 1;
            }
        }
        self.read > before
    }

    fn read_all(&mut self) {
        while self.read_one() {}
    }
}

/// Reads all that comes meanwhile.
async fn read_for(time: Duration, readers: &mut Readers) {
    let end = BootInstant::now().saturating_add(time);
    readers.read_all();
    while BootInstant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        readers.read_all();
    }
}
