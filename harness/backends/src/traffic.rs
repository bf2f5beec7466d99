//! A store of counters on the oracle's log: its own writes beside each of the oracle's, and a look at
//! them at each load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, LeadershipStream};
use tsoracle_core::Epoch;

/// How many of the store's writes may be under way.
const IN_FLIGHT: usize = 64;

/// How long one may take.
const LIMIT: Duration = Duration::from_secs(1);

/// A node of a store of counters whose log carries the oracle.
#[async_trait]
pub(crate) trait Counters: Send + Sync + 'static {
    /// Counts one more under a key, and returns the count once it is applied here.
    async fn count_one(&self, key: u64) -> Result<u64, ConsensusError>;

    /// The count under a key, as this node has applied it.
    fn counted(&self, key: u64) -> u64;
}

/// Counts one more beside each persist, and fails every load that does not find what was
/// acknowledged here: the store's half of N1.
///
/// A write of the store that fails is the store's own affair. The oracle's answers are the
/// driver's.
pub(crate) struct Busy {
    driver: Arc<dyn ConsensusDriver>,
    store: Arc<dyn Counters>,
    /// Each node counts under its own number.
    key: u64,
    acknowledged: Arc<AtomicU64>,
    places: Arc<Semaphore>,
}

impl Busy {
    pub(crate) fn new(
        driver: Arc<dyn ConsensusDriver>,
        store: Arc<dyn Counters>,
        node: u64,
    ) -> Self {
        Self {
            driver,
            store,
            key: node,
            acknowledged: Arc::default(),
            places: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    fn count(&self) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return;
        };
        let (store, key) = (Arc::clone(&self.store), self.key);
        let acknowledged = Arc::clone(&self.acknowledged);
        tokio::spawn(async move {
            if let Ok(Ok(count)) = timeout(LIMIT, store.count_one(key)).await {
                acknowledged.fetch_max(count, Ordering::SeqCst);
            }
            drop(place);
        });
    }
}

#[async_trait]
impl ConsensusDriver for Busy {
    fn leadership_events(&self) -> LeadershipStream {
        self.driver.leadership_events()
    }

    async fn load_high_water(&self) -> Result<u64, ConsensusError> {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let high_water = self.driver.load_high_water().await?;
        let counted = self.store.counted(self.key);
        if counted < acknowledged {
            return Err(ConsensusError::permanent(format!(
                "the store counted {counted} where {acknowledged} was acknowledged"
            )));
        }
        Ok(high_water)
    }

    async fn persist_high_water(&self, at_least: u64, epoch: Epoch) -> Result<u64, ConsensusError> {
        self.count();
        self.driver.persist_high_water(at_least, epoch).await
    }
}
