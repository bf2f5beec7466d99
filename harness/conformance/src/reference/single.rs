//! One node, its store a map of this process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusDriver, ConsensusError, Epoch, HighWaterState,
    LeaderState, LeadershipPublisher, LeadershipStream, LeaseHolder, reject_out_of_range_advance,
};
use tsoracle_testbed::{Backend, Capabilities, Durability, Node, NodeSpec, Time, Timing};

/// The reference as a backend. Stores live as long as this value, each under its directory's name.
#[derive(Debug, Default)]
pub struct InMemory {
    stores: Mutex<HashMap<PathBuf, Arc<Store>>>,
}

/// What outlives a node: the replicated state, and who holds it.
#[derive(Debug, Default)]
struct Store {
    state: Mutex<HighWaterState>,
    held: Mutex<bool>,
}

/// One running node, and the driver itself.
#[derive(Debug)]
pub struct InMemoryNode {
    store: Arc<Store>,
    epoch: Epoch,
    lease: LeaseHolder,
    leadership: LeadershipPublisher,
    service_endpoint: String,
    running: Mutex<bool>,
}

#[async_trait]
impl Backend for InMemory {
    fn name(&self) -> &str {
        "reference"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Durability::Process,
            ..Capabilities::single_durable_node()
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            election_timeout: Duration::ZERO,
            lease: None,
            deadline: Duration::from_millis(200),
        }
    }

    fn time(&self) -> Time {
        Time::Virtual
    }

    async fn start(&self, spec: NodeSpec) -> Result<Arc<dyn Node>, ConsensusError> {
        let service_endpoint = spec
            .members
            .first()
            .map(|member| member.service_endpoint.clone())
            .unwrap_or_default();
        let store = Arc::clone(lock(&self.stores).entry(spec.dir.clone()).or_default());
        let node = InMemoryNode::open(store, service_endpoint)?;
        Ok(Arc::new(SharedNode(Arc::new(node))))
    }
}

impl InMemoryNode {
    fn open(store: Arc<Store>, service_endpoint: String) -> Result<Self, ConsensusError> {
        store.take()?;
        let epoch = {
            let mut state = lock(&store.state);
            let epoch = state.epoch.checked_next();
            let epoch = epoch.ok_or_else(|| ConsensusError::permanent("no epoch is left"))?;
            AdvancePayload::opening(epoch).apply(&mut state)?;
            epoch
        };
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch,
            lease: lease.lease(),
        };
        let leadership = LeadershipPublisher::new(leader);
        let running = Mutex::new(true);
        Ok(Self {
            store,
            epoch,
            lease,
            leadership,
            service_endpoint,
            running,
        })
    }

    fn close(&self) {
        let mut running = lock(&self.running);
        if *running {
            *running = false;
            self.lease.end();
            self.leadership.end(LeaderState::NoLeader);
            *lock(&self.store.held) = false;
        }
    }

    /// A guard that keeps the node running for as long as an answer is made.
    fn leading(&self) -> Result<MutexGuard<'_, bool>, ConsensusError> {
        let running = lock(&self.running);
        if *running {
            Ok(running)
        } else {
            Err(ConsensusError::NotLeader { leader: None })
        }
    }
}

impl Store {
    fn take(&self) -> Result<(), ConsensusError> {
        let mut held = lock(&self.held);
        if *held {
            let holder = std::process::id();
            let refusal = format!("the store is held by a driver in process {holder}");
            return Err(ConsensusError::permanent(refusal));
        }
        *held = true;
        Ok(())
    }
}

impl Drop for InMemoryNode {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl ConsensusDriver for InMemoryNode {
    fn leadership_events(&self) -> LeadershipStream {
        self.leadership.subscribe()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let _leading = self.leading()?;
        Ok(lock(&self.store.state).high_water)
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        reject_out_of_range_advance(at_least)?;
        let _leading = self.leading()?;
        if epoch != self.epoch {
            return Err(ConsensusError::Fenced {
                offered: epoch,
                current: self.epoch,
            });
        }
        Ok(AdvancePayload { at_least, epoch }.apply(&mut lock(&self.store.state))?)
    }
}

/// The node as the harness holds it.
struct SharedNode(Arc<InMemoryNode>);

#[async_trait]
impl Node for SharedNode {
    fn driver(&self) -> Arc<dyn ConsensusDriver> {
        Arc::clone(&self.0) as Arc<dyn ConsensusDriver>
    }

    fn service_endpoint(&self) -> String {
        self.0.service_endpoint.clone()
    }

    async fn shutdown(&self) -> Result<(), ConsensusError> {
        self.0.close();
        Ok(())
    }
}

/// What these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
