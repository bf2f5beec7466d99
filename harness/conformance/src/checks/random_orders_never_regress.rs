//! P2: no order of persists lowers what a later load returns: random orders, one by one with
//! restarts in between, and concurrently; on a cluster also with
//! failovers in between. A failing order is cut down before it is shown.

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::service::{load, persist};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const ORDERS: u64 = 6;
const STEPS: u64 = 24;
const CLIENTS: usize = 16;

pub(super) const CHECK: Check = Check {
    name: "random_orders_never_regress",
    clause: "P2",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

/// One step of an order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Persist(u64),
    Restart,
    Failover(Strike),
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut rng = case.rng();
    for _ in 0..ORDERS {
        let order = random_order(case, &mut rng);
        if let Err(stop) = one_by_one(case, &order).await {
            return Err(cut_down(case, order, stop).await);
        }
    }
    concurrently(case, &mut rng).await?;
    case.count("orders, one by one", ORDERS);
    case.count("persists, one by one", ORDERS * STEPS);
    Ok(())
}

fn random_order(case: &Case, rng: &mut ChaCha8Rng) -> Vec<Step> {
    let mut order: Vec<Step> = (1..=STEPS).map(|n| Step::Persist(n * 10)).collect();
    order.shuffle(rng);
    let place = rng.random_range(1..order.len());
    order.insert(place, Step::Restart);
    if case.minority() > 0 {
        for strike in Strike::all(case) {
            order.insert(rng.random_range(1..order.len()), Step::Failover(strike));
        }
    }
    order
}

async fn one_by_one(case: &mut Case, order: &[Step]) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut highest = 0;
    for step in order {
        match *step {
            Step::Restart => drop(case.restart(&mut cluster).await?),
            Step::Failover(strike) => {
                let (leader, _) = load(case, &cluster).await?;
                depose(case, &mut cluster, &leader, strike).await?;
                mend(case, &mut cluster).await?;
            }
            Step::Persist(at_least) => {
                highest = highest.max(at_least);
                let (_, returned) = persist(case, &cluster, at_least).await?;
                ensure!(
                    returned == highest,
                    "persist {at_least} returned {returned} instead of {highest}"
                );
            }
        }
        let (_, loaded) = load(case, &cluster).await?;
        ensure!(
            loaded == highest,
            "after {step:?} a load returned {loaded} instead of {highest}"
        );
    }
    case.shut_down(&mut cluster).await
}

/// Leaves out, one after the other, the steps without which the order still fails, for a while.
async fn cut_down(case: &mut Case, mut order: Vec<Step>, mut stop: Stop) -> Stop {
    let patience = case.brief_patience();
    let mut place = 0;
    while place < order.len() && !patience.left().is_zero() {
        let mut shorter = order.clone();
        shorter.remove(place);
        match one_by_one(case, &shorter).await {
            Err(still) => (order, stop) = (shorter, still),
            Ok(()) => place += 1,
        }
    }
    match stop {
        Stop::Failed(why) => Stop::Failed(format!("{why}, in the order {order:?}")),
        other => other,
    }
}

async fn concurrently(case: &mut Case, rng: &mut ChaCha8Rng) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut values: Vec<u64> = (1..=CLIENTS as u64 * STEPS).collect();
    values.shuffle(rng);
    if case.minority() > 0 {
        let clients = values.chunks(CLIENTS);
        let clients = clients.map(|values| persist_all_on_a_cluster(case, &cluster, values));
        try_join_all(clients).await?;
    } else {
        let clients: JoinSet<_> = values
            .chunks(CLIENTS)
            .map(|values| persist_all(leader.clone(), values.to_vec()))
            .collect();
        let patience = case.patience(case.timing().deadline * 4);
        let all = patience.wait_for("the end of all clients", clients.join_all());
        all.await?.into_iter().collect::<Result<(), Stop>>()?;
    }
    let highest = values.len() as u64;
    ensure_loads(case, &cluster, highest).await?;
    case.restart(&mut cluster).await?;
    ensure_loads(case, &cluster, highest).await?;
    case.count("concurrent persists", highest);
    Ok(())
}

/// As [`persist_all`], wherever leadership goes.
async fn persist_all_on_a_cluster(
    case: &Case,
    cluster: &Cluster,
    values: &[u64],
) -> Result<(), Stop> {
    let mut seen = 0;
    for &at_least in values {
        let (_, returned) = persist(case, cluster, at_least).await?;
        let (_, loaded) = load(case, cluster).await?;
        ensure!(
            returned >= at_least.max(seen) && loaded >= returned,
            "after {seen}, persist {at_least} returned {returned} and a load {loaded}"
        );
        seen = loaded;
    }
    Ok(())
}

async fn ensure_loads(case: &Case, cluster: &Cluster, highest: u64) -> Result<(), Stop> {
    let (_, loaded) = load(case, cluster).await?;
    ensure!(
        loaded == highest,
        "{highest} was acknowledged, and a load returned {loaded}"
    );
    Ok(())
}

/// What one client sees never falls, and is never below what it asked for.
async fn persist_all(leader: Leader, values: Vec<u64>) -> Result<(), Stop> {
    let Leader { driver, epoch, .. } = leader;
    let mut seen = 0;
    for at_least in values {
        let returned = driver.persist_high_water(at_least, epoch).await?;
        // Others may do their worst in between.
        tokio::task::yield_now().await;
        let loaded = driver.load_high_water().await?;
        ensure!(
            returned >= at_least.max(seen) && loaded >= returned,
            "after {seen}, persist {at_least} returned {returned} and a load {loaded}"
        );
        seen = loaded;
    }
    Ok(())
}
