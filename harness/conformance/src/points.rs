//! Every file call that changes something, while a node opens its store or persists: the points at
//! which a crash or a failure of the disk can make a difference.

use std::fmt;
use std::time::Duration;

use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::faultfs::{Action, Call, Op, Rule, RuleId, Trigger};
use tsoracle_testbed::{Cluster, Leader, Placement};

use crate::Stop;
use crate::case::Case;
use crate::crash::{kill_all, start_and_check};
use crate::ledger::Ledger;
use crate::verdict::guard;

/// All points are tried if there are at most so many.
const MOST_POINTS: usize = 64;
/// Of more, a seeded sample: each costs several starts of a store of many files.
const SAMPLED_POINTS: usize = 4;
/// As above, where each start costs an election.
const MOST_POINTS_OF_MANY_NODES: usize = 3;

/// A node that changed no file for so long rests.
const REST: Duration = Duration::from_millis(40);

/// A stretch of a node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    FirstOpen,
    Reopen,
    Persist,
}

/// One call of a stretch.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) phase: Phase,
    pub(crate) call: Call,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstOpen => "a first open",
            Self::Reopen => "a reopening",
            Self::Persist => "a persist",
        })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { n, op, path } = &self.call;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        write!(f, "call {n} of {} ({op:?} {name})", self.phase)
    }
}

/// The points of each stretch, as one run of it shows them. Another run may make fewer calls; a
/// point that it does not reach is counted as such.
pub(crate) struct Points {
    pub(crate) first_open: Vec<Point>,
    pub(crate) reopen: Vec<Point>,
    pub(crate) persist: Vec<Point>,
}

impl Points {
    /// Watches one node make its store, open it again after a kill, and persist.
    pub(crate) async fn trace(case: &mut Case, rng: &mut ChaCha8Rng) -> Result<Self, Stop> {
        let mut cluster = Cluster::prepare(&case.plan(Placement::Processes))?;
        let mut ledger = Ledger::default();
        let mut traces = Vec::new();
        for phase in [Phase::FirstOpen, Phase::Reopen] {
            cluster.node_mut(0)?.spawn()?;
            let rule = watch(&cluster, 0, Action::Trace, Trigger::Every).await?;
            let leader = start_and_check(case, &mut cluster, &mut ledger).await?;
            traces.push(cluster.nodes()[0].disk()?.trace(rule).await?);
            case.persist(&leader, ledger.propose()).await?;
            if phase == Phase::Reopen {
                traces.push(trace_persist(case, &cluster, &leader, &mut ledger).await?);
            }
            kill_all(&mut cluster)?;
        }
        let mut traces = traces.into_iter();
        let mut points = |phase| {
            let calls = traces.next().unwrap_or_default();
            sample(case, rng, phase, calls)
        };
        Ok(Self {
            first_open: points(Phase::FirstOpen)?,
            reopen: points(Phase::Reopen)?,
            persist: points(Phase::Persist)?,
        })
    }
}

/// The calls of a persist on its leader: the shortest of three, for what the node does in the
/// background falls into some. One that the others answered before the leader wrote tells nothing.
async fn trace_persist(
    case: &Case,
    cluster: &Cluster,
    leader: &Leader,
    ledger: &mut Ledger,
) -> Result<Vec<Call>, Stop> {
    let disk = cluster.nodes()[leader.index].disk()?;
    let mut shortest: Option<Vec<Call>> = None;
    for _ in 0..3 {
        rest(case, cluster, leader.index).await?;
        let rule = watch(cluster, leader.index, Action::Trace, Trigger::Every).await?;
        case.persist(leader, ledger.propose()).await?;
        let calls = disk.trace(rule).await?;
        disk.remove(rule).await?;
        let known = shortest.as_ref().map_or(usize::MAX, Vec::len);
        if (1..known).contains(&calls.len()) {
            shortest = Some(calls);
        }
    }
    Ok(shortest.unwrap_or_default())
}

/// Waits until a node changes no file any more: what it does in the background is no part of the
/// next persist. A node that never rests is watched as it is.
pub(crate) async fn rest(case: &Case, cluster: &Cluster, index: usize) -> Result<(), Stop> {
    let rule = watch(cluster, index, Action::Count, Trigger::Every).await?;
    let disk = cluster.nodes()[index].disk()?;
    let patience = case.brief_patience();
    let mut seen = u64::MAX;
    while !patience.left().is_zero() {
        let hits = disk.wait_for_hits(rule, 0, Duration::ZERO).await?;
        if hits == seen {
            break;
        }
        seen = hits;
        tokio::time::sleep(REST).await;
    }
    Ok(disk.remove(rule).await?)
}

/// Sets a rule on those calls of a node that change something.
pub(crate) async fn watch(
    cluster: &Cluster,
    index: usize,
    action: Action,
    trigger: Trigger,
) -> Result<RuleId, Stop> {
    let node = &cluster.nodes()[index];
    let rule = Rule::new(node.dir(), action).ops(Op::MUTATING).at(trigger);
    Ok(node.disk()?.install(rule).await?)
}

/// How many points were reached, of those that were tried.
#[derive(Default)]
pub(crate) struct Reached {
    reached: u64,
    tried: u64,
}

impl Reached {
    pub(crate) fn add(&mut self, reached: bool) {
        self.reached += u64::from(reached);
        self.tried += 1;
    }

    /// Notes the counts and begins anew. A check that reached few points has shown little.
    pub(crate) fn report(&mut self, case: &mut Case, what: &str) -> Result<(), Stop> {
        let Self { reached, tried } = std::mem::take(self);
        guard!(
            reached * 4 >= tried,
            "{what}: only {reached} of {tried} points were reached"
        );
        case.count(what, reached);
        if reached < tried {
            case.count(format!("{what}: points not reached"), tried - reached);
        }
        Ok(())
    }
}

fn sample(
    case: &mut Case,
    rng: &mut ChaCha8Rng,
    phase: Phase,
    calls: Vec<Call>,
) -> Result<Vec<Point>, Stop> {
    guard!(!calls.is_empty(), "{phase} changes no file");
    case.count(format!("file calls of {phase}"), calls.len() as u64);
    let most = match case.nodes() {
        1 if calls.len() > MOST_POINTS => SAMPLED_POINTS,
        1 => MOST_POINTS,
        _ => MOST_POINTS_OF_MANY_NODES,
    };
    let mut calls = calls.into_iter().sample(rng, most);
    calls.sort_by_key(|call| call.n);
    Ok(calls
        .into_iter()
        .map(|call| Point { phase, call })
        .collect())
}
