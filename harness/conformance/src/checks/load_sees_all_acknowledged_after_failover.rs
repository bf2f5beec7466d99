//! R1: the next leader loads every value that was acknowledged, and nothing that nobody asked for:
//! after a restart of all, and on a cluster after its leader crashed, was cut off or restarted,
//! also by a node that had not heard of the last values.

use futures_util::FutureExt;
use tsoracle_testbed::{Cluster, Leader, LinkFault};

use crate::case::Case;
use crate::failover::{Strike, a_few_elections, depose, favour, has_links, mend};
use crate::ledger::Ledger;
use crate::roaming::Roaming;
use crate::service;
use crate::traffic::{Mix, Traffic};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 4;
const ACKNOWLEDGED: u64 = 150;
/// Before and after each failover.
const AROUND: u64 = 40;
const MISSED: u64 = 5;

pub(super) const CHECK: Check = Check {
    name: "load_sees_all_acknowledged_after_failover",
    clause: "R1",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    restart_all(case, &mut cluster).await?;
    if case.minority() > 0 {
        for strike in Strike::all(case) {
            fail_over(case, &mut cluster, strike).await?;
        }
        if has_links(case) {
            favour_who_lags(case, &mut cluster).await?;
        }
    }
    Ok(())
}

/// Clients go on all the while; what anybody was told before the load began, it has to show.
async fn fail_over(case: &mut Case, cluster: &mut Cluster, strike: Strike) -> Result<(), Stop> {
    let (_, before) = service::load(case, cluster).await?;
    let mix = Mix {
        clients: 32,
        from: before + 1,
        loads: 0,
        drops: 0,
    };
    let clients = Roaming::start(cluster, mix, case.seed() + before)?;
    let patience = case.election_patience();
    clients.wait_for_more(AROUND, patience).await?;
    let (old, _) = service::load(case, cluster).await?;
    depose(case, cluster, &old, strike).await?;
    clients.refresh(cluster);
    let acknowledged = clients.returned();
    let (new, loaded) = service::load(case, cluster).await?;
    ensure!(
        loaded >= acknowledged,
        "{acknowledged} was acknowledged in epoch {} or later, and after {strike}, {loaded} was \
         loaded in epoch {}",
        old.epoch,
        new.epoch
    );
    let patience = case.election_patience();
    clients.wait_for_more(AROUND, patience).await?;
    let tally = clients.finish(case.call_patience()).await?;
    guard!(tally.refused > 0, "no client had to look for the leader");
    mend(case, cluster).await?;
    let mut ledger = Ledger::default();
    ledger.add(&tally);
    ledger.check(service::load(case, cluster).await?.1)?;
    case.count("acknowledged persists", tally.acknowledged);
    case.count("times that a client was refused", tally.refused);
    Ok(())
}

/// A follower that has missed the last values gets every chance to lead. Whether it may without
/// learning of them first is the engine's own affair.
async fn favour_who_lags(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    for _ in 0..RESTARTS {
        let (leader, mut value) = service::load(case, cluster).await?;
        let lags = (leader.index + 1) % case.nodes();
        cluster
            .set_both(leader.index, lags, LinkFault::Drop)
            .await?;
        for _ in 0..MISSED {
            value += 1;
            service::persist(case, cluster, value).await?;
        }
        favour(case, cluster, lags).await?;
        let later = |next: &Leader| next.epoch > leader.epoch;
        let next = cluster.leader_where(a_few_elections(case), "the next leader", later);
        let led_by_it = next.await.is_ok_and(|next| next.index == lags);
        let missed = cluster.disturbed(leader.index, lags).await?;
        if led_by_it {
            ensure_loads(case, cluster, value).await?;
        }
        mend(case, cluster).await?;
        ensure_loads(case, cluster, value).await?;
        guard!(missed > 0, "the follower missed nothing");
        case.count("frames that a follower missed", missed);
        case.count("failovers to who had missed them", u64::from(led_by_it));
    }
    Ok(())
}

async fn ensure_loads(case: &Case, cluster: &Cluster, value: u64) -> Result<(), Stop> {
    let (leader, loaded) = service::load(case, cluster).await?;
    ensure!(
        loaded == value,
        "{value} was acknowledged, and node {} loaded {loaded} in epoch {}",
        leader.index + 1,
        leader.epoch
    );
    Ok(())
}

async fn restart_all(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let mut leader = case.leader(cluster).await?;
    let (mut highest, mut acknowledged) = (0, 0);
    for round in 0..RESTARTS {
        let mix = Mix {
            clients: 32,
            from: highest + 1,
            loads: 0,
            drops: 0,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + round);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(ACKNOWLEDGED, patience).await?;
        let tally = traffic.finish(case.call_patience()).await?;
        guard!(tally.refused == 0, "{} clients were refused", tally.refused);
        acknowledged += tally.acknowledged;
        // The last to be acknowledged is not the highest.
        case.persist(&leader, 0).await?;
        let legal = tally.highest_returned..=tally.highest_proposed.max(tally.highest_returned);
        leader = case.restart(cluster).await?;
        highest = case.load(&leader).await?;
        ensure!(
            legal.contains(&highest),
            "from {legal:?} was acknowledged and asked for, and the next leader loaded {highest}"
        );
    }
    case.count("restarts", RESTARTS);
    case.count("acknowledged persists", acknowledged);
    Ok(())
}
