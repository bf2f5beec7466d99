//! S2: when any file call fails, with EIO or with ENOSPC, for once or from then on, an opening is
//! refused and a persist is `Permanent`; nothing is acknowledged after it and nothing is lost that
//! was before it.

use std::fmt;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, pin_mut};
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::faultfs::{Action, Call, Errno, Op, RuleId, Trigger};
use tsoracle_testbed::{Cluster, Leader, TestbedError};

use crate::case::Case;
use crate::crash::{at, without_panic};
use crate::points::{Phase, Point, Points, Reached, rest, watch};
use crate::subject::Subject;
use crate::verdict::ensure;
use crate::{Check, Level, Need, Stop};

/// How many persists a node has to notice what failed in its background.
const PERSISTS_AFTER: u32 = 200;

pub(super) const CHECK: Check = Check {
    name: "failing_disk_stops_the_node",
    clause: "S2",
    level: Level::Single,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut rng = case.rng();
    let points = Points::trace(case, &mut rng).await?;
    let mut reached = Reached::default();
    for failure in failures(&points.first_open) {
        let mut subject = Subject::new(case)?;
        reached.add(suffer(case, &mut subject, &failure).await?);
    }
    reached.report(case, "failures in a first open")?;

    let mut subject = Subject::new(case)?;
    subject.live_and_die(case).await?;
    for failure in failures(&points.reopen) {
        reached.add(suffer(case, &mut subject, &failure).await?);
    }
    reached.report(case, "failures in a reopening")?;
    for failure in failures(&points.persist) {
        reached.add(suffer(case, &mut subject, &failure).await?);
    }
    reached.report(case, "failures in a persist")
}

/// One disk that fails at a call, for once or for good. A disk that fails for good is then lost
/// with what was not synced.
struct Failure<'a> {
    point: &'a Point,
    errno: Errno,
    for_good: bool,
}

fn failures(points: &[Point]) -> impl Iterator<Item = Failure<'_>> {
    points.iter().flat_map(|point| {
        let errnos = [Errno::Eio, Errno::Enospc];
        errnos.into_iter().flat_map(move |errno| {
            [false, true].map(|for_good| Failure {
                point,
                errno,
                for_good,
            })
        })
    })
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = format!("{:?}", self.errno).to_uppercase();
        let from = if self.for_good { "from" } else { "at" };
        write!(f, "{errno} {from} {}", self.point)
    }
}

impl Failure<'_> {
    async fn install(&self, cluster: &Cluster, index: usize) -> Result<RuleId, Stop> {
        let n = self.point.call.n;
        let trigger = if self.for_good {
            Trigger::From(n)
        } else {
            Trigger::Nth(n)
        };
        watch(cluster, index, Action::Fail(self.errno), trigger).await
    }
}

/// Fails once, and starts again on a healthy disk. Returns whether the point was reached.
async fn suffer(case: &Case, subject: &mut Subject, failure: &Failure<'_>) -> Result<bool, Stop> {
    let failed = without_panic(fail_once(case, subject, failure)).await;
    let failed = failed.map_err(at(failure))?;
    subject.live_and_die(case).await.map_err(at(failure))?;
    Ok(failed)
}

async fn fail_once(
    case: &Case,
    subject: &mut Subject,
    failure: &Failure<'_>,
) -> Result<bool, Stop> {
    subject.spawn(failure.for_good).await?;
    let failed = match failure.point.phase {
        Phase::FirstOpen | Phase::Reopen => fail_opening(case, subject, failure).await?,
        Phase::Persist => fail_persist(case, subject, failure).await?,
    };
    subject.kill(failure.for_good)?;
    Ok(failed)
}

/// A start that works although a call failed is believed if what is acknowledged then survives. If
/// it was a sync that failed, in the background of a node that leads already, the node stops soon.
async fn fail_opening(
    case: &Case,
    subject: &mut Subject,
    failure: &Failure<'_>,
) -> Result<bool, Stop> {
    let rule = failure.install(&subject.cluster, 0).await?;
    let started = case
        .election_patience()
        .wait_for("the answer to a start", subject.cluster.start_all())
        .await?;
    let failed = !struck(&subject.cluster, 0, rule).await?.is_empty();
    match started {
        Err(TestbedError::Driver(ConsensusError::Permanent(_))) if failed => Ok(true),
        Err(other) => Err(other.into()),
        Ok(()) => {
            let leader = leader_unless_it_ends(case, &subject.cluster, 0).await?;
            let struck = struck(&subject.cluster, 0, rule).await?;
            let failed = !struck.is_empty();
            let Some(leader) = leader else {
                ensure!(failed, "a node ended its stream, and its disk was well");
                return Ok(true);
            };
            if leader.index == 0
                && let Some(sync) = first_sync(&struck)
            {
                let refusal = refused_soon(case, subject, &leader).await?;
                ensure!(
                    refusal.is_some(),
                    "the node leads and acknowledges although {sync} had failed"
                );
                return Ok(true);
            }
            // On a disk that fails for good the answer is an error.
            let _ = subject.persist(case, &leader).await?;
            Ok(failed)
        }
    }
}

/// The leader, unless a node ends its stream before there is one: a start returns before an engine
/// that runs by itself has written all it has to.
async fn leader_unless_it_ends(
    case: &Case,
    cluster: &Cluster,
    index: usize,
) -> Result<Option<Leader>, Stop> {
    let mut states = cluster.nodes()[index].driver()?.leadership_events();
    let ended = async { while states.next().await.is_some() {} };
    pin_mut!(ended);
    let leader = case.leader(cluster).boxed();
    match select(ended, leader).await {
        Either::Left(_) => Ok(None),
        Either::Right((leader, _)) => leader.map(Some),
    }
}

async fn fail_persist(
    case: &Case,
    subject: &mut Subject,
    failure: &Failure<'_>,
) -> Result<bool, Stop> {
    let leader = subject.start(case).await?;
    subject.persist(case, &leader).await??;
    rest(case, &subject.cluster, leader.index).await?;
    let rule = failure.install(&subject.cluster, leader.index).await?;
    let first = subject.persist(case, &leader).await?;
    let second = subject.persist(case, &leader).await?;
    if struck(&subject.cluster, leader.index, rule)
        .await?
        .is_empty()
    {
        return first.and(second).map(|_| false).map_err(Stop::from);
    }
    // A call that fails beside the persists, in the background, stops the node soon after them.
    let (first, later) = match (first, second) {
        (Err(error), Ok(value)) => {
            let why = format!("{value} was acknowledged after a call had failed: {error}");
            return Err(Stop::Failed(why));
        }
        (Ok(_), Ok(_)) => match refused_soon(case, subject, &leader).await? {
            Some(refusal) => (refusal, None),
            // Space that was not laid out ahead, or work of the background that was done again, is
            // believed as a start is: if no sync failed, and if what was acknowledged survives.
            None => {
                let struck = struck(&subject.cluster, leader.index, rule).await?;
                if let Some(sync) = first_sync(&struck) {
                    let why = format!("{sync} had failed, and persists were acknowledged after it");
                    return Err(Stop::Failed(why));
                }
                ensure!(
                    !failure.for_good,
                    "every call fails, and persists are acknowledged all the same"
                );
                return Ok(true);
            }
        },
        (Ok(_), Err(error)) => (error, None),
        (Err(error), Err(later)) => (error, Some(later)),
    };
    ensure!(
        matches!(first, ConsensusError::Permanent(_)),
        "the answer after a call had failed is {}: {first}",
        first.class()
    );
    ensure!(
        !matches!(later, Some(ConsensusError::Transient(_))),
        "the disk has failed, and the next answer is to try again"
    );
    leads_no_more(case, &subject.cluster, &leader).await?;
    Ok(true)
}

/// The first refusal; none if everything is acknowledged for a while.
async fn refused_soon(
    case: &Case,
    subject: &mut Subject,
    leader: &Leader,
) -> Result<Option<ConsensusError>, Stop> {
    for _ in 0..PERSISTS_AFTER {
        if let Err(refusal) = subject.persist(case, leader).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

/// The calls that failed. What runs in the background may have made them come in another order than
/// when they were traced.
async fn struck(cluster: &Cluster, index: usize, rule: RuleId) -> Result<Vec<Call>, Stop> {
    Ok(cluster.nodes()[index].disk()?.trace(rule).await?)
}

/// The first sync among calls.
fn first_sync(calls: &[Call]) -> Option<String> {
    let sync = calls.iter().find(|call| Op::SYNCS.contains(&call.op))?;
    let name = sync.path.file_name().unwrap_or_default().to_string_lossy();
    Some(format!("{:?} of {name}", sync.op))
}

async fn leads_no_more(case: &Case, cluster: &Cluster, leader: &Leader) -> Result<(), Stop> {
    let mut states = leader.driver.leadership_events();
    let ended = async { while states.next().await.is_some() {} };
    case.brief_patience()
        .wait_for("the end of the stream after a failure of the disk", ended)
        .await?;
    let lease = cluster.nodes()[leader.index].lease_deadline().await?;
    ensure!(
        lease.is_none(),
        "the lease goes on after a failure of the disk"
    );
    let load = leader.driver.load_high_water();
    let loaded = case
        .call_patience()
        .wait_for("the answer to a load", load)
        .await?;
    ensure!(
        loaded.is_err(),
        "a load is answered after a failure of the disk: {loaded:?}"
    );
    Ok(())
}
