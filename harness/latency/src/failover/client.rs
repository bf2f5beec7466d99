//! One client: a persist that is tried until somebody acknowledges it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tsoracle_consensus::{BootInstant, ConsensusError, Epoch, LeaderHint};

use super::places::{Places, epoch_at};
use super::prober::Pace;
use super::probes::{Probe, Record};

/// What a call that was given up is counted as.
const UNANSWERED: &str = "Unanswered";
/// What a call to a node that does not run is counted as.
const DOWN: &str = "Down";
/// The longest pause between two tries, in intervals of the prober.
const LONGEST_PAUSE: u32 = 10;

/// What the clients of one prober share: where they last found a leader.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) places: Places,
    pub(super) pace: Pace,
    pub(super) believed: AtomicUsize,
    pub(super) record: Arc<Record>,
}

/// How one call of one client ended.
struct Answered {
    place: usize,
    epoch: Epoch,
    began: BootInstant,
    answer: Result<u64, Refusal>,
}

enum Refusal {
    Driver(ConsensusError),
    Down,
}

/// Calls under way, each with the place and the moment in which it was made.
struct Client<'a> {
    clients: &'a Clients,
    at_least: u64,
    calls: FuturesUnordered<BoxFuture<'static, Answered>>,
    open: Vec<(usize, BootInstant)>,
    made: u32,
    redirects: usize,
    pause: Duration,
    target: usize,
}

impl Clients {
    /// Persists `at_least` wherever it is taken, from the intended moment on until the pace says to
    /// give up. Whoever refuses with a hint sends the client there at once; after any other refusal
    /// it pauses and asks the next node; a node that does not answer is not waited for.
    pub(super) async fn probe(self: Arc<Self>, at_least: u64, intended: BootInstant) {
        let limit = Instant::now() + self.pace.give_up;
        let mut client = Client {
            clients: &self,
            at_least,
            calls: FuturesUnordered::new(),
            open: Vec::new(),
            made: 0,
            redirects: 0,
            pause: self.pace.interval,
            target: self.believed.load(Ordering::Relaxed),
        };
        let answer = client.run(limit).await;
        client.give_up();
        let probe = Probe {
            intended,
            ended: BootInstant::now(),
            answer,
            calls: client.made,
        };
        self.record.note(probe);
    }

    fn next_place(&self, place: usize) -> usize {
        (place + 1) % self.places.count().max(1)
    }
}

impl Client<'_> {
    async fn run(&mut self, limit: Instant) -> Option<(usize, Epoch)> {
        let mut next_call = Instant::now();
        loop {
            tokio::select! {
                biased;
                Some(answered) = self.calls.next(), if !self.calls.is_empty() => {
                    match self.take(answered) {
                        Taken::Acknowledged(place, epoch) => return Some((place, epoch)),
                        Taken::Refused { again_in } => next_call = Instant::now() + again_in,
                    }
                }
                () = sleep_until(limit) => return None,
                () = sleep_until(next_call) => {
                    self.call();
                    // Whoever has not answered by then is not worth waiting for.
                    next_call = Instant::now() + self.clients.pace.hedge;
                    self.target = self.clients.next_place(self.target);
                }
            }
        }
    }

    fn call(&mut self) {
        let (place, at_least, began) = (self.target, self.at_least, BootInstant::now());
        let driver = self.clients.places.driver(place);
        self.made += 1;
        self.open.push((place, began));
        let call: BoxFuture<'static, Answered> = Box::pin(async move {
            let Some(driver) = driver else {
                let (epoch, answer) = (Epoch::new(0), Err(Refusal::Down));
                return Answered {
                    place,
                    epoch,
                    began,
                    answer,
                };
            };
            let epoch = epoch_at(driver.as_ref());
            let answer = driver.persist_high_water(at_least, epoch).await;
            let answer = answer.map_err(Refusal::Driver);
            Answered {
                place,
                epoch,
                began,
                answer,
            }
        });
        self.calls.push(call);
    }

    fn take(&mut self, answered: Answered) -> Taken {
        let Answered {
            place,
            epoch,
            began,
            answer,
        } = answered;
        let same = |open: &(usize, BootInstant)| *open == (place, began);
        if let Some(at) = self.open.iter().position(same) {
            self.open.swap_remove(at);
        }
        let refusal = match answer {
            Ok(_) => {
                self.believe(place);
                return Taken::Acknowledged(place, epoch);
            }
            Err(refusal) => refusal,
        };
        let took = BootInstant::now().saturating_since(began);
        let class = match &refusal {
            Refusal::Driver(error) => error.class(),
            Refusal::Down => DOWN,
        };
        self.clients.record.refused(class, took);
        let hint = match &refusal {
            Refusal::Driver(ConsensusError::NotLeader { leader }) => self.hinted(leader.as_ref()),
            _ => None,
        };
        match hint.filter(|hinted| *hinted != place && self.redirects < self.clients.places.count())
        {
            Some(hinted) => {
                self.redirects += 1;
                self.believe(hinted);
                self.target = hinted;
                Taken::Refused {
                    again_in: Duration::ZERO,
                }
            }
            None => {
                self.redirects = 0;
                self.target = self.clients.next_place(place);
                let pause = self.pause;
                let longest = self.clients.pace.interval * LONGEST_PAUSE;
                self.pause = (self.pause * 2).min(longest);
                Taken::Refused { again_in: pause }
            }
        }
    }

    fn hinted(&self, hint: Option<&LeaderHint>) -> Option<usize> {
        self.clients.places.at(&hint?.endpoint)
    }

    fn believe(&self, place: usize) {
        self.clients.believed.store(place, Ordering::Relaxed);
    }

    fn give_up(&mut self) {
        let now = BootInstant::now();
        for (_, began) in self.open.drain(..) {
            let waited = now.saturating_since(began);
            self.clients.record.refused(UNANSWERED, waited);
        }
    }
}

enum Taken {
    Acknowledged(usize, Epoch),
    Refused { again_in: Duration },
}
