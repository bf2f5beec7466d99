//! What nodes show of their leadership, with the time at which they showed it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tsoracle_consensus::{BootInstant, ConsensusDriver, ConsensusError, Epoch, LeaderState};
use tsoracle_core::Clock;

use super::places::Places;

/// Between two tries of a load or a persist that opens a term.
const TRY_EVERY: Duration = Duration::from_millis(2);
/// A term that was not opened by then belongs to a leader that does not serve.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// One state of one node, when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// When.
    pub at: BootInstant,
    /// The node's place.
    pub place: usize,
    /// What it showed.
    pub state: Seen,
}

/// A state without its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It leads with this epoch.
    Leader(Epoch),
    /// It follows; the epoch of its hint, if it gives one.
    Follower(Option<Epoch>),
    /// It asks to be elected.
    Candidate,
    /// It knows of no leader, or its stream has ended.
    NoLeader,
}

/// When a new leader could do what a service needs of it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The leader's place.
    pub place: usize,
    /// Its epoch.
    pub epoch: Epoch,
    /// When its first load had ended.
    pub loaded: Option<BootInstant>,
    /// When its first persist after that was acknowledged.
    pub persisted: Option<BootInstant>,
}

#[derive(Debug, Default)]
struct Written {
    sights: Vec<Sight>,
    openings: Vec<Opening>,
}

/// Reads the streams of nodes, and opens every term that they show as a service would: a load, then
/// a persist. Dropping it ends that.
pub struct Timeline {
    written: Arc<watch::Sender<Written>>,
    values: Arc<dyn Clock>,
    readers: JoinSet<()>,
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl Timeline {
    /// Nothing is read yet. What it persists comes from `values`.
    #[must_use]
    pub fn new(values: Arc<dyn Clock>) -> Self {
        Self {
            written: Arc::new(watch::Sender::new(Written::default())),
            values,
            readers: JoinSet::new(),
        }
    }

    /// Begins to read a node that has been started, for as long as its stream lasts.
    pub fn follow(&mut self, places: &Places, place: usize) {
        let Some(driver) = places.driver(place) else {
            return;
        };
        let (written, values) = (Arc::clone(&self.written), Arc::clone(&self.values));
        self.readers.spawn(read(driver, place, written, values));
        while self.readers.try_join_next().is_some() {}
    }

    /// Every state so far, in the order in which they were read.
    #[must_use]
    pub fn sights(&self) -> Vec<Sight> {
        self.written.borrow().sights.clone()
    }

    /// The openings of all terms so far.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        self.written.borrow().openings.clone()
    }

    /// Returns once the states so far fit. Without an end of its own: give it a limit.
    pub async fn wait_until(&self, fits: impl Fn(&[Sight]) -> bool) {
        let mut seen = self.written.subscribe();
        // The sender lives as long as this does.
        let _ = seen.wait_for(|written| fits(&written.sights)).await;
    }

    /// Terms of leadership that began in a span of time: each epoch once.
    #[must_use]
    pub fn terms(&self, from: BootInstant, until: BootInstant) -> Vec<(usize, Epoch)> {
        let mut terms = Vec::new();
        let mut known = Vec::new();
        for sight in &self.written.borrow().sights {
            let Seen::Leader(epoch) = sight.state else {
                continue;
            };
            if known.contains(&epoch) {
                continue;
            }
            known.push(epoch);
            if (from..until).contains(&sight.at) {
                terms.push((sight.place, epoch));
            }
        }
        terms
    }
}

async fn read(
    driver: Arc<dyn ConsensusDriver>,
    place: usize,
    written: Arc<watch::Sender<Written>>,
    values: Arc<dyn Clock>,
) {
    let mut states = driver.leadership_events();
    let mut openings = JoinSet::new();
    while let Some(state) = states.next().await {
        let seen = seen(&state);
        note(&written, place, seen);
        if let Seen::Leader(epoch) = seen {
            let opening = open(
                Arc::clone(&driver),
                place,
                epoch,
                Arc::clone(&written),
                Arc::clone(&values),
            );
            openings.spawn(async move {
                // One that takes longer stays without an end.
                let _ = timeout(OPEN_WITHIN, opening).await;
            });
        }
    }
    note(&written, place, Seen::NoLeader);
}

fn note(written: &watch::Sender<Written>, place: usize, state: Seen) {
    let at = BootInstant::now();
    written.send_modify(|written| written.sights.push(Sight { at, place, state }));
}

fn seen(state: &LeaderState) -> Seen {
    match state {
        LeaderState::Leader { epoch, .. } => Seen::Leader(*epoch),
        LeaderState::Follower { leader } => Seen::Follower(leader.as_ref().map(|l| l.epoch)),
        LeaderState::Candidate => Seen::Candidate,
        LeaderState::NoLeader => Seen::NoLeader,
    }
}

async fn open(
    driver: Arc<dyn ConsensusDriver>,
    place: usize,
    epoch: Epoch,
    written: Arc<watch::Sender<Written>>,
    values: Arc<dyn Clock>,
) {
    let mut opening = Opening {
        place,
        epoch,
        loaded: None,
        persisted: None,
    };
    if until_it_works(|| driver.load_high_water()).await {
        opening.loaded = Some(BootInstant::now());
        let at_least = values.now_ms();
        if until_it_works(|| driver.persist_high_water(at_least, epoch)).await {
            opening.persisted = Some(BootInstant::now());
        }
    }
    written.send_modify(|written| written.openings.push(opening));
}

/// Whether a call succeeded before it was refused for good.
async fn until_it_works<T, F>(mut call: impl FnMut() -> F) -> bool
where
    F: Future<Output = Result<T, ConsensusError>>,
{
    loop {
        match call().await {
            Ok(_) => return true,
            Err(ConsensusError::Transient(_)) => sleep(TRY_EVERY).await,
            Err(_) => return false,
        }
    }
}
