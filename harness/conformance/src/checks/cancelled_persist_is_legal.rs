//! P7: a persist whose future is dropped, after each of its polls, leaves a legal state: it happens
//! or it does not, others are not disturbed, and later calls work. Dropped loads leave nothing. On a
//! cluster also when leadership moves right after the drop.

use std::pin::{Pin, pin};

use futures_util::FutureExt;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::poll::{poll_at_most, poll_pinned};
use crate::service::{self, load};
use crate::verdict::ensure;
use crate::{Check, Level, Stop, check_history};

/// Await points are tried up to this one, in a driver that has so many.
const POLLS_MOST: usize = 24;
/// Drops after each poll.
const DROPS_EACH: u64 = 3;
const POLLS_BEFORE_FAILOVER: usize = 6;
/// Between one value that is asked for and the next.
const STEP: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "cancelled_persist_is_legal",
    clause: "P7",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

#[derive(Default)]
struct Seen {
    value: u64,
    dropped: u64,
    completed: u64,
}

impl Seen {
    fn note(&mut self, answer: Option<Result<u64, ConsensusError>>) -> Result<(), Stop> {
        match answer {
            Some(answer) => {
                self.value = self.value.max(answer?);
                self.completed += 1;
            }
            None => self.dropped += 1,
        }
        Ok(())
    }
}

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut seen = Seen::default();
    for polls in 0..=POLLS_MOST {
        let dropped_before = seen.dropped;
        for _ in 0..DROPS_EACH {
            drop_load(case, &leader, polls, &mut seen).await?;
            drop_alone(case, &leader, polls, &mut seen).await?;
            drop_behind_another(case, &leader, polls, &mut seen).await?;
            drop_around_another(case, &leader, polls, &mut seen).await?;
        }
        if seen.dropped == dropped_before {
            break;
        }
    }
    let leader = case.restart(&mut cluster).await?;
    ensure_serves(case, &leader, &mut seen, 0).await?;
    if case.minority() > 0 {
        drop_before_failovers(case, &mut cluster, &mut seen).await?;
    }
    check_history(0, &case.recording().calls())
        .map_err(|contradiction| Stop::Failed(contradiction.to_string()))?;
    case.count("calls dropped before their end", seen.dropped);
    case.count(
        "calls that ended before they could be dropped",
        seen.completed,
    );
    Ok(())
}

/// What the next leader loads is legal, and stays so.
async fn drop_before_failovers(
    case: &mut Case,
    cluster: &mut Cluster,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let strikes = Strike::all(case);
    for (polls, strike) in (1..=POLLS_BEFORE_FAILOVER).zip(strikes.into_iter().cycle()) {
        let (leader, loaded) = load(case, cluster).await?;
        seen.value = seen.value.max(loaded);
        let proposed = seen.value + STEP;
        let persist = leader.driver.persist_high_water(proposed, leader.epoch);
        let patience = case.call_patience();
        let answer = patience.wait_for("a persist", poll_at_most(polls, persist));
        match answer.await? {
            Some(Ok(value)) => seen.note(Some(Ok(value)))?,
            // Leadership may have moved before that.
            Some(Err(_)) => {}
            None => seen.note(None)?,
        }
        let legal = seen.value..=proposed;
        depose(case, cluster, &leader, strike).await?;
        for _ in 0..DROPS_EACH {
            let (_, loaded) = load(case, cluster).await?;
            ensure!(
                legal.contains(&loaded) && loaded >= seen.value,
                "a persist was dropped before {strike}, between {legal:?} was legal, {} had been \
                 seen, and a load returned {loaded}",
                seen.value
            );
            seen.value = loaded;
        }
        let above = legal.end() + STEP;
        let (_, returned) = service::persist(case, cluster, above).await?;
        ensure!(returned == above, "persist {above} returned {returned}");
        seen.value = above;
        mend(case, cluster).await?;
    }
    Ok(())
}

async fn drop_load(
    case: &Case,
    leader: &Leader,
    polls: usize,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let load = leader.driver.load_high_water();
    let patience = case.call_patience();
    let answer = patience.wait_for("a load", poll_at_most(polls, load));
    seen.note(answer.await?)?;
    ensure_serves(case, leader, seen, 0).await
}

async fn drop_alone(
    case: &Case,
    leader: &Leader,
    polls: usize,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let proposed = seen.value + STEP;
    let persist = leader.driver.persist_high_water(proposed, leader.epoch);
    let patience = case.call_patience();
    let answer = patience.wait_for("a persist", poll_at_most(polls, persist));
    seen.note(answer.await?)?;
    ensure_serves(case, leader, seen, proposed).await
}

/// Another persist is under way already, and ends after the drop; if the driver takes so long.
async fn drop_behind_another(
    case: &Case,
    leader: &Leader,
    polls: usize,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let least = seen.value + STEP;
    let proposed = least + STEP;
    let doomed = leader.driver.persist_high_water(proposed, leader.epoch);
    let patience = case.call_patience();
    let doomed = patience.wait_for("a persist", poll_at_most(polls, doomed));
    let (acknowledged, answer) = tokio::join!(case.persist(leader, least), doomed);
    seen.value = seen.value.max(acknowledged?);
    seen.note(answer?)?;
    ensure_serves(case, leader, seen, proposed).await
}

/// Another persist begins after it and ends before the drop; if the driver lets it.
async fn drop_around_another(
    case: &Case,
    leader: &Leader,
    polls: usize,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let least = seen.value + STEP;
    let proposed = least + STEP;
    let mut doomed = leader.driver.persist_high_water(proposed, leader.epoch);
    let patience = case.call_patience();
    let answer = patience.wait_for("a persist", poll_pinned(polls, Pin::new(&mut doomed)));
    seen.note(answer.await?)?;
    let mut other = pin!(case.persist(leader, least));
    let head_start = case.timing().deadline / 4;
    let acknowledged = tokio::time::timeout(head_start, &mut other).await;
    drop(doomed);
    let acknowledged = match acknowledged {
        Ok(answer) => answer?,
        Err(_) => other.await?,
    };
    seen.value = seen.value.max(acknowledged);
    ensure_serves(case, leader, seen, proposed).await
}

/// The value is a legal one, and a persist above everything works.
async fn ensure_serves(
    case: &Case,
    leader: &Leader,
    seen: &mut Seen,
    proposed: u64,
) -> Result<(), Stop> {
    let legal = seen.value..=proposed.max(seen.value);
    let loaded = case.load(leader).await?;
    ensure!(
        legal.contains(&loaded),
        "a persist was dropped, between {legal:?} was legal, and a load returned {loaded}"
    );
    let above = legal.end() + STEP;
    let returned = case.persist(leader, above).await?;
    ensure!(returned == above, "persist {above} returned {returned}");
    seen.value = above;
    Ok(())
}
