//! Node processes that serve a prober, and the fall of their leader.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;
use tokio::time::sleep;
use tsoracle_consensus::{BootInstant, Epoch, LeaderState};
use tsoracle_core::{Clock, SystemClock};
use tsoracle_latency::failover::{Pace, Places, Prober};
use tsoracle_testbed::{Backend, Cluster, Patience, Placement, TestNode, Timing};

use crate::BenchError;
use crate::serving::{folder, patience, plan};

/// Between two looks at what the nodes show.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How a node alone is probed: it has no election timeout to go by.
const ALONE: Duration = Duration::from_millis(1);
const ALONE_HEDGE: Duration = Duration::from_millis(50);
/// A leader falls at a random moment within so long, where there is no election timeout.
const ALONE_REST: Duration = Duration::from_millis(20);

/// A cluster of node processes, and a prober that never pauses.
pub(crate) struct Processes {
    cluster: Cluster,
    places: Places,
    prober: Prober,
    timing: Timing,
    patience: Duration,
    rng: ChaCha8Rng,
    _dir: TempDir,
}

/// A leader that every node follows.
#[derive(Clone, Copy)]
struct Led {
    place: usize,
    epoch: Epoch,
}

impl Processes {
    /// Starts the nodes with their stores in a new folder below `dir`.
    pub(crate) async fn start(backend: &Arc<dyn Backend>, dir: &Path) -> Result<Self, BenchError> {
        let dir = folder(dir)?;
        let plan = plan(backend, dir.path(), Placement::Processes);
        let timing = backend.timing();
        let mut cluster = Cluster::start(&plan).await?;
        let places = Places::new(endpoints(&mut cluster)?);
        for (place, node) in cluster.nodes().iter().enumerate() {
            places.set(place, Some(node.driver()?));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            prober: Prober::start(&places, pace(&timing), clock),
            cluster,
            places,
            timing,
            patience: patience(backend.as_ref()),
            rng: ChaCha8Rng::seed_from_u64(plan.seed),
            _dir: dir,
        })
    }

    /// Kills the leader's process; returns the time from then to the first persist that was
    /// acknowledged under a later epoch. The cluster is whole before, and the node is started again:
    /// at once if it is alone and nobody else can follow it, else when its successor has served.
    pub(crate) async fn fail_over(&mut self) -> Result<Duration, BenchError> {
        let fallen = self.at_rest().await?;
        let at = BootInstant::now();
        self.cluster.node_mut(fallen.place)?.kill()?;
        self.places.set(fallen.place, None);
        let alone = self.places.count() == 1;
        if alone {
            self.start_again(fallen.place).await?;
        }
        let served = self.served_after(fallen.epoch).await?;
        if !alone {
            self.start_again(fallen.place).await?;
        }
        Ok(served.saturating_since(at))
    }

    /// For how long, at a random moment, the leader's lease is still valid: no successor can serve
    /// before. `None` for a lease that ends only with its leader.
    pub(crate) async fn rest_of_lease(&mut self) -> Result<Option<Duration>, BenchError> {
        let led = self.at_rest().await?;
        let end = self.cluster.nodes()[led.place].lease_deadline().await?;
        Ok(end.map(|end| end.saturating_since(BootInstant::now())))
    }

    /// Waits until every node follows one leader that serves, and then for a random moment.
    async fn at_rest(&mut self) -> Result<Led, BenchError> {
        let rest = self.timing.election_timeout.max(ALONE_REST);
        loop {
            let led = self.whole().await?;
            let moment = self.rng.random_range(rest..=2 * rest);
            sleep(moment).await;
            if self.led().is_some_and(|now| now.epoch == led.epoch) {
                return Ok(led);
            }
        }
    }

    async fn whole(&self) -> Result<Led, BenchError> {
        let whole = async {
            loop {
                if let Some(led) = self.led() {
                    return led;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let what = "a leader that every node follows and that serves";
        Ok(Patience::new(self.patience).wait_for(what, whole).await?)
    }

    /// The leader, if every node shows it and clients were last served by it.
    fn led(&self) -> Option<Led> {
        let states = self.cluster.states();
        let leads = |(place, state): &(usize, LeaderState)| match state {
            LeaderState::Leader { epoch, .. } => Some(Led {
                place: *place,
                epoch: *epoch,
            }),
            _ => None,
        };
        let led = states.iter().find_map(leads)?;
        let follows = |(place, state): &(usize, LeaderState)| match state {
            LeaderState::Follower { leader } => leader.as_ref().map(|l| l.epoch) == Some(led.epoch),
            _ => *place == led.place,
        };
        let whole = states.len() == self.places.count() && states.iter().all(follows);
        let (_, served) = self.prober.last_answer()?.answer?;
        (whole && served == led.epoch).then_some(led)
    }

    /// When a client was first served under an epoch above this one.
    async fn served_after(&self, epoch: Epoch) -> Result<BootInstant, BenchError> {
        let served = async {
            loop {
                let last = self.prober.last_answer().and_then(|last| last.answer);
                if last.is_some_and(|(_, answered)| answered > epoch) {
                    let probes = self.prober.probes().probes;
                    let later = probes
                        .iter()
                        .filter(|probe| probe.answer.is_some_and(|(_, at)| at > epoch));
                    if let Some(first) = later.map(|probe| probe.ended).min() {
                        return first;
                    }
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let what = "a persist under the successor's epoch";
        Ok(Patience::new(self.patience).wait_for(what, served).await?)
    }

    async fn start_again(&mut self, place: usize) -> Result<(), BenchError> {
        let node = self.cluster.node_mut(place)?;
        node.start().await?;
        self.places.set(place, Some(node.driver()?));
        Ok(())
    }
}

fn endpoints(cluster: &mut Cluster) -> Result<Vec<String>, BenchError> {
    let nodes = cluster.nodes().iter();
    let endpoints: Result<Vec<_>, _> = nodes.map(TestNode::service_endpoint).collect();
    Ok(endpoints?)
}

fn pace(timing: &Timing) -> Pace {
    if timing.election_timeout.is_zero() {
        return Pace {
            interval: ALONE,
            hedge: ALONE_HEDGE,
            give_up: timing.deadline,
        };
    }
    Pace::of(timing)
}
