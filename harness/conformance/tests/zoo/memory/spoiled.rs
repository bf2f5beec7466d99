//! The reference with one defect: everything that a defect does not say is the reference's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tsoracle_conformance::reference::{InMemory, SimulatedCluster};
use tsoracle_consensus::{
    ConsensusDriver, ConsensusError, Epoch, Handoff, LeaderState, LeadershipStream, Membership,
    NodeId,
};
use tsoracle_testbed::{
    Backend, Capabilities, Hooks, LinkFaults, Machine, Node, NodeSpec, Time, Timing, Traffic,
};

use crate::exhibit::Exhibit;

/// Short, so that a driver that hangs costs little.
const DEADLINE: Duration = Duration::from_millis(20);

/// One defect. The value itself belongs to one life of a node, from start to shutdown.
#[async_trait]
pub(crate) trait Defect: Default + Send + Sync + 'static {
    /// Says what is wrong.
    const NAME: &'static str;
    /// The checks that notice.
    const FAILS: &'static [&'static str];
    /// What outlives a node, one for each store.
    type Store: Default + Send + Sync;

    fn capabilities(honest: Capabilities) -> Capabilities {
        honest
    }

    fn time() -> Time {
        Time::Virtual
    }

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        _store: &Arc<Self::Store>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        honest.start(spec).await
    }

    /// Called once for each life, before anything else of it.
    async fn begin(_life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        Ok(())
    }

    /// A handle on the driver, made for each one who asks.
    fn handle(life: &Arc<Life<Self>>) -> Arc<dyn ConsensusDriver> {
        Arc::new(SpoiledDriver(Arc::clone(life)))
    }

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        life.honest.leadership_events()
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        life.honest.load_high_water().await
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        life.honest.persist_high_water(at_least, epoch).await
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.node.shutdown().await
    }
}

/// One life of a node, from start to shutdown.
pub(crate) struct Life<D: Defect> {
    pub(crate) defect: D,
    pub(crate) id: NodeId,
    pub(crate) store: Arc<D::Store>,
    pub(crate) node: Arc<dyn Node>,
    pub(crate) honest: Arc<dyn ConsensusDriver>,
}

impl<D: Defect> Life<D> {
    /// What the reference shows now, to whoever asks however often.
    pub(crate) fn state(&self) -> Option<LeaderState> {
        let mut states = self.honest.leadership_events();
        unconstrained(states.next()).now_or_never().flatten()
    }

    /// The epoch that the reference leads with.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.state()?.leading_epoch()
    }
}

/// A backend with a defect.
struct Spoiled<D: Defect> {
    honest: Arc<dyn Backend>,
    timing: Timing,
    stores: Mutex<HashMap<PathBuf, Arc<D::Store>>>,
}

/// On a single node in memory.
pub(crate) fn exhibit<D: Defect>() -> Exhibit {
    let honest = InMemory::default();
    let timing = Timing {
        deadline: DEADLINE,
        ..honest.timing()
    };
    spoil::<D>(Arc::new(honest), timing)
}

/// On the simulated cluster.
pub(crate) fn cluster_exhibit<D: Defect>() -> Exhibit {
    let honest = SimulatedCluster::default();
    let timing = honest.timing();
    spoil::<D>(Arc::new(honest), timing)
}

fn spoil<D: Defect>(honest: Arc<dyn Backend>, timing: Timing) -> Exhibit {
    Exhibit {
        backend: Arc::new(Spoiled::<D> {
            honest,
            timing,
            stores: Mutex::default(),
        }),
        fails: D::FAILS,
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<D: Defect> Backend for Spoiled<D> {
    fn name(&self) -> &str {
        D::NAME
    }

    fn capabilities(&self) -> Capabilities {
        D::capabilities(self.honest.capabilities())
    }

    fn crates(&self) -> Vec<(String, String)> {
        self.honest.crates()
    }

    fn timing(&self) -> Timing {
        self.timing
    }

    fn time(&self) -> Time {
        D::time()
    }

    fn machine(&self, spec: &NodeSpec) -> Option<Arc<dyn Machine>> {
        self.honest.machine(spec)
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.honest.settings()
    }

    fn variant_of(&self) -> Option<&str> {
        self.honest.variant_of()
    }

    fn is_experiment(&self) -> bool {
        self.honest.is_experiment()
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let store = Arc::clone(lock(&self.stores).entry(spec.dir.clone()).or_default());
        let id = spec.node;
        let node = D::open(self.honest.as_ref(), spec, &store).await?;
        let life = Arc::new(Life {
            defect: D::default(),
            id,
            store,
            honest: node.driver(),
            node,
        });
        D::begin(&life).await?;
        Ok(Arc::new(SpoiledNode(life)))
    }
}

struct SpoiledNode<D: Defect>(Arc<Life<D>>);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<D: Defect> Node for SpoiledNode<D> {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        D::handle(&self.0)
    }

    fn service_endpoint(&self) -> String {
        self.0.node.service_endpoint()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        D::shutdown(&self.0).await
    }

    fn hooks(&self) -> Hooks {
        self.0.node.hooks()
    }

    fn traffic(&self) -> Option<Traffic> {
        self.0.node.traffic()
    }

    fn handoff(&self) -> Option<Arc<dyn Handoff>> {
        self.0.node.handoff()
    }

    fn membership(&self) -> Option<Arc<dyn Membership>> {
        self.0.node.membership()
    }

    fn links(&self) -> Option<Arc<dyn LinkFaults>> {
        self.0.node.links()
    }
}

pub(crate) struct SpoiledDriver<D: Defect>(Arc<Life<D>>);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<D: Defect> ConsensusDriver for SpoiledDriver<D> {
    fn leadership_events(&self) -> LeadershipStream {
        D::events(&self.0)
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        D::load(&self.0).await
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        D::persist(&self.0, at_least, epoch).await
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets others run, as any driver with I/O does.
pub(crate) async fn yield_times(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
