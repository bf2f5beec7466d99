//! Calls from many tasks on one leader, for checks that act while the driver is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tsoracle_consensus::ConsensusError;
use tsoracle_testbed::{Leader, Patience};

use crate::poll::poll_at_most;
use crate::{Outcome, Stop};

/// A client that has made this many calls pauses between further ones, so that a driver without
/// I/O does not fill the memory with its history.
const CALLS_AT_FULL_SPEED: u64 = 500;
const PAUSE: Duration = Duration::from_millis(1);
/// How often a call that is to be dropped may be pending.
const POLLS_BEFORE_DROP: usize = 4;

/// What the clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    /// How many tasks.
    pub(crate) clients: u64,
    /// The first value that is persisted; later ones rise, and most lag a little behind.
    pub(crate) from: u64,
    /// Loads, of a hundred calls.
    pub(crate) loads: u32,
    /// Persists whose future is dropped early, of a hundred calls.
    pub(crate) drops: u32,
}

/// Clients under way. Each stops at the first error that is not `Transient`, or when told to.
pub(crate) struct Traffic {
    clients: JoinSet<Tally>,
    shared: Arc<Shared>,
}

/// What the clients have done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Persists that were acknowledged.
    pub(crate) acknowledged: u64,
    /// The greatest value that a call returned.
    pub(crate) highest_returned: u64,
    /// The greatest value that was asked for, by a persist that may have had an effect.
    pub(crate) highest_proposed: u64,
    /// Persists that were dropped before they had an answer.
    pub(crate) dropped: u64,
    /// Clients that stopped because they were refused.
    pub(crate) refused: u64,
}

struct Shared {
    mix: Mix,
    next: AtomicU64,
    stop: AtomicBool,
    answered: watch::Sender<u64>,
}

impl Traffic {
    /// Lets the clients loose.
    pub(crate) fn start(leader: &Leader, mix: Mix, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            mix,
            next: AtomicU64::new(mix.from),
            stop: AtomicBool::new(false),
            answered: watch::Sender::new(0),
        });
        let clients = (0..mix.clients)
            .map(|number| Client {
                leader: leader.clone(),
                shared: Arc::clone(&shared),
                rng: ChaCha8Rng::seed_from_u64(seed ^ (number << 32)),
                tally: Tally::default(),
            })
            .map(Client::run)
            .collect();
        Self { clients, shared }
    }

    /// Waits until this many persists were acknowledged.
    pub(crate) async fn wait_for(&self, acknowledged: u64, patience: Patience) -> Result<(), Stop> {
        let mut answered = self.shared.answered.subscribe();
        let what = format!("{acknowledged} acknowledged persists");
        let reached = answered.wait_for(|answered| *answered >= acknowledged);
        patience
            .wait_for(&what, reached)
            .await?
            .map(drop)
            .map_err(|closed| Stop::Invalid(closed.to_string()))
    }

    /// Waits until the driver has refused every client, as it does after a shutdown.
    pub(crate) async fn wait_for_refusals(self, patience: Patience) -> Result<Tally, Stop> {
        self.join(patience).await
    }

    /// Tells the clients to stop and waits for the calls that are under way.
    pub(crate) async fn finish(self, patience: Patience) -> Result<Tally, Stop> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join(patience).await
    }

    async fn join(mut self, patience: Patience) -> Result<Tally, Stop> {
        let what = "an answer to every call";
        let mut total = Tally::default();
        while let Some(tally) = patience.wait_for(what, self.clients.join_next()).await? {
            total.add(tally?);
        }
        Ok(total)
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.highest_returned = self.highest_returned.max(other.highest_returned);
        self.highest_proposed = self.highest_proposed.max(other.highest_proposed);
        self.dropped += other.dropped;
        self.refused += other.refused;
    }
}

struct Client {
    leader: Leader,
    shared: Arc<Shared>,
    rng: ChaCha8Rng,
    tally: Tally,
}

impl Client {
    async fn run(mut self) -> Tally {
        let mut calls = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            match self.call().await {
                Ok(()) | Err(ConsensusError::Transient(_)) => {}
                Err(_) => {
                    self.tally.refused += 1;
                    break;
                }
            }
            calls += 1;
            if calls < CALLS_AT_FULL_SPEED {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.tally
    }

    async fn call(&mut self) -> Result<(), ConsensusError> {
        let Mix { loads, drops, .. } = self.shared.mix;
        let choice = self.rng.random_range(0..100);
        if choice < loads {
            let loaded = self.leader.driver.load_high_water().await?;
            self.tally.highest_returned = self.tally.highest_returned.max(loaded);
            return Ok(());
        }
        let at_least = self.choose_value();
        let driver = Arc::clone(&self.leader.driver);
        let persist = driver.persist_high_water(at_least, self.leader.epoch);
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
            Some(answer) => self.note(answer?),
            None => self.tally.dropped += 1,
        }
        Ok(())
    }

    /// Now and then above everything so far, mostly a little below: the last to be answered is
    /// seldom the highest.
    fn choose_value(&mut self) -> u64 {
        if self.rng.random_bool(0.2) {
            let step = self.rng.random_range(1..=3);
            self.shared.next.fetch_add(step, Ordering::Relaxed)
        } else {
            let next = self.shared.next.load(Ordering::Relaxed);
            next.saturating_sub(self.rng.random_range(4..=20))
        }
    }

    fn note(&mut self, returned: u64) {
        self.tally.acknowledged += 1;
        self.tally.highest_returned = self.tally.highest_returned.max(returned);
        self.shared.answered.send_modify(|answered| *answered += 1);
    }
}

fn is_refusal(answer: &Result<u64, ConsensusError>) -> bool {
    matches!(Outcome::of(answer), Outcome::Refused(_))
}
