//! The nodes under test, their leader and its floors, and what is measured on them.

mod delayed;
mod floors;

pub(crate) use floors::Floors;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Runtime;
use tsoracle_testbed::{Backend, Cluster, Patience, Reads, allowance};

use crate::alternate::{Block, alternate, compare};
use crate::batch::{calls_per_sample, closed_loop};
use crate::floor::{Floor, boxed_call};
use crate::idle::{Empty, total, watch_nodes};
use crate::open_loop::{Ended, Schedule, open_loop};
use crate::options::Budget;
use crate::process::Process;
use crate::progress::Progress;
use crate::spinner::Spinning;
use crate::starts::{patience, plan};
use crate::subject::Subject;
use crate::syncs::{Watched, count_syncs};
use crate::time::{RealTime, Time, drive};
use crate::{
    Comparison, Concurrent, Distribution, FloorKind, Idle, LatencyError, LatencyResults, OpenLoop,
    Options, Profile, Sends, Syncs,
};

const BLOCK: u32 = 100;
const PERSISTS_PER_ROUND: u32 = 64;
const ROUNDS_PER_BLOCK: u32 = 10;
const WARM_UP: u32 = 20;
/// Of the samples of a block, so many bare syncs are taken beside it.
const BARE_SHARE: u32 = 5;

const CLOSED: &str = "persist, closed loop";
const OPEN: &str = "persist, open loop";
const LOAD: &str = "load";
const CONCURRENT: &str = "concurrent persists";
const COUNT: &str = "count of syncs";

/// A running cluster, its leader, its floors, and a clock.
pub(crate) struct Bench {
    backend: Arc<dyn Backend>,
    dir: PathBuf,
    cluster: Cluster,
    subject: Subject,
    floors: Floors,
    reads: Reads,
    watched: Watched,
    time: RealTime,
}

impl Bench {
    /// Starts the cluster and waits for its leader.
    pub(crate) fn start(
        backend: &Arc<dyn Backend>,
        options: &Options,
        floors: Floors,
        dir: &Path,
        runtime: &Runtime,
    ) -> Result<Self, LatencyError> {
        let (capabilities, timing) = (backend.capabilities(), backend.timing());
        let plan = plan(backend, options, dir);
        let patience = patience(timing);
        let cluster = runtime.block_on(async {
            let start = Cluster::start(&plan);
            match patience.wait_for("the start of the nodes", start).await {
                Ok(cluster) => {
                    cluster.map_err(|source| LatencyError::testbed(backend.name(), source))
                }
                Err(source) => Err(LatencyError::timed_out(backend.name(), source)),
            }
        })?;
        let stores = cluster.nodes().iter().map(|node| node.dir().to_owned());
        let watched = Watched {
            stores: stores.collect(),
            durability: capabilities.durability,
        };
        Ok(Self {
            subject: leader(backend.as_ref(), &cluster, patience, dir, runtime)?,
            backend: Arc::clone(backend),
            dir: dir.to_owned(),
            floors,
            reads: capabilities.reads,
            cluster,
            watched,
            time: RealTime::of_this_thread(),
        })
    }

    /// Looks for the leader again: nodes that were left alone may have elected another one.
    pub(crate) fn follow_the_leader(&mut self, runtime: &Runtime) -> Result<(), LatencyError> {
        let backend = self.backend.as_ref();
        let patience = patience(backend.timing());
        self.subject = leader(backend, &self.cluster, patience, &self.dir, runtime)?;
        Ok(())
    }

    /// Shuts every node down.
    pub(crate) fn stop(mut self, runtime: &Runtime) -> Result<(), LatencyError> {
        runtime
            .block_on(self.cluster.shutdown_all())
            .map_err(|source| LatencyError::testbed(self.backend.name(), source))
    }

    /// What the nodes take while nobody calls, beyond what the process took without them.
    pub(crate) fn idle(
        &self,
        profile: Profile,
        process: &dyn Process,
        empty: Empty,
    ) -> Result<Idle, LatencyError> {
        let nodes = self.cluster.nodes();
        let traffic = || total(nodes.iter().map(|node| node.traffic()));
        let idle = profile.idle();
        watch_nodes(&self.time, process, idle, empty, nodes.len(), traffic)
            .map_err(|source| LatencyError::testbed(self.backend.name(), source))
    }

    /// Every figure, one measurement after the other.
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
        let (persist, sync_floor) = self.closed_loop(profile.persist(), persist_ns, progress)?;
        Ok(LatencyResults {
            profile,
            nodes: self.watched.stores.len(),
            durability: self.watched.durability,
            spinners: spinning.record(),
            persist,
            sync_floor,
            persist_at_rate: options
                .rates_per_s
                .iter()
                .map(at_rate)
                .collect::<Result<_, _>>()?,
            load: self.load(profile.load(), progress)?,
            concurrent: self.concurrent(profile, persist_ns, progress)?,
            syncs: self.count_persists(profile, progress)?,
            costs: None,
            delayed: Vec::new(),
        })
    }

    /// Makes the first, dear calls, and says how long one persist or floor takes at most.
    fn warm_up(&self) -> Result<u64, LatencyError> {
        let began_ns = self.time.now_ns();
        for _ in 0..WARM_UP {
            self.floors.persist.once(&self.time)?;
        }
        let between_ns = self.time.now_ns();
        for _ in 0..WARM_UP {
            self.subject.persist_now(&self.time, CLOSED)?;
        }
        let persists_ns = self.time.now_ns() - between_ns;
        Ok((between_ns - began_ns).max(persists_ns) / u64::from(WARM_UP))
    }

    /// A persist beside its floor, and bare syncs between the blocks where the floor is more.
    fn closed_loop(
        &self,
        budget: Budget,
        persist_ns: u64,
        progress: &Progress,
    ) -> Result<(Comparison, Option<Distribution>), LatencyError> {
        let task = progress.task(CLOSED, budget);
        let samples = budget.block_of(BLOCK, persist_ns);
        let persists = || {
            closed_loop(&self.time, samples, 1, || {
                self.subject.persist_now(&self.time, CLOSED)
            })
        };
        let mut bare = Block::new();
        let floors = || {
            if let Some(floor) = &self.floors.bare {
                let few = (samples / BARE_SHARE).max(1);
                bare.extend(self.block_of(floor.as_ref(), few)?);
            }
            self.syncs(samples)
        };
        let pairs = alternate(&self.time, budget, &task, persists, floors)?;
        let comparison = compare(&pairs, self.floors.persist.kind(), 1);
        Ok((
            comparison,
            (!bare.is_empty()).then(|| Distribution::of(bare)),
        ))
    }

    /// A block of the durable floor, one after the other.
    fn syncs(&self, samples: u32) -> Result<Block, LatencyError> {
        self.block_of(self.floors.persist.as_ref(), samples)
    }

    fn block_of(&self, floor: &dyn Floor, samples: u32) -> Result<Block, LatencyError> {
        closed_loop(&self.time, samples, 1, || floor.once(&self.time))
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
                    async { self.floors.persist.once(&self.time) }.boxed_local()
                })
            },
        )?;
        Ok(OpenLoop {
            rate_per_s,
            comparison: compare(&pairs, self.floors.persist.kind(), 1),
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
        match (self.reads, &self.floors.wire) {
            (Reads::Log, _) => {
                let floor = self.floors.persist.as_ref();
                let persist = || floor.once(&self.time);
                self.load_beside(persist, floor.kind(), budget, progress)
            }
            (Reads::Quorum, Some(wire)) => {
                let call = || wire.call(&self.time);
                self.load_beside(call, FloorKind::Call, budget, progress)
            }
            (Reads::Memory | Reads::Quorum, _) => {
                let register = boxed_call();
                let read = || {
                    let read = pin!(register.read());
                    match drive(&self.time, self.subject.limit_ns(), read) {
                        Some(_) => Ok(()),
                        None => Err(self.subject.hung(LOAD)),
                    }
                };
                self.load_beside(read, FloorKind::BoxedCall, budget, progress)
            }
        }
    }

    fn load_beside(
        &self,
        mut floor: impl FnMut() -> Result<(), LatencyError>,
        kind: FloorKind,
        budget: Budget,
        progress: &Progress,
    ) -> Result<Comparison, LatencyError> {
        let task = progress.task(LOAD, budget);
        let load = || self.subject.load(&self.time, LOAD).map(|_| ());
        let calls = calls_per_sample(&self.time, load)?;
        let pairs = alternate(
            &self.time,
            budget,
            &task,
            || closed_loop(&self.time, BLOCK, calls, load),
            || closed_loop(&self.time, BLOCK, calls, &mut floor),
        )?;
        Ok(compare(&pairs, kind, calls))
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
            rounds: compare(&pairs, self.floors.persist.kind(), 1),
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

/// The leader as it is now.
fn leader(
    backend: &dyn Backend,
    cluster: &Cluster,
    patience: Patience,
    dir: &Path,
    runtime: &Runtime,
) -> Result<Subject, LatencyError> {
    let leader = runtime.block_on(cluster.leader(patience));
    let leader = leader.map_err(|source| LatencyError::timed_out(backend.name(), source))?;
    let limit = allowance(backend.timing().deadline);
    Ok(Subject::new(
        backend.name(),
        leader.driver,
        leader.epoch,
        limit,
        dir,
    ))
}

impl Sends {
    fn add(&mut self, block: Self) {
        self.sent += block.sent;
        self.late += block.late;
        self.unsent += block.unsent;
        self.peak_in_flight = self.peak_in_flight.max(block.peak_in_flight);
    }
}
