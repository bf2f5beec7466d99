//! All leases, read all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tsoracle_consensus::{BootInstant, Epoch};
use tsoracle_testbed::{LeaseDeadlines, Term, valid_leases};

use crate::site::Reach;

/// A node that has not answered by then stands still.
const ANSWER_WITHIN: Duration = Duration::from_millis(50);

/// Reads the leases of all nodes until it is dropped.
pub(crate) struct LeaseWatch {
    known: Arc<Mutex<Known>>,
    _reader: JoinSet<()>,
}

#[derive(Default)]
struct Known {
    nodes: BTreeMap<usize, Reach>,
    frozen: BTreeSet<usize>,
    /// What nodes said last: who stands still is not asked.
    told: LeaseDeadlines,
    /// The latest deadline of every term.
    latest: LeaseDeadlines,
    samples: u64,
    overlap: Duration,
    first_overlap: Option<[Term; 2]>,
    last_sample: Option<BootInstant>,
}

/// What was seen of leases.
#[derive(Clone, Debug)]
pub(crate) struct SeenLeases {
    /// How often all leases were read.
    pub(crate) samples: u64,
    /// How long more than one was valid.
    pub(crate) overlap: Duration,
    /// The first two terms whose leases were valid at once.
    pub(crate) first_overlap: Option<[Term; 2]>,
}

impl LeaseWatch {
    /// Looks every so often.
    pub(crate) fn start(every: Duration) -> Self {
        let known = Arc::new(Mutex::new(Known::default()));
        let mut reader = JoinSet::new();
        let shared = Arc::clone(&known);
        reader.spawn(async move {
            loop {
                sample(&shared).await;
                sleep(every).await;
            }
        });
        Self {
            known,
            _reader: reader,
        }
    }

    /// A node runs, or has ended, and its lease with it.
    pub(crate) fn set(&self, place: usize, reach: Option<Reach>) {
        let mut known = lock(&self.known);
        known.told.retain(|(told, _), _| *told != place);
        known.frozen.remove(&place);
        match reach {
            Some(reach) => known.nodes.insert(place, reach),
            None => known.nodes.remove(&place),
        };
    }

    /// From now on the node keeps the lease that it had, or is asked again.
    pub(crate) fn freeze(&self, place: usize, frozen: bool) {
        let mut known = lock(&self.known);
        match frozen {
            true => known.frozen.insert(place),
            false => known.frozen.remove(&place),
        };
    }

    /// The latest deadline that a term's lease was seen with.
    pub(crate) fn latest(&self, term: Term) -> Option<BootInstant> {
        lock(&self.known).latest.get(&term).copied()
    }

    pub(crate) fn seen(&self) -> SeenLeases {
        let known = lock(&self.known);
        SeenLeases {
            samples: known.samples,
            overlap: known.overlap,
            first_overlap: known.first_overlap,
        }
    }
}

/// One look at every lease. Without the answer of a node that is not known to stand still, it counts
/// for nothing.
async fn sample(known: &Mutex<Known>) {
    let Some(before) = read(known).await else {
        return;
    };
    let at = BootInstant::now();
    let Some(after) = read(known).await else {
        return;
    };
    let valid = valid_leases(&before, at, &after);
    let mut known = lock(known);
    known.samples += 1;
    let since_last = known
        .last_sample
        .replace(at)
        .map(|last| at.saturating_since(last));
    if let [one, other, ..] = valid[..] {
        known.overlap += since_last.unwrap_or_default().max(Duration::from_nanos(1));
        known.first_overlap.get_or_insert([one, other]);
    }
    for (term, deadline) in before {
        let latest = known.latest.entry(term).or_insert(deadline);
        *latest = deadline.max(*latest);
    }
}

async fn read(known: &Mutex<Known>) -> Option<LeaseDeadlines> {
    let (nodes, frozen) = {
        let known = lock(known);
        (known.nodes.clone(), known.frozen.clone())
    };
    let mut deadlines = LeaseDeadlines::new();
    for (place, reach) in nodes {
        if frozen.contains(&place) {
            let known = lock(known);
            let told = known.told.iter().filter(|((told, _), _)| *told == place);
            deadlines.extend(told.map(|(term, deadline)| (*term, *deadline)));
            continue;
        }
        let Some(epoch) = leading_epoch(&reach) else {
            continue;
        };
        let term = (place, epoch);
        let answer = timeout(ANSWER_WITHIN, reach.lease.deadline()).await;
        let deadline = match answer {
            Ok(deadline) => deadline.ok().flatten(),
            // It was frozen while it was asked, or the machine is busy.
            Err(_) => return None,
        };
        let mut known = lock(known);
        match deadline {
            Some(deadline) if known.nodes.contains_key(&place) => {
                known.told.insert(term, deadline);
                deadlines.insert(term, deadline);
            }
            _ => drop(known.told.remove(&term)),
        }
    }
    Some(deadlines)
}

fn leading_epoch(reach: &Reach) -> Option<Epoch> {
    let mut states = reach.driver.leadership_events();
    let state = tokio::task::unconstrained(states.next()).now_or_never()??;
    state.leading_epoch()
}

/// What it guards is whole between any two statements.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
