//! Clients that look for the leader themselves, by hint or by chance, as those of a service do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::watch;
use tokio::task::{JoinSet, unconstrained};
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, LeaderHint, LeaderState};
use tsoracle_testbed::{Cluster, Patience};

use crate::poll::poll_at_most;
use crate::traffic::{Mix, Tally};
use crate::{Outcome, Stop};

/// Between two calls of a client.
const LONGEST_PAUSE: Duration = Duration::from_millis(6);
/// How often a call that is to be dropped may be pending.
const POLLS_BEFORE_DROP: usize = 4;

/// Clients under way, on every node of a cluster. They go on whatever they are told.
pub(crate) struct Roaming {
    clients: JoinSet<Tally>,
    shared: Arc<Shared>,
}

struct Shared {
    mix: Mix,
    drivers: Mutex<Vec<Arc<dyn ConsensusDriver>>>,
    /// Where each service endpoint is.
    places: BTreeMap<String, usize>,
    next: AtomicU64,
    /// The greatest value that a call has returned: no call that begins from now on returns less.
    returned: AtomicU64,
    stale: Mutex<Option<String>>,
    stop: AtomicBool,
    answered: watch::Sender<u64>,
}

impl Roaming {
    /// Lets the clients loose on a cluster of which every node runs.
    pub(crate) fn start(cluster: &Cluster, mix: Mix, seed: u64) -> Result<Self, Stop> {
        let endpoint = |node: &tsoracle_testbed::TestNode| node.service_endpoint();
        let endpoints: Vec<String> = cluster
            .nodes()
            .iter()
            .map(endpoint)
            .collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            mix,
            drivers: Mutex::new(drivers(cluster)?),
            places: endpoints.into_iter().zip(0..).collect(),
            next: AtomicU64::new(mix.from),
            returned: AtomicU64::new(0),
            stale: Mutex::default(),
            stop: AtomicBool::new(false),
            answered: watch::Sender::new(0),
        });
        let nodes = cluster.nodes().len();
        let clients = (0..mix.clients)
            .map(|number| Client {
                shared: Arc::clone(&shared),
                rng: ChaCha8Rng::seed_from_u64(seed ^ (number << 32)),
                at: usize::try_from(number).unwrap_or_default() % nodes,
                epoch: Epoch::ZERO,
                tally: Tally::default(),
            })
            .map(Client::run)
            .collect();
        Ok(Self { clients, shared })
    }

    /// Lets the clients find the nodes that were started since.
    pub(crate) fn refresh(&self, cluster: &Cluster) {
        let mut drivers = lock(&self.shared.drivers);
        for (driver, node) in drivers.iter_mut().zip(cluster.nodes()) {
            if let Ok(present) = node.driver() {
                *driver = present;
            }
        }
    }

    /// The greatest value that a call has returned so far.
    pub(crate) fn returned(&self) -> u64 {
        self.shared.returned.load(Ordering::SeqCst)
    }

    /// Waits until this many more persists were acknowledged.
    pub(crate) async fn wait_for_more(
        &self,
        acknowledged: u64,
        patience: Patience,
    ) -> Result<(), Stop> {
        let mut answered = self.shared.answered.subscribe();
        let wanted = *answered.borrow() + acknowledged;
        let what = format!("{acknowledged} more acknowledged persists");
        let reached = answered.wait_for(|answered| *answered >= wanted);
        let reached = patience.wait_for(&what, reached).await;
        // What was stale says more than that nothing came after it.
        self.ensure_fresh()?;
        reached?
            .map(drop)
            .map_err(|closed| Stop::Invalid(closed.to_string()))
    }

    /// Tells the clients to stop and waits for the calls that are under way. A call that returned
    /// less than one that had ended before it began is a failure (R1, P2).
    pub(crate) async fn finish(mut self, patience: Patience) -> Result<Tally, Stop> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut total = Tally::default();
        let what = "an answer to every call";
        while let Some(tally) = patience.wait_for(what, self.clients.join_next()).await? {
            total.add(tally?);
        }
        self.ensure_fresh()?;
        Ok(total)
    }

    fn ensure_fresh(&self) -> Result<(), Stop> {
        let stale = lock(&self.shared.stale).clone();
        stale.map_or(Ok(()), |stale| Err(Stop::Failed(stale)))
    }
}

struct Client {
    shared: Arc<Shared>,
    rng: ChaCha8Rng,
    at: usize,
    epoch: Epoch,
    tally: Tally,
}

impl Client {
    async fn run(mut self) -> Tally {
        while !self.shared.stop.load(Ordering::SeqCst) {
            if let Err(error) = self.call().await {
                self.move_on(&error);
            }
            let pause = self.rng.random_range(Duration::ZERO..=LONGEST_PAUSE);
            tokio::time::sleep(pause).await;
        }
        self.tally
    }

    /// To the hinted node, or to any; nowhere if the epoch alone was at fault.
    fn move_on(&mut self, error: &ConsensusError) {
        let anywhere = self.rng.random_range(0..self.shared.places.len());
        self.at = match error {
            ConsensusError::Fenced { .. } => return,
            ConsensusError::NotLeader { leader: Some(hint) } => self.place(hint, anywhere),
            _ => anywhere,
        };
        self.tally.refused += 1;
    }

    /// A hint may be old: one in four is not followed.
    fn place(&mut self, hint: &LeaderHint, anywhere: usize) -> usize {
        let hinted = self.shared.places.get(&hint.endpoint).copied();
        let follows = self.rng.random_bool(0.75);
        hinted.filter(|_| follows).unwrap_or(anywhere)
    }

    async fn call(&mut self) -> Result<(), ConsensusError> {
        let Mix { loads, drops, .. } = self.shared.mix;
        let driver = Arc::clone(&lock(&self.shared.drivers)[self.at]);
        let choice = self.rng.random_range(0..100);
        let known = self.shared.returned.load(Ordering::SeqCst);
        if choice < loads {
            let loaded = driver.load_high_water().await?;
            self.note("a load", known, loaded);
            return Ok(());
        }
        // A node that does not lead is asked all the same: it has to refuse.
        let mut states = driver.leadership_events();
        let shown = unconstrained(states.next()).now_or_never().flatten();
        if let Some(epoch) = shown.as_ref().and_then(LeaderState::leading_epoch) {
            self.epoch = epoch;
        }
        let at_least = self.choose_value();
        let persist = driver.persist_high_water(at_least, self.epoch);
        let answer = if choice < loads + drops {
            let polls = self.rng.random_range(1..=POLLS_BEFORE_DROP);
            poll_at_most(polls, persist).await
        } else {
            Some(persist.await)
        };
        if !answer.as_ref().is_some_and(is_refusal) {
            self.tally.highest_proposed = self.tally.highest_proposed.max(at_least);
        }
        match answer {
            Some(answer) => {
                self.note("a persist", known, answer?);
                self.tally.acknowledged += 1;
                self.shared.answered.send_modify(|answered| *answered += 1);
            }
            None => self.tally.dropped += 1,
        }
        Ok(())
    }

    /// Now and then above everything so far, mostly a little below.
    fn choose_value(&mut self) -> u64 {
        if self.rng.random_bool(0.2) {
            let step = self.rng.random_range(1..=3);
            self.shared.next.fetch_add(step, Ordering::SeqCst)
        } else {
            let next = self.shared.next.load(Ordering::SeqCst);
            next.saturating_sub(self.rng.random_range(4..=20))
        }
    }

    fn note(&mut self, call: &str, known: u64, returned: u64) {
        self.tally.highest_returned = self.tally.highest_returned.max(returned);
        self.shared.returned.fetch_max(returned, Ordering::SeqCst);
        if returned < known {
            let node = self.at + 1;
            let stale = format!(
                "{call} on node {node} returned {returned}, and {known} had been returned before it \
                 began"
            );
            lock(&self.shared.stale).get_or_insert(stale);
        }
    }
}

fn drivers(cluster: &Cluster) -> Result<Vec<Arc<dyn ConsensusDriver>>, Stop> {
    let drivers = cluster.nodes().iter().map(|node| Ok(node.driver()?));
    drivers.collect()
}

fn is_refusal(answer: &Result<u64, ConsensusError>) -> bool {
    matches!(Outcome::of(answer), Outcome::Refused(_))
}

/// What these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
