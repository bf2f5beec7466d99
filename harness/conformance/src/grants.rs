//! Timestamps asked for by many clients at once, and whether their order is that of real time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tsoracle_core::{ManualClock, TimestampRange};
use tsoracle_testbed::Patience;

use crate::{Oracle, OracleError, Recording, Stop};

/// How clients ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The longest batch.
    longest: u32,
    /// Whether they move the oracle's clock to and fro.
    moves_the_clock: bool,
}

impl Pace {
    /// Batches of which some run into the next millisecond, and a clock that wanders: a window is
    /// soon used up.
    pub(crate) const BUSY: Self = Self {
        longest: 400_000,
        moves_the_clock: true,
    };
    /// A window lasts for as long as a lease and longer.
    pub(crate) const CALM: Self = Self {
        longest: 20_000,
        moves_the_clock: false,
    };
}

/// A client pauses this long between two requests: a grant within a window costs no I/O.
const PAUSE: Duration = Duration::from_micros(200);

/// One request that was granted: from when to when, and what.
#[derive(Clone, Copy)]
pub(crate) struct Grant {
    began_ns: u64,
    ended_ns: u64,
    range: TimestampRange,
}

/// Every grant of a check, over all terms of leadership.
#[derive(Clone)]
pub(crate) struct Grants {
    granted: Arc<watch::Sender<Vec<Grant>>>,
    clock: Recording,
}

impl Grants {
    pub(crate) fn new() -> Self {
        Self {
            granted: Arc::new(watch::Sender::new(Vec::new())),
            clock: Recording::default(),
        }
    }

    /// Asks one oracle and notes what it grants.
    pub(crate) async fn request(
        &self,
        oracle: &Mutex<Oracle>,
        count: NonZeroU32,
    ) -> Result<(), OracleError> {
        let began_ns = self.clock.now_ns();
        let range = oracle.lock().await.grant(count).await?;
        let ended_ns = self.clock.now_ns();
        self.granted.send_modify(|grants| {
            grants.push(Grant {
                began_ns,
                ended_ns,
                range,
            });
        });
        Ok(())
    }

    /// Waits until there are this many more.
    pub(crate) async fn wait_for(&self, more: usize, patience: Patience) -> Result<(), Stop> {
        let mut seen = self.granted.subscribe();
        let enough = seen.borrow().len() + more;
        let reached = seen.wait_for(|grants| grants.len() >= enough);
        patience
            .wait_for(&format!("{more} more timestamps"), reached)
            .await?
            .map(drop)
            .map_err(|closed| Stop::Invalid(closed.to_string()))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.granted.borrow().len() as u64
    }

    /// The ranges of two requests, the first of which ended before the second began and is not
    /// below it, if there are such two.
    pub(crate) fn contradiction(&self) -> Option<[TimestampRange; 2]> {
        let mut by_begin = self.granted.borrow().clone();
        let mut by_end = by_begin.clone();
        by_begin.sort_by_key(|grant| grant.began_ns);
        by_end.sort_by_key(|grant| grant.ended_ns);
        let mut ended = by_end.into_iter().peekable();
        let mut greatest: Option<Grant> = None;
        by_begin.into_iter().find_map(|grant| {
            while let Some(earlier) = ended.next_if(|earlier| earlier.ended_ns < grant.began_ns) {
                if greatest.is_none_or(|so_far| earlier.range.last() > so_far.range.last()) {
                    greatest = Some(earlier);
                }
            }
            let earlier = greatest?;
            (grant.range.first() <= earlier.range.last()).then_some([earlier.range, grant.range])
        })
    }
}

/// Clients that ask one oracle, while its clock wanders.
pub(crate) struct Clients {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Clients {
    pub(crate) fn start(
        (number, pace): (u64, Pace),
        oracle: &Arc<Mutex<Oracle>>,
        clock: &ManualClock,
        grants: &Grants,
        seed: u64,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number| Client {
            oracle: Arc::clone(oracle),
            clock: clock.clone(),
            grants: grants.clone(),
            stop: Arc::clone(&stop),
            pace,
            rng: ChaCha8Rng::seed_from_u64(seed ^ (number << 32)),
        };
        let tasks = (0..number).map(client).map(Client::run).collect();
        Self { tasks, stop }
    }

    /// Tells the clients to stop and waits for the requests that are under way.
    pub(crate) async fn finish(mut self, patience: Patience) -> Result<(), Stop> {
        self.stop.store(true, Ordering::Relaxed);
        let what = "the end of every request";
        while let Some(client) = patience.wait_for(what, self.tasks.join_next()).await? {
            client?;
        }
        Ok(())
    }
}

struct Client {
    oracle: Arc<Mutex<Oracle>>,
    clock: ManualClock,
    grants: Grants,
    stop: Arc<AtomicBool>,
    pace: Pace,
    rng: ChaCha8Rng,
}

impl Client {
    async fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            if self.pace.moves_the_clock {
                self.move_the_clock();
            }
            let count = self.rng.random_range(1..=self.pace.longest);
            let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
            // A refusal is no timestamp; whether there are enough is for the check to say.
            let _ = self.grants.request(&self.oracle, count).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn move_the_clock(&mut self) {
        match self.rng.random_range(0..10) {
            0 => self.clock.advance(self.rng.random_range(0..30)),
            1 => self.clock.rewind(self.rng.random_range(0..30)),
            _ => {}
        }
    }
}
