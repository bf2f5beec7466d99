//! The nodes under test, their leader and its floor, and what is measured on them.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Runtime;
use tsoracle_testbed::{
    Backend, Cluster, ClusterPlan, Patience, Placement, TestbedError, TimedOut, allowance,
};

use crate::alternate::{Block, alternate, compare};
use crate::batch::{calls_per_sample, closed_loop};
use crate::floor::{Floor, boxed_call, durable_floor};
use crate::open_loop::{Ended, Schedule, open_loop};
use crate::options::Budget;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::subject::Subject;
use crate::syncs::{Watched, count_syncs};
use crate::time::{RealTime, Time, drive};
use crate::{
    Comparison, Concurrent, FloorKind, LatencyError, LatencyResults, OpenLoop, Options, Profile,
    Sends, Syncs,
};

const BLOCK: u32 = 100;
const PERSISTS_PER_ROUND: u32 = 64;
const ROUNDS_PER_BLOCK: u32 = 10;
const WARM_UP: u32 = 20;

const CLOSED: &str = "persist, closed loop";
const OPEN: &str = "persist, open loop";
const LOAD: &str = "load";
const CONCURRENT: &str = "concurrent persists";
const COUNT: &str = "count of syncs";

/// A running cluster, its leader, its floor, and a clock.
pub(crate) struct Bench {
    name: String,
    cluster: Cluster,
    subject: Subject,
    floor: Box<dyn Floor>,
    watched: Watched,
    time: RealTime,
}

impl Bench {
    /// Starts the smallest cluster and waits for its leader.
    pub(crate) fn start(
        backend: &Arc<dyn Backend>,
        options: &Options,
        dir: &Path,
        runtime: &Runtime,
    ) -> Result<Self, LatencyError> {
        let (capabilities, timing) = (backend.capabilities(), backend.timing());
        let plan = ClusterPlan {
            backend: Arc::clone(backend),
            size: capabilities.smallest_cluster(),
            dir: dir.to_owned(),
            placement: Placement::InProcess,
            seed: options.seed,
            decorate: Arc::new(|_, driver| driver),
        };
        let electing = timing.election_timeout * 10 + timing.lease.unwrap_or_default();
        let patience = Patience::new(allowance(electing));
        let started = runtime.block_on(async {
            let start = Cluster::start(&plan);
            let cluster = match patience.wait_for("the start of the nodes", start).await {
                Ok(cluster) => cluster.map_err(|source| refused(backend.name(), source))?,
                Err(source) => return Err(timed_out(backend.name(), source)),
            };
            let leader = cluster.leader(patience).await;
            let leader = leader.map_err(|source| timed_out(backend.name(), source))?;
            Ok((cluster, leader))
        });
        let (cluster, leader) = started?;
        let stores = cluster.nodes().iter().map(|node| node.dir().to_owned());
        let watched = Watched {
            stores: stores.collect(),
            durability: capabilities.durability,
        };
        let limit = allowance(timing.deadline);
        let subject = Subject::new(backend.name(), leader.driver, leader.epoch, limit, dir);
        Ok(Self {
            name: backend.name().to_owned(),
            subject,
            floor: durable_floor(&dir.join("floor"), plan.size)?,
            cluster,
            watched,
            time: RealTime::of_this_thread(),
        })
    }

    /// Shuts every node down.
    pub(crate) fn stop(mut self, runtime: &Runtime) -> Result<(), LatencyError> {
        runtime
            .block_on(self.cluster.shutdown_all())
            .map_err(|source| refused(&self.name, source))
    }

    /// Everything, one measurement after the other.
    pub(crate) fn measure(
        &self,
        options: &Options,
        progress: &Progress,
    ) -> Result<LatencyResults, LatencyError> {
        let profile = options.profile;
        let spinning = Spinning::start();
        self.subject.start_above_stored(&self.time)?;
        let persist_ns = self.warm_up()?;
        let at_rate = |rate_per_s: &u32| self.open_loop(profile, *rate_per_s, persist_ns, progress);
        Ok(LatencyResults {
            profile,
            nodes: self.watched.stores.len(),
            durability: self.watched.durability,
            spinners: spinning.record(),
            persist: self.closed_loop(profile.persist(), persist_ns, progress)?,
            persist_at_rate: options
                .rates_per_s
                .iter()
                .map(at_rate)
                .collect::<Result<_, _>>()?,
            load: self.load(profile.load(), progress)?,
            concurrent: self.concurrent(profile, persist_ns, progress)?,
            syncs: self.count_persists(profile, progress)?,
        })
    }

    /// Makes the first, dear calls, and says how long one persist or floor takes at most.
    fn warm_up(&self) -> Result<u64, LatencyError> {
        let began_ns = self.time.now_ns();
        for _ in 0..WARM_UP {
            self.floor.once()?;
        }
        let between_ns = self.time.now_ns();
        for _ in 0..WARM_UP {
            self.subject.persist_now(&self.time, CLOSED)?;
        }
        let persists_ns = self.time.now_ns() - between_ns;
        Ok((between_ns - began_ns).max(persists_ns) / u64::from(WARM_UP))
    }

    fn closed_loop(
        &self,
        budget: Budget,
        persist_ns: u64,
        progress: &Progress,
    ) -> Result<Comparison, LatencyError> {
        let task = progress.task(CLOSED, budget);
        let samples = budget.block_of(BLOCK, persist_ns);
        let persists = || {
            closed_loop(&self.time, samples, 1, || {
                self.subject.persist_now(&self.time, CLOSED)
            })
        };
        let pairs = alternate(&self.time, budget, &task, persists, || self.syncs(samples))?;
        Ok(compare(&pairs, self.floor.kind(), 1))
    }

    /// A block of the durable floor, one after the other.
    fn syncs(&self, samples: u32) -> Result<Block, LatencyError> {
        closed_loop(&self.time, samples, 1, || self.floor.once())
    }

    fn open_loop(
        &self,
        profile: Profile,
        rate_per_s: u32,
        persist_ns: u64,
        progress: &Progress,
    ) -> Result<OpenLoop, LatencyError> {
        let budget = profile.open_loop();
        let task = progress.task(format!("{OPEN}, {rate_per_s} per second"), budget);
        let interval_ns = 1_000_000_000 / u64::from(rate_per_s);
        let calls = budget.block_of(BLOCK, persist_ns.max(interval_ns));
        let schedule = Schedule::at_rate(rate_per_s, calls, self.subject.limit_ns());
        let (mut sends, mut floor_sends) = (Sends::default(), Sends::default());
        let pairs = alternate(
            &self.time,
            budget,
            &task,
            || {
                self.arrivals(schedule, &mut sends, || {
                    self.subject.persist(OPEN).boxed_local()
                })
            },
            || {
                self.arrivals(schedule, &mut floor_sends, || {
                    async { self.floor.once() }.boxed_local()
                })
            },
        )?;
        Ok(OpenLoop {
            rate_per_s,
            comparison: compare(&pairs, self.floor.kind(), 1),
            sends,
            floor_sends,
        })
    }

    /// One block of an open loop.
    fn arrivals<'a>(
        &'a self,
        schedule: Schedule,
        sends: &mut Sends,
        call: impl FnMut() -> LocalBoxFuture<'a, Result<(), LatencyError>>,
    ) -> Result<Block, LatencyError> {
        match open_loop(&self.time, schedule, call)? {
            Ended::All(block, of_block) => {
                sends.add(of_block);
                Ok(block)
            }
            Ended::Hung => Err(self.subject.hung(OPEN)),
        }
    }

    fn load(&self, budget: Budget, progress: &Progress) -> Result<Comparison, LatencyError> {
        let task = progress.task(LOAD, budget);
        let register = boxed_call();
        let load = || self.subject.load(&self.time, LOAD).map(|_| ());
        let read = || {
            let read = pin!(register.read());
            match drive(&self.time, self.subject.limit_ns(), read) {
                Some(_) => Ok(()),
                None => Err(self.subject.hung(LOAD)),
            }
        };
        let calls = calls_per_sample(&self.time, load)?;
        let pairs = alternate(
            &self.time,
            budget,
            &task,
            || closed_loop(&self.time, BLOCK, calls, load),
            || closed_loop(&self.time, BLOCK, calls, read),
        )?;
        Ok(compare(&pairs, FloorKind::BoxedCall, calls))
    }

    fn concurrent(
        &self,
        profile: Profile,
        persist_ns: u64,
        progress: &Progress,
    ) -> Result<Concurrent, LatencyError> {
        let budget = profile.concurrent();
        let task = progress.task(CONCURRENT, budget);
        let round = || {
            self.subject
                .persist_many(&self.time, PERSISTS_PER_ROUND, CONCURRENT)
        };
        let samples = budget.block_of(BLOCK / 2, persist_ns);
        let pairs = alternate(
            &self.time,
            budget,
            &task,
            || closed_loop(&self.time, ROUNDS_PER_BLOCK, 1, round),
            || self.syncs(samples),
        )?;
        let (_, rounds) = profile.counted();
        Ok(Concurrent {
            persists_per_round: PERSISTS_PER_ROUND,
            rounds: compare(&pairs, self.floor.kind(), 1),
            syncs: count_syncs(&self.watched, rounds, round)?,
        })
    }

    fn count_persists(&self, profile: Profile, progress: &Progress) -> Result<Syncs, LatencyError> {
        progress.step(COUNT, 0, 1);
        let (persists, _) = profile.counted();
        let persist = || self.subject.persist_now(&self.time, COUNT);
        let syncs = count_syncs(&self.watched, persists, persist);
        progress.step(COUNT, 1, 1);
        syncs
    }
}

impl Sends {
    fn add(&mut self, block: Self) {
        self.sent += block.sent;
        self.late += block.late;
        self.unsent += block.unsent;
        self.peak_in_flight = self.peak_in_flight.max(block.peak_in_flight);
    }
}

fn refused(driver: &str, source: TestbedError) -> LatencyError {
    let driver = driver.to_owned();
    LatencyError::Testbed { driver, source }
}

fn timed_out(driver: &str, source: TimedOut) -> LatencyError {
    let driver = driver.to_owned();
    LatencyError::TimedOut { driver, source }
}
