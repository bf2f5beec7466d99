//! Clients that go to whoever leads, through faults and changes of leaders and members.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::watch;
use tokio::task::{JoinSet, unconstrained};
use tokio::time::{sleep, timeout};
use tsoracle_consensus::{ConsensusDriver, Epoch, LeaderState};
use tsoracle_testbed::{Cluster, Patience};

use crate::Stop;
use crate::case::Case;
use crate::service::asks_to_retry;

/// Between two calls of one client.
const PAUSE: Duration = Duration::from_millis(3);
/// Calls to a leader that may have been deposed, of a hundred.
const STRAYS: u32 = 15;
/// Loads, of a hundred calls.
const LOADS: u32 = 30;

type Driver = Arc<dyn ConsensusDriver>;

/// Clients under way.
pub(crate) struct Crowd {
    clients: JoinSet<()>,
    shared: Arc<Shared>,
}

/// What the clients were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Persists that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Calls that were refused in a way that asks to try again.
    pub(crate) refused: u64,
    /// Calls that had no answer, for a node that stands still.
    pub(crate) unanswered: u64,
    /// The greatest value that a call returned.
    pub(crate) highest_returned: u64,
    /// The greatest value that was asked for.
    pub(crate) highest_proposed: u64,
    /// Refusals that no caller of a healthy node should see.
    pub(crate) unexpected: Vec<String>,
}

struct Shared {
    drivers: Mutex<Vec<Driver>>,
    next: AtomicU64,
    stop: AtomicBool,
    told: watch::Sender<Told>,
    limit: Duration,
}

impl Crowd {
    /// Lets so many clients loose; they persist rising values above `above`.
    pub(crate) fn start(case: &Case, cluster: &Cluster, clients: u64, above: u64) -> Self {
        let shared = Arc::new(Shared {
            drivers: Mutex::default(),
            next: AtomicU64::new(above + 1),
            stop: AtomicBool::new(false),
            told: watch::Sender::new(Told::default()),
            limit: case.timing().deadline * 2,
        });
        let clients = (0..clients)
            .map(|number| Client {
                shared: Arc::clone(&shared),
                rng: ChaCha8Rng::seed_from_u64(case.seed() ^ (number << 32)),
            })
            .map(Client::run)
            .collect();
        let crowd = Self { clients, shared };
        crowd.look(cluster);
        crowd
    }

    /// Tells the clients which nodes run; to be called after each start.
    pub(crate) fn look(&self, cluster: &Cluster) {
        let running = cluster.nodes().iter().filter_map(|node| node.driver().ok());
        *self
            .shared
            .drivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = running.collect();
    }

    /// What the clients were told so far.
    pub(crate) fn told(&self) -> Told {
        self.shared.told.borrow().clone()
    }

    /// Waits until so many more persists were acknowledged.
    pub(crate) async fn wait_for(&self, more: u64, patience: Patience) -> Result<(), Stop> {
        let mut told = self.shared.told.subscribe();
        let enough = told.borrow().acknowledged + more;
        let reached = told.wait_for(|told| told.acknowledged >= enough);
        let what = format!("{more} more acknowledged persists");
        patience
            .wait_for(&what, reached)
            .await?
            .map(drop)
            .map_err(|closed| Stop::Invalid(closed.to_string()))
    }

    /// Tells the clients to stop and waits for the calls that are under way.
    pub(crate) async fn finish(mut self, patience: Patience) -> Result<Told, Stop> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let what = "an answer to every call";
        while let Some(client) = patience.wait_for(what, self.clients.join_next()).await? {
            client?;
        }
        Ok(self.told())
    }
}

struct Client {
    shared: Arc<Shared>,
    rng: ChaCha8Rng,
}

impl Client {
    async fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Some((driver, epoch)) = self.choose_leader() {
                self.call(&*driver, epoch).await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Mostly the newest leader, now and then any that shows itself.
    fn choose_leader(&mut self) -> Option<(Driver, Epoch)> {
        let drivers = self.shared.drivers.lock();
        let drivers = drivers.unwrap_or_else(PoisonError::into_inner).clone();
        let shown = drivers.into_iter().filter_map(|driver| {
            let mut states = driver.leadership_events();
            let state = unconstrained(states.next()).now_or_never().flatten()?;
            match state {
                LeaderState::Leader { epoch, .. } => Some((driver, epoch)),
                _ => None,
            }
        });
        let mut leaders: Vec<_> = shown.collect();
        leaders.sort_by_key(|(_, epoch)| *epoch);
        if !leaders.is_empty() && self.rng.random_range(0..100) < STRAYS {
            let any = self.rng.random_range(0..leaders.len());
            return Some(leaders.swap_remove(any));
        }
        leaders.pop()
    }

    async fn call(&mut self, driver: &dyn ConsensusDriver, epoch: Epoch) {
        let is_load = self.rng.random_range(0..100) < LOADS;
        let at_least = self
            .shared
            .next
            .fetch_add(u64::from(!is_load), Ordering::Relaxed);
        if !is_load {
            self.shared.told.send_modify(|told| {
                told.highest_proposed = told.highest_proposed.max(at_least);
            });
        }
        let answer = async {
            match is_load {
                true => driver.load_high_water().await,
                false => driver.persist_high_water(at_least, epoch).await,
            }
        };
        let answer = timeout(self.shared.limit, answer).await;
        self.shared.told.send_modify(|told| match answer {
            Ok(Ok(value)) => {
                told.acknowledged += u64::from(!is_load);
                told.highest_returned = told.highest_returned.max(value);
            }
            Ok(Err(refusal)) if asks_to_retry(&refusal) => told.refused += 1,
            Ok(Err(other)) => told.unexpected.push(format!("{}: {other}", other.class())),
            Err(_) => told.unanswered += 1,
        });
    }
}
