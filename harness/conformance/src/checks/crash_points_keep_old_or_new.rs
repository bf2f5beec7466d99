//! S2: a process that ends right before or after any file call of an opening or a persist leaves
//! the old value or the new one, with and without what was not synced.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, pin_mut};
use tsoracle_testbed::faultfs::{Action, RuleId, Trigger, When};
use tsoracle_testbed::{Cluster, DiskFaults};

use crate::case::Case;
use crate::crash::at;
use crate::points::{Phase, Point, Points, Reached, rest, watch};
use crate::subject::Subject;
use crate::{Check, Level, Need, Stop};

pub(super) const CHECK: Check = Check {
    name: "crash_points_keep_old_or_new",
    clause: "S2",
    level: Level::Single,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut rng = case.rng();
    let points = Points::trace(case, &mut rng).await?;
    let mut reached = Reached::default();
    for crash in crashes(&points.first_open) {
        let mut subject = Subject::new(case)?;
        reached.add(suffer(case, &mut subject, &crash).await?);
    }
    reached.report(case, "crashes in a first open")?;

    let mut subject = Subject::new(case)?;
    subject.live_and_die(case).await?;
    for crash in crashes(&points.reopen) {
        reached.add(suffer(case, &mut subject, &crash).await?);
    }
    reached.report(case, "crashes in a reopening")?;
    for crash in crashes(&points.persist) {
        reached.add(suffer(case, &mut subject, &crash).await?);
    }
    reached.report(case, "crashes in a persist")
}

/// One end of a process, on either side of a call.
struct Crash<'a> {
    point: &'a Point,
    when: When,
    power: Power,
}

/// What happens to the machine when a process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    Stays,
    Goes,
    /// It goes after the next process has opened what the dead one left, and has acknowledged.
    GoesLater,
}

fn crashes(points: &[Point]) -> impl Iterator<Item = Crash<'_>> {
    points.iter().flat_map(|point| {
        let sides = [When::Before, When::After];
        sides.into_iter().flat_map(move |when| {
            let powers = [Power::Stays, Power::Goes, Power::GoesLater];
            powers.map(|power| Crash { point, when, power })
        })
    })
}

impl fmt::Display for Crash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Before => "before",
            When::After => "after",
        };
        let power = match self.power {
            Power::Stays => "",
            Power::Goes => " and the power lost",
            Power::GoesLater => ", and the power lost after the next acknowledgement",
        };
        write!(f, "killed {when} {}{power}", self.point)
    }
}

/// Crashes once and starts again. Returns whether the point was reached.
async fn suffer(case: &Case, subject: &mut Subject, crash: &Crash<'_>) -> Result<bool, Stop> {
    let crashed = crash_once(case, subject, crash).await.map_err(at(crash))?;
    if crash.power == Power::GoesLater {
        subject.spawn(true).await?;
        subject.live(case).await.map_err(at(crash))?;
        subject.kill(true)?;
    }
    subject.live_and_die(case).await.map_err(at(crash))?;
    Ok(crashed)
}

async fn crash_once(case: &Case, subject: &mut Subject, crash: &Crash<'_>) -> Result<bool, Stop> {
    subject.spawn(crash.power != Power::Stays).await?;
    let crashed = match crash.point.phase {
        Phase::FirstOpen | Phase::Reopen => {
            let armed = Armed::new(&subject.cluster, 0, crash).await?;
            let opened = armed.await_crash(case, subject.start(case)).await;
            armed
                .has_crashed(case, &mut subject.cluster, opened)
                .await?
        }
        Phase::Persist => {
            let leader = subject.start(case).await?;
            subject.persist(case, &leader).await??;
            rest(case, &subject.cluster, leader.index).await?;
            match Armed::new(&subject.cluster, leader.index, crash).await {
                Ok(armed) => {
                    let answer = subject.persist(case, &leader).await?;
                    let done = answer.map(drop).map_err(Stop::from);
                    armed
                        .has_crashed(case, &mut subject.cluster, Some(done))
                        .await?
                }
                // What the node does in the background came to the call at once.
                Err(unheard) => {
                    let node = subject.cluster.node_mut(leader.index)?;
                    let crashed = node.wait_for_crash(case.brief_patience().left()).await;
                    crashed.map(|()| true).map_err(|_| unheard)?
                }
            }
        }
    };
    subject.kill(crash.power == Power::Goes)?;
    Ok(crashed)
}

/// A crash rule that waits for its call.
struct Armed {
    index: usize,
    rule: RuleId,
    disk: Arc<dyn DiskFaults>,
}

impl Armed {
    async fn new(cluster: &Cluster, index: usize, crash: &Crash<'_>) -> Result<Self, Stop> {
        let trigger = Trigger::Nth(crash.point.call.n);
        let rule = watch(cluster, index, Action::Crash(crash.when), trigger).await?;
        let disk = cluster.nodes()[index].disk()?;
        Ok(Self { index, rule, disk })
    }

    /// Awaits what is about to crash, no longer than until it does: `None`.
    async fn await_crash<T>(
        &self,
        case: &Case,
        doing: impl Future<Output = Result<T, Stop>>,
    ) -> Option<Result<(), Stop>> {
        let limit = case.election_patience().left();
        let hit = self.disk.wait_for_hits(self.rule, 1, limit);
        pin_mut!(doing);
        match select(doing, hit).await {
            Either::Left((done, _)) => Some(done.map(drop)),
            Either::Right((Ok(0), doing)) => Some(doing.await.map(drop)),
            Either::Right(_) => None,
        }
    }

    /// Waits for the end of a process that has reached the call. What was done by one that has not
    /// must have worked.
    async fn has_crashed(
        &self,
        case: &Case,
        cluster: &mut Cluster,
        done: Option<Result<(), Stop>>,
    ) -> Result<bool, Stop> {
        let hits = self.disk.wait_for_hits(self.rule, 1, Duration::ZERO).await;
        if let (Some(done), Ok(0)) = (done, hits) {
            return done.map(|()| false);
        }
        let node = cluster.node_mut(self.index)?;
        node.wait_for_crash(case.brief_patience().left()).await?;
        Ok(true)
    }
}
