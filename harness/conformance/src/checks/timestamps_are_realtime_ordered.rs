//! O1: a timestamp request that starts after another one ended gets a greater timestamp, through
//! restarts with requests in flight, and whatever an earlier leader still tries; in a cluster also
//! while leaders are isolated, frozen, killed or hand off, and their oracles are asked on.

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Mutex;
use tsoracle_core::ManualClock;
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::failovers::{Failover, Oracles};
use crate::grants::{Clients, Grants, Pace};
use crate::{Check, Level, Oracle, Stop};

const TERMS: u64 = 5;
const GRANTS_PER_TERM: usize = 150;
const CLIENTS: u64 = 16;
const CLOCK_MS: u64 = 1_000_000;
const ROUNDS: usize = 2;

pub(super) const CHECK: Check = Check {
    name: "timestamps_are_realtime_ordered",
    clause: "O1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leases = case.capabilities().leases;
    let clock = ManualClock::new(CLOCK_MS);
    let grants = Grants::new();
    let mut earlier: Vec<Arc<Mutex<Oracle>>> = Vec::new();
    for term in 0..TERMS {
        let leader = case.start_again(&mut cluster).await?;
        let oracle = open(case, &leader, &clock).await?;
        let first = grants.request(&oracle, NonZeroU32::MIN);
        let patience = case.call_patience();
        patience.wait_for("a first timestamp", first).await??;
        for old in &earlier {
            // If it answers at all, its answer counts.
            let request = grants.request(old, NonZeroU32::MIN);
            let patience = case.call_patience();
            let _ = patience
                .wait_for("an earlier leader's answer", request)
                .await?;
        }
        let clients = Clients::start(
            (CLIENTS, Pace::BUSY),
            &oracle,
            &clock,
            &grants,
            case.seed() + term,
        );
        let patience = case.patience(case.timing().deadline * 4);
        grants.wait_for(GRANTS_PER_TERM, patience).await?;
        if leases {
            case.shut_down(&mut cluster).await?;
            clients.finish(case.call_patience()).await?;
            earlier.push(oracle);
        } else {
            // Nothing but its lease tells a leader that it was deposed.
            clients.finish(case.call_patience()).await?;
            case.shut_down(&mut cluster).await?;
        }
    }
    // Without leases a leader serves for a while after it was deposed: that is no defect of it.
    if leases && case.nodes() > 1 {
        through_failovers(case, &clock).await?;
    }
    if let Some([earlier, later]) = grants.contradiction() {
        return Err(Stop::Failed(format!(
            "{earlier:?} was granted before {later:?} was asked for"
        )));
    }
    case.count("requests that were granted", grants.count());
    case.count("restarts", TERMS - 1);
    Ok(())
}

/// In a cluster of its own, with timestamps of its own.
async fn through_failovers(case: &mut Case, clock: &ManualClock) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let grants = Grants::new();
    let mut oracles = Oracles::new(clock, &grants);
    for _ in 0..ROUNDS {
        for failover in Failover::offered(case, &cluster) {
            oracles.fail_over(case, &mut cluster, failover).await?;
        }
    }
    if let Some([earlier, later]) = grants.contradiction() {
        return Err(Stop::Failed(format!(
            "through failovers, {earlier:?} was granted before {later:?} was asked for"
        )));
    }
    case.count("requests granted through failovers", grants.count());
    Ok(())
}

async fn open(
    case: &Case,
    leader: &Leader,
    clock: &ManualClock,
) -> Result<Arc<Mutex<Oracle>>, Stop> {
    let (driver, lease) = (Arc::clone(&leader.driver), leader.lease.clone());
    let open = Oracle::open(driver, Arc::new(clock.clone()), leader.epoch, lease);
    let patience = case.call_patience();
    let oracle = patience.wait_for("the opening load", open).await??;
    Ok(Arc::new(Mutex::new(oracle)))
}
