//! Crashes under load, and starts with the disk watched.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::faultfs::Loss;
use tsoracle_testbed::{Cluster, Leader, TestNode};

use crate::Stop;
use crate::case::Case;
use crate::ledger::Ledger;
use crate::roaming::Roaming;
use crate::runner::panic_text;
use crate::service;
use crate::traffic::{Mix, Tally, Traffic};

const CLIENTS: u64 = 4;
/// More, since each of them pauses between its calls.
const CLIENTS_OF_A_CLUSTER: u64 = 24;
/// A crash comes after so many acknowledgements at most; how many is a seeded choice.
const MOST_BEFORE: u64 = 40;
/// And at most this much later.
const LATEST: Duration = Duration::from_millis(3);

/// Persists from several clients; at a seeded moment `strike` ends some of the nodes. What was
/// acknowledged, and left through the pipe before that, goes to the ledger.
pub(crate) async fn strike_under_load(
    case: &Case,
    cluster: &mut Cluster,
    leader: &Leader,
    ledger: &mut Ledger,
    rng: &mut ChaCha8Rng,
    strike: impl FnOnce(&mut Cluster) -> Result<(), Stop>,
) -> Result<Tally, Stop> {
    let is_alone = cluster.nodes().len() == 1;
    let mix = Mix {
        clients: if is_alone {
            CLIENTS
        } else {
            CLIENTS_OF_A_CLUSTER
        },
        from: ledger.propose(),
        loads: 0,
        drops: 0,
    };
    let (seed, before) = (rng.random(), rng.random_range(1..=MOST_BEFORE));
    let later = rng.random_range(Duration::ZERO..=LATEST);
    let tally = if is_alone {
        let traffic = Traffic::start(leader, mix, seed);
        traffic.wait_for(before, case.call_patience()).await?;
        // The moment of an acknowledgement is one of many.
        tokio::time::sleep(later).await;
        strike(cluster)?;
        traffic.finish(case.call_patience()).await?
    } else {
        let clients = Roaming::start(cluster, mix, seed)?;
        clients
            .wait_for_more(before, case.election_patience())
            .await?;
        tokio::time::sleep(later).await;
        strike(cluster)?;
        clients.finish(case.call_patience()).await?
    };
    ledger.add(&tally);
    Ok(tally)
}

/// Kills every process of a node, started or not.
pub(crate) fn kill_all(cluster: &mut Cluster) -> Result<(), Stop> {
    for index in 0..cluster.nodes().len() {
        let node = cluster.node_mut(index)?;
        if node.is_spawned() {
            node.kill()?;
        }
    }
    Ok(())
}

/// Makes the processes of all nodes, if need be with a journal of what is not synced. No node is
/// started.
pub(crate) async fn spawn(cluster: &mut Cluster, record: bool) -> Result<(), Stop> {
    for index in 0..cluster.nodes().len() {
        let node = cluster.node_mut(index)?;
        node.spawn()?;
        let dir = node.dir().to_owned();
        if record {
            node.disk()?.record_unsynced(&dir).await?;
        }
    }
    Ok(())
}

/// Starts the cluster, waits for its leader, and judges what it loads.
pub(crate) async fn start_and_check(
    case: &Case,
    cluster: &mut Cluster,
    ledger: &mut Ledger,
) -> Result<Leader, Stop> {
    case.start_again(cluster).await?;
    let (leader, loaded) = service::load(case, cluster).await?;
    ledger.check(loaded)?;
    Ok(leader)
}

/// After a kill of all: undoes what was not synced, on every node that was recorded.
pub(crate) fn lose_unsynced(cluster: &Cluster) -> Result<Vec<Loss>, Stop> {
    let lose = |node: &TestNode| Ok(node.lose_unsynced()?);
    cluster.nodes().iter().map(lose).collect()
}

/// Awaits what a driver does; a panic of it is a failure like any other.
pub(crate) async fn without_panic<T>(
    driver: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    let ended = AssertUnwindSafe(driver).catch_unwind().await;
    ended.unwrap_or_else(|panic| {
        let why = panic_text(&*panic);
        Err(Stop::Failed(format!("a panic: {why}")))
    })
}

/// Says where a check stopped.
pub(crate) fn at(place: &impl std::fmt::Display) -> impl FnOnce(Stop) -> Stop {
    move |stop| match stop {
        Stop::Failed(why) => Stop::Failed(format!("{place}: {why}")),
        Stop::Invalid(why) => Stop::Invalid(format!("{place}: {why}")),
        Stop::NotOffered(why) => Stop::NotOffered(why),
    }
}
